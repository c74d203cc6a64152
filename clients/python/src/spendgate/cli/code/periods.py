"""Periods as the service compares them: `5h` is 18,000 seconds, no time zone is UTC."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo

CALENDAR_UNITS = ("hour", "day", "week", "month", "quarter", "year")
WINDOW_SECONDS_MAX = 366 * 86_400

_ANCHOR_FIELDS: Mapping[str, frozenset[str]] = {
    "hour": frozenset(),
    "day": frozenset({"hour"}),
    "week": frozenset({"weekday", "hour"}),
    "month": frozenset({"day", "hour"}),
    "quarter": frozenset({"month", "day", "hour"}),
    "year": frozenset({"month", "day", "hour"}),
}
_ANCHOR_DEFAULTS = {"month": 1, "day": 1, "weekday": "monday", "hour": 0}
_SPELLINGS = {
    1: ("", "s", "sec", "secs", "second", "seconds"),
    60: ("m", "min", "mins", "minute", "minutes"),
    3_600: ("h", "hr", "hrs", "hour", "hours"),
    86_400: ("d", "day", "days"),
    604_800: ("w", "wk", "wks", "week", "weeks"),
}
_SECONDS_OF = {
    spelling: seconds for seconds, spellings in _SPELLINGS.items() for spelling in spellings
}
_WINDOW = re.compile(r"([1-9][0-9]{0,8})\s*([a-z]*)")
_UNITS = ((604_800, "w"), (86_400, "d"), (3_600, "h"), (60, "m"), (1, "s"))


def window_seconds(text: str) -> int:
    """The length of a window such as `5h` or `30 min`. Raises ValueError."""
    match = _WINDOW.fullmatch(text.strip().lower())
    if match is None or match[2] not in _SECONDS_OF:
        raise ValueError(f"{text!r} is no length: write 30 min, 5h, 7d or 2w")
    seconds = int(match[1]) * _SECONDS_OF[match[2]]
    if seconds > WINDOW_SECONDS_MAX:
        raise ValueError(f"{text!r} is longer than a year (366d)")
    return seconds


def window_text(seconds: int) -> str:
    """A length in the largest unit that divides it."""
    size, unit = next((size, unit) for size, unit in _UNITS if seconds % size == 0)
    return f"{seconds // size}{unit}"


def period_of(text: str, timezone: str | None = None) -> dict[str, Any]:
    """A period that is written shortly: `month`, `none`, `5h`, `rolling:5h`, or JSON.

    Raises ValueError.
    """
    if text.startswith("{"):
        period: dict[str, Any] = json.loads(text)
        return period
    if text == "none":
        return {"type": "none"}
    if text in CALENDAR_UNITS:
        zone = {"timezone": timezone} if timezone else {}
        return {"type": "calendar", "unit": text, **zone}
    if timezone is not None:
        raise ValueError("only periods of the calendar have a time zone")
    kind, separator, window = text.rpartition(":")
    if (kind if separator else "duration") not in ("duration", "rolling"):
        raise ValueError(f"{text!r} is no period: write month, 5h, rolling:5h or none")
    window_seconds(window)
    return {"type": kind or "duration", "window": window}


def check_anchor(unit: str, anchor: Mapping[str, Any]) -> None:
    """Raise ValueError where an anchor says what periods of the unit do not have."""
    for name in anchor:
        if name not in _ANCHOR_FIELDS[unit]:
            takes = " and ".join(sorted(_ANCHOR_FIELDS[unit])) or "no anchor"
            raise ValueError(f"a period of unit {unit} takes {takes}, not {name}")
    if unit == "quarter" and anchor.get("month", 1) > 3:
        raise ValueError("the month of a quarter's anchor is 1, 2 or 3")


def check_timezone(name: str) -> str:
    """Return the name of a time zone. Raises ValueError if there is none of that name."""
    try:
        ZoneInfo(name)
    except (KeyError, OSError, ValueError):
        raise ValueError(f"{name} is not the name of an IANA time zone") from None
    return name


def normal(period: Mapping[str, Any]) -> dict[str, Any]:
    """A period in the one form in which two equal periods are equal."""
    kind = period["type"]
    if kind == "none":
        return {"type": "none"}
    if kind != "calendar":
        window = period.get("window")
        seconds = window_seconds(window) if window is not None else period["seconds"]
        return {"type": kind, "window": window_text(seconds)}
    unit = period["unit"]
    result = {"type": kind, "unit": unit, "timezone": period.get("timezone") or "UTC"}
    anchor = {
        name: value
        for name, value in (period.get("anchor") or {}).items()
        if value is not None and value != _ANCHOR_DEFAULTS[name]
    }
    return {**result, "anchor": anchor} if anchor else result
