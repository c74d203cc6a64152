"""Tenants with their settings, and the keys that act for them."""

from spendgate_service.api.bodies.administration import (
    CreateKeyBody,
    CreateTenantBody,
    PatchTenantBody,
)
from spendgate_service.api.http import Request
from spendgate_service.api.idempotency import idempotency_record_of
from spendgate_service.store.idempotency import Replay
from spendgate_service.store.tenants import read_tenant_of
from spendgate_service.tenants import api_keys, tenants
from spendgate_service.wire.keys import key_created, key_response
from spendgate_service.wire.pages import page_response
from spendgate_service.wire.tenants import tenant_created, tenant_response
from spendgate_service.wire.values import Response, created, ok, replayed


def create_key(request: Request) -> Response:
    """Make an API key and show its secret, this once."""
    body = request.body(CreateKeyBody)
    issued = api_keys.new_key(request.tenant_id, body.role, name=body.name, now_ms=request.now_ms)
    once = idempotency_record_of(request, "create_key", body)
    made = api_keys.create_key(request.app.table, issued, once=once)
    if isinstance(made, Replay):
        return replayed(made.answer)
    return created(key_created(made.key, secret=made.bearer))


def list_keys(request: Request) -> Response:
    """List the API keys, without their secrets."""
    page = api_keys.list_keys(request.app.table, request.tenant_id, request.page())
    return ok(page_response([key_response(one) for one in page.data], next_cursor=page.next_cursor))


def revoke_key(request: Request) -> Response:
    """Make an API key invalid, and show it for the last time."""
    key_id = request.path_id("key")
    return ok(key_response(api_keys.revoke_key(request.app.table, request.tenant_id, key_id)))


def read_tenant(request: Request) -> Response:
    """Show the settings of the caller's tenant."""
    return ok(tenant_response(read_tenant_of(request.app.table, request.tenant_id)))


def change_tenant(request: Request) -> Response:
    """Change those settings of the caller's tenant that the body names."""
    body = request.body(PatchTenantBody)
    changed = tenants.change_tenant(
        request.app.table,
        request.tenant_id,
        lambda tenant: body.applied_to(tenant, now_ms=request.now_ms),
        now_ms=request.now_ms,
    )
    return ok(tenant_response(changed))


def create_tenant(request: Request) -> Response:
    """Create a tenant and show the secret of its first admin key, this once."""
    body = request.body(CreateTenantBody)
    tenant = body.to_tenant(now_ms=request.now_ms)
    once = idempotency_record_of(request, "create_tenant", body)
    made = tenants.create_tenant(request.app.table, tenant, once=once)
    if isinstance(made, Replay):
        return replayed(made.answer)
    return created(tenant_created(made.tenant, admin_key=made.admin_key.bearer))


def list_tenants(request: Request) -> Response:
    """List all tenants, for the operator."""
    page = tenants.list_tenants(request.app.table, request.page())
    return ok(
        page_response([tenant_response(one) for one in page.data], next_cursor=page.next_cursor)
    )


HANDLERS = {
    "POST /v1/keys": create_key,
    "GET /v1/keys": list_keys,
    "DELETE /v1/keys/{id}": revoke_key,
    "GET /v1/tenant": read_tenant,
    "PATCH /v1/tenant": change_tenant,
    "POST /v1/tenants": create_tenant,
    "GET /v1/tenants": list_tenants,
}
