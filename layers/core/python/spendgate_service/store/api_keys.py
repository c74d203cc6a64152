"""API key items: one per key, under its tenant. The secrets are stored as hashes only.

A key has one secret, and after a rotation older ones, each until its grace ends.
"""

from collections.abc import Mapping
from typing import Any, cast

from spendgate_service.domain.errors import NotFound
from spendgate_service.domain.tenants import ApiKey
from spendgate_service.store import keys
from spendgate_service.store.client import Table
from spendgate_service.store.errors import TransactionFailed
from spendgate_service.store.values import (
    Item,
    amount,
    key,
    number,
    optional_text,
    read_number,
    read_optional_amount,
    read_optional_number,
    read_text,
    text,
)

IS_THERE = "attribute_exists(pk)"
KEYS_OF_ONE_TENANT = "pk = :pk"
IS_LASTING_ADMIN = "acts_as = :admin AND attribute_not_exists(expires_at_ms)"
"""An admin key that does not expire. Also says that the key exists."""

IS_NOT_ROTATED = "secret_sha256 = :seen_secret_sha256"
ROTATE = "SET secret_sha256 = :secret_sha256, older_secrets = :older_secrets"
"""The two say: a rotation replaces the secret that it has read, so that no rotation is lost."""

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


def delete_api_key(table: Table, tenant_id: str, key_id: str, entry: dict[str, Any]) -> None:
    """Delete an API key, with the entry of the change log: 4 write units. Raises NotFound."""
    try:
        table.transact([_deletion(table, tenant_id, key_id), entry])
    except TransactionFailed as failed:
        if failed.objections[0] is None:
            raise
        raise NotFound("key", key_id) from None


def _deletion(table: Table, tenant_id: str, key_id: str) -> dict[str, Any]:
    return {
        "Delete": {
            "TableName": table.name,
            "Key": _key(tenant_id, key_id),
            "ConditionExpression": IS_THERE,
        }
    }


def find_admin_key(table: Table, tenant_id: str, *, but_not: str) -> str | None:
    """Return the id of a lasting admin key other than `but_not`; None if there is no other.

    It reads the tenant's keys consistently, until it finds one.
    """
    found = table.query_items(
        KeyConditionExpression=KEYS_OF_ONE_TENANT,
        FilterExpression=IS_LASTING_ADMIN,
        ExpressionAttributeValues={":pk": text(keys.api_keys_partition(tenant_id)), **_ADMIN},
        ConsistentRead=True,
    )
    ids = (keys.read_key(item)[1] for item in found)
    return next((key_id for key_id in ids if key_id != but_not), None)


def delete_admin_key(
    table: Table, tenant_id: str, key_id: str, entry: dict[str, Any], *, other_id: str
) -> None:
    """Delete an admin key if another lasting one exists at that moment: 6 write units.

    Two admins who revoke each other's keys at the same time cannot both succeed. Raises
    TransactionFailed: the first objection is about the key, the second about the other one.
    """
    table.transact(
        [
            _deletion(table, tenant_id, key_id),
            {
                "ConditionCheck": {
                    "TableName": table.name,
                    "Key": _key(tenant_id, other_id),
                    "ConditionExpression": IS_LASTING_ADMIN,
                    "ExpressionAttributeValues": _ADMIN,
                }
            },
            entry,
        ]
    )


def update_of_secrets(
    table: Table,
    tenant_id: str,
    key_id: str,
    *,
    seen_sha256: str,
    secret_sha256: str,
    older_secrets: Mapping[str, int],
) -> dict[str, Any]:
    """Build the write, for a transaction, that gives a key a new secret.

    `older_secrets` are the hashes that stay valid, each with its end in milliseconds.
    """
    older = {sha256: number(ends_at_ms) for sha256, ends_at_ms in older_secrets.items()}
    return {
        "Update": {
            "TableName": table.name,
            "Key": _key(tenant_id, key_id),
            "UpdateExpression": ROTATE,
            "ConditionExpression": IS_NOT_ROTATED,
            "ExpressionAttributeValues": {
                ":seen_secret_sha256": text(seen_sha256),
                ":secret_sha256": text(secret_sha256),
                ":older_secrets": {"M": older},
            },
        }
    }


def read_older_secrets(item: Item) -> dict[str, int]:
    """Read the hashes of a key's older secrets, each with the end of its grace."""
    older: Item = item["older_secrets"]["M"] if "older_secrets" in item else {}
    return {sha256: read_number(ends_at_ms) for sha256, ends_at_ms in older.items()}


def api_key_attributes(api_key: ApiKey, *, secret_sha256: str) -> Item:
    """Build an API key's item, without its primary key."""
    attributes: Item = {
        "secret_sha256": text(secret_sha256),
        "acts_as": text(api_key.role),
        "created_at_ms": number(api_key.created_at_ms),
        **optional_text(label=api_key.name),
    }
    if api_key.subjects:
        named = {subject_type: text(value) for subject_type, value in api_key.subjects.items()}
        attributes["bound_subjects"] = {"M": named}
    if api_key.expires_at_ms is not None:
        attributes["expires_at_ms"] = number(api_key.expires_at_ms)
    if api_key.max_amount is not None:
        attributes["max_amount"] = amount(api_key.max_amount)
    return attributes


def read_api_key(tenant_id: str, item: Item) -> ApiKey:
    """Read an API key from its item."""
    named: Item = item["bound_subjects"]["M"] if "bound_subjects" in item else {}
    return ApiKey(
        key_id=item["sk"]["S"],
        tenant_id=tenant_id,
        role=cast("Any", item["acts_as"]["S"]),
        name=read_text(item, "label"),
        created_at_ms=read_number(item["created_at_ms"]),
        subjects={subject_type: str(value["S"]) for subject_type, value in named.items()},
        expires_at_ms=read_optional_number(item, "expires_at_ms"),
        max_amount=read_optional_amount(item, "max_amount"),
    )


def _key(tenant_id: str, key_id: str) -> Item:
    return key(keys.api_key_key(tenant_id, key_id))
