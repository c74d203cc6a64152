"""The index of a budget's counters, and the counters of one subject.

The subjects of a default are found by this index, which is spread over partitions by subject: the
list goes through them one after another. A subject has a row for each of its periods and is taken
at its first one, so that it is taken once. The index follows the table within moments: a counter
that was created just now may be missing.
"""

from collections.abc import Iterator
from typing import Any

from spendgate_service.domain.subjects import Subject
from spendgate_service.store import keys, values
from spendgate_service.store.client import Table
from spendgate_service.store.values import Item

BUDGET_INDEX = "by_budget"
COUNTERS_OF_ONE_BUDGET = "budget_ref = :budget_ref"
COUNTERS_OF_SOME_PERIODS = "budget_ref = :budget_ref AND sk BETWEEN :first AND :last"
COUNTERS_OF_ONE_SUBJECT = "pk = :pk AND begins_with(sk, :period)"

type Row = tuple[str, Subject]
"""A counter as the index lists it: the key of its period, and its subject."""

_COUNTERS_AT_A_TIME = 100

_NEXT = "\0"
"""Appended to a text, it gives the next one in the order of keys."""


def counters_listed(
    table: Table,
    tenant_id: str,
    budget_id: str,
    *,
    after: Row | None = None,
    page_size: int = _COUNTERS_AT_A_TIME,
) -> Iterator[Row]:
    """Yield the counters of a budget in the order of the index, page by page."""
    for shard in range(_shard_of(after), keys.BUDGET_SHARDS):
        yield from _rows(
            table, tenant_id, budget_id, shard, after, COUNTERS_OF_ONE_BUDGET, {}, Limit=page_size
        )
        after = None


def counters_between(
    table: Table,
    tenant_id: str,
    budget_id: str,
    first: str,
    last: str,
    *,
    after: Row | None = None,
) -> Iterator[Row]:
    """Yield the counters of a budget whose period's key lies between two, both included.

    `after` may lie outside of them: a page is continued when the period of the one before has
    ended. DynamoDB rejects such a place, and its local engine one on the upper bound as well.
    """
    if after is not None and after[0] < first:
        after = None
    between = {
        ":first": values.text(keys.PERIOD_PREFIX + first),
        ":last": values.text(keys.PERIOD_PREFIX + last + _NEXT),
    }
    for shard in range(_shard_of(after), keys.BUDGET_SHARDS):
        if after is None or after[0] <= last:
            yield from _rows(
                table, tenant_id, budget_id, shard, after, COUNTERS_OF_SOME_PERIODS, between
            )
        after = None


def _shard_of(after: Row | None) -> int:
    """Return the partition of the index in which a list goes on."""
    return 0 if after is None else keys.budget_shard_of(after[1])


def _rows(
    table: Table,
    tenant_id: str,
    budget_id: str,
    shard: int,
    after: Row | None,
    condition: str,
    bounds: Item,
    **arguments: Any,
) -> Iterator[Row]:
    """Yield the rows of a partition of the index that meet a condition with its `bounds`."""
    budget_ref = values.text(keys.budget_ref(tenant_id, budget_id, shard))
    if after is not None:
        period_key, subject = after
        key = keys.counter_key(tenant_id, budget_id, subject, period_key)
        arguments["ExclusiveStartKey"] = {**values.key(key), "budget_ref": budget_ref}
    found = table.query_items(
        IndexName=BUDGET_INDEX,
        KeyConditionExpression=condition,
        ExpressionAttributeValues={":budget_ref": budget_ref, **bounds},
        **arguments,
    )
    for item in found:
        _, _, subject = keys.read_counter_partition(item["pk"]["S"])
        yield _period_key(item), subject


def first_period(table: Table, tenant_id: str, budget_id: str, subject: Subject) -> str | None:
    """Return the period of a subject's first counter. Half a read unit, one if it is large."""
    partition = keys.counter_partition(tenant_id, budget_id, subject)
    page = table.query(**counters_of(partition), Limit=1)
    return next((_period_key(item) for item in page["Items"]), None)


def earlier_periods(
    table: Table, tenant_id: str, budget_id: str, subject: Subject, period_key: str
) -> Iterator[str]:
    """Yield the periods of a subject's counters before one of them, the nearest first.

    A read unit for the nearest; one more call if the caller takes more than that.
    """
    key = keys.counter_key(tenant_id, budget_id, subject, period_key)
    backwards = {
        **counters_of(key[0]),
        "ScanIndexForward": False,
        "ExclusiveStartKey": values.key(key),
    }
    nearest = table.query(**backwards, Limit=1)
    yield from map(_period_key, nearest["Items"])
    if "LastEvaluatedKey" in nearest:
        backwards["ExclusiveStartKey"] = nearest["LastEvaluatedKey"]
        yield from map(_period_key, table.query_items(**backwards))


def counters_of(partition: str) -> dict[str, Any]:
    """Build the query for the counters of one budget and subject."""
    return {
        "KeyConditionExpression": COUNTERS_OF_ONE_SUBJECT,
        "ExpressionAttributeValues": {
            ":pk": values.text(partition),
            ":period": values.text(keys.PERIOD_PREFIX),
        },
        "ConsistentRead": True,
    }


def _period_key(item: Item) -> str:
    return keys.period_key_of(item["sk"]["S"])
