"""The index of due counters: those whose period has an end, until it is closed.

Pending increase requests are in it as well, in a shard of their own (`store.increase_requests`);
so are tenants, by when their usage is rolled up next (`store.rollups`), and reservations that are
charged when they expire (`store.reservations`).

A counter is listed by its attribute `due_shard` and leaves the index by losing it. One that is
closed while something is still held goes to the shards that wait. The update that closes a counter
is here as well, since it takes the counter out of the index.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from spendgate_service.domain.amounts import Amount
from spendgate_service.store import keys, values
from spendgate_service.store.client import Table
from spendgate_service.store.values import Item, Value

DUE_INDEX = "due"
_PAGE_SIZE = 100

IS_DUE = "due_shard = :due_shard AND ends_at <= :now"

# Closing a period: the statement says what the counter says at that moment. The terms of carrying
# over are those of the first closing, however the budget changes. What is available alone could
# be the same again after two changes; with the other three it cannot, since holds and credits are
# over when a period is closed.
_CLOSED = (
    "SET statement_revision = :revision, terms = :terms, available = available - :carried, "
    "carried_out = if_not_exists(carried_out, :zero) + :carried"
)
CLOSE = f"{_CLOSED} REMOVE due_shard"
CLOSE_FOR_NOW = f"{_CLOSED}, due_shard = :waiting_shard"
IS_NO_LONGER_DUE = "REMOVE due_shard"
_IS_DUE_AS_SEEN = "spent = :spent AND available = :available AND limit_amount = :limit"
IS_DUE_AS_SEEN = f"{_IS_DUE_AS_SEEN} AND carried_in = :carried_in"
IS_DUE_AS_SEEN_AND_NOTHING_CAME_IN = f"{_IS_DUE_AS_SEEN} AND attribute_not_exists(carried_in)"


def due_keys(table: Table, shard: str, *, now_ms: int) -> Iterator[list[Item]]:
    """Yield pages of the keys of what has ended in a shard, the oldest first."""
    pages = table.query_pages(
        IndexName=DUE_INDEX,
        KeyConditionExpression=IS_DUE,
        ExpressionAttributeValues={
            ":due_shard": values.text(shard),
            ":now": values.number(now_ms // 1000),
        },
        Limit=_PAGE_SIZE,
    )
    for page in pages:
        yield [{"pk": entry["pk"], "sk": entry["sk"]} for entry in page]


def is_listed(item: Item) -> bool:
    """Tell whether a counter is still to be closed, maybe once more."""
    return "due_shard" in item


def closing(
    table_name: str, item: Item, *, revision: int, terms: Value, carried: Amount, is_final: bool
) -> dict[str, Any]:
    """Make the write that closes a counter as it was read; it waits for its holds if not final."""
    attribute_values = {
        ":revision": values.number(revision),
        ":terms": terms,
        ":carried": values.amount(carried),
        ":zero": values.number(0),
    }
    if is_final:
        return _counter_write(table_name, item, CLOSE, attribute_values)
    attribute_values[":waiting_shard"] = values.text(keys.waiting_shard_of(keys.read_key(item)))
    return _counter_write(table_name, item, CLOSE_FOR_NOW, attribute_values)


def unlisting(table_name: str, item: Item) -> dict[str, Any]:
    """Make the write that takes a counter out of the index and changes nothing else."""
    return _counter_write(table_name, item, IS_NO_LONGER_DUE, {})


def _counter_write(
    table_name: str, item: Item, expression: str, attribute_values: Mapping[str, Any]
) -> dict[str, Any]:
    condition = IS_DUE_AS_SEEN_AND_NOTHING_CAME_IN
    seen = {
        ":spent": item["spent"],
        ":available": item["available"],
        ":limit": item["limit_amount"],
    }
    if "carried_in" in item:
        condition = IS_DUE_AS_SEEN
        seen[":carried_in"] = item["carried_in"]
    return {
        "Update": {
            "TableName": table_name,
            "Key": values.key(keys.read_key(item)),
            "UpdateExpression": expression,
            "ConditionExpression": condition,
            "ExpressionAttributeValues": {**seen, **attribute_values},
        }
    }
