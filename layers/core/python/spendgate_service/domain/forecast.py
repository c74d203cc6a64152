"""A forecast: how fast a balance is spent, and when its limit is reached at that rate.

The rate is the mean since the period started, or since the budget was created if that was later; in
a rolling window the mean over the window, and after a period's end the mean over the period. Held
amounts do not count, because they may return. In the first minute of a period the mean is taken
over a whole minute, so that one call is not a trend.
"""

from dataclasses import dataclass

from spendgate_service.domain.amounts import Amount
from spendgate_service.domain.balances import Balance
from spendgate_service.domain.periods import RollingPeriod

SPAN_MS_MIN = 60_000
_HOUR_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class Forecast:
    """The burn rate, rounded down, and the time at which nothing is left at that rate.

    The time is None if the period ends first, and the current time if nothing is left already.
    """

    burn_rate_per_hour: Amount
    limit_reached_at_ms: int | None


def forecast_of(balance: Balance) -> Forecast | None:
    """Return the forecast of a balance; None if its budget has no period."""
    span = _span_ms(balance)
    if span is None:
        return None
    began_ms, ends_ms = span
    until_ms = min(balance.now_ms, ends_ms)
    elapsed_ms = max(min(SPAN_MS_MIN, ends_ms - began_ms), until_ms - began_ms)
    spent, left = balance.spent, balance.entitlement - balance.spent
    rate = max(0, spent) * _HOUR_MS // elapsed_ms
    if left <= 0:
        return Forecast(rate, balance.now_ms)
    if spent <= 0:
        return Forecast(rate, None)
    reached_ms = until_ms - (-left * elapsed_ms // spent)
    return Forecast(rate, reached_ms if reached_ms < ends_ms else None)


def _span_ms(balance: Balance) -> tuple[int, int] | None:
    """Return the start of the spending and the end of the limit."""
    rule, period, made_ms = balance.budget.period, balance.period, balance.budget.created_at_ms
    if isinstance(rule, RollingPeriod):
        began_ms = max(made_ms, balance.now_ms - rule.seconds * 1000)
        return began_ms, began_ms + rule.seconds * 1000
    if period.starts_at is None or period.ends_at is None:
        return None
    return max(made_ms, period.starts_at * 1000), period.ends_at * 1000
