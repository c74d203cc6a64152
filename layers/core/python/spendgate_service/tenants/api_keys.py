"""Create, list, rotate and revoke API keys.

Only creating and rotating a key return its secret; no repr, log or stored response contains it.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from spendgate_service.domain.amounts import Amount
from spendgate_service.domain.changes import BY_COMMAND, Action, Author
from spendgate_service.domain.errors import InvalidValue, LastAdminKey, NotFound
from spendgate_service.domain.tenants import ApiKey, Role
from spendgate_service.events.change_log import Changed, change_entry
from spendgate_service.store import keys
from spendgate_service.store.api_keys import (
    delete_admin_key,
    delete_api_key,
    find_admin_key,
    find_api_key,
    put_of_api_key,
    read_api_key,
    read_api_key_of,
    read_older_secrets,
    update_of_secrets,
)
from spendgate_service.store.client import Table
from spendgate_service.store.errors import Throttled, TransactionFailed
from spendgate_service.store.idempotency import IdempotencyRecord, Replay
from spendgate_service.store.ids import new_id
from spendgate_service.store.listings import listed
from spendgate_service.store.paging import Page, PageRequest
from spendgate_service.store.retrying import CHANGE_TRIES_MAX, LoopEnded, attempts
from spendgate_service.store.values import Item
from spendgate_service.tenants.bearers import BEARER, KEY_ID, sha256_of
from spendgate_service.wire.changes import key_fields
from spendgate_service.wire.keys import key_created
from spendgate_service.wire.values import json_text

OLDER_SECRETS_MAX = 5
"""So many rotations may follow each other within a grace; a key item stays small."""

_SECRET_BYTES = 32


@dataclass(frozen=True, slots=True)
class IssuedKey:
    """A new key, with its secret; `bearer` is the value for the Authorization header."""

    key: ApiKey
    bearer: str = field(repr=False)


def new_key(
    tenant_id: str,
    role: Role,
    *,
    name: str | None,
    now_ms: int,
    subjects: Mapping[str, str] | None = None,
    expires_at_ms: int | None = None,
    max_amount: Amount | None = None,
) -> IssuedKey:
    """Generate a key; it is not stored yet."""
    key_id = new_id("key_", now_ms=now_ms)
    key = ApiKey(key_id, tenant_id, role, name, now_ms, subjects or {}, expires_at_ms, max_amount)
    return _with_new_secret(key)


def writes_of_key(table: Table, issued: IssuedKey, by: Author) -> list[dict[str, Any]]:
    """Build the writes, for a transaction, that make a key valid, with its entry in the log."""
    key, secret = issued.key, issued.bearer.rpartition(".")[2]
    return [
        put_of_api_key(table, key, secret_sha256=sha256_of(secret)),
        _entry(table, by, "key.created", None, key, now_ms=key.created_at_ms),
    ]


def _entry(
    table: Table,
    by: Author,
    action: Action,
    before: ApiKey | None,
    after: ApiKey | None,
    *,
    now_ms: int,
) -> dict[str, Any]:
    """Build the entry of the change log for a key that is created or revoked."""
    key = after or before
    assert key is not None
    return change_entry(
        table,
        key.tenant_id,
        by,
        Changed(action, key.key_id, key_fields(before), key_fields(after)),
        now_ms=now_ms,
    )


def create_key(
    table: Table,
    issued: IssuedKey,
    *,
    idempotency: IdempotencyRecord | None,
    by: Author = BY_COMMAND,
) -> IssuedKey | Replay:
    """Make a new key valid, once under an idempotency key.

    The response for replays is built from the key without its secret. Raises IdempotencyConflict,
    and InvalidValue for an end in the past.
    """
    now_ms = issued.key.created_at_ms
    replay = idempotency.replay(table, now_ms=now_ms) if idempotency else None
    if replay:
        return replay
    if issued.key.expires_at_ms is not None and issued.key.expires_at_ms <= now_ms:
        raise InvalidValue(
            "body.expires_at: this moment is in the past; send a later one",
            param="body.expires_at",
        )
    writes = writes_of_key(table, issued, by)
    if idempotency:
        writes.append(
            idempotency.put(table, json_text(key_created(issued.key, secret=None)), now_ms=now_ms)
        )
    try:
        table.transact(writes)
    except TransactionFailed as failed:
        replay = idempotency.replay_of(failed.objections[-1]) if idempotency else None
        if replay is None:
            raise
        return replay
    return issued


def rotate_key(
    table: Table,
    tenant_id: str,
    key_id: str,
    *,
    grace_seconds: int,
    idempotency: IdempotencyRecord | None,
    by: Author = BY_COMMAND,
    now_ms: int,
) -> IssuedKey | Replay:
    """Give a key a new secret, once under an idempotency key; its id and budgets stay.

    Every older secret ends when the grace ends, or earlier if it had less left. Raises NotFound,
    IdempotencyConflict, and InvalidValue for an expired key or too many older secrets.
    """
    replay = idempotency.replay(table, now_ms=now_ms) if idempotency else None
    if replay:
        return replay
    rotating = "the key is being rotated right now; try again"
    for _ in attempts(CHANGE_TRIES_MAX, exhausted=lambda: Throttled(rotating)):
        item = find_api_key(table, tenant_id, key_id)
        if item is None:
            raise NotFound("key", key_id)
        rotated = _with_new_secret(read_api_key(tenant_id, item))
        writes = [
            _update_of_rotation(table, item, rotated, grace_seconds, now_ms=now_ms),
            change_entry(
                table,
                tenant_id,
                by,
                Changed("key.rotated", key_id, None, {"grace_seconds": grace_seconds}),
                now_ms=now_ms,
            ),
        ]
        if idempotency:
            response = json_text(key_created(rotated.key, secret=None))
            writes.append(idempotency.put(table, response, now_ms=now_ms))
        try:
            table.transact(writes)
        except TransactionFailed as failed:
            replay = idempotency.replay_of(failed.objections[-1]) if idempotency else None
            if replay:
                return replay
            if not failed.may_succeed_next:
                raise
            continue
        return rotated
    raise LoopEnded


def _update_of_rotation(
    table: Table, item: Item, rotated: IssuedKey, grace_seconds: int, *, now_ms: int
) -> dict[str, Any]:
    key, grace_ends_at_ms = rotated.key, now_ms + grace_seconds * 1000
    if key.expires_at_ms is not None and key.expires_at_ms <= now_ms:
        raise InvalidValue(f"{key.key_id} has expired; create another key with POST /v1/keys")
    seen_sha256 = item["secret_sha256"]["S"]
    ends = {seen_sha256: grace_ends_at_ms, **read_older_secrets(item)}
    older = {
        sha256: min(ends_at_ms, grace_ends_at_ms)
        for sha256, ends_at_ms in ends.items()
        if min(ends_at_ms, grace_ends_at_ms) > now_ms
    }
    if len(older) > OLDER_SECRETS_MAX:
        raise InvalidValue(
            f"body.grace_seconds: {OLDER_SECRETS_MAX} older secrets of {key.key_id} are still in "
            "their grace; wait until one has ended, or send 0 to end them all",
            param="body.grace_seconds",
        )
    return update_of_secrets(
        table,
        key.tenant_id,
        key.key_id,
        seen_sha256=seen_sha256,
        secret_sha256=sha256_of(rotated.bearer.rpartition(".")[2]),
        older_secrets=older,
    )


def list_keys(table: Table, tenant_id: str, page_request: PageRequest) -> Page[ApiKey]:
    """Read a page of a tenant's keys, in the order of their creation."""
    found = listed(table, keys.api_keys_partition(tenant_id), page_request, pattern=KEY_ID)
    return page_request.page_of(
        [read_api_key(tenant_id, item) for item in found], lambda key: key.key_id
    )


def revoke_key(
    table: Table, tenant_id: str, key_id: str, *, by: Author = BY_COMMAND, now_ms: int
) -> ApiKey:
    """Make a key invalid and return it; API Gateway may accept it for up to a minute more.

    Raises NotFound, and LastAdminKey for the tenant's only admin key.
    """
    revoked = read_api_key_of(table, tenant_id, key_id)
    entry = _entry(table, by, "key.revoked", revoked, None, now_ms=now_ms)
    if revoked.role == "admin":
        _revoke_admin_key(table, tenant_id, key_id, entry)
    else:
        delete_api_key(table, tenant_id, key_id, entry)
    return revoked


def _revoke_admin_key(table: Table, tenant_id: str, key_id: str, entry: dict[str, Any]) -> None:
    """Delete an admin key, on condition that another one remains."""
    changing = "the tenant's admin keys are being revoked right now; try again"
    for _ in attempts(CHANGE_TRIES_MAX, exhausted=lambda: Throttled(changing)):
        other_id = find_admin_key(table, tenant_id, but_not=key_id)
        if other_id is None:
            raise LastAdminKey(key_id)
        try:
            delete_admin_key(table, tenant_id, key_id, entry, other_id=other_id)
        except TransactionFailed as failed:
            if not failed.may_succeed_next:
                raise
            if failed.objections[0] is not None and failed.objections[0].is_condition:
                raise NotFound("key", key_id) from failed
            continue
        return
    raise LoopEnded


def _with_new_secret(key: ApiKey) -> IssuedKey:
    bearer = f"sg.{key.tenant_id}.{key.key_id}.{secrets.token_urlsafe(_SECRET_BYTES)}"
    assert BEARER.fullmatch(bearer)
    return IssuedKey(key, bearer)
