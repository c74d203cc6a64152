"""Exact amounts as whole billionths: integers never round and add up fast."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_CEILING, Context, Decimal
from functools import lru_cache

ONE = 10**9

_EXACT = Context(prec=120, rounding=ROUND_CEILING)

Units = Mapping[str, int]
"""Amounts by unit, in billionths."""


@lru_cache(maxsize=4096)
def parsed(value: Decimal | float | str) -> int:
    """Read an amount of spending; a tail beyond nine digits is rounded up.

    Raises ValueError for what is no finite decimal number.
    """
    number = value if isinstance(value, Decimal) else Decimal(str(value))
    if not number.is_finite():
        raise ValueError(f"an amount is a finite number, got {value!r}")
    return int(_EXACT.to_integral_value(number.scaleb(9, _EXACT)))


def units_of(amounts: Mapping[str, Decimal | int | float | str]) -> dict[str, int]:
    """Read amounts; raises ValueError for a negative one."""
    units = {}
    for unit, value in amounts.items():
        amount = parsed(value)
        if amount < 0:
            raise ValueError(f"amounts.{unit} is negative: {value}")
        units[unit] = amount
    return units


def texts_of(units: Units) -> dict[str, str]:
    """Write amounts as the API takes them."""
    return {unit: text_of(amount) for unit, amount in units.items()}


def text_of(amount: int) -> str:
    """Write an amount in plain notation without trailing zeros."""
    whole, fraction = divmod(abs(amount), ONE)
    sign = "-" if amount < 0 else ""
    tail = f".{fraction:09d}".rstrip("0") if fraction else ""
    return f"{sign}{whole}{tail}"


def add(total: dict[str, int], more: Units) -> None:
    """Add amounts to a total."""
    for unit, amount in more.items():
        total[unit] = total.get(unit, 0) + amount


def fits(asked: Units, room: Units) -> bool:
    """Whether there is room for what is asked; an amount of 0 always fits."""
    return all(not amount or amount <= room.get(unit, 0) for unit, amount in asked.items())
