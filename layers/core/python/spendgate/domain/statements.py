"""Statements: what a closed period came to."""

from dataclasses import dataclass

from spendgate.domain.amounts import Amount
from spendgate.domain.counters import Counter


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

    A hold outlives its period by a day at most, so every period closes.
    """
    return ends_at * 1000 <= now_ms and counter.held(now_ms=now_ms) == 0


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
