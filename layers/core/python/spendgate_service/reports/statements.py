"""Read the statements of a budget and subject, newest first."""

import re
from dataclasses import replace

from spendgate_service.domain.errors import NotFound
from spendgate_service.domain.statements import StoredStatement
from spendgate_service.domain.subjects import Subject
from spendgate_service.store import keys, values
from spendgate_service.store.client import Table
from spendgate_service.store.listings import ListedBudget, find_listed
from spendgate_service.store.paging import Page, PageRequest
from spendgate_service.store.policies import find_budget
from spendgate_service.store.statements import newest_statement
from spendgate_service.store.values import Item

_LAST = f"{keys.STATEMENT_PREFIX}~"
_POSITION = re.compile(r"\d{12}#[^\n#]{1,100}#\d{6}")


def find_statements_of(table: Table, tenant_id: str, budget_id: str) -> ListedBudget:
    """Find a budget, deleted or not, with its unit. Raises NotFound."""
    found = find_listed(table, tenant_id, budget_id)
    if found.unit is not None:
        return found
    try:
        _, budget = find_budget(table, tenant_id, budget_id)
    except NotFound:  # the budget was deleted between the two reads
        return find_listed(table, tenant_id, budget_id)
    return ListedBudget(budget_id, budget.subject, budget.unit)


def statements_page(
    table: Table, tenant_id: str, budget: ListedBudget, subject: Subject, page_request: PageRequest
) -> Page[StoredStatement]:
    """Read a page of statements, latest period first, and the last of each period first.

    Raises InvalidValue for a foreign cursor.
    """
    assert budget.unit is not None
    position = page_request.position(_POSITION)
    last = f"{keys.STATEMENT_PREFIX}{position[0]}" if position else _LAST
    answer = table.query(
        KeyConditionExpression=keys.SORTED_BETWEEN,
        ExpressionAttributeValues={
            ":pk": values.text(keys.counter_partition(tenant_id, budget.budget_id, subject)),
            ":first": values.text(keys.STATEMENT_PREFIX),
            ":last": values.text(last),
        },
        ScanIndexForward=False,
        ConsistentRead=True,
        Limit=page_request.limit + 2,
    )
    found: list[Item] = [item for item in answer["Items"] if not position or item["sk"]["S"] < last]
    page = page_request.page_of(found, _position_of)
    shown: list[StoredStatement] = []
    newer = last if position else None
    for item in page.data:
        sort_key = item["sk"]["S"]
        shown.append(_stored(item, budget, newer=newer))
        newer = sort_key
    return Page(tuple(shown), page.next_cursor)


def _stored(item: Item, budget: ListedBudget, *, newer: str | None) -> StoredStatement:
    """Read a statement; `newer` is the sort key of the one before it in the list."""
    stored = newest_statement(item)
    statement = stored.statement
    after = keys.statement_sort_key(statement.period, statement.revision + 1)
    return replace(stored, unit=budget.unit, is_current=newer != after)


def _position_of(item: Item) -> str:
    return str(item["sk"]["S"]).removeprefix(keys.STATEMENT_PREFIX)
