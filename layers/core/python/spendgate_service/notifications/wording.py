"""Parts of sentences: amounts, periods, moments, and texts that others have chosen."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from spendgate_service.domain.calendar import NO_ANCHOR, CalendarPeriod
from spendgate_service.domain.periods import (
    DurationPeriod,
    RollingPeriod,
    rule_of,
    window_text,
)

QUOTED_LENGTH_MAX = 140
SHOWN_ID_MAX = 60

_PLAIN_ID = re.compile(rf"[A-Za-z0-9_.@/:-]{{1,{SHOWN_ID_MAX}}}")
_NOT_SHOWN = re.compile(r"[^\S ]|[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")
_QUARTERS = ("first", "second", "third", "fourth")
_UNITS = {"s": "second", "m": "minute", "h": "hour", "d": "day", "w": "week"}
_WEEK = timedelta(days=7)


def quoted(text: str, *, length_max: int = QUOTED_LENGTH_MAX) -> str:
    """Write a text that others have chosen: on one line, cut, in quotation marks."""
    line = " ".join(_NOT_SHOWN.sub(" ", text).replace('"', "'").split())
    return f'"{line[: length_max - 1]}…"' if len(line) > length_max else f'"{line}"'


def id_text(text: str) -> str:
    """Write an id that others have chosen: as it is where it is plain, else quoted and cut."""
    return text if _PLAIN_ID.fullmatch(text) else quoted(text, length_max=SHOWN_ID_MAX)


def subject_text(subject: str) -> str:
    """Write a subject as people say it: `agent researcher`, `every agent` for a default."""
    kind, _, name = subject.partition(":")
    words = kind.replace("_", " ")
    return f"every {words}" if name == "*" else f"{words} {id_text(name)}"


def amount_text(amount: str | Decimal, unit: str) -> str:
    """Write an amount for people: `8.50 usd`, `10 usd`; a long fraction is cut to four digits."""
    value = Decimal(amount)
    cut = value if abs(value) < Decimal("0.01") else value.quantize(Decimal("0.0001"))
    text = format(cut.normalize(), "f")
    _, point, fraction = text.partition(".")
    return f"{text}0 {unit}" if point and len(fraction) == 1 else f"{text} {unit}"


def length_text(seconds: int) -> str:
    """Write the length of a window: `5 hours`, `1 day`."""
    text = window_text(seconds)
    word = _UNITS[text[-1]]
    return f"{text[:-1]} {word}" if text == f"1{text[-1]}" else f"{text[:-1]} {word}s"


def amounts_text(amounts: Mapping[str, str]) -> str:
    """Write amounts in several units: `5 usd and 200 tokens`."""
    return " and ".join(amount_text(amount, unit) for unit, amount in amounts.items()) or "nothing"


@dataclass(frozen=True, slots=True)
class When:
    """Writes moments as people say them at the time of an event, in the budget's time zone."""

    now: datetime
    zone: tzinfo = UTC

    @classmethod
    def at(cls, moment: str, period_key: str | None = None) -> "When":
        """Return the writer of an event's moments; a period of the calendar has a time zone."""
        rule = None if period_key is None else rule_of(period_key)
        zone = ZoneInfo(rule.timezone) if isinstance(rule, CalendarPeriod) else UTC
        return cls(datetime.fromisoformat(moment).astimezone(zone), zone)

    def text(self, moment: str) -> str:
        """Write a moment: `today at 15:40`, `on Thursday`, `on 12 December`."""
        then = datetime.fromisoformat(moment).astimezone(self.zone)
        if then.date() == self.now.date():
            return f"today at {then:%H:%M} {then:%Z}"
        if timedelta(0) < then - self.now < _WEEK and then.date() < (self.now + _WEEK).date():
            return f"on {then:%A}"
        return f"on {self.date_text(then)}"

    def date_text(self, then: datetime) -> str:
        """Write a date: `12 December`, with the year where it is another one."""
        return f"{then.day} {then:%B}" + (f" {then.year}" if then.year != self.now.year else "")

    def period_text(self, period: Mapping[str, Any]) -> str:
        """Write a period to follow an amount: ` for November`; nothing where there is none."""
        rule = rule_of(str(period["key"]))
        match rule:
            case CalendarPeriod():
                starts_at = datetime.fromisoformat(period["starts_at"]).astimezone(self.zone)
                return f" for {self._calendar_text(rule, starts_at)}"
            case DurationPeriod():
                starts_at = datetime.fromisoformat(period["starts_at"]).astimezone(self.zone)
                started = f"{starts_at:%H:%M} UTC on {self.date_text(starts_at)}"
                return f" for the {length_text(rule.seconds)} from {started}"
            case RollingPeriod():
                return f" for any {length_text(rule.seconds)}"
        return ""

    def _calendar_text(self, rule: CalendarPeriod, starts_at: datetime) -> str:
        date = self.date_text(starts_at)
        year = "" if starts_at.year == self.now.year else f" {starts_at.year}"
        match rule.unit:
            case "hour":
                return f"the hour from {starts_at:%H:%M} {starts_at:%Z} on {date}"
            case "day":
                return date
            case "week":
                return f"the week of {date}"
        if rule.anchor != NO_ANCHOR:
            return f"the {rule.unit} from {date}"
        names = {
            "month": f"{starts_at:%B}{year}",
            "quarter": f"the {_QUARTERS[(starts_at.month - 1) // 3]} quarter{year}",
            "year": str(starts_at.year),
        }
        return names[rule.unit]
