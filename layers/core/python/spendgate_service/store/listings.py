"""Lists: of budgets, API keys and tenants, each by id, and of the counters of a budget.

A deleted budget moves to the list of deleted budgets, so that its ledger stays readable.

The subjects of a default are found by an index of its counters. A subject has a row for each of its
periods and is taken at its first one, so that it is taken once. The index follows the table within
moments: a counter that was created just now may be missing.
"""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from spendgate_service.domain.budgets import Budget
from spendgate_service.domain.errors import NotFound
from spendgate_service.domain.subjects import Subject, parse_subject
from spendgate_service.store import keys, values
from spendgate_service.store.client import Table
from spendgate_service.store.paging import PageRequest
from spendgate_service.store.values import Item

LISTED_AFTER = "pk = :pk AND sk > :after"

BUDGET_INDEX = "by_budget"
COUNTERS_OF_ONE_BUDGET = "budget_ref = :budget_ref"
COUNTERS_OF_SOME_PERIODS = "budget_ref = :budget_ref AND sk BETWEEN :first AND :last"
COUNTERS_OF_ONE_SUBJECT = "pk = :pk AND begins_with(sk, :period)"

type Row = tuple[str, Subject]
"""A counter as the index lists it: the key of its period, and its subject."""

_BEFORE_ALL_IDS = " "
_BUDGETS_AT_A_TIME = 100
_COUNTERS_AT_A_TIME = 100


def start_of(page_request: PageRequest, pattern: re.Pattern[str]) -> str:
    """Return the id after which a page begins. Raises InvalidValue for a cursor of another list."""
    position = page_request.position(pattern)
    return position[0] if position else _BEFORE_ALL_IDS


def listed(
    table: Table, partition: str, page_request: PageRequest, *, pattern: re.Pattern[str]
) -> list[Item]:
    """Read the items of a page in the order of their ids, and one more if the list goes on."""
    return _after(table, partition, start_of(page_request, pattern), limit=page_request.limit + 1)


def _after(table: Table, partition: str, after: str, *, limit: int) -> list[Item]:
    found = table.query_items(
        KeyConditionExpression=LISTED_AFTER,
        ExpressionAttributeValues={":pk": values.text(partition), ":after": values.text(after)},
        Limit=limit,
        ConsistentRead=True,
    )
    return list(islice(found, limit))


@dataclass(frozen=True, slots=True)
class ListedBudget:
    """A budget as the lists have it; `unit` is set for deleted budgets only."""

    budget_id: str
    subject: Subject
    unit: str | None = None


def find_listed(table: Table, tenant_id: str, budget_id: str) -> ListedBudget:
    """Read the row of a budget, deleted or not, consistently. Raises NotFound."""
    places = (
        keys.budget_directory_key(tenant_id, budget_id),
        keys.deleted_budget_key(tenant_id, budget_id),
    )
    found = table.get_many(map(values.key, places), consistent=True)
    if not found:
        raise NotFound("budget", budget_id)
    return _listed_budget(found[0])


def find_listed_many(
    table: Table, budgets: Collection[tuple[str, str]]
) -> dict[tuple[str, str], ListedBudget]:
    """Read the rows of budgets, deleted or not, by tenant and id."""
    places = {
        key: budget
        for budget in budgets
        for key in (keys.budget_directory_key(*budget), keys.deleted_budget_key(*budget))
    }
    return {
        places[keys.read_key(item)]: _listed_budget(item)
        for item in table.get_many(map(values.key, places))
    }


def budgets_ever(table: Table, tenant_id: str, *, after: str = "") -> Iterator[ListedBudget]:
    """Yield every budget of a tenant, deleted or not, by id.

    A budget that is deleted meanwhile is yielded once: the deleted budgets are read last. Two reads
    per 100 budgets.
    """
    while True:
        live = _after(
            table, keys.budget_directory_partition(tenant_id), after or _BEFORE_ALL_IDS,
            limit=_BUDGETS_AT_A_TIME,
        )  # fmt: skip
        deleted = _after(
            table, keys.deleted_budgets_partition(tenant_id), after or _BEFORE_ALL_IDS,
            limit=_BUDGETS_AT_A_TIME,
        )  # fmt: skip
        by_id = {item["sk"]["S"]: item for item in (*live, *deleted)}
        complete = sorted(by_id)[:_BUDGETS_AT_A_TIME]
        yield from (_listed_budget(by_id[budget_id]) for budget_id in complete)
        if len(complete) < _BUDGETS_AT_A_TIME:
            return
        after = complete[-1]


def _listed_budget(item: Item) -> ListedBudget:
    subject = parse_subject(item["subject"]["S"])
    return ListedBudget(item["sk"]["S"], subject, values.read_text(item, "counted_in"))


def listing(table: Table, tenant_id: str, budget: Budget) -> dict[str, Any]:
    """Build the write that adds a new budget to the list."""
    return {
        "Put": {
            "TableName": table.name,
            "Item": {
                **values.key(keys.budget_directory_key(tenant_id, budget.budget_id)),
                "subject": values.text(str(budget.subject)),
            },
            "ConditionExpression": keys.IS_NEW,
        }
    }


def unlisting(table: Table, tenant_id: str, budget: Budget, *, now_ms: int) -> list[dict[str, Any]]:
    """Build the writes that move a budget to the list of deleted budgets."""
    listed_at = values.key(keys.budget_directory_key(tenant_id, budget.budget_id))
    tombstone = {
        **values.key(keys.deleted_budget_key(tenant_id, budget.budget_id)),
        "subject": values.text(str(budget.subject)),
        "counted_in": values.text(budget.unit),
        "deleted_at_ms": values.number(now_ms),
    }
    return [
        {"Delete": {"TableName": table.name, "Key": listed_at}},
        {"Put": {"TableName": table.name, "Item": tombstone}},
    ]


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
    return _rows(table, tenant_id, budget_id, after, COUNTERS_OF_ONE_BUDGET, {}, Limit=page_size)


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
    if after is not None and after[0] > last:
        return iter(())
    if after is not None and after[0] < first:
        after = None
    between = {
        ":first": values.text(keys.PERIOD_PREFIX + first),
        ":last": values.text(keys.PERIOD_PREFIX + last + _NEXT),
    }
    return _rows(table, tenant_id, budget_id, after, COUNTERS_OF_SOME_PERIODS, between)


def _rows(
    table: Table,
    tenant_id: str,
    budget_id: str,
    after: Row | None,
    condition: str,
    bounds: Item,
    **arguments: Any,
) -> Iterator[Row]:
    """Yield the rows of the index that meet a condition on a budget and on its `bounds`."""
    budget_ref = values.text(keys.budget_ref(tenant_id, budget_id))
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


def live_budgets(table: Table, tenant_id: str, *, after: str | None) -> Iterator[str]:
    """Yield the ids of the tenant's budgets after one of them, in the order of their creation."""
    found = table.query_items(
        KeyConditionExpression=LISTED_AFTER,
        ExpressionAttributeValues={
            ":pk": values.text(keys.budget_directory_partition(tenant_id)),
            ":after": values.text(after or _BEFORE_ALL_IDS),
        },
        ConsistentRead=True,
    )
    yield from (item["sk"]["S"] for item in found)


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
