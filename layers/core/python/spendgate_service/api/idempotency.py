"""Creations that happen once, if the caller sent an idempotency key."""

from collections.abc import Callable

from pydantic import BaseModel

from spendgate_service.api.fingerprint import fingerprint
from spendgate_service.api.http import Request
from spendgate_service.store.idempotency import IdempotencyRecord
from spendgate_service.wire.values import json_text


def idempotency_record_of[T](
    call: Request,
    operation: str,
    body: BaseModel,
    answer: Callable[[T], dict[str, object]],
    *,
    target: str = "",
) -> IdempotencyRecord[T] | None:
    """What makes a creation happen once; None without a key. `target` is the id in the path."""
    if call.idempotency_key is None:
        return None
    return IdempotencyRecord(
        call.principal.tenant_id,
        operation,
        call.idempotency_key,
        fingerprint(operation, body, target=target),
        answer=lambda made: json_text(answer(made)),
    )
