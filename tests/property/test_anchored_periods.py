"""Periods with an anchor tile the time line in every zone, and their keys say everything."""

import re
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from spendgate_service.api.bodies.periods import WINDOW_PATTERN
from spendgate_service.domain.calendar import (
    NO_ANCHOR,
    WEEKDAYS,
    Anchor,
    CalendarPeriod,
    CalendarUnit,
    check_anchor,
    rule_in,
    span_of,
)
from spendgate_service.domain.errors import InvalidValue
from spendgate_service.domain.periods import Period, parse_window
from tests.property.test_calendar import ODD_ZONES
from tests.property.test_periods_tile import (
    MOMENTS,
    ZONES,
    boundaries,
    in_force,
    moments_near_changes,
    often,
)

HOURS = st.integers(0, 23)
DAYS = st.integers(1, 31)
ANCHORED: dict[CalendarUnit, st.SearchStrategy[Anchor]] = {
    "day": st.builds(Anchor, hour=HOURS),
    "week": st.builds(Anchor, weekday=st.sampled_from(WEEKDAYS), hour=HOURS),
    "month": st.builds(Anchor, day=DAYS, hour=HOURS),
    "quarter": st.builds(Anchor, month=st.integers(1, 3), day=DAYS, hour=HOURS),
    "year": st.builds(Anchor, month=st.integers(1, 12), day=DAYS, hour=HOURS),
}


@st.composite
def rules(draw: st.DrawFn) -> tuple[CalendarUnit, Anchor]:
    unit = draw(st.sampled_from(sorted(ANCHORED)))
    return unit, draw(ANCHORED[unit])


def assert_a_period_is_right(
    unit: CalendarUnit, anchor: Anchor, timezone: str, moment: int
) -> None:
    found = in_force(unit, timezone, moment, anchor)
    starts_at, ends_at = boundaries(found)

    assert starts_at <= moment < ends_at
    assert in_force(unit, timezone, starts_at, anchor) == found
    assert in_force(unit, timezone, ends_at - 1, anchor) == found
    before = in_force(unit, timezone, starts_at - 1, anchor)
    after = in_force(unit, timezone, ends_at, anchor)
    assert before.ends_at == starts_at
    assert after.starts_at == ends_at
    assert len({before.key, found.key, after.key}) == 3
    assert rule_in(found.key) == CalendarPeriod(unit, timezone, anchor)
    span = span_of(found.key)
    assert Period(*span) == found


@often
@given(rule=rules(), timezone=ZONES | ODD_ZONES, moment=MOMENTS)
@example(rule=("month", Anchor(day=31)), timezone="UTC", moment=1_772_323_199)
def test_anchored_periods_tile_the_time_line_and_their_keys_say_everything(
    rule: tuple[CalendarUnit, Anchor], timezone: str, moment: int
) -> None:
    assert_a_period_is_right(*rule, timezone, moment)


@often
@given(rule=rules(), near=moments_near_changes())
def test_anchored_periods_follow_zoneinfo_where_the_clocks_change(
    rule: tuple[CalendarUnit, Anchor], near: tuple[str, int]
) -> None:
    assert_a_period_is_right(*rule, *near)


@often
@given(day=st.dates(date(2013, 1, 1), date(2050, 1, 1)), hour=HOURS, timezone=ODD_ZONES)
def test_a_day_turns_at_the_hour_that_zoneinfo_says(day: date, hour: int, timezone: str) -> None:
    turn = int(datetime(day.year, day.month, day.day, hour, tzinfo=ZoneInfo(timezone)).timestamp())

    found = in_force("day", timezone, turn, Anchor(hour=hour))

    assert found.starts_at == turn


def on(text: str, timezone: str = "UTC") -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(timezone)).timestamp())


@pytest.mark.parametrize(
    ("unit", "timezone", "anchor", "starts", "ends", "key"),
    [
        ("month", "UTC", Anchor(day=15, hour=6), "2026-11-15T06", "2026-12-15T06", "2026-11@15T06"),
        ("month", "UTC", Anchor(day=31), "2026-10-31T00", "2026-11-30T00", "2026-10@31"),
        (
            "day", "Europe/Paris", Anchor(hour=6),
            "2026-11-28T06", "2026-11-29T06", "2026-11-28@T06[Europe/Paris]",
        ),
        (
            "week", "UTC", Anchor(weekday="sunday"),
            "2026-11-22T00", "2026-11-29T00", "2026-W47@sunday",
        ),
        ("quarter", "UTC", NO_ANCHOR, "2026-10-01T00", "2027-01-01T00", "2026-Q4"),
        ("quarter", "UTC", Anchor(month=2), "2026-11-01T00", "2027-02-01T00", "2026-Q4@02-01"),
        ("year", "UTC", Anchor(month=4, day=6), "2026-04-06T00", "2027-04-06T00", "2026@04-06"),
    ],
)  # fmt: skip
def test_a_limit_follows_the_bill(
    unit: CalendarUnit, timezone: str, anchor: Anchor, starts: str, ends: str, key: str
) -> None:
    moment = on("2026-11-28T12:00", timezone)
    if unit == "month" and anchor.day == 31:
        moment = on("2026-11-29T23:59")

    found = in_force(unit, timezone, moment, anchor)

    assert boundaries(found) == (on(starts, timezone), on(ends, timezone))
    assert found.key == key


@pytest.mark.parametrize(
    ("unit", "anchor"),
    [
        ("hour", {"hour": 1}),
        ("day", {"day": 1}),
        ("week", {"day": 1}),
        ("month", {"weekday": "sunday"}),
        ("quarter", {"month": 4}),
    ],
)
def test_an_anchor_says_only_what_its_unit_has(
    unit: CalendarUnit, anchor: dict[str, object]
) -> None:
    with pytest.raises(InvalidValue, match=unit):
        check_anchor(unit, anchor)


def test_days_of_fifteen_years_are_as_long_as_their_clocks_say() -> None:
    moment, total = on("2020-01-01T06", "Europe/Paris"), 0
    for _ in range(5000):
        starts_at, ends_at = boundaries(in_force("day", "Europe/Paris", moment, Anchor(hour=6)))
        total += ends_at - starts_at
        moment = ends_at

    assert datetime.fromtimestamp(moment, UTC) - timedelta(seconds=total) == datetime.fromtimestamp(
        on("2020-01-01T06", "Europe/Paris"), UTC
    )


@given(st.from_regex(WINDOW_PATTERN, fullmatch=True))
def test_every_window_that_the_interface_describes_is_read_or_is_too_long(text: str) -> None:
    with suppress(InvalidValue):
        assert parse_window(text) > 0
        return
    with pytest.raises(InvalidValue, match="at most"):
        parse_window(text)


@given(st.text("1234567890smhdwkeinurty \t", min_size=1, max_size=9))
def test_no_window_is_read_that_the_interface_does_not_describe(text: str) -> None:
    assume(not re.fullmatch(WINDOW_PATTERN, text))

    with pytest.raises(InvalidValue):
        parse_window(text)
