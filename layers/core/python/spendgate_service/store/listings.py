"""Lists: of budgets, API keys and tenants, each by id.

A deleted budget moves to the list of deleted budgets, so that its ledger stays readable.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from heapq import merge
from itertools import islice
from typing import Any

from spendgate_service.domain.budgets import Budget
from spendgate_service.domain.errors import NotFound
from spendgate_service.domain.subjects import Subject, parse_subject
from spendgate_service.store import keys, values
from spendgate_service.store.client import Table
from spendgate_service.store.paging import Page, PageRequest
from spendgate_service.store.values import Item

LISTED_AFTER = "pk = :pk AND sk > :after"

_BEFORE_ALL_IDS = " "
_BUDGETS_AT_A_TIME = 100


def start_of(page_request: PageRequest, pattern: re.Pattern[str]) -> str:
    """Return the id after which a page begins. Raises InvalidValue for a cursor of another list."""
    position = page_request.position(pattern)
    return position[0] if position else _BEFORE_ALL_IDS


def page_by_name[T](
    found: Mapping[str, T], page_request: PageRequest, pattern: re.Pattern[str]
) -> Page[T]:
    """Build a page of objects that are in memory, in the order of their names.

    Raises InvalidValue for a cursor of another list.
    """
    after = start_of(page_request, pattern)
    names = sorted(name for name in found if name > after)
    page = page_request.page_of(names[: page_request.limit + 1], lambda name: name)
    return Page(tuple(found[name] for name in page.data), page.next_cursor)


def listed(
    table: Table, partition: str, page_request: PageRequest, *, pattern: re.Pattern[str]
) -> list[Item]:
    """Read the items of a page in the order of their ids, and one more if the list goes on."""
    return listed_in_all(table, [partition], page_request, pattern=pattern)


def listed_in_all(
    table: Table,
    partitions: Sequence[str],
    page_request: PageRequest,
    *,
    pattern: re.Pattern[str],
) -> list[Item]:
    """Do the same for a list that is spread over partitions. A query for each, or a few."""
    after, limit = start_of(page_request, pattern), page_request.limit + 1
    at_a_time = -(-limit // len(partitions)) + (len(partitions) > 1)
    parts = [_all_after(table, partition, after, Limit=at_a_time) for partition in partitions]
    return list(islice(merge(*parts, key=_id_of), limit))


def _id_of(item: Item) -> str:
    listed_id: str = item["sk"]["S"]
    return listed_id


def _after(table: Table, partition: str, after: str, *, limit: int) -> list[Item]:
    return list(islice(_all_after(table, partition, after, Limit=limit), limit))


def _all_after(table: Table, partition: str, after: str, **arguments: Any) -> Iterator[Item]:
    return table.query_items(
        KeyConditionExpression=LISTED_AFTER,
        ExpressionAttributeValues={":pk": values.text(partition), ":after": values.text(after)},
        ConsistentRead=True,
        **arguments,
    )


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


def live_budgets(
    table: Table, tenant_id: str, *, after: str | None, at_a_time: int
) -> Iterator[tuple[str, Subject]]:
    """Yield the tenant's budgets after one of them, in the order of their creation."""
    partition = keys.budget_directory_partition(tenant_id)
    for item in _all_after(table, partition, after or _BEFORE_ALL_IDS, Limit=at_a_time):
        yield _id_of(item), parse_subject(item["subject"]["S"])
