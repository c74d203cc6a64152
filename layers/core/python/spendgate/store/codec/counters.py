"""Counters as items."""

from spendgate.domain.counters import Counter
from spendgate.store.errors import Item
from spendgate.store.items import read_amount, read_number

HOLD_PREFIX = "h"
"""A counter's attribute `h<bucket>` is the sum of the holds that expire at `<bucket>`."""


def hold_attribute(bucket: int) -> str:
    """The attribute of a counter that keeps one bucket."""
    return f"{HOLD_PREFIX}{bucket}"


def read_counter(item: Item) -> Counter:
    """A counter's balances."""
    return Counter(
        limit=read_amount(item["limit_amount"]),
        spent=read_amount(item["spent"]),
        available=read_amount(item["available"]),
        version=read_number(item["version"]),
        holds={
            int(name[1:]): read_amount(value)
            for name, value in item.items()
            if name[0] == HOLD_PREFIX and name[1:].isdecimal()
        },
    )
