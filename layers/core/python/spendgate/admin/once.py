"""Creations that happen once, if the caller sent an idempotency key."""

from collections.abc import Callable

from pydantic import BaseModel

from spendgate.api.fingerprint import fingerprint
from spendgate.api.http import Call
from spendgate.api.wire import json_text
from spendgate.store.once import Once


def once_of[T](
    call: Call,
    operation: str,
    body: BaseModel,
    answer: Callable[[T], dict[str, object]],
    *,
    target: str = "",
) -> Once[T] | None:
    """What makes a creation happen once; None without a key. `target` is the id in the path."""
    if call.idempotency_key is None:
        return None
    return Once(
        call.principal.tenant_id,
        operation,
        call.idempotency_key,
        fingerprint(operation, body, target=target),
        answer=lambda made: json_text(answer(made)),
    )
