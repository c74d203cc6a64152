"""The forecast: the mean rate so far, and when nothing is left at it."""

import pytest

from spendgate_service.domain.amounts import ONE
from spendgate_service.domain.balances import Balance
from spendgate_service.domain.budgets import Budget
from spendgate_service.domain.calendar import CalendarPeriod
from spendgate_service.domain.counters import Counter
from spendgate_service.domain.forecast import Forecast, forecast_of
from spendgate_service.domain.periods import (
    DurationPeriod,
    NoPeriod,
    PeriodRule,
    RollingPeriod,
    period_in_force,
)
from spendgate_service.domain.subjects import Subject

HOUR_MS = 3_600_000
MIDNIGHT_MS = 1_772_323_200_000
DAY = CalendarPeriod("day")


def forecast(
    spent: int,
    *,
    limit: int = 24,
    rule: PeriodRule = DAY,
    hours: float = 6,
    made_hours: float = -1000,
) -> Forecast | None:
    """Of 24 that may be spent, if not said otherwise, some hours after midnight (UTC)."""
    now_ms = MIDNIGHT_MS + int(hours * HOUR_MS)
    made_ms = MIDNIGHT_MS + int(made_hours * HOUR_MS)
    budget = Budget("bud_1", Subject("agent", "a"), "usd", limit * ONE, rule, made_ms, made_ms)
    period = period_in_force(rule, now_ms=now_ms, started_at=MIDNIGHT_MS // 1000)
    left = (limit - spent) * ONE
    counter = Counter(limit=limit * ONE, spent=spent * ONE, available=left, version=1)
    return forecast_of(Balance(budget, budget.subject, period, counter, now_ms))


def at(hours: float) -> int:
    return MIDNIGHT_MS + int(hours * HOUR_MS)


def test_the_limit_is_reached_where_the_mean_rate_since_the_start_leads() -> None:
    assert forecast(12) == Forecast(2 * ONE, at(12))


def test_a_limit_that_holds_until_the_period_ends_is_not_reached() -> None:
    assert forecast(6) == Forecast(ONE, None)
    assert forecast(5) == Forecast(5 * ONE // 6, None)


def test_nothing_spent_reaches_nothing() -> None:
    assert forecast(0) == Forecast(0, None)


@pytest.mark.parametrize("spent", [24, 30])
def test_a_limit_that_is_reached_is_reached_now(spent: int) -> None:
    assert forecast(spent) == Forecast(spent * ONE // 6, at(6))


def test_where_nothing_may_be_spent_the_limit_is_reached_now() -> None:
    assert forecast(0, limit=0) == Forecast(0, at(6))


def test_the_first_minute_counts_as_a_whole_one() -> None:
    assert forecast(1, hours=0.001) == Forecast(60 * ONE, at(0.001) + 23 * 60_000)


def test_a_budget_that_was_made_in_the_period_counts_from_then() -> None:
    assert forecast(12, made_hours=3) == Forecast(4 * ONE, at(9))


def test_a_window_of_a_duration_is_a_period_like_others() -> None:
    assert forecast(12, rule=DurationPeriod(13 * 3600)) == Forecast(2 * ONE, at(12))
    assert forecast(12, rule=DurationPeriod(11 * 3600)) == Forecast(2 * ONE, None)


def test_in_a_full_rolling_window_what_is_spent_leaves_as_fast() -> None:
    assert forecast(12, rule=RollingPeriod(6 * 3600)) == Forecast(2 * ONE, None)


def test_a_rolling_window_that_is_not_full_yet_can_be_spent_before_it_is() -> None:
    rule = RollingPeriod(24 * 3600)

    assert forecast(12, rule=rule, made_hours=0) == Forecast(2 * ONE, at(12))
    assert forecast(5, rule=rule, made_hours=0) == Forecast(5 * ONE // 6, None)


def test_a_balance_that_never_resets_has_no_forecast() -> None:
    assert forecast(12, rule=NoPeriod()) is None
