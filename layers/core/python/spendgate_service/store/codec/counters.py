"""Counters as items."""

from collections.abc import Mapping

from spendgate_service.domain.amounts import Amount
from spendgate_service.domain.counters import Counter
from spendgate_service.store.errors import Item
from spendgate_service.store.values import read_amount, read_number

HOLD_PREFIX = "h"
"""A counter's attribute `h<moment>` is the sum of the holds that expire at that moment."""

SLICE_PREFIX = "w"
"""`w<moment>` is what was spent in the slice of a rolling window that leaves it at that moment."""


def hold_attribute(bucket: int) -> str:
    """The attribute of a counter that keeps one bucket of holds."""
    return f"{HOLD_PREFIX}{bucket}"


def slice_attribute(leaves_at: int) -> str:
    """The attribute of a counter that keeps one slice of a rolling window."""
    return f"{SLICE_PREFIX}{leaves_at}"


def read_counter(item: Item) -> Counter:
    """A counter's balances."""
    return Counter(
        limit=read_amount(item["limit_amount"]),
        spent=read_amount(item["spent"]),
        available=read_amount(item["available"]),
        version=read_number(item["version"]),
        holds=_buckets(item, HOLD_PREFIX),
        slices=_buckets(item, SLICE_PREFIX),
        spent_ever=read_amount(item["spent_ever"]) if "spent_ever" in item else None,
        carried_in=read_amount(item["carried_in"]) if "carried_in" in item else 0,
        carried_out=read_amount(item["carried_out"]) if "carried_out" in item else 0,
    )


def _buckets(item: Item, prefix: str) -> Mapping[int, Amount]:
    return {
        int(name[1:]): read_amount(value)
        for name, value in item.items()
        if name[0] == prefix and name[1:].isdecimal()
    }
