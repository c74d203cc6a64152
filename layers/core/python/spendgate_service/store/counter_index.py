"""The index of a budget's counters, by which the subjects of a default are found.

A subject is met once for each of its periods; it is taken where its first counter comes up, so
that each is taken once. The index follows within moments: a counter created just now may be
missing.
"""

from collections.abc import Iterator
from typing import Any

from spendgate_service.domain.subjects import Subject
from spendgate_service.store import keys, values
from spendgate_service.store.client import Table
from spendgate_service.store.values import Item

BUDGET_INDEX = "by_budget"
COUNTERS_OF_ONE_SUBJECT = "pk = :pk AND begins_with(sk, :period)"
COUNTERS_OF_ONE_BUDGET = "budget_ref = :budget_ref"

type Row = tuple[str, Subject]
"""A counter as the index lists it: its period's key, and whose it is."""

_PAGE_SIZE = 100


def counters_listed(
    table: Table,
    tenant_id: str,
    budget_id: str,
    *,
    after: Row | None = None,
    page_size: int = _PAGE_SIZE,
) -> Iterator[Row]:
    """The counters of a budget in the order of the index, one page of it after the other."""
    budget_ref = values.text(keys.budget_ref(tenant_id, budget_id))
    start: dict[str, Item] = {}
    if after is not None:
        period_key, subject = after
        key = keys.counter_key(tenant_id, budget_id, subject, period_key)
        start["ExclusiveStartKey"] = {**values.key(key), "budget_ref": budget_ref}
    found = table.query_items(
        IndexName=BUDGET_INDEX,
        KeyConditionExpression=COUNTERS_OF_ONE_BUDGET,
        ExpressionAttributeValues={":budget_ref": budget_ref},
        Limit=page_size,
        **start,
    )
    for item in found:
        _, _, subject = keys.read_counter_partition(item["pk"]["S"])
        yield _period_key(item), subject


def first_period(table: Table, tenant_id: str, budget_id: str, subject: Subject) -> str | None:
    """The period of a subject's first counter. Half a read unit, one if it is large."""
    partition = keys.counter_partition(tenant_id, budget_id, subject)
    answer = table.query(**counters_of(partition), Limit=1)
    return next((_period_key(item) for item in answer["Items"]), None)


def earlier_periods(
    table: Table, tenant_id: str, budget_id: str, subject: Subject, period_key: str
) -> Iterator[str]:
    """The periods of a subject's counters that come before one in the index, the nearest first.

    A read unit for the nearest, and one more call if that is not enough.
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
    """The query for the counters of one budget and subject."""
    return {
        "KeyConditionExpression": COUNTERS_OF_ONE_SUBJECT,
        "ExpressionAttributeValues": {
            ":pk": values.text(partition),
            ":period": values.text(keys.PERIOD_PREFIX),
        },
        "ConsistentRead": True,
    }


def _period_key(item: Item) -> str:
    return str(item["sk"]["S"]).removeprefix(keys.PERIOD_PREFIX)
