"""Periods tile the time line in every time zone: no gap, no overlap, no key twice."""

from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import pairwise
from zoneinfo import ZoneInfo, available_timezones

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from spendgate_service.domain import calendar
from spendgate_service.domain.calendar import (
    CALENDAR_UNITS,
    NO_ANCHOR,
    Anchor,
    CalendarPeriod,
    CalendarUnit,
)
from spendgate_service.domain.periods import Period, period_in_force
from tests.support.examples import examples

FIRST_YEAR, LAST_YEAR = 2012, 2060
ZONES = st.sampled_from(sorted(available_timezones() - {"localtime"}))
UNITS = st.sampled_from(CALENDAR_UNITS)
MOMENTS = st.integers(
    int(datetime(FIRST_YEAR, 1, 2, tzinfo=UTC).timestamp()),
    int(datetime(LAST_YEAR, 1, 2, tzinfo=UTC).timestamp()),
)
often = settings(max_examples=examples(150))


def in_force(unit: CalendarUnit, timezone: str, moment: int, anchor: Anchor = NO_ANCHOR) -> Period:
    """Worked out from the moment alone, whatever period was asked for before."""
    calendar._last_spans.clear()  # a memory that would hide a contradiction
    return period_in_force(CalendarPeriod(unit, timezone, anchor), now_ms=moment * 1000)


def boundaries(found: Period) -> tuple[int, int]:
    assert found.starts_at is not None and found.ends_at is not None
    return found.starts_at, found.ends_at


@cache
def clock_changes(timezone: str, year: int) -> tuple[int, ...]:
    """The days of a year in which the clocks of a zone change."""
    place = ZoneInfo(timezone)
    days = [datetime(year, 1, 1, 12, tzinfo=UTC) + timedelta(days=day) for day in range(366)]
    return tuple(
        int(one.timestamp())
        for one, next_day in pairwise(days)
        if one.astimezone(place).utcoffset() != next_day.astimezone(place).utcoffset()
    )


@st.composite
def moments_near_changes(draw: st.DrawFn) -> tuple[str, int]:
    timezone = draw(ZONES)
    changes = clock_changes(timezone, draw(st.integers(FIRST_YEAR, 2037)))
    assume(changes)
    return timezone, draw(st.sampled_from(changes)) + draw(st.integers(0, 86_400))


def assert_period_is_whole(unit: CalendarUnit, timezone: str, moment: int) -> Period:
    found = in_force(unit, timezone, moment)
    starts_at, ends_at = boundaries(found)
    assert starts_at <= moment < ends_at
    assert in_force(unit, timezone, starts_at) == found
    assert in_force(unit, timezone, ends_at - 1) == found
    return found


@often
@given(unit=UNITS, timezone=ZONES, moment=MOMENTS)
def test_the_period_in_force_contains_the_moment_and_is_the_same_throughout(
    unit: CalendarUnit, timezone: str, moment: int
) -> None:
    assert_period_is_whole(unit, timezone, moment)


@often
@given(unit=UNITS, near=moments_near_changes())
def test_periods_hold_together_where_the_clocks_change(
    unit: CalendarUnit, near: tuple[str, int]
) -> None:
    assert_period_is_whole(unit, *near)


@often
@given(unit=UNITS, timezone=ZONES, moment=MOMENTS)
def test_the_next_period_starts_where_one_ends(
    unit: CalendarUnit, timezone: str, moment: int
) -> None:
    found = in_force(unit, timezone, moment)
    after = in_force(unit, timezone, boundaries(found)[1])

    assert boundaries(after)[0] == boundaries(found)[1]
    assert after.key != found.key


@settings(max_examples=examples(60))
@given(near=moments_near_changes())
def test_no_two_hours_share_a_key_where_the_clocks_change(near: tuple[str, int]) -> None:
    timezone, moment = near
    keys = []
    for _ in range(30):
        found = assert_period_is_whole("hour", timezone, moment)
        keys.append(found.key)
        moment = boundaries(found)[1]
    assert len(set(keys)) == len(keys)


@settings(max_examples=examples(30))
@given(unit=st.sampled_from(["day", "week", "month"]), timezone=ZONES, moment=MOMENTS)
def test_no_two_consecutive_periods_share_a_key(
    unit: CalendarUnit, timezone: str, moment: int
) -> None:
    keys = []
    for _ in range(60):
        found = in_force(unit, timezone, moment)
        keys.append(found.key)
        moment = boundaries(found)[1]
    assert len(set(keys)) == len(keys)


@often
@given(timezone=ZONES, moment=MOMENTS)
def test_what_was_worked_out_before_makes_no_difference(timezone: str, moment: int) -> None:
    rule = CalendarPeriod("day", timezone)
    alone = in_force("day", timezone, moment)

    period_in_force(rule, now_ms=(moment - 90_000) * 1000)

    assert period_in_force(rule, now_ms=moment * 1000) == alone
