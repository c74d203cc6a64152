"""Slugs: one item per slug of a tenant, which says which budget has it.

It is written in the transaction that gives a budget its slug, or takes it away.
"""

from typing import Any

from spendgate_service.domain.budgets import Budget, Policy
from spendgate_service.store import keys, values
from spendgate_service.store.client import Table


def find_slug(table: Table, tenant_id: str, slug: str) -> str | None:
    """Return the id of the budget that has the slug. One consistent read."""
    item = table.get(values.key(keys.slug_key(tenant_id, slug)))
    return None if item is None else str(item["budget_id"]["S"])


def writes_of_slugs(
    table: Table, tenant_id: str, before: Policy, after: Policy
) -> list[dict[str, Any]]:
    """Build the writes for the slugs that budgets get or lose; a slug in use makes them fail."""
    had, have = _slugs(before.budgets), _slugs(after.budgets)
    freed = [
        {"Delete": {"TableName": table.name, "Key": values.key(keys.slug_key(tenant_id, slug))}}
        for slug in had
        if slug not in have
    ]
    taken = [
        {
            "Put": {
                "TableName": table.name,
                "Item": {
                    **values.key(keys.slug_key(tenant_id, slug)),
                    "budget_id": values.text(budget_id),
                },
                "ConditionExpression": keys.IS_NEW,
            }
        }
        for slug, budget_id in have.items()
        if slug not in had
    ]
    return [*freed, *taken]


def _slugs(budgets: tuple[Budget, ...]) -> dict[str, str]:
    return {budget.slug: budget.budget_id for budget in budgets if budget.slug is not None}
