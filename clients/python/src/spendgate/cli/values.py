"""Amounts, times and bars as text."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from spendgate._durations import about

BAR_WIDTH = 20
_BLOCKS = ("\N{FULL BLOCK}", "\N{MEDIUM SHADE}", "\N{LIGHT SHADE}")
_ASCII = ("#", "=", ".")
_PERCENT = Decimal(100)


def amount(value: object) -> str:
    """An amount without trailing zeros, never in scientific notation; nothing is `-`."""
    if value is None:
        return "-"
    if not isinstance(value, Decimal):
        return str(value)
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def moment(value: object) -> str:
    """A time in UTC to the second."""
    if not isinstance(value, datetime):
        return "-"
    return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def until(seconds: float | None) -> str:
    """How long from now: `13 hours`."""
    return "-" if seconds is None else about(seconds)


def share(part: Decimal, whole: Decimal) -> Decimal:
    """What part of a whole something is, between 0 and 1; of nothing, everything is used."""
    if whole <= 0:
        return Decimal(1)
    return min(Decimal(1), max(Decimal(0), part / whole))


def percent(fraction: Decimal) -> str:
    """A share as per cent."""
    return f"{fraction * _PERCENT:.0f}%"


def draws_blocks(encoding: str | None) -> bool:
    """Whether a stream of that encoding can show block characters."""
    return "utf" in (encoding or "").lower()


def bar(spent: Decimal, held: Decimal = Decimal(0), *, width: int = BAR_WIDTH) -> str:
    """A bar of what is spent, held and left, from shares of the whole."""
    full, waiting, empty = _BLOCKS if draws_blocks(sys.stdout.encoding) else _ASCII
    filled = min(width, round(spent * width))
    held_width = min(width - filled, round(held * width))
    return full * filled + waiting * held_width + empty * (width - filled - held_width)


def shown(field: str, value: Any) -> str:
    """The value of a field in one line."""
    if value is None:
        return "none"
    if field == "period":
        return period_text(value)
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def period_text(period: Mapping[str, Any]) -> str:
    """A rule of periods in a few words: `month Europe/Paris`, `rolling 5h`."""
    kind = period["type"]
    if kind == "none":
        return "none"
    if kind != "calendar":
        window = period.get("window") or f"{period['seconds']}s"
        return f"{kind} {window}"
    words = [str(period["unit"])]
    if period.get("timezone", "UTC") != "UTC":
        words.append(str(period["timezone"]))
    if "anchor" in period:
        words.append("(" + ", ".join(f"{k} {v}" for k, v in period["anchor"].items()) + ")")
    return " ".join(words)
