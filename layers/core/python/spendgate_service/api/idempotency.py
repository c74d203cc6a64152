"""Idempotency of POST: a creation with an Idempotency-Key happens once."""

from spendgate_service.api.bodies.body import Body
from spendgate_service.api.fingerprint import fingerprint
from spendgate_service.api.http import Request
from spendgate_service.store.idempotency import IdempotencyRecord


def idempotency_record_of(
    request: Request,
    operation: str,
    body: Body,
    *,
    target: str = "",
) -> IdempotencyRecord | None:
    """Return the record that makes a creation happen once; None without a key.

    `target` is the id in the path.
    """
    if request.idempotency_key is None:
        return None
    return IdempotencyRecord(
        request.tenant_id,
        operation,
        request.idempotency_key,
        fingerprint(operation, body, target=target),
    )
