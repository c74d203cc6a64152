"""The answers about budgets, keys and tenants, and pages of them. Plain dictionaries."""

from collections.abc import Sequence

from spendgate.api.answers import balance_answer, period_rule_answer
from spendgate.api.wire import time_on_wire
from spendgate.domain.amounts import amount_text
from spendgate.domain.budgets import Budget
from spendgate.domain.counters import Balance
from spendgate.domain.tenants import ApiKey, Tenant


def budget_answer(
    budget: Budget, *, version: int, balance: Balance | None = None
) -> dict[str, object]:
    """A budget; with its balance where it is on a single subject.

    A default has no status of its own but `active`: each subject under it has a balance.
    """
    answer: dict[str, object] = {
        "budget_id": budget.budget_id,
        "subject": str(budget.subject),
        "unit": budget.unit,
        "limit": amount_text(budget.limit),
        "warn_at_pct": list(budget.warn_at_pct),
        "period": period_rule_answer(budget.period),
        "name": budget.name,
        "metadata": dict(budget.metadata),
        "status": "active" if balance is None else balance.status,
        "version": version,
        "created_at": time_on_wire(budget.created_at_ms),
        "updated_at": time_on_wire(budget.updated_at_ms),
    }
    return answer if balance is None else {**answer, "balance": balance_answer(balance)}


def key_answer(key: ApiKey, *, secret: str | None = None) -> dict[str, object]:
    """An API key; its secret is shown once, in the answer that creates it."""
    answer: dict[str, object] = {
        "key_id": key.key_id,
        "tenant_id": key.tenant_id,
        "role": key.role,
        "name": key.name,
        "created_at": time_on_wire(key.created_at_ms),
    }
    return answer if secret is None else {**answer, "secret": secret}


def tenant_answer(tenant: Tenant) -> dict[str, object]:
    """A tenant and its settings."""
    return {
        "tenant_id": tenant.tenant_id,
        "name": tenant.name,
        "require_budget": tenant.require_budget,
        "unpriced_model": tenant.unpriced_model,
        "created_at": time_on_wire(tenant.created_at_ms),
        "updated_at": time_on_wire(tenant.updated_at_ms),
    }


def page_answer(data: Sequence[dict[str, object]], *, next_cursor: str | None) -> dict[str, object]:
    """One page of a list."""
    return {"data": list(data), "next_cursor": next_cursor}
