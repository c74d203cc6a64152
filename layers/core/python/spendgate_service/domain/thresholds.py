"""Announcements: what a balance has reached that somebody wants to be told of, once per period.

Levels are looked at, not edges: whoever looks later sees what was missed before. So a balance that
never resets has to show by itself that it may have left a level: by its credits and its limit.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from spendgate_service.domain.amounts import Amount, amount_text
from spendgate_service.domain.balances import Balance
from spendgate_service.domain.budgets import Budget
from spendgate_service.domain.period_keys import rule_of
from spendgate_service.domain.periods import BALANCE, Period, RollingPeriod

type LevelType = Literal["budget.threshold_reached", "budget.exhausted", "budget.paused"]

ANNOUNCEMENT_RETENTION_SECONDS = 30 * 86_400
"""How long it is known, after a period's end, what was announced in it: longer than anything that
is settled into an ended period can be late."""


@dataclass(frozen=True, slots=True)
class Level:
    """A level of what is spent: a percentage of the limit and its credits, or the soft limit.

    With neither of them, the level at which nothing is left. A soft limit that is moved is another
    level.
    """

    event_type: LevelType
    pct: int | None = None
    soft_limit: Amount | None = None

    @property
    def name(self) -> str:
        """Tells it from the other levels of a budget."""
        kind = self.event_type.removeprefix("budget.")
        if self.pct is not None:
            return f"{kind}-{self.pct}pct"
        return kind if self.soft_limit is None else f"{kind}-{amount_text(self.soft_limit)}"

    def is_reached(self, balance: Balance) -> bool:
        """Whether that much is spent, or nothing is left."""
        if self.pct is not None:
            return balance.utilization_tenths_pct >= self.pct * 10
        if self.soft_limit is not None:
            return balance.spent >= self.soft_limit
        return balance.is_exhausted


NOTHING_LEFT = Level("budget.exhausted")


def levels_of(budget: Budget, *, can_pause: bool) -> Iterator[Level]:
    """Every level that is announced; the one that pauses only where a soft limit can pause it."""
    for pct in sorted(set(budget.warn_at_pct)):
        yield Level("budget.threshold_reached", pct=pct)
    if budget.soft_limit is not None:
        yield Level("budget.threshold_reached", soft_limit=budget.soft_limit)
        if can_pause:
            yield Level("budget.paused", soft_limit=budget.soft_limit)
    yield NOTHING_LEFT


def levels_reached(balance: Balance) -> list[Level]:
    """The levels at or above which a balance is."""
    if not balance.is_exhausted and not balance.is_warning:
        return []
    can_pause = not balance.has_ended and balance.budget.pauses_at(balance.period) is not None
    return [
        one for one in levels_of(balance.budget, can_pause=can_pause) if one.is_reached(balance)
    ]


def announced_period(period: Period, *, now_ms: int) -> Period:
    """The stretch of time in which a level is announced once.

    The period itself. A rolling window never ends, so time is cut into stretches of its length.
    """
    rule = rule_of(period.key)
    if not isinstance(rule, RollingPeriod):
        return period
    stretch = now_ms // (rule.seconds * 1000)
    starts_at = stretch * rule.seconds
    return Period(f"{period.key}@{stretch}", starts_at, starts_at + rule.seconds)


def announced_stretch(level: Level, balance: Balance) -> Period:
    """The same, for a level of a balance.

    What is spent of one that never resets falls below a level only by a credit or another limit, so
    each of them begins another stretch; but a soft limit that is spent is spent for good.
    """
    if balance.period != BALANCE or level.soft_limit is not None:
        return announced_period(balance.period, now_ms=balance.now_ms)
    limit_since_ms, credited = balance.budget.limit_since_ms or 0, balance.counter.credits
    return Period(f"{BALANCE.key}@{limit_since_ms}+{amount_text(credited)}")


def announcement_expires_at(period: Period) -> int | None:
    """When it may be forgotten (epoch seconds) what was announced; None in one that never ends."""
    return None if period.ends_at is None else period.ends_at + ANNOUNCEMENT_RETENTION_SECONDS


def is_period_of(budget: Budget, period: Period) -> bool:
    """Whether a budget has that period still: its rule may have been changed meanwhile."""
    return rule_of(period.key) == budget.period
