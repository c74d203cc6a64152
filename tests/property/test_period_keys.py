"""A period's key says all about it: rule and boundaries are read back from it."""

from datetime import UTC, datetime

from hypothesis import example, given
from hypothesis import strategies as st

from spendgate_service.domain.calendar import CalendarPeriod, CalendarUnit
from spendgate_service.domain.periods import (
    WINDOW_SECONDS_MAX,
    DurationPeriod,
    NoPeriod,
    PeriodRule,
    RollingPeriod,
    period_in_force,
    period_of,
    rule_of,
)
from tests.property.test_calendar import ODD_ZONES
from tests.property.test_periods_tile import MOMENTS, UNITS, ZONES, moments_near_changes, often

IN_AN_HOUR_WITHOUT_ITS_FIRST_SECOND = int(datetime(2026, 4, 4, 15, 10, tzinfo=UTC).timestamp())
IN_AN_HOUR_WITHOUT_ITS_LAST_SECOND = int(datetime(2016, 5, 1, 6, 40, tzinfo=UTC).timestamp())
LENGTHS = st.integers(1, WINDOW_SECONDS_MAX)


def assert_key_says_all(rule: PeriodRule, moment: int) -> None:
    period = period_in_force(rule, now_ms=moment * 1000)
    assert rule_of(period.key) == rule
    assert period_of(period.key) == period


@often
@given(unit=UNITS, timezone=ZONES | ODD_ZONES, moment=MOMENTS)
def test_the_key_of_a_calendar_period(unit: CalendarUnit, timezone: str, moment: int) -> None:
    assert_key_says_all(CalendarPeriod(unit, timezone), moment)


@often
@given(unit=UNITS, near=moments_near_changes())
@example(unit="hour", near=("Australia/Lord_Howe", IN_AN_HOUR_WITHOUT_ITS_FIRST_SECOND))
@example(unit="hour", near=("America/Caracas", IN_AN_HOUR_WITHOUT_ITS_LAST_SECOND))
def test_the_key_of_a_calendar_period_in_which_clocks_change(
    unit: CalendarUnit, near: tuple[str, int]
) -> None:
    timezone, moment = near
    assert_key_says_all(CalendarPeriod(unit, timezone), moment)


@given(seconds=LENGTHS, moment=MOMENTS)
def test_the_key_of_a_window(seconds: int, moment: int) -> None:
    assert_key_says_all(DurationPeriod(seconds), moment)
    assert_key_says_all(RollingPeriod(seconds), moment)
    assert_key_says_all(NoPeriod(), moment)
