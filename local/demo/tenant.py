"""Creates a new tenant for every run, with budgets and a key for the callers."""

from collections.abc import Sequence
from dataclasses import dataclass

from local.demo.client import Client
from local.demo.limits import BudgetPlan


@dataclass(frozen=True, slots=True)
class DemoTenant:
    """The tenant with its first admin key, the callers' key, and a client for its admin."""

    tenant_id: str
    admin_key: str
    caller_key: str
    admin: Client


@dataclass(frozen=True, slots=True)
class DemoBudget:
    """A created budget of the plan."""

    budget_id: str
    plan: BudgetPlan


def create_tenant(api_url: str, operator_key: str, tenant_id: str) -> DemoTenant:
    """Create the tenant as the operator, and the callers' key as its admin."""
    operator = Client(api_url, operator_key)
    created = operator.create("/v1/tenants", {"tenant_id": tenant_id, "name": "Demo"})
    operator.close()
    admin = Client(api_url, created["admin_key"])
    key = admin.create("/v1/keys", {"role": "caller", "name": "the demo's callers"})
    return DemoTenant(tenant_id, created["admin_key"], key["secret"], admin)


def create_budgets(tenant: DemoTenant, plans: Sequence[BudgetPlan]) -> list[DemoBudget]:
    """Create the budgets of the plan."""
    return [
        DemoBudget(tenant.admin.create("/v1/budgets", _body(plan))["budget_id"], plan)
        for plan in plans
    ]


def _body(plan: BudgetPlan) -> dict[str, object]:
    return {
        "name": plan.name,
        "subject": plan.subject,
        "unit": plan.unit,
        "limit": f"{plan.limit:f}",
        "period": plan.period,
    }
