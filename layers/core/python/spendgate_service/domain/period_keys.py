"""Parses the keys of periods: the rule of a period, its start and its end.

A reservation and a ledger entry name their period by its key only, so everything about the period
follows from the key. The inverse of `periods.period_in_force`; a property test compares the two.
"""

import re
from datetime import date, datetime
from functools import lru_cache

from spendgate_service.domain.periods import (
    BALANCE,
    CalendarPeriod,
    CalendarUnit,
    DurationPeriod,
    NoPeriod,
    Period,
    PeriodRule,
    RollingPeriod,
    duration_period,
    parse_window,
    period_in_force,
    rolling_period,
    zone,
)

_ROLLING = re.compile(r"rolling-(?P<window>\w+)")
_DURATION = re.compile(r"(?P<start>[-\d]{10}T[:\d]{8}Z)/(?P<window>\w+)")
_CALENDAR = re.compile(
    r"(?P<year>\d{4})(?:-W(?P<week>\d\d)|-(?P<month>\d\d)(?:-(?P<day>\d\d)"
    r"(?:T(?P<hour>\d\d)(?P<offset>[-+][:\d]+)?)?)?)?(?:\[(?P<timezone>.+)\])?"
)
_FROM_FINE_TO_COARSE: tuple[CalendarUnit, ...] = ("hour", "day", "month", "week")


@lru_cache(maxsize=4096)
def rule_of(period_key: str) -> PeriodRule:
    """Return the rule of a period. The key must be one of `period_in_force`."""
    if period_key == BALANCE.key:
        return NoPeriod()
    if rolling := _ROLLING.fullmatch(period_key):
        return RollingPeriod(parse_window(rolling["window"]))
    if duration := _DURATION.fullmatch(period_key):
        return DurationPeriod(parse_window(duration["window"]))
    calendar = _calendar_match(period_key)
    fine = [unit for unit in _FROM_FINE_TO_COARSE if calendar[unit]]
    return CalendarPeriod(fine[0] if fine else "year", calendar["timezone"] or "UTC")


@lru_cache(maxsize=4096)
def period_of(period_key: str) -> Period:
    """Return the period of a key. The key must be one of `period_in_force`."""
    rule = rule_of(period_key)
    match rule:
        case NoPeriod():
            return BALANCE
        case RollingPeriod():
            return rolling_period(rule)
        case DurationPeriod():
            started = datetime.fromisoformat(period_key.partition("/")[0])
            return duration_period(rule, starts_at=int(started.timestamp()))
        case CalendarPeriod():
            return _calendar_period(rule, period_key)


def _calendar_match(period_key: str) -> re.Match[str]:
    match = _CALENDAR.fullmatch(period_key)
    assert match is not None, f"{period_key} is not the key of a period"
    return match


def _calendar_period(rule: CalendarPeriod, period_key: str) -> Period:
    calendar = _calendar_match(period_key)
    if rule.unit == "hour":
        return _hour(rule, calendar)
    year, month, day = (int(calendar[part] or 1) for part in ("year", "month", "day"))
    first = (
        date.fromisocalendar(year, int(calendar["week"]), 1)
        if rule.unit == "week"
        else date(year, month, day)
    )
    # Noon is within the day in every time zone.
    noon = datetime(first.year, first.month, first.day, 12, tzinfo=zone(rule.timezone))
    return period_in_force(rule, now_ms=int(noon.timestamp()) * 1000)


def _hour(rule: CalendarPeriod, calendar: re.Match[str]) -> Period:
    """Return an hour; one that a daylight saving change shortens lacks its first or last second."""
    written = f"{calendar['year']}-{calendar['month']}-{calendar['day']}T{calendar['hour']}"
    starts_at = int(datetime.fromisoformat(f"{written}:00{calendar['offset'] or 'Z'}").timestamp())
    for within in (starts_at, starts_at + 3599):
        period = period_in_force(rule, now_ms=within * 1000)
        if period.key == calendar[0]:
            return period
    raise AssertionError(f"{calendar[0]} is not the key of an hour")
