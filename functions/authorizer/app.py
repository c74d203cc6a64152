"""Who calls: a bearer becomes a principal, or nobody. It never denies: docs/adr/0009.

Whether somebody may do what they ask is the functions' matter; without a principal they answer 401.
Nothing is cached here: the gateway keeps an answer for up to a minute, and a revoked key shall not
live longer than that. Where the table does not answer, neither does this: an answer would be
kept for that minute, and a valid key must not be called invalid.
"""

from collections.abc import Mapping
from typing import Any

from spendgate_service import runtime
from spendgate_service.observability import correlation_paths, logger, measured
from spendgate_service.tenants.api_keys import verify

UNKNOWN = {"error": "invalid_api_key"}


@logger.inject_lambda_context(
    correlation_id_path=correlation_paths.API_GATEWAY_HTTP, clear_state=True
)
@measured
def handler(event: Mapping[str, Any], _context: object) -> dict[str, object]:
    """Answer the gateway, in the format of simple responses. Raises Unavailable."""
    bearer = _bearer(event.get("headers") or {})
    key = verify(runtime.table(), bearer) if bearer else None
    if key is None:
        return {"isAuthorized": True, "context": UNKNOWN}
    context = {"tenant_id": key.tenant_id, "key_id": key.key_id, "role": key.role}
    return {"isAuthorized": True, "context": context}


def _bearer(headers: Mapping[str, str]) -> str | None:
    """What stands after `Bearer` (RFC 6750; schemes are compared without case)."""
    named = {name.lower(): value for name, value in headers.items()}
    scheme, _, bearer = named.get("authorization", "").strip().partition(" ")
    return bearer.strip() if scheme.lower() == "bearer" else None
