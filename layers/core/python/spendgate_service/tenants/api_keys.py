"""Create, verify, list and revoke API keys. A key is `sg.<tenant>.<key id>.<secret>`.

The table holds a SHA-256 hash of the secret: the secret has 256 random bits, so a slow hash would
add nothing. Only `create_key` returns the secret; no repr, log or stored response contains it.
"""

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass, field
from typing import Any

from spendgate_service.domain.errors import LastAdminKey, NotFound
from spendgate_service.domain.tenants import TENANT_ID_PATTERN, ApiKey, Role
from spendgate_service.store import keys
from spendgate_service.store.api_keys import (
    delete_admin_key,
    delete_api_key,
    find_admin_key,
    find_api_key,
    put_of_api_key,
    read_api_key,
    read_api_key_of,
)
from spendgate_service.store.client import Table
from spendgate_service.store.errors import Throttled, TransactionFailed
from spendgate_service.store.idempotency import IdempotencyRecord, Replay
from spendgate_service.store.ids import new_id
from spendgate_service.store.listings import listed
from spendgate_service.store.paging import Page, PageRequest
from spendgate_service.store.retrying import CHANGE_TRIES_MAX, LoopEnded, attempts
from spendgate_service.wire.keys import key_created
from spendgate_service.wire.values import json_text

_SECRET_BYTES = 32
_KEY_ID = re.compile(r"key_[0-9a-z]{26}")
_BEARER = re.compile(
    rf"sg\.(?P<tenant_id>-|{TENANT_ID_PATTERN})"
    rf"\.(?P<key_id>{_KEY_ID.pattern})"
    r"\.(?P<secret>[A-Za-z0-9_-]{43})"
)


@dataclass(frozen=True, slots=True)
class IssuedKey:
    """A new key, with its secret; `bearer` is the value for the Authorization header."""

    key: ApiKey
    bearer: str = field(repr=False)


def new_key(tenant_id: str, role: Role, *, name: str | None, now_ms: int) -> IssuedKey:
    """Generate a key; it is not stored yet."""
    key_id = new_id("key_", now_ms=now_ms)
    bearer = f"sg.{tenant_id}.{key_id}.{secrets.token_urlsafe(_SECRET_BYTES)}"
    assert _BEARER.fullmatch(bearer)
    return IssuedKey(ApiKey(key_id, tenant_id, role, name, now_ms), bearer)


def put_of_key(table: Table, issued: IssuedKey) -> dict[str, Any]:
    """Build the write, for a transaction, that makes a key valid."""
    secret = issued.bearer.rpartition(".")[2]
    return put_of_api_key(table, issued.key, secret_sha256=_sha256(secret))


def create_key(
    table: Table, issued: IssuedKey, *, idempotency: IdempotencyRecord | None
) -> IssuedKey | Replay:
    """Make a new key valid, once under an idempotency key. Raises IdempotencyConflict.

    The response for replays is built from the key without its secret.
    """
    now_ms = issued.key.created_at_ms
    replay = idempotency.replay(table, now_ms=now_ms) if idempotency else None
    if replay:
        return replay
    writes = [put_of_key(table, issued)]
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


def verify(table: Table, bearer: str) -> ApiKey | None:
    """Return the key that a bearer value stands for; None if it is not valid.

    One consistent read, so that a new key works at once; no read for a malformed value.
    """
    claimed = _BEARER.fullmatch(bearer)
    if claimed is None:
        return None
    item = find_api_key(table, claimed["tenant_id"], claimed["key_id"])
    if item is None:
        return None
    if not hmac.compare_digest(item["secret_sha256"]["S"], _sha256(claimed["secret"])):
        return None
    return read_api_key(claimed["tenant_id"], item)


def list_keys(table: Table, tenant_id: str, page_request: PageRequest) -> Page[ApiKey]:
    """Read a page of a tenant's keys, in the order of their creation."""
    found = listed(table, keys.api_keys_partition(tenant_id), page_request, pattern=_KEY_ID)
    return page_request.page_of(
        [read_api_key(tenant_id, item) for item in found], lambda key: key.key_id
    )


def revoke_key(table: Table, tenant_id: str, key_id: str) -> ApiKey:
    """Make a key invalid and return it; API Gateway may accept it for up to a minute more.

    Raises NotFound, and LastAdminKey for the tenant's only admin key.
    """
    revoked = read_api_key_of(table, tenant_id, key_id)
    if revoked.role == "admin":
        _revoke_admin_key(table, tenant_id, key_id)
    else:
        delete_api_key(table, tenant_id, key_id)
    return revoked


def _revoke_admin_key(table: Table, tenant_id: str, key_id: str) -> None:
    """Delete an admin key, on condition that another one remains."""
    changing = "the tenant's admin keys are being revoked right now; try again"
    for _ in attempts(CHANGE_TRIES_MAX, exhausted=lambda: Throttled(changing)):
        other_id = find_admin_key(table, tenant_id, but_not=key_id)
        if other_id is None:
            raise LastAdminKey(key_id)
        try:
            delete_admin_key(table, tenant_id, key_id, other_id=other_id)
        except TransactionFailed as failed:
            if not failed.may_succeed_next:
                raise
            if failed.objections[0] is not None and failed.objections[0].is_condition:
                raise NotFound("key", key_id) from failed
            continue
        return
    raise LoopEnded


def _sha256(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
