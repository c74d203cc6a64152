"""Periods: the time span of a limit.

Boundaries are whole seconds since the epoch; a period includes its start and excludes its end. The
current period follows from the clock, so no process has to run at a boundary.
"""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Literal
from zoneinfo import ZoneInfo

from spendgate_service.domain.amounts import Amount
from spendgate_service.domain.errors import InvalidValue

type CalendarUnit = Literal["hour", "day", "week", "month", "year"]

CALENDAR_UNITS: tuple[CalendarUnit, ...] = ("hour", "day", "week", "month", "year")


@dataclass(frozen=True, slots=True)
class NoPeriod:
    """A balance that never resets."""

    @property
    def label(self) -> str:
        """The name of the period in a warning."""
        return "balance"


@dataclass(frozen=True, slots=True)
class CalendarPeriod:
    """An hour, day, week (from Monday), month or year in an IANA time zone."""

    unit: CalendarUnit
    timezone: str = "UTC"

    @property
    def label(self) -> str:
        """The name of the period in a warning."""
        return self.unit


@dataclass(frozen=True, slots=True)
class DurationPeriod:
    """A fixed length that starts at the first use, and at the first use after it has elapsed."""

    seconds: int

    @property
    def label(self) -> str:
        """The name of the period in a warning."""
        return window_text(self.seconds)


@dataclass(frozen=True, slots=True)
class RollingPeriod:
    """A true sliding window: no interval of that length ever holds more than the limit.

    Spent amounts are counted in slices. They leave the window one length after the end of their
    slice, so at most one slice late.
    """

    seconds: int

    @property
    def label(self) -> str:
        """The name of the period in a warning."""
        return f"rolling {window_text(self.seconds)}"

    @property
    def slice_seconds(self) -> int:
        """The width of a slice: a window has at most `SLICES_MAX` plus one open slice."""
        return -(-self.seconds // SLICES_MAX)

    def leaves_at(self, *, spent_at_ms: int) -> int:
        """Return the time (epoch seconds) at which an amount spent now has left the window."""
        slice_ms = self.slice_seconds * 1000
        return (spent_at_ms // slice_ms + 1) * self.slice_seconds + self.seconds


type PeriodRule = NoPeriod | CalendarPeriod | DurationPeriod | RollingPeriod

SLICES_MAX = 24
"""The number of slices of a rolling window; its counter's item stays below 1 KB."""

WINDOW_SECONDS_MAX = 366 * 86_400
"""The longest duration or rolling window: a year."""

_WINDOW_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_WINDOW = re.compile(r"([1-9][0-9]{0,8})([smhdw])")


def parse_window(text: str) -> int:
    """Parse a length such as `30m`, `5h`, `7d` or `2w` as seconds. Raises InvalidValue."""
    match = _WINDOW.fullmatch(text)
    if match is None:
        raise InvalidValue("a window is a whole number of s, m, h, d or w, for example 5h or 30d")
    seconds = int(match[1]) * _WINDOW_UNITS[match[2]]
    if seconds > WINDOW_SECONDS_MAX:
        raise InvalidValue(f"a window has at most {WINDOW_SECONDS_MAX} seconds (366d)")
    return seconds


def window_text(seconds: int) -> str:
    """Format a length in the largest unit that divides it: `5h`, `90m`."""
    unit = next(unit for unit in "wdhms" if seconds % _WINDOW_UNITS[unit] == 0)
    return f"{seconds // _WINDOW_UNITS[unit]}{unit}"


@dataclass(frozen=True, slots=True)
class Period:
    """A time span: its key (unique among the periods of a budget) and its boundaries.

    `carried_in` is the amount to carry into a period that is not used yet.
    """

    key: str
    starts_at: int | None = None
    ends_at: int | None = None
    carried_in: Amount = 0


BALANCE = Period(key="balance")


def rolling_period(rule: RollingPeriod) -> Period:
    """Return the only period of a rolling budget, which never ends."""
    return Period(key=f"rolling-{window_text(rule.seconds)}")


def duration_period(rule: DurationPeriod, *, starts_at: int) -> Period:
    """Return the period that started at that time."""
    started = datetime.fromtimestamp(starts_at, UTC)
    key = f"{started:%Y-%m-%dT%H:%M:%SZ}/{window_text(rule.seconds)}"
    return Period(key, starts_at, starts_at + rule.seconds)


@lru_cache(maxsize=64)
def zone(name: str) -> ZoneInfo:
    """Return the time zone of an IANA name. Raises InvalidValue if there is none."""
    try:
        return ZoneInfo(name)
    except (KeyError, OSError, ValueError):  # unknown, a folder of the database, malformed
        raise InvalidValue(f"{name} is not the name of an IANA time zone") from None


def period_in_force(rule: PeriodRule, *, now_ms: int, started_at: int | None = None) -> Period:
    """Return the current period.

    A duration needs the start of its last period (None: never used). If that period has elapsed,
    the result is the period that a use now would start.
    """
    match rule:
        case NoPeriod():
            return BALANCE
        case CalendarPeriod():
            return _calendar_period(rule.unit, rule.timezone, now_ms // 1000)
        case RollingPeriod():
            return rolling_period(rule)
        case DurationPeriod():
            if started_at is None or now_ms >= (started_at + rule.seconds) * 1000:
                started_at = now_ms // 1000
            return duration_period(rule, starts_at=started_at)


def _calendar_period(unit: CalendarUnit, timezone: str, now: int) -> Period:
    """Return the current calendar period from a cache; a period serves many calls."""
    cached = _last_periods.get((unit, timezone))
    if cached is None or not _contains(cached, now):
        cached = _last_periods[unit, timezone] = _calendar_period_from(unit, timezone, now)
    return cached


_last_periods: dict[tuple[CalendarUnit, str], Period] = {}


def _contains(period: Period, now: int) -> bool:
    assert period.starts_at is not None and period.ends_at is not None
    return period.starts_at <= now < period.ends_at


def _calendar_period_from(unit: CalendarUnit, timezone: str, now: int) -> Period:
    local = datetime.fromtimestamp(now, UTC).astimezone(zone(timezone))
    if unit == "hour":
        return _hour(local, timezone, now)
    today = local.date()
    first, after, key = _days(unit, today)
    return Period(_keyed(key, timezone), _midnight(first, timezone), _midnight(after, timezone))


def _days(unit: CalendarUnit, today: date) -> tuple[date, date, str]:
    """Return the first day of the period, the first day after it, and its key."""
    if unit == "day":
        return today, today + timedelta(days=1), today.isoformat()
    if unit == "week":
        first = today - timedelta(days=today.weekday())
        year, week, _ = today.isocalendar()
        return first, first + timedelta(days=7), f"{year:04d}-W{week:02d}"
    if unit == "month":
        first = today.replace(day=1)
        return first, (first + timedelta(days=32)).replace(day=1), f"{first:%Y-%m}"
    assert unit == "year"
    return date(today.year, 1, 1), date(today.year + 1, 1, 1), f"{today.year:04d}"


def _keyed(key: str, timezone: str) -> str:
    """Append the time zone to a key as in RFC 9557; UTC is omitted."""
    return key if timezone == "UTC" else f"{key}[{timezone}]"


def _midnight(day: date, timezone: str) -> int:
    """Return the start of a day; if midnight is skipped, the end of the gap.

    Local midnight is interpreted with the offset before a gap (PEP 495, fold=0), which is exactly
    the first existing time after it.
    """
    return int(datetime(day.year, day.month, day.day, tzinfo=zone(timezone)).timestamp())


def _hour(local: datetime, timezone: str, now: int) -> Period:
    """Return the clock hour; a daylight saving change may shorten it.

    A repeated hour counts as two periods, which differ by their offset.
    """
    offset = local.utcoffset()
    assert offset is not None
    into_hour = local.minute * 60 + local.second
    starts_at = now - into_hour
    ends_at = starts_at + 3600
    shift = _offset_change(timezone, starts_at, ends_at)
    if shift is not None:
        starts_at, ends_at = (shift, ends_at) if now >= shift else (starts_at, shift)
    key = f"{local:%Y-%m-%dT%H}" + ("" if timezone == "UTC" else _offset_text(offset))
    return Period(_keyed(key, timezone), starts_at, ends_at)


def _offset_text(offset: timedelta) -> str:
    seconds = int(offset.total_seconds())
    hours, rest = divmod(abs(seconds), 3600)
    minutes, seconds_left = divmod(rest, 60)
    text = f"{'-' if seconds < 0 else '+'}{hours:02d}:{minutes:02d}"
    return text if not seconds_left else f"{text}:{seconds_left:02d}"


def _offset_change(timezone: str, start: int, end: int) -> int | None:
    """Return the time in [start, end] at which the offset changes, or None."""
    place = zone(timezone)

    def offset_at(moment: int) -> timedelta | None:
        return datetime.fromtimestamp(moment, place).utcoffset()

    if offset_at(start) == offset_at(end - 1):
        return None
    low, high = start, end - 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if offset_at(middle) == offset_at(start) else (low, middle)
    return high
