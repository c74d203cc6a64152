"""Threshold levels of a balance that produce an event, once per period.

The rules use levels, not edges: a later check finds what an earlier one missed. A balance that
never resets shows by its credits and its limit that it may have left a level.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from spendgate_service.domain.amounts import Amount, amount_text
from spendgate_service.domain.balances import Balance
from spendgate_service.domain.budgets import Budget
from spendgate_service.domain.periods import BALANCE, Period, RollingPeriod, rule_of

type LevelType = Literal["budget.threshold_reached", "budget.exhausted", "budget.paused"]

ANNOUNCEMENT_RETENTION_SECONDS = 30 * 86_400
"""How long after a period's end its events are remembered: longer than a settlement can be late."""


@dataclass(frozen=True, slots=True)
class Level:
    """A level of the spent amount: a percentage of the limit and its credits, or the soft limit.

    With neither, it is the level at which nothing is left. A moved soft limit is a new level.
    """

    event_type: LevelType
    pct: int | None = None
    soft_limit: Amount | None = None

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
        return balance.is_exhausted


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
    """Return the time span in which a level of a balance produces one event.

    In a balance that never resets, only a credit or another limit can lower a level, so each of
    them starts a new span. A soft limit, once reached, stays reached.
    """
    if balance.period != BALANCE or level.soft_limit is not None:
        return announced_period(balance.period, now_ms=balance.now_ms)
    limit_since_ms, credited = balance.budget.limit_since_ms or 0, balance.counter.credits
    return Period(f"{BALANCE.key}@{limit_since_ms}+{amount_text(credited)}")


def announcement_expires_at(period: Period) -> int | None:
    """Return when (epoch seconds) the event may be forgotten; None if the span never ends."""
    return None if period.ends_at is None else period.ends_at + ANNOUNCEMENT_RETENTION_SECONDS


def is_period_of(budget: Budget, period: Period) -> bool:
    """Return whether the period still fits the budget, whose rule may have changed."""
    return rule_of(period.key) == budget.period
