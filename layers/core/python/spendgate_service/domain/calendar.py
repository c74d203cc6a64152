"""Calendar periods: hours, days, weeks, months, quarters and years on the clocks of a time zone.

An anchor says where a period turns: the 15th at 06:00, Sunday, the first of April. The key of a
period names its start and its anchor, and is read back here: `span_of` is the inverse of
`span_at`; a property test holds the two together.

Keys: `2026-11-15T06+01:00` (hour), `2026-11-15`, `2026-W47`, `2026-11`, `2026-Q4`, `2026`; then
`@` and the anchor if there is one (`2026-11@15T06`, `2026-W47@sunday`, `2026@04-06`), then
`[zone]` unless it is UTC (RFC 9557).
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo

from spendgate_service.domain.errors import InvalidValue

type CalendarUnit = Literal["hour", "day", "week", "month", "quarter", "year"]
type Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]

CALENDAR_UNITS: tuple[CalendarUnit, ...] = ("hour", "day", "week", "month", "quarter", "year")
WEEKDAYS: tuple[Weekday, ...] = (
    "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Anchor:
    """Where a period turns; the default is where the calendar turns.

    `month` counts within the year of a year and within the quarter of a quarter. A `day` that a
    month does not have is its last one.
    """

    month: int = 1
    day: int = 1
    weekday: Weekday = "monday"
    hour: int = 0


NO_ANCHOR = Anchor()

ANCHOR_FIELDS: Mapping[CalendarUnit, frozenset[str]] = {
    "hour": frozenset(),
    "day": frozenset({"hour"}),
    "week": frozenset({"weekday", "hour"}),
    "month": frozenset({"day", "hour"}),
    "quarter": frozenset({"month", "day", "hour"}),
    "year": frozenset({"month", "day", "hour"}),
}
"""What an anchor of each unit may say."""


@dataclass(frozen=True, slots=True)
class CalendarPeriod:
    """A unit of the calendar on the clocks of an IANA time zone, from its anchor on."""

    unit: CalendarUnit
    timezone: str = "UTC"
    anchor: Anchor = NO_ANCHOR

    @property
    def label(self) -> str:
        """The word for it in a warning."""
        return self.unit


class Span(NamedTuple):
    """One calendar period: its key, its start, and the start of the next one (epoch seconds)."""

    key: str
    starts_at: int
    ends_at: int


@lru_cache(maxsize=64)
def zone(name: str) -> ZoneInfo:
    """The time zone of that IANA name. Raises InvalidValue if there is none."""
    try:
        return ZoneInfo(name)
    except (KeyError, OSError, ValueError):  # unknown, a folder of the database, malformed
        raise InvalidValue(f"{name} is not the name of an IANA time zone") from None


def check_anchor(unit: CalendarUnit, anchor: Mapping[str, object]) -> None:
    """Raise InvalidValue where an anchor says what periods of the unit do not have."""
    allowed = ANCHOR_FIELDS[unit]
    for name in anchor:
        if name not in allowed:
            takes = " and ".join(sorted(allowed)) or "no anchor"
            raise InvalidValue(f"a period of unit {unit} takes {takes}, not {name}")
    if unit == "quarter" and anchor.get("month", 1) not in {1, 2, 3}:
        raise InvalidValue("the month of a quarter's anchor is 1, 2 or 3")


def span_at(rule: CalendarPeriod, moment: int) -> Span:
    """The period that contains the moment (epoch seconds)."""
    known = _last_spans.get(rule)
    if known is None or not known.starts_at <= moment < known.ends_at:
        known = _last_spans[rule] = _span_at(rule, moment)
    return known


_last_spans: dict[CalendarPeriod, Span] = {}
"""The last period of each rule: the same boundaries serve a whole period of requests."""


def _span_at(rule: CalendarPeriod, moment: int) -> Span:
    local = datetime.fromtimestamp(moment, UTC).astimezone(zone(rule.timezone))
    if rule.unit == "hour":
        return _hour(local, rule.timezone, moment)
    natural = _NATURAL[rule.unit](local.date())
    while moment < _turn(rule, natural):
        natural = _NATURAL[rule.unit](natural - timedelta(days=1))
    while moment >= _turn(rule, _following(rule.unit, natural)):
        natural = _following(rule.unit, natural)
    return _span(rule, natural)


def _span(rule: CalendarPeriod, natural: date) -> Span:
    """The period of the calendar's own one that starts on that day."""
    key = f"{_label(rule.unit, natural)}{_anchor_text(rule)}{_zone_text(rule.timezone)}"
    return Span(key, _turn(rule, natural), _turn(rule, _following(rule.unit, natural)))


_NATURAL: Mapping[CalendarUnit, Callable[[date], date]] = {
    "day": lambda day: day,
    "week": lambda day: day - timedelta(days=day.weekday()),
    "month": lambda day: day.replace(day=1),
    "quarter": lambda day: date(day.year, (day.month - 1) // 3 * 3 + 1, 1),
    "year": lambda day: date(day.year, 1, 1),
}
"""The first day of the calendar's own period that contains a day."""

_LONGEST_DAYS: Mapping[CalendarUnit, int] = {
    "day": 1, "week": 7, "month": 31, "quarter": 92, "year": 366,
}  # fmt: skip


def _following(unit: CalendarUnit, natural: date) -> date:
    return _NATURAL[unit](natural + timedelta(days=_LONGEST_DAYS[unit]))


def _turn(rule: CalendarPeriod, natural: date) -> int:
    """The moment at which a period starts: where clocks skip it, the first moment after the gap.

    A local time in a gap is read with the offset before it (PEP 495, fold=0), which lands exactly
    on the first existing moment after it; a time that the clocks show twice is the first one.
    """
    anchor = rule.anchor
    day = natural
    if rule.unit == "week":
        day += timedelta(days=WEEKDAYS.index(anchor.weekday))
    elif rule.unit != "day":
        day = _month_day(natural.year, natural.month + anchor.month - 1, anchor.day)
    turn = datetime(day.year, day.month, day.day, anchor.hour, tzinfo=zone(rule.timezone))
    return int(turn.timestamp())


def _month_day(year: int, month: int, day: int) -> date:
    """A day of a month, or its last one."""
    last = date(year + month // 12, month % 12 + 1, 1) - timedelta(days=1)
    return last if day > last.day else last.replace(day=day)


def _label(unit: CalendarUnit, natural: date) -> str:
    match unit:
        case "week":
            year, week, _ = natural.isocalendar()
            return f"{year:04d}-W{week:02d}"
        case "month":
            return f"{natural:%Y-%m}"
        case "quarter":
            return f"{natural.year:04d}-Q{(natural.month + 2) // 3}"
        case "year":
            return f"{natural.year:04d}"
        case _:
            return natural.isoformat()


def _anchor_text(rule: CalendarPeriod) -> str:
    """The anchor in a key: `@04-15T06`, `@sunday`, nothing for the calendar's own turn."""
    anchor = rule.anchor
    if anchor == NO_ANCHOR:
        return ""
    day = ""
    match rule.unit:
        case "week":
            day = anchor.weekday
        case "month":
            day = f"{anchor.day:02d}"
        case "quarter" | "year":
            day = f"{anchor.month:02d}-{anchor.day:02d}"
        case _:
            pass
    return f"@{day}" + (f"T{anchor.hour:02d}" if anchor.hour else "")


def _zone_text(timezone: str) -> str:
    """UTC goes without saying."""
    return "" if timezone == "UTC" else f"[{timezone}]"


_KEY = re.compile(
    r"(?P<year>\d{4})(?:-W(?P<week>\d\d)|-Q(?P<quarter>\d)|-(?P<month>\d\d)(?:-(?P<day>\d\d)"
    r"(?:T(?P<hour>\d\d)(?P<offset>[-+][:\d]+)?)?)?)?"
    r"(?:@(?:(?P<weekday>[a-z]+)|(?:(?P<on_month>\d\d)-)?(?P<on_day>\d\d))?(?:T(?P<on_hour>\d\d))?)?"
    r"(?:\[(?P<timezone>.+)\])?"
)
_FROM_FINE_TO_COARSE: tuple[CalendarUnit, ...] = ("hour", "day", "month", "quarter", "week")


def rule_in(key: str) -> CalendarPeriod:
    """The rule that a calendar period is of, out of its key."""
    read = _read(key)
    unit: CalendarUnit = next((fine for fine in _FROM_FINE_TO_COARSE if read[fine]), "year")
    anchor = Anchor(
        month=int(read["on_month"] or 1),
        day=int(read["on_day"] or 1),
        weekday=next((name for name in WEEKDAYS if name == read["weekday"]), "monday"),
        hour=int(read["on_hour"] or 0),
    )
    return CalendarPeriod(unit, read["timezone"] or "UTC", anchor)


def span_of(key: str) -> Span:
    """The period of that key, which must be one that `span_at` gave."""
    rule, read = rule_in(key), _read(key)
    if rule.unit == "hour":
        return _hour_of(key, read, rule.timezone)
    year = int(read["year"])
    if rule.unit == "week":
        return _span(rule, date.fromisocalendar(year, int(read["week"]), 1))
    if rule.unit == "quarter":
        return _span(rule, date(year, int(read["quarter"]) * 3 - 2, 1))
    return _span(rule, date(year, int(read["month"] or 1), int(read["day"] or 1)))


def _read(key: str) -> re.Match[str]:
    match = _KEY.fullmatch(key)
    assert match is not None, f"{key} is not the key of a calendar period"
    return match


def _hour(local: datetime, timezone: str, moment: int) -> Span:
    """Return the clock hour; a daylight saving change may make it longer or shorter.

    A repeated hour counts as two periods, which differ by their offset.
    """
    offset = local.utcoffset()
    assert offset is not None
    starts_at = moment - local.minute * 60 - local.second
    ends_at = starts_at + 3600
    shift = _offset_change(timezone, starts_at, ends_at)
    if shift is not None:
        starts_at, ends_at = (shift, ends_at) if moment >= shift else (starts_at, shift)
    key = f"{local:%Y-%m-%dT%H}" + ("" if timezone == "UTC" else _offset_text(offset))
    return Span(key + _zone_text(timezone), starts_at, ends_at)


def _hour_of(key: str, read: re.Match[str], timezone: str) -> Span:
    """An hour that a change of the clocks cuts short lacks its first or its last second."""
    written = f"{read['year']}-{read['month']}-{read['day']}T{read['hour']}"
    starts_at = int(datetime.fromisoformat(f"{written}:00{read['offset'] or 'Z'}").timestamp())
    for within in (starts_at, starts_at + 3599):
        span = span_at(CalendarPeriod("hour", timezone), within)
        if span.key == key:
            return span
    raise AssertionError(f"{key} is not the key of an hour")


def _offset_text(offset: timedelta) -> str:
    seconds = int(offset.total_seconds())
    hours, rest = divmod(abs(seconds), 3600)
    minutes, seconds_left = divmod(rest, 60)
    text = f"{'-' if seconds < 0 else '+'}{hours:02d}:{minutes:02d}"
    return text if not seconds_left else f"{text}:{seconds_left:02d}"


def _offset_change(timezone: str, start: int, end: int) -> int | None:
    """The moment in [start, end] at which the zone's offset changes, or None if it stays."""
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
