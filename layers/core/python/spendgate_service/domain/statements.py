"""Statements: what a closed period came to, and what it leaves to the next one.

A statement is never edited. Where something changes after it was written (a hold was still open, a
settlement came late), a further one with the next `revision` takes its place.
"""

from dataclasses import dataclass, replace

from spendgate_service.domain.amounts import Amount
from spendgate_service.domain.budgets import CarryOver
from spendgate_service.domain.counters import Counter
from spendgate_service.domain.periods import Period
from spendgate_service.domain.subjects import Subject

CLOSING_GRACE_SECONDS = 60
"""How long after its end a period is left open: more than a call may take and clocks differ."""


@dataclass(frozen=True, slots=True)
class Statement:
    """The balances of a period when it was closed.

    `unused = limit + credits + carried_in - spent - held`, and `carried_out` is the part of it that
    went on. It is final unless something was still held; even then a late settlement may lead to a
    further one.
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
        """Whether nothing was held any more."""
        return self.held == 0

    @property
    def entitlement(self) -> Amount:
        """What could be spent in the period."""
        return self.limit + self.credits + self.carried_in

    @property
    def unused(self) -> Amount:
        """What was neither spent nor is held; negative after an overrun."""
        return self.entitlement - self.spent - self.held

    @property
    def overrun(self) -> Amount:
        """By how much the spent amount is above the entitlement; 0 if it is not."""
        return max(0, self.spent - self.entitlement)

    def says_the_same_as(self, other: "Statement") -> bool:
        """Whether two statements differ in nothing but their number and when they were written."""
        return all(
            getattr(self, name) == getattr(other, name)
            for name in ("limit", "credits", "carried_in", "spent", "held", "carried_out")
        )


@dataclass(frozen=True, slots=True)
class StoredStatement:
    """A statement with its id, what it is about, and whether a newer one replaces it.

    `corrects` is the id of the statement that it replaces. `unit` is None where it was read from a
    statement that was written after its budget was deleted.
    """

    statement_id: str
    corrects: str | None
    is_current: bool
    budget_id: str
    subject: Subject
    unit: str | None
    statement: Statement


def may_close(*, ends_at: int, now_ms: int) -> bool:
    """Whether a period can be closed.

    The grace is for a reservation that was under way when the period ended.
    """
    return (ends_at + CLOSING_GRACE_SECONDS) * 1000 <= now_ms


def carries_over(terms: CarryOver | None, unused: Amount) -> Amount:
    """How much of what a period leaves goes into the next one; negative for a debt."""
    if terms is None:
        return 0
    if unused < 0:
        return unused if terms.debt else 0
    if not terms.unused:
        return 0
    return unused if terms.max is None else min(unused, terms.max)


def statement_of(
    counter: Counter, period: Period, *, terms: CarryOver | None, revision: int, now_ms: int
) -> Statement:
    """The statement of a period that may close, with what is carried on from it.

    What is held is not carried on: it may yet be spent.
    """
    assert period.ends_at is not None
    assert may_close(ends_at=period.ends_at, now_ms=now_ms)
    statement = Statement(
        revision=revision,
        period=period,
        limit=counter.limit,
        credits=counter.credits,
        carried_in=counter.carried_in,
        spent=counter.spent,
        held=counter.held_by_any_clock(now_ms=now_ms),
        carried_out=0,
        closed_at_ms=now_ms,
    )
    return replace(statement, carried_out=carries_over(terms, statement.unused))
