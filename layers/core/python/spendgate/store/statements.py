"""Reading the statements of a budget and subject, newest first."""

import re
from dataclasses import dataclass

from spendgate.domain.errors import NotFound
from spendgate.domain.statements import Statement
from spendgate.domain.subjects import Subject
from spendgate.store import items, keys
from spendgate.store.budgets import find_budget
from spendgate.store.codec.statements import period_key_of, read_statement, statement_id
from spendgate.store.directory import ListedBudget, find_listed
from spendgate.store.errors import Item
from spendgate.store.pages import Page, Wanted
from spendgate.store.table import Table

OLDER_STATEMENTS = "pk = :pk AND sk BETWEEN :first AND :last"

_LAST = f"{keys.STATEMENT_PREFIX}~"
_POSITION = re.compile(r"\d{12}#[^\n]{1,100}")


@dataclass(frozen=True, slots=True)
class StoredStatement:
    """A statement, and what it is about."""

    statement_id: str
    budget_id: str
    subject: Subject
    unit: str
    period_key: str
    statement: Statement


def find_statements_of(table: Table, tenant_id: str, budget_id: str) -> ListedBudget:
    """A budget that is there or was once, with its unit. Raises NotFound."""
    found = find_listed(table, tenant_id, budget_id)
    if found.unit is not None:
        return found
    try:
        _, budget = find_budget(table, tenant_id, budget_id)
    except NotFound:  # it was deleted between the two reads
        return find_listed(table, tenant_id, budget_id)
    return ListedBudget(budget_id, budget.subject, budget.unit)


def statements_page(
    table: Table, tenant_id: str, budget: ListedBudget, subject: Subject, wanted: Wanted
) -> Page[StoredStatement]:
    """A page of statements, by the end of their period. Raises InvalidValue for a foreign cursor.

    Late settlements are in the balance of their period, not in its statement.
    """
    assert budget.unit is not None
    position = wanted.position(_POSITION)
    last = f"{keys.STATEMENT_PREFIX}{position[0]}" if position else _LAST
    answer = table.query(
        KeyConditionExpression=OLDER_STATEMENTS,
        ExpressionAttributeValues={
            ":pk": items.text(keys.counter_partition(tenant_id, budget.budget_id, subject)),
            ":first": items.text(keys.STATEMENT_PREFIX),
            ":last": items.text(last),
        },
        ScanIndexForward=False,
        ConsistentRead=True,
        Limit=wanted.limit + 2,
    )
    found: list[Item] = [item for item in answer["Items"] if not position or item["sk"]["S"] < last]
    page = wanted.page_of(found, _position_of)
    unit = budget.unit
    return Page(
        tuple(
            StoredStatement(
                statement_id(item), budget.budget_id, subject, unit,
                period_key_of(item), read_statement(item),
            )
            for item in page.data
        ),
        page.next_cursor,
    )  # fmt: skip


def _position_of(item: Item) -> str:
    return str(item["sk"]["S"]).removeprefix(keys.STATEMENT_PREFIX)
