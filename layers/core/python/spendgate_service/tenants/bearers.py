"""Verify API keys. A key is `sg.<tenant>.<key id>.<secret>`.

The table holds a SHA-256 hash of the secret: the secret has 256 random bits, so a slow hash would
add nothing. A module of its own, so that the authorizer starts without what changes keys.
"""

import hashlib
import hmac
import re
from dataclasses import replace

from spendgate_service.domain.tenants import TENANT_ID_PATTERN, ApiKey
from spendgate_service.store.api_keys import find_api_key, read_api_key, read_older_secrets
from spendgate_service.store.client import Table

KEY_ID = re.compile(r"key_[0-9a-z]{26}")
BEARER = re.compile(
    rf"sg\.(?P<tenant_id>-|{TENANT_ID_PATTERN})"
    rf"\.(?P<key_id>{KEY_ID.pattern})"
    r"\.(?P<secret>[A-Za-z0-9_-]{43})"
)


def verify(table: Table, bearer: str) -> ApiKey | None:
    """Return the key that a bearer value stands for; None if there is no such secret.

    The caller compares `expires_at_ms`, which for an older secret is the end of its grace if that
    is earlier. One consistent read, so that a new key works at once; no read for a malformed value.
    """
    claimed = BEARER.fullmatch(bearer)
    if claimed is None:
        return None
    item = find_api_key(table, claimed["tenant_id"], claimed["key_id"])
    if item is None:
        return None
    key, sha256 = read_api_key(claimed["tenant_id"], item), sha256_of(claimed["secret"])
    if hmac.compare_digest(item["secret_sha256"]["S"], sha256):
        return key
    for older_sha256, ends_at_ms in read_older_secrets(item).items():
        if hmac.compare_digest(older_sha256, sha256):
            return replace(key, expires_at_ms=_earlier(key.expires_at_ms, ends_at_ms))
    return None


def sha256_of(secret: str) -> str:
    """Return the hash of a secret that the table holds."""
    return hashlib.sha256(secret.encode()).hexdigest()


def _earlier(moment_ms: int | None, other_ms: int) -> int:
    return other_ms if moment_ms is None else min(moment_ms, other_ms)
