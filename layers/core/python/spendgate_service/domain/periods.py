"""Periods: the time span of a limit.

Boundaries are whole seconds since the epoch; a period includes its start and excludes its end. The
current period follows from the clock, so no process has to run at a boundary.

A reservation and a ledger entry name their period by its key only: `rule_of` and `period_of` read
keys back. They are the inverse of `period_in_force`; a property test compares the two.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache

from spendgate_service.domain.amounts import Amount
from spendgate_service.domain.calendar import CalendarPeriod, Span, rule_in, span_at, span_of
from spendgate_service.domain.errors import InvalidValue


@dataclass(frozen=True, slots=True)
class NoPeriod:
    """A balance that never resets."""

    @property
    def label(self) -> str:
        """The name of the period in a warning."""
        return "balance"


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

_UNIT_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_UNIT_SPELLINGS = {
    "s": ("s", "sec", "secs", "second", "seconds"),
    "m": ("m", "min", "mins", "minute", "minutes"),
    "h": ("h", "hr", "hrs", "hour", "hours"),
    "d": ("d", "day", "days"),
    "w": ("w", "wk", "wks", "week", "weeks"),
}
_SECONDS_OF = {
    spelling: _UNIT_SECONDS[unit]
    for unit, spellings in _UNIT_SPELLINGS.items()
    for spelling in spellings
}
_WINDOW = re.compile(r"([1-9][0-9]{0,8})\s*([a-z]*)")


def parse_window(text: str) -> int:
    """Read a length such as `30m`, `30 min`, `5h`, `7 days`, `2wks` or `45` as seconds.

    Raises InvalidValue.
    """
    match = _WINDOW.fullmatch(text.strip().lower())
    if match is None or (match[2] and match[2] not in _SECONDS_OF):
        raise InvalidValue(
            "a window is a whole number of seconds, minutes, hours, days or weeks, "
            "for example 30 min, 5h or 30d"
        )
    seconds = int(match[1]) * _SECONDS_OF.get(match[2], 1)
    if seconds > WINDOW_SECONDS_MAX:
        raise InvalidValue(f"a window has at most {WINDOW_SECONDS_MAX} seconds (366d)")
    return seconds


def window_text(seconds: int) -> str:
    """A length in the largest unit that divides it: `5h`, `90m`."""
    unit = next(unit for unit in "wdhms" if seconds % _UNIT_SECONDS[unit] == 0)
    return f"{seconds // _UNIT_SECONDS[unit]}{unit}"


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


def period_in_force(rule: PeriodRule, *, now_ms: int, started_at: int | None = None) -> Period:
    """Return the current period.

    A duration needs the start of its last period (None: never used). If that period has elapsed,
    the result is the period that a use now would start.
    """
    match rule:
        case NoPeriod():
            return BALANCE
        case CalendarPeriod():
            return calendar_period(span_at(rule, now_ms // 1000))
        case RollingPeriod():
            return rolling_period(rule)
        case DurationPeriod():
            if started_at is None or now_ms >= (started_at + rule.seconds) * 1000:
                started_at = now_ms // 1000
            return duration_period(rule, starts_at=started_at)


def calendar_period(span: Span) -> Period:
    """A period of the calendar."""
    return Period(span.key, span.starts_at, span.ends_at)


_ROLLING = re.compile(r"rolling-(?P<window>\w+)")
_DURATION = re.compile(r"(?P<start>[-\d]{10}T[:\d]{8}Z)/(?P<window>\w+)")


@lru_cache(maxsize=4096)
def rule_of(period_key: str) -> PeriodRule:
    """Return the rule of a period. The key must be one of `period_in_force`."""
    if period_key == BALANCE.key:
        return NoPeriod()
    if rolling := _ROLLING.fullmatch(period_key):
        return RollingPeriod(parse_window(rolling["window"]))
    if duration := _DURATION.fullmatch(period_key):
        return DurationPeriod(parse_window(duration["window"]))
    return rule_in(period_key)


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
            return calendar_period(span_of(period_key))
