"""Statements: what a closed period came to."""

from dataclasses import dataclass

from spendgate.domain.amounts import Amount
from spendgate.domain.counters import Counter

CLOSING_GRACE_SECONDS = 60
"""How long after its end a period is left open: more than a call may take and clocks differ."""


@dataclass(frozen=True, slots=True)
class Statement:
    """The balances of a period when it was closed; `entitlement` is the limit and its credits."""

    limit: Amount
    entitlement: Amount
    spent: Amount
    overrun: Amount
    starts_at: int
    ends_at: int
    closed_at_ms: int


def may_close(counter: Counter, *, ends_at: int, now_ms: int) -> bool:
    """Whether a period can be closed: it has ended, and no hold of it can still be settled in time.

    A hold lasts a week at most (`HOLD_SECONDS_MAX`), so every period closes. The grace is for a
    reservation that was under way when the period ended.
    """
    has_ended = (ends_at + CLOSING_GRACE_SECONDS) * 1000 <= now_ms
    return has_ended and counter.held(now_ms=now_ms) == 0


def statement_of(counter: Counter, *, starts_at: int, ends_at: int, now_ms: int) -> Statement:
    """The statement of a period that may close."""
    assert may_close(counter, ends_at=ends_at, now_ms=now_ms)
    return Statement(
        limit=counter.limit,
        entitlement=counter.entitlement,
        spent=counter.spent,
        overrun=counter.overrun(now_ms=now_ms),
        starts_at=starts_at,
        ends_at=ends_at,
        closed_at_ms=now_ms,
    )
