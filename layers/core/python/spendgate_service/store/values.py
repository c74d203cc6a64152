"""DynamoDB's typed values to and from ours.

Amounts are stored as decimal numbers in their unit, so that the table can be read by people;
DynamoDB keeps 38 digits, an amount has at most 27.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from spendgate_service.domain.amounts import FRACTION_DIGITS_MAX, Amount, amount_text
from spendgate_service.domain.errors import SpendgateError
from spendgate_service.store.errors import Item

type Value = dict[str, Any]

UNREADABLE = (
    AssertionError,
    AttributeError,
    LookupError,
    SpendgateError,
    TypeError,
    ValueError,
)
"""What comes of an item that says something else than we ever write."""


def text(value: str) -> Value:
    """A string attribute."""
    return {"S": value}


def number(value: int) -> Value:
    """A whole number attribute: a version, a moment, a count."""
    return {"N": str(value)}


def amount(value: Amount) -> Value:
    """An amount attribute."""
    return {"N": amount_text(value)}


def amounts(values: Mapping[str, Amount]) -> Value:
    """A map of amounts by unit."""
    return {"M": {unit: amount(value) for unit, value in values.items()}}


def optional_text(**attributes: str | None) -> Item:
    """String attributes, those that have a value."""
    return {name: text(value) for name, value in attributes.items() if value is not None}


def key(pk_and_sk: tuple[str, str]) -> Item:
    """The primary key of an item."""
    return {"pk": {"S": pk_and_sk[0]}, "sk": {"S": pk_and_sk[1]}}


def read_number(value: Value) -> int:
    """A whole number as stored by `number`."""
    return int(value["N"])


def read_amount(value: Value) -> Amount:
    """An amount as stored by `amount`, in whatever notation the engine gives it back."""
    written: str = value["N"]
    if "E" in written or "e" in written:
        written = format(Decimal(written), "f")
    whole, _, fraction = written.partition(".")
    return int(whole + fraction.ljust(FRACTION_DIGITS_MAX, "0"))


def read_amounts(value: Value) -> dict[str, Amount]:
    """A map of amounts by unit."""
    return {unit: read_amount(one) for unit, one in value["M"].items()}


def read_text(item: Item, name: str) -> str | None:
    """A string attribute that need not be there."""
    value = item.get(name)
    return None if value is None else str(value["S"])
