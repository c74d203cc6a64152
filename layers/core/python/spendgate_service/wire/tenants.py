"""Tenants and their settings."""

from spendgate_service.domain.tenants import Tenant
from spendgate_service.wire.values import time_on_wire


def tenant_response(tenant: Tenant) -> dict[str, object]:
    """A tenant and its settings."""
    return {
        "tenant_id": tenant.tenant_id,
        "name": tenant.name,
        "require_budget": tenant.require_budget,
        "unpriced_model": tenant.unpriced_model,
        "created_at": time_on_wire(tenant.created_at_ms),
        "updated_at": time_on_wire(tenant.updated_at_ms),
    }


def tenant_created(tenant: Tenant, *, admin_key: str) -> dict[str, object]:
    """A new tenant with the secret of its first admin key, which is shown this once."""
    return {**tenant_response(tenant), "admin_key": admin_key}


def tenant_again(tenant: Tenant) -> dict[str, object]:
    """The response to a replay of the creation, which does not show the key again."""
    return {**tenant_response(tenant), "admin_key": None}
