"""Periods: which stretch of time is in force, by the clocks of a time zone."""

from datetime import UTC, datetime

import pytest

from spendgate_service.domain.calendar import CalendarPeriod, CalendarUnit, zone
from spendgate_service.domain.errors import InvalidValue
from spendgate_service.domain.periods import (
    BALANCE,
    DurationPeriod,
    NoPeriod,
    Period,
    RollingPeriod,
    parse_window,
    period_in_force,
    window_text,
)


def at(text: str) -> int:
    """Seconds since the epoch of a moment; in UTC where no offset is written."""
    moment = datetime.fromisoformat(text)
    return int(moment.replace(tzinfo=moment.tzinfo or UTC).timestamp())


def period(unit: CalendarUnit, moment: str, timezone: str = "UTC") -> Period:
    return period_in_force(CalendarPeriod(unit, timezone), now_ms=at(moment) * 1000)


def spans(found: Period) -> tuple[str, str]:
    assert found.starts_at is not None and found.ends_at is not None
    starts, ends = (
        datetime.fromtimestamp(moment, UTC) for moment in (found.starts_at, found.ends_at)
    )
    return starts.strftime("%Y-%m-%dT%H:%M"), ends.strftime("%Y-%m-%dT%H:%M")


@pytest.mark.parametrize(
    ("unit", "key", "starts", "ends"),
    [
        ("hour", "2026-03-08T12", "2026-03-08T12:00", "2026-03-08T13:00"),
        ("day", "2026-03-08", "2026-03-08T00:00", "2026-03-09T00:00"),
        ("week", "2026-W10", "2026-03-02T00:00", "2026-03-09T00:00"),
        ("month", "2026-03", "2026-03-01T00:00", "2026-04-01T00:00"),
        ("year", "2026", "2026-01-01T00:00", "2027-01-01T00:00"),
    ],
)
def test_a_calendar_period_lasts_from_its_first_moment_to_the_next_one(
    unit: CalendarUnit, key: str, starts: str, ends: str
) -> None:
    found = period(unit, "2026-03-08T12:34:56")

    assert (found.key, *spans(found)) == (key, starts, ends)


def test_a_balance_never_resets() -> None:
    assert period_in_force(NoPeriod(), now_ms=0) == BALANCE


def test_a_period_contains_its_start_and_not_its_end() -> None:
    assert period("day", "2026-03-08T00:00:00").key == "2026-03-08"
    assert period("day", "2026-03-07T23:59:59").key == "2026-03-07"


def test_a_week_starts_on_monday_and_bears_the_iso_year() -> None:
    assert period("week", "2026-03-08T23:59:59").key == "2026-W10"
    assert period("week", "2026-03-09T00:00:00").key == "2026-W11"
    assert period("week", "2027-01-03T12:00:00").key == "2026-W53"
    assert period("week", "2024-12-30T00:00:00").key == "2025-W01"


def test_months_have_their_own_lengths() -> None:
    assert spans(period("month", "2028-02-29T12:00:00"))[1] == "2028-03-01T00:00"
    assert spans(period("month", "2026-12-31T23:59:59"))[1] == "2027-01-01T00:00"


def test_a_day_of_another_time_zone_has_its_own_midnight_and_says_which() -> None:
    found = period("day", "2026-01-15T23:30:00", "Europe/Paris")

    assert found.key == "2026-01-16[Europe/Paris]"
    assert spans(found) == ("2026-01-15T23:00", "2026-01-16T23:00")


def test_the_day_that_loses_an_hour_is_23_hours_long() -> None:
    found = period("day", "2026-03-29T12:00:00", "Europe/Paris")

    assert spans(found) == ("2026-03-28T23:00", "2026-03-29T22:00")


def test_the_day_that_gains_an_hour_is_25_hours_long() -> None:
    found = period("day", "2026-10-25T12:00:00", "Europe/Paris")

    assert spans(found) == ("2026-10-24T22:00", "2026-10-25T23:00")


def test_a_day_whose_midnight_the_clocks_skip_starts_at_its_first_moment() -> None:
    # In Beirut 00:00 became 01:00.
    found = period("day", "2026-03-29T12:00:00", "Asia/Beirut")

    assert spans(found) == ("2026-03-28T22:00", "2026-03-29T21:00")


def test_a_day_whose_midnight_comes_twice_starts_at_the_first() -> None:
    # In Havana 01:00 became 00:00.
    found = period("day", "2026-11-01T12:00:00", "America/Havana")

    assert spans(found) == ("2026-11-01T04:00", "2026-11-02T05:00")
    assert period("day", "2026-11-01T05:30:00", "America/Havana") == found


def test_the_day_that_samoa_skipped_never_was() -> None:
    last = period("day", "2011-12-30T09:59:59", "Pacific/Apia")
    first = period("day", "2011-12-30T10:00:00", "Pacific/Apia")

    assert (last.key, first.key) == ("2011-12-29[Pacific/Apia]", "2011-12-31[Pacific/Apia]")
    assert last.ends_at == first.starts_at == at("2011-12-30T10:00:00")


def test_an_hour_that_the_clocks_show_twice_counts_as_two() -> None:
    first = period("hour", "2026-10-25T00:30:00", "Europe/Paris")
    second = period("hour", "2026-10-25T01:30:00", "Europe/Paris")

    assert first.key == "2026-10-25T02+02:00[Europe/Paris]"
    assert second.key == "2026-10-25T02+01:00[Europe/Paris]"
    assert first.ends_at == second.starts_at


def test_an_hour_of_an_odd_offset_starts_on_its_own_clocks() -> None:
    found = period("hour", "2026-03-08T12:20:00", "Asia/Kathmandu")

    assert found.key == "2026-03-08T18+05:45[Asia/Kathmandu]"
    assert spans(found) == ("2026-03-08T12:15", "2026-03-08T13:15")


def test_an_hour_in_which_the_clocks_change_by_half_an_hour_is_cut_there() -> None:
    # On Lord Howe Island 02:00 at +11:00 became 01:30 at +10:30.
    before = period("hour", "2026-04-04T14:45:00", "Australia/Lord_Howe")
    after = period("hour", "2026-04-04T15:15:00", "Australia/Lord_Howe")

    assert spans(before) == ("2026-04-04T14:00", "2026-04-04T15:00")
    assert spans(after) == ("2026-04-04T15:00", "2026-04-04T15:30")
    assert before.key != after.key


@pytest.mark.parametrize(
    ("text", "seconds"), [("30m", 1800), ("5h", 18_000), ("7d", 604_800), ("2w", 1_209_600)]
)
def test_a_window_is_read_and_written(text: str, seconds: int) -> None:
    assert parse_window(text) == seconds
    assert parse_window(window_text(seconds)) == seconds


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30 min", 1800), ("7 d", 604_800), ("2wks", 1_209_600), ("3HRS", 10_800), ("45", 45),
        (" 5h ", 18_000), ("1 week", 604_800), ("2 days", 172_800), ("90 Seconds", 90),
        ("1 hour", 3600), ("15mins", 900),
    ],
)  # fmt: skip
def test_the_usual_spellings_of_a_window_are_read(text: str, seconds: int) -> None:
    assert parse_window(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "h", "0h", "0", "-5h", "1.5h", "367d", "5y", "5 hh", "5h 3m", "fiveh", "5 months"]
)
def test_what_is_no_window_is_refused(text: str) -> None:
    with pytest.raises(InvalidValue):
        parse_window(text)


def test_a_duration_starts_at_its_first_use_and_at_the_first_use_after_it_has_elapsed() -> None:
    rule = DurationPeriod(3600)

    first = period_in_force(rule, now_ms=10_500)
    still = period_in_force(rule, now_ms=3_609_999, started_at=10)
    next_one = period_in_force(rule, now_ms=3_700_000, started_at=10)

    assert (first.starts_at, first.ends_at) == (10, 3610)
    assert still == first
    assert (next_one.starts_at, next_one.ends_at) == (3700, 7300)
    assert next_one.key != first.key


def test_what_is_spent_leaves_a_rolling_window_never_early_and_at_most_a_slice_late() -> None:
    rule = RollingPeriod(3600)

    for spent_at_ms in (0, 1, 149_999, 150_000, 151_000, 3_599_999):
        leaves_ms = rule.leaves_at(spent_at_ms=spent_at_ms) * 1000
        late_ms = leaves_ms - (spent_at_ms + 3_600_000)
        assert 0 < late_ms <= rule.slice_seconds * 1000


@pytest.mark.parametrize("name", ["Mars/Olympus", "", "Europe", "../etc/passwd", "a\0b", "\ud800"])
def test_an_unknown_time_zone_is_the_callers_mistake(name: str) -> None:
    with pytest.raises(InvalidValue, match="IANA time zone"):
        zone(name)
