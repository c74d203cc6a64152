"""Calendar periods say what zoneinfo says: they turn where the local date or hour turns."""

from calendar import isleap, monthrange
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import example, given
from hypothesis import strategies as st

from spendgate_service.domain.calendar import CalendarUnit
from tests.property.test_periods_tile import (
    MOMENTS,
    UNITS,
    ZONES,
    boundaries,
    in_force,
    moments_near_changes,
    often,
)

DAY_SECONDS = 86_400
ODD_ZONES = st.sampled_from(
    [
        "Africa/Casablanca",
        "America/Havana",
        "America/St_Johns",
        "Asia/Beirut",
        "Asia/Kathmandu",
        "Australia/Eucla",
        "Australia/Lord_Howe",
        "Pacific/Apia",
        "Pacific/Chatham",
        "Pacific/Kiritimati",
    ]
)
DATES = st.dates(date(1971, 1, 8), date(2199, 12, 24))

LABELS: Mapping[CalendarUnit, Callable[[datetime], tuple[object, ...]]] = {
    "hour": lambda local: (local.date(), local.hour, local.utcoffset()),
    "day": lambda local: (local.date(),),
    "week": lambda local: local.isocalendar()[:2],
    "month": lambda local: (local.year, local.month),
    "quarter": lambda local: (local.year, (local.month - 1) // 3),
    "year": lambda local: (local.year,),
}
"""What a clock and a calendar on the wall show all through a period, and at no other time."""


def label(unit: CalendarUnit, timezone: str, moment: int) -> tuple[object, ...]:
    return LABELS[unit](datetime.fromtimestamp(moment, ZoneInfo(timezone)))


def assert_label_turns_at_the_boundaries(
    unit: CalendarUnit, timezone: str, moment: int, share: float
) -> None:
    starts_at, ends_at = boundaries(in_force(unit, timezone, moment))
    here = label(unit, timezone, moment)
    within = starts_at + int((ends_at - 1 - starts_at) * share)
    for same in (starts_at, within, ends_at - 1):
        assert label(unit, timezone, same) == here
    for other in (starts_at - 1, ends_at):
        assert label(unit, timezone, other) != here


SHARES = st.floats(0, 1)


@often
@given(unit=UNITS, timezone=ZONES | ODD_ZONES, moment=MOMENTS, share=SHARES)
def test_a_period_is_as_long_as_zoneinfo_shows_the_same_on_the_wall(
    unit: CalendarUnit, timezone: str, moment: int, share: float
) -> None:
    assert_label_turns_at_the_boundaries(unit, timezone, moment, share)


@often
@given(unit=UNITS, near=moments_near_changes(), share=SHARES)
def test_a_period_follows_zoneinfo_where_the_clocks_change(
    unit: CalendarUnit, near: tuple[str, int], share: float
) -> None:
    assert_label_turns_at_the_boundaries(unit, *near, share)


@often
@given(unit=UNITS, timezone=ODD_ZONES, day=DATES, second=st.integers(-2, 2))
def test_a_local_midnight_is_on_the_side_that_zoneinfo_says(
    unit: CalendarUnit, timezone: str, day: date, second: int
) -> None:
    year = 2012 + day.year % 25  # of the years before and after, zones have stranger tales to tell
    day = date(year, day.month, min(day.day, monthrange(year, day.month)[1]))
    midnight = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(timezone))
    moment = int(midnight.timestamp()) + second
    assert_label_turns_at_the_boundaries(unit, timezone, moment, 0.5)


@often
@given(day=DATES)
@example(day=date(2000, 2, 29))
@example(day=date(2028, 2, 29))
@example(day=date(2100, 2, 28))
def test_months_and_years_have_the_days_of_the_calendar(day: date) -> None:
    moment = int(datetime(day.year, day.month, day.day, 12, tzinfo=UTC).timestamp())

    days = {}
    for unit in ("month", "year"):
        starts_at, ends_at = boundaries(in_force(unit, "UTC", moment))
        days[unit] = (ends_at - starts_at) / DAY_SECONDS

    assert days == {
        "month": monthrange(day.year, day.month)[1],
        "year": 366 if isleap(day.year) else 365,
    }


@often
@given(day=DATES, timezone=ODD_ZONES)
@example(day=date(2024, 12, 30), timezone="Asia/Kathmandu")
@example(day=date(2027, 1, 3), timezone="Asia/Kathmandu")
def test_a_week_bears_its_iso_number_and_starts_on_a_monday(day: date, timezone: str) -> None:
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=ZoneInfo(timezone))
    year, week, _ = noon.isocalendar()

    found = in_force("week", timezone, int(noon.timestamp()))

    assert found.key == f"{year:04d}-W{week:02d}[{timezone}]"
    starts_at, ends_at = boundaries(found)
    first = datetime.fromtimestamp(starts_at, ZoneInfo(timezone))
    last = datetime.fromtimestamp(ends_at - 1, ZoneInfo(timezone))
    assert (first.weekday(), last.weekday()) == (0, 6)
    assert last.date() - first.date() == timedelta(days=6)
