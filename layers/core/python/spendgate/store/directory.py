"""Partitions that list things: budgets, keys, tenants, each under its id."""

import re

from spendgate.store import items
from spendgate.store.errors import Item
from spendgate.store.pages import Wanted
from spendgate.store.table import Table

LISTED_AFTER = "pk = :pk AND sk > :after"

_BEFORE_ALL_IDS = " "


def start_of(wanted: Wanted, pattern: re.Pattern[str]) -> str:
    """The id after which a page begins. Raises InvalidValue for a cursor of another list."""
    position = wanted.position(pattern)
    return position[0] if position else _BEFORE_ALL_IDS


def listed(table: Table, partition: str, wanted: Wanted, *, pattern: re.Pattern[str]) -> list[Item]:
    """The items of a page in the order of their ids, and one more if the list goes on."""
    answer = table.query(
        KeyConditionExpression=LISTED_AFTER,
        ExpressionAttributeValues={
            ":pk": items.text(partition),
            ":after": items.text(start_of(wanted, pattern)),
        },
        Limit=wanted.limit + 1,
        ConsistentRead=True,
    )
    found: list[Item] = answer["Items"]
    return found
