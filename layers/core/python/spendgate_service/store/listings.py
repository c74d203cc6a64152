"""Partitions that list things: budgets, keys, tenants, each under its id.

A budget that is deleted moves to the list of the deleted ones, so that its ledger stays readable.
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

_BEFORE_ALL_IDS = " "
_AT_A_TIME = 100


def start_of(wanted: PageRequest, pattern: re.Pattern[str]) -> str:
    """The id after which a page begins. Raises InvalidValue for a cursor of another list."""
    position = wanted.position(pattern)
    return position[0] if position else _BEFORE_ALL_IDS


def listed(
    table: Table, partition: str, wanted: PageRequest, *, pattern: re.Pattern[str]
) -> list[Item]:
    """The items of a page in the order of their ids, and one more if the list goes on."""
    return _after(table, partition, start_of(wanted, pattern), limit=wanted.limit + 1)


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
    """What the lists know of a budget. `unit` is known of deleted ones alone."""

    budget_id: str
    subject: Subject
    unit: str | None = None


def find_listed(table: Table, tenant_id: str, budget_id: str) -> ListedBudget:
    """A budget that is there, or was once, read consistently. Raises NotFound."""
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
    """The budgets, by tenant and id, that are there or were once."""
    places = {
        key: one
        for one in budgets
        for key in (keys.budget_directory_key(*one), keys.deleted_budget_key(*one))
    }
    return {
        places[item["pk"]["S"], item["sk"]["S"]]: _listed_budget(item)
        for item in table.get_many(map(values.key, places))
    }


def budgets_ever(table: Table, tenant_id: str, *, after: str = "") -> Iterator[ListedBudget]:
    """Every budget that is there or was once, by id.

    A budget that is deleted meanwhile comes once: it is looked for among the deleted ones last.
    Two reads per 100 budgets.
    """
    while True:
        live = _after(
            table, keys.budget_directory_partition(tenant_id), after or _BEFORE_ALL_IDS,
            limit=_AT_A_TIME,
        )  # fmt: skip
        deleted = _after(
            table, keys.deleted_budgets_partition(tenant_id), after or _BEFORE_ALL_IDS,
            limit=_AT_A_TIME,
        )  # fmt: skip
        by_id = {item["sk"]["S"]: item for item in (*live, *deleted)}
        complete = sorted(by_id)[:_AT_A_TIME]
        yield from (_listed_budget(by_id[budget_id]) for budget_id in complete)
        if len(complete) < _AT_A_TIME:
            return
        after = complete[-1]


def _listed_budget(item: Item) -> ListedBudget:
    subject = parse_subject(item["subject"]["S"])
    return ListedBudget(item["sk"]["S"], subject, values.read_text(item, "counted_in"))


def listing(table: Table, tenant_id: str, budget: Budget) -> dict[str, Any]:
    """The write that lists a new budget."""
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
    """The writes that move a budget to the list of the deleted ones."""
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
