"""Tenants, their settings and their API keys."""

from spendgate_service.api.author import author_of
from spendgate_service.api.bodies.administration import (
    CreateKeyBody,
    CreateTenantBody,
    PatchTenantBody,
    RotateKeyBody,
)
from spendgate_service.api.http import Request, Response, created, ok, replayed
from spendgate_service.api.idempotency import idempotency_record_of
from spendgate_service.api.route import (
    ADMIN,
    ADMIN_READER,
    EVERY_ROLE,
    IDEMPOTENCY,
    OPERATOR,
    TAG,
    route,
    routes_in,
)
from spendgate_service.api.tags import content_tag, precondition_of, tagged
from spendgate_service.domain.tenants import Tenant
from spendgate_service.store.idempotency import Replay
from spendgate_service.store.tenants import read_tenant_of
from spendgate_service.tenants import api_keys, tenants
from spendgate_service.wire.keys import KeyResponse, MeResponse, key_created, key_response
from spendgate_service.wire.pages import PageResponse, page_response
from spendgate_service.wire.tenants import TenantResponse, tenant_created, tenant_response
from spendgate_service.wire.values import optional_amount, optional_time_on_wire


@route(
    "POST /v1/keys",
    role=ADMIN,
    body=CreateKeyBody,
    response=KeyResponse,
    status=201,
    errors=IDEMPOTENCY,
    idempotent=True,
)
def create_key(request: Request[CreateKeyBody]) -> Response:
    """Create an API key; its secret is shown once."""
    body = request.read_body()
    issued = body.to_key(tenant_id=request.tenant_id, now_ms=request.now_ms)
    idempotency = idempotency_record_of(request, "create_key", body)
    made = api_keys.create_key(
        request.app.table, issued, idempotency=idempotency, by=author_of(request)
    )
    if isinstance(made, Replay):
        return replayed(made.answer)
    return created(key_created(made.key, secret=made.bearer))


@route("GET /v1/keys", role=ADMIN_READER, response=PageResponse[KeyResponse], paged=True)
def list_keys(request: Request) -> Response:
    """List the API keys, without their secrets."""
    page = api_keys.list_keys(request.app.table, request.tenant_id, request.page())
    return ok(page_response([key_response(key) for key in page.data], next_cursor=page.next_cursor))


@route("DELETE /v1/keys/{id}", role=ADMIN, response=KeyResponse, errors=("last_admin_key",))
def revoke_key(request: Request) -> Response:
    """Revoke an API key; the tenant's last admin key cannot be revoked."""
    key_id = request.path_id("key")
    revoked = api_keys.revoke_key(
        request.app.table, request.tenant_id, key_id, by=author_of(request), now_ms=request.now_ms
    )
    return ok(key_response(revoked))


@route(
    "POST /v1/keys/{id}/rotate",
    role=ADMIN,
    body=RotateKeyBody,
    response=KeyResponse,
    errors=IDEMPOTENCY,
    idempotent=True,
)
def rotate_key(request: Request[RotateKeyBody]) -> Response:
    """Give an API key a new secret, shown once; its id and its budgets stay."""
    key_id, body = request.path_id("key"), request.read_body()
    made = api_keys.rotate_key(
        request.app.table,
        request.tenant_id,
        key_id,
        grace_seconds=body.grace_seconds,
        idempotency=idempotency_record_of(request, "rotate_key", body, target=key_id),
        by=author_of(request),
        now_ms=request.now_ms,
    )
    if isinstance(made, Replay):
        return replayed(made.answer)
    return ok(key_created(made.key, secret=made.bearer))


@route("GET /v1/me", role=EVERY_ROLE, response=MeResponse)
def read_me(request: Request) -> Response:
    """Show who the caller is: its tenant, its role and its API key."""
    caller = request.principal
    me: MeResponse = {
        "tenant_id": None if caller.role == "operator" else caller.tenant_id,
        "role": caller.role,
        "key": {
            "key_id": caller.key_id,
            "name": caller.name,
            "subjects": dict(caller.subjects),
            "expires_at": optional_time_on_wire(caller.expires_at_ms),
            "max_amount": optional_amount(caller.max_amount),
        },
    }
    return ok(me)


@route("GET /v1/tenant", role=ADMIN_READER, response=TenantResponse, headers=TAG)
def read_tenant(request: Request) -> Response:
    """Show the settings of the caller's tenant."""
    return _tagged(read_tenant_of(request.app.table, request.tenant_id))


@route(
    "PATCH /v1/tenant",
    role=ADMIN,
    body=PatchTenantBody,
    response=TenantResponse,
    conditional=True,
    headers=TAG,
)
def change_tenant(request: Request[PatchTenantBody]) -> Response:
    """Change those settings of the caller's tenant that the body names."""
    body, precondition = request.read_body(), precondition_of(request)

    def change(tenant: Tenant) -> Tenant:
        precondition.check(f"the tenant {tenant.tenant_id}", _tag(tenant))
        return body.applied_to(tenant, now_ms=request.now_ms)

    changed = tenants.change_tenant(
        request.app.table,
        request.tenant_id,
        tenants.change_settings(change),
        by=author_of(request),
        now_ms=request.now_ms,
    )
    return _tagged(changed)


@route(
    "POST /v1/tenants",
    role=OPERATOR,
    body=CreateTenantBody,
    response=TenantResponse,
    status=201,
    errors=(*IDEMPOTENCY, "already_exists"),
    idempotent=True,
)
def create_tenant(request: Request[CreateTenantBody]) -> Response:
    """Create a tenant; the secret of its first admin key is shown once."""
    body = request.read_body()
    tenant = body.to_tenant(now_ms=request.now_ms)
    idempotency = idempotency_record_of(request, "create_tenant", body)
    made = tenants.create_tenant(
        request.app.table, tenant, idempotency=idempotency, by=author_of(request)
    )
    if isinstance(made, Replay):
        return replayed(made.answer)
    return created(tenant_created(made.tenant, admin_key=made.admin_key.bearer))


@route(
    "POST /v1/tenants/{id}/keys",
    role=OPERATOR,
    body=CreateKeyBody,
    response=KeyResponse,
    status=201,
    errors=IDEMPOTENCY,
    idempotent=True,
)
def create_tenants_key(request: Request[CreateKeyBody]) -> Response:
    """Create an API key for a tenant, for example if its admin keys are lost."""
    tenant_id, body = request.path_id("tenant"), request.read_body()
    read_tenant_of(request.app.table, tenant_id)
    issued = body.to_key(tenant_id=tenant_id, now_ms=request.now_ms)
    idempotency = idempotency_record_of(request, "create_tenant_key", body, target=tenant_id)
    made = api_keys.create_key(
        request.app.table, issued, idempotency=idempotency, by=author_of(request)
    )
    if isinstance(made, Replay):
        return replayed(made.answer)
    return created(key_created(made.key, secret=made.bearer))


@route("GET /v1/tenants", role=OPERATOR, response=PageResponse[TenantResponse], paged=True)
def list_tenants(request: Request) -> Response:
    """List all tenants."""
    page = tenants.list_tenants(request.app.table, request.page())
    return ok(
        page_response(
            [tenant_response(tenant) for tenant in page.data], next_cursor=page.next_cursor
        )
    )


def _tag(tenant: Tenant) -> str:
    return content_tag(tenant_response(tenant))


def _tagged(tenant: Tenant) -> Response:
    return tagged(ok(tenant_response(tenant)), _tag(tenant))


ROUTES = routes_in(vars())
