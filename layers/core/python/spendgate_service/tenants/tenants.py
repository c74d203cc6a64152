"""Create, read, list and change tenants."""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from spendgate_service.domain.changes import BY_COMMAND, TENANT_OBJECT, Action, Author
from spendgate_service.domain.errors import AlreadyExists
from spendgate_service.domain.tenants import TENANT_ID_PATTERN, Tenant
from spendgate_service.events.change_log import Changed, change_entry
from spendgate_service.store import keys
from spendgate_service.store.client import Table
from spendgate_service.store.errors import Throttled, TransactionFailed
from spendgate_service.store.idempotency import IdempotencyRecord, Replay
from spendgate_service.store.listings import listed_in_all
from spendgate_service.store.paging import Page, PageRequest
from spendgate_service.store.retrying import CHANGE_TRIES_MAX, LoopEnded, attempts
from spendgate_service.store.rollups import put_of_state
from spendgate_service.store.tenants import (
    put_of_tenant,
    read_tenant,
    read_tenant_of,
    replacing_tenant,
)
from spendgate_service.tenants.api_keys import IssuedKey, new_key, writes_of_key
from spendgate_service.wire.changes import Shown, tenant_fields
from spendgate_service.wire.tenants import tenant_created
from spendgate_service.wire.values import json_text

FIRST_KEY_NAME = "first admin key"

_TENANT_ID = re.compile(TENANT_ID_PATTERN)


@dataclass(frozen=True, slots=True)
class NewTenant:
    """A tenant, and the key with which its first admin creates the other keys."""

    tenant: Tenant
    admin_key: IssuedKey


def create_tenant(
    table: Table,
    tenant: Tenant,
    *,
    idempotency: IdempotencyRecord | None,
    by: Author = BY_COMMAND,
) -> NewTenant | Replay:
    """Create a tenant with a first admin key, once under an idempotency key.

    The response for replays is built from the tenant without the key. Raises AlreadyExists and
    IdempotencyConflict.
    """
    now_ms = tenant.created_at_ms
    replay = idempotency.replay(table, now_ms=now_ms) if idempotency else None
    if replay:
        return replay
    admin_key = new_key(tenant.tenant_id, "admin", name=FIRST_KEY_NAME, now_ms=now_ms)
    writes = [
        put_of_tenant(table, tenant),
        put_of_state(table.name, tenant.tenant_id, now_ms=now_ms),
        *writes_of_key(table, admin_key, by),
        change_entry(
            table,
            tenant.tenant_id,
            by,
            Changed("tenant.created", TENANT_OBJECT, None, tenant_fields(tenant)),
            now_ms=now_ms,
        ),
    ]
    if idempotency:
        writes.append(
            idempotency.put(table, json_text(tenant_created(tenant, admin_key=None)), now_ms=now_ms)
        )
    try:
        table.transact(writes)
    except TransactionFailed as failed:
        replay = idempotency.replay_of(failed.objections[-1]) if idempotency else None
        if replay:
            return replay
        if failed.objections[0] is None:
            raise
        raise AlreadyExists("tenant", tenant.tenant_id) from failed
    return NewTenant(tenant, admin_key)


def list_tenants(table: Table, page_request: PageRequest) -> Page[Tenant]:
    """Read a page of all tenants, by id."""
    partitions = [keys.tenants_partition(shard) for shard in range(keys.TENANT_SHARDS)]
    found = listed_in_all(table, partitions, page_request, pattern=_TENANT_ID)
    return page_request.page_of(
        [read_tenant(item["sk"]["S"], item) for item in found], lambda tenant: tenant.tenant_id
    )


@dataclass(frozen=True, slots=True)
class TenantChange:
    """A change of a tenant's settings, and what the change log compares of them."""

    action: Action
    about: str
    change: Callable[[Tenant], Tenant]
    shown: Callable[[Tenant], Shown | None]


def change_settings(change: Callable[[Tenant], Tenant]) -> TenantChange:
    """Return the change of a tenant's own settings."""
    return TenantChange("tenant.changed", TENANT_OBJECT, change, tenant_fields)


def change_tenant(
    table: Table,
    tenant_id: str,
    change: TenantChange,
    *,
    by: Author = BY_COMMAND,
    now_ms: int,
) -> Tenant:
    """Change a tenant's settings, on condition that they are as they were read.

    Reservations use the new settings within seconds. `change` may be called several times; one
    that changes nothing is not written. Raises NotFound.
    """
    changing = "the tenant's settings are being changed right now; try again"
    for _ in attempts(CHANGE_TRIES_MAX, exhausted=lambda: Throttled(changing)):
        before = read_tenant_of(table, tenant_id)
        changed = replace(change.change(before), updated_at_ms=before.updated_at_ms)
        if changed == before:
            return before
        after = replace(changed, updated_at_ms=max(now_ms, before.updated_at_ms + 1))
        entry = change_entry(
            table,
            tenant_id,
            by,
            Changed(change.action, change.about, change.shown(before), change.shown(after)),
            now_ms=now_ms,
        )
        try:
            table.transact([replacing_tenant(table, before, after), entry])
        except TransactionFailed as failed:
            if not failed.may_succeed_next:
                raise
            continue
        return after
    raise LoopEnded
