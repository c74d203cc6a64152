"""Threshold levels of a balance that produce an event, once each time they are reached.

The rules use levels, not edges: a later check finds what an earlier one missed. What leads out of a
level (a credit, a raised limit, a reversal) arms it: the counter remembers when, and the level
produces another event once it is reached again. A level that is still reached is not armed.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from spendgate_service.domain.amounts import Amount, amount_text
from spendgate_service.domain.balances import Balance
from spendgate_service.domain.budgets import Budget
from spendgate_service.domain.periods import Period, RollingPeriod, rule_of

type LevelType = Literal["budget.threshold_reached", "budget.exhausted", "budget.paused"]

ANNOUNCEMENT_RETENTION_SECONDS = 30 * 86_400
"""How long after a period's end its events are remembered: longer than a settlement can be late."""


_NOTHING_LEFT_NUMBER = 101


@dataclass(frozen=True, slots=True)
class Level:
    """A level of the spent amount: a percentage of the limit and its credits, or the soft limit.

    With neither, it is the level at which everything is spent; holds do not count. A moved soft
    limit is a new level.
    """

    event_type: LevelType
    pct: int | None = None
    soft_limit: Amount | None = None

    @property
    def number(self) -> int:
        """Its number on a counter: the percentage, 0 for the soft limit, 101 for nothing left."""
        if self.pct is not None:
            return self.pct
        return _NOTHING_LEFT_NUMBER if self.soft_limit is None else 0

    @property
    def name(self) -> str:
        """Its unique name among the levels of a budget."""
        kind = self.event_type.removeprefix("budget.")
        if self.pct is not None:
            return f"{kind}-{self.pct}pct"
        return kind if self.soft_limit is None else f"{kind}-{amount_text(self.soft_limit)}"

    def is_reached(self, balance: Balance) -> bool:
        """Return whether the balance has reached the level."""
        if self.pct is not None:
            return balance.utilization_tenths_pct >= self.pct * 10
        if self.soft_limit is not None:
            return balance.spent >= self.soft_limit
        return balance.spent >= balance.entitlement


NOTHING_LEFT = Level("budget.exhausted")


def levels_of(budget: Budget, *, can_pause: bool) -> Iterator[Level]:
    """Yield every level with an event; the pausing one only if a soft limit can pause."""
    for pct in sorted(set(budget.warn_at_pct)):
        yield Level("budget.threshold_reached", pct=pct)
    if budget.soft_limit is not None:
        yield Level("budget.threshold_reached", soft_limit=budget.soft_limit)
        if can_pause:
            yield Level("budget.paused", soft_limit=budget.soft_limit)
    yield NOTHING_LEFT


def levels_reached(balance: Balance) -> list[Level]:
    """Return the levels that a balance has reached."""
    if not balance.is_exhausted and not balance.is_warning:
        return []
    can_pause = not balance.has_ended and balance.budget.pauses_at(balance.period) is not None
    return [
        level
        for level in levels_of(balance.budget, can_pause=can_pause)
        if level.is_reached(balance)
    ]


def levels_to_arm(balance: Balance) -> list[int]:
    """Return the numbers of the levels that a balance has not reached."""
    levels = levels_of(balance.budget, can_pause=False)
    return [level.number for level in levels if not level.is_reached(balance)]


def announced_period(period: Period, *, now_ms: int) -> Period:
    """Return the time span in which a level produces one event.

    That is the period. A rolling window never ends, so time is divided into spans of its length.
    """
    rule = rule_of(period.key)
    if not isinstance(rule, RollingPeriod):
        return period
    stretch = now_ms // (rule.seconds * 1000)
    starts_at = stretch * rule.seconds
    return Period(f"{period.key}@{stretch}", starts_at, starts_at + rule.seconds)


def announced_stretch(level: Level, balance: Balance) -> Period:
    """Return the time span in which a level of a balance produces one event: since it was armed."""
    span = announced_period(balance.period, now_ms=balance.now_ms)
    armed_at_ms = balance.counter.armed.get(level.number)
    return replace(span, key=f"{span.key}+{armed_at_ms}") if armed_at_ms else span


def announcement_expires_at(period: Period) -> int | None:
    """Return when (epoch seconds) the event may be forgotten; None if the span never ends."""
    return None if period.ends_at is None else period.ends_at + ANNOUNCEMENT_RETENTION_SECONDS


def is_period_of(budget: Budget, period: Period) -> bool:
    """Return whether the period still fits the budget, whose rule may have changed."""
    return rule_of(period.key) == budget.period
