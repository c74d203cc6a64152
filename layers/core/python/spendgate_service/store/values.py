"""DynamoDB's typed attribute values to and from Python's.

Amounts are stored as decimal numbers in their unit, so that people can read the table;
DynamoDB keeps 38 digits, an amount has at most 27.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from spendgate_service.domain.amounts import FRACTION_DIGITS_MAX, Amount, amount_text
from spendgate_service.domain.errors import SpendgateError

type Value = dict[str, Any]
"""One attribute's value, such as `{"N": "1"}`."""

type Item = dict[str, Value]
"""Attributes by name: an item, its key, or the values of an expression."""

UNREADABLE = (
    AssertionError,
    AttributeError,
    LookupError,
    SpendgateError,
    TypeError,
    ValueError,
)
"""The exceptions of reading an item that this service never writes in that form."""


def text(value: str) -> Value:
    """Make a string attribute."""
    return {"S": value}


def number(value: int) -> Value:
    """Make a whole number attribute: a version, a moment, a count."""
    return {"N": str(value)}


def amount(value: Amount) -> Value:
    """Make an amount attribute."""
    return {"N": amount_text(value)}


def amounts(values: Mapping[str, Amount]) -> Value:
    """Make a map of amounts by unit."""
    return {"M": {unit: amount(value) for unit, value in values.items()}}


def optional_text(**attributes: str | None) -> Item:
    """Make string attributes of the arguments that are not None."""
    return {name: text(value) for name, value in attributes.items() if value is not None}


def optional_number(**attributes: int | None) -> Item:
    """Make number attributes of the arguments that are not None."""
    return {name: number(value) for name, value in attributes.items() if value is not None}


def key(pk_and_sk: tuple[str, str]) -> Item:
    """Make the primary key of an item."""
    return {"pk": {"S": pk_and_sk[0]}, "sk": {"S": pk_and_sk[1]}}


def read_number(value: Value) -> int:
    """Read a whole number as stored by `number`."""
    return int(value["N"])


def read_optional_number(item: Item, name: str) -> int | None:
    """Read a whole number; None if the attribute is absent."""
    value = item.get(name)
    return None if value is None else read_number(value)


def read_amount(value: Value) -> Amount:
    """Read an amount as stored by `amount`, also in exponent notation, which engines may return."""
    return read_amount_text(value["N"])


def read_amount_text(written: str) -> Amount:
    """Read a stored amount, which may be larger than the largest one that a caller can send."""
    if "E" in written or "e" in written:
        written = format(Decimal(written), "f")
    whole, _, fraction = written.partition(".")
    return int(whole + fraction.ljust(FRACTION_DIGITS_MAX, "0"))


def read_optional_amount(item: Item, name: str) -> Amount | None:
    """Read an amount; None if the attribute is absent."""
    value = item.get(name)
    return None if value is None else read_amount(value)


def read_amounts(value: Value) -> dict[str, Amount]:
    """Read a map of amounts by unit."""
    return {unit: read_amount(amount_value) for unit, amount_value in value["M"].items()}


def read_text(item: Item, name: str) -> str | None:
    """Read a string; None if the attribute is absent."""
    value = item.get(name)
    return None if value is None else str(value["S"])
