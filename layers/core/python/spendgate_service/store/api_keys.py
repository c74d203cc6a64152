"""API key items: one per key, under its tenant. The secret is stored as a hash only."""

from typing import Any, cast

from spendgate_service.domain.errors import NotFound
from spendgate_service.domain.tenants import ApiKey
from spendgate_service.store import keys
from spendgate_service.store.client import Table
from spendgate_service.store.errors import ConditionFailed
from spendgate_service.store.values import (
    Item,
    key,
    number,
    optional_text,
    read_number,
    read_text,
    text,
)

IS_THERE = "attribute_exists(pk)"
KEYS_OF_ONE_TENANT = "pk = :pk"
IS_ADMIN = "acts_as = :admin"
"""Also says that the key exists."""

_ADMIN: Item = {":admin": text("admin")}


def find_api_key(table: Table, tenant_id: str, key_id: str) -> Item | None:
    """Read an API key's item consistently, so that a new key works at once."""
    return table.get(_key(tenant_id, key_id))


def put_of_api_key(table: Table, api_key: ApiKey, *, secret_sha256: str) -> dict[str, Any]:
    """Build the write, for a transaction, that makes an API key valid."""
    return {
        "Put": {
            "TableName": table.name,
            "Item": {
                **_key(api_key.tenant_id, api_key.key_id),
                **api_key_attributes(api_key, secret_sha256=secret_sha256),
            },
            "ConditionExpression": keys.IS_NEW,
        }
    }


def read_api_key_of(table: Table, tenant_id: str, key_id: str) -> ApiKey:
    """Read an API key consistently. Raises NotFound."""
    item = find_api_key(table, tenant_id, key_id)
    if item is None:
        raise NotFound("key", key_id)
    return read_api_key(tenant_id, item)


def delete_api_key(table: Table, tenant_id: str, key_id: str) -> None:
    """Delete an API key. Raises NotFound."""
    try:
        table.delete(_key(tenant_id, key_id), ConditionExpression=IS_THERE)
    except ConditionFailed:
        raise NotFound("key", key_id) from None


def find_admin_key(table: Table, tenant_id: str, *, but_not: str) -> str | None:
    """Return the id of an admin key of the tenant other than `but_not`; None if it has no other.

    It reads the tenant's keys consistently, until it finds one.
    """
    found = table.query_items(
        KeyConditionExpression=KEYS_OF_ONE_TENANT,
        FilterExpression=IS_ADMIN,
        ExpressionAttributeValues={":pk": text(keys.api_keys_partition(tenant_id)), **_ADMIN},
        ConsistentRead=True,
    )
    ids = (keys.read_key(item)[1] for item in found)
    return next((key_id for key_id in ids if key_id != but_not), None)


def delete_admin_key(table: Table, tenant_id: str, key_id: str, *, other_id: str) -> None:
    """Delete an admin key if another one exists at that moment: 4 write units.

    Two admins who revoke each other's keys at the same time cannot both succeed. Raises
    TransactionFailed: the first objection is about the key, the second about the other one.
    """
    table.transact(
        [
            {
                "Delete": {
                    "TableName": table.name,
                    "Key": _key(tenant_id, key_id),
                    "ConditionExpression": IS_THERE,
                }
            },
            {
                "ConditionCheck": {
                    "TableName": table.name,
                    "Key": _key(tenant_id, other_id),
                    "ConditionExpression": IS_ADMIN,
                    "ExpressionAttributeValues": _ADMIN,
                }
            },
        ]
    )


def api_key_attributes(api_key: ApiKey, *, secret_sha256: str) -> Item:
    """Build an API key's item, without its primary key."""
    return {
        "secret_sha256": text(secret_sha256),
        "acts_as": text(api_key.role),
        "created_at_ms": number(api_key.created_at_ms),
        **optional_text(label=api_key.name),
    }


def read_api_key(tenant_id: str, item: Item) -> ApiKey:
    """Read an API key from its item."""
    return ApiKey(
        key_id=item["sk"]["S"],
        tenant_id=tenant_id,
        role=cast("Any", item["acts_as"]["S"]),
        name=read_text(item, "label"),
        created_at_ms=read_number(item["created_at_ms"]),
    )


def _key(tenant_id: str, key_id: str) -> Item:
    return key(keys.api_key_key(tenant_id, key_id))
