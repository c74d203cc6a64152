"""The authorizer: from a bearer to a principal. It never denies a request: docs/adr/0009.

The functions decide what a principal may do; without one they respond with 401. This module caches
nothing: API Gateway keeps a response for up to a minute, and a revoked key must not live longer.
When DynamoDB does not answer, the authorizer fails: a response would be kept for that minute, and a
valid key must not be called invalid. A key's end is part of the context, and the function compares
it with its own clock: so a key expires on time although the response is kept.
"""

from collections.abc import Mapping
from typing import Any

from spendgate_service.api.principal import context_of
from spendgate_service.app import Spendgate
from spendgate_service.tenants.bearers import verify

UNKNOWN = {"error": "invalid_api_key"}


def authorize(event: Mapping[str, Any], _context: object, app: Spendgate) -> dict[str, object]:
    """Answer API Gateway in the format of simple responses. Raises Unavailable."""
    bearer = _bearer(event.get("headers") or {})
    key = verify(app.table, bearer) if bearer else None
    if key is None:
        return {"isAuthorized": True, "context": UNKNOWN}
    return {"isAuthorized": True, "context": context_of(key)}


def _bearer(headers: Mapping[str, str]) -> str | None:
    """Return what follows `Bearer` (RFC 6750; a scheme is compared without case)."""
    by_name = {name.lower(): value for name, value in headers.items()}
    scheme, _, bearer = by_name.get("authorization", "").strip().partition(" ")
    return bearer.strip() if scheme.lower() == "bearer" else None
