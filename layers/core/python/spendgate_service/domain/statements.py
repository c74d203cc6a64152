"""Statements: the totals of a closed period, and what it carries over.

A statement is never edited. If something changes afterwards (an open hold, a late settlement), a
further statement with the next `revision` replaces it.
"""

from dataclasses import dataclass, replace

from spendgate_service.domain.amounts import Amount
from spendgate_service.domain.budgets import CarryOver
from spendgate_service.domain.counters import Counter
from spendgate_service.domain.periods import Period
from spendgate_service.domain.subjects import Subject

CLOSING_GRACE_SECONDS = 60
"""How long a period stays open after its end: longer than a call takes and clocks differ."""


@dataclass(frozen=True, slots=True)
class Statement:
    """The balances of a period when it was closed.

    `unused = limit + credits + carried_in - spent - held`, and `carried_out` is its part that went
    to the next period. A statement is final if nothing was held; a late settlement may still lead
    to a further one.
    """

    revision: int
    period: Period
    limit: Amount
    credits: Amount
    carried_in: Amount
    spent: Amount
    held: Amount
    carried_out: Amount
    closed_at_ms: int

    @property
    def is_final(self) -> bool:
        """Whether nothing was held."""
        return self.held == 0

    @property
    def entitlement(self) -> Amount:
        """The amount that could be spent in the period."""
        return self.limit + self.credits + self.carried_in

    @property
    def unused(self) -> Amount:
        """The amount that was neither spent nor held; negative after an overrun."""
        return self.entitlement - self.spent - self.held

    @property
    def overrun(self) -> Amount:
        """The amount by which `spent` exceeds the entitlement, at least 0."""
        return max(0, self.spent - self.entitlement)

    def says_the_same_as(self, other: "Statement") -> bool:
        """Return whether two statements differ only in revision and time."""
        return all(
            getattr(self, name) == getattr(other, name)
            for name in ("limit", "credits", "carried_in", "spent", "held", "carried_out")
        )


@dataclass(frozen=True, slots=True)
class StoredStatement:
    """A statement with its id, its budget and subject, and whether it is the latest.

    `corrects` is the id of the statement that it replaces. `unit` is None if the statement was
    written after its budget was deleted.
    """

    statement_id: str
    corrects: str | None
    is_current: bool
    budget_id: str
    subject: Subject
    unit: str | None
    statement: Statement


def may_close(*, ends_at: int, now_ms: int) -> bool:
    """Return whether a period can be closed.

    The grace time is for a reservation in progress when the period ended.
    """
    return (ends_at + CLOSING_GRACE_SECONDS) * 1000 <= now_ms


def carries_over(
    terms: CarryOver | None, unused: Amount, *, credits_not_carried: Amount = 0
) -> Amount:
    """Return the amount that a period carries over; negative for a debt.

    Credits with an end are not carried over; using them makes no debt.
    """
    if terms is None:
        return 0
    if unused < 0:
        return unused if terms.debt else 0
    if not terms.unused:
        return 0
    left = max(0, unused - credits_not_carried)
    return left if terms.max is None else min(left, terms.max)


def statement_of(
    counter: Counter, period: Period, *, terms: CarryOver | None, revision: int, now_ms: int
) -> Statement:
    """Return the statement of a period that may close, with its carried-over amount.

    Held amounts are not carried over, because they may still be spent.
    """
    assert period.ends_at is not None
    assert may_close(ends_at=period.ends_at, now_ms=now_ms)
    statement = Statement(
        revision=revision,
        period=period,
        limit=counter.limit,
        credits=counter.credits_at(now_ms=now_ms),
        carried_in=counter.carried_in,
        spent=counter.spent,
        held=counter.held_by_any_clock(now_ms=now_ms),
        carried_out=0,
        closed_at_ms=now_ms,
    )
    carried_out = carries_over(
        terms, statement.unused, credits_not_carried=counter.credits_not_carried
    )
    return replace(statement, carried_out=carried_out)
