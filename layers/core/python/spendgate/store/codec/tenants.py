"""Tenants and API keys as items."""

from typing import Any, cast

from spendgate.domain.tenants import ApiKey, Tenant
from spendgate.store.errors import Item
from spendgate.store.items import number, optional_text, read_number, read_text, text


def tenant_attributes(tenant: Tenant) -> Item:
    """A tenant's item, without its key."""
    return {
        "require_budget": {"BOOL": tenant.require_budget},
        "unpriced_model": text(tenant.unpriced_model),
        "created_at_ms": number(tenant.created_at_ms),
        "updated_at_ms": number(tenant.updated_at_ms),
        **optional_text(label=tenant.name),
    }


def read_tenant(tenant_id: str, item: Item | None) -> Tenant:
    """A tenant; one with the default settings where there is no item."""
    if item is None:
        return Tenant(tenant_id)
    return Tenant(
        tenant_id=tenant_id,
        name=read_text(item, "label"),
        require_budget=item["require_budget"]["BOOL"],
        unpriced_model=cast("Any", item["unpriced_model"]["S"]),
        created_at_ms=read_number(item["created_at_ms"]),
        updated_at_ms=read_number(item["updated_at_ms"]),
    )


def api_key_attributes(key: ApiKey, *, secret_sha256: str) -> Item:
    """An API key's item, without its key in the table; the secret itself is kept nowhere."""
    return {
        "secret_sha256": text(secret_sha256),
        "acts_as": text(key.role),
        "created_at_ms": number(key.created_at_ms),
        **optional_text(label=key.name),
    }


def read_api_key(tenant_id: str, item: Item) -> ApiKey:
    """An API key out of its item."""
    return ApiKey(
        key_id=item["sk"]["S"],
        tenant_id=tenant_id,
        role=cast("Any", item["acts_as"]["S"]),
        name=read_text(item, "label"),
        created_at_ms=read_number(item["created_at_ms"]),
    )
