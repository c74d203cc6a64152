"""API keys."""

from spendgate_service.domain.tenants import ApiKey
from spendgate_service.wire.values import time_on_wire


def key_response(key: ApiKey, *, secret: str | None = None) -> dict[str, object]:
    """An API key; its secret is shown once, in the answer that creates it."""
    answer: dict[str, object] = {
        "key_id": key.key_id,
        "tenant_id": key.tenant_id,
        "role": key.role,
        "name": key.name,
        "created_at": time_on_wire(key.created_at_ms),
    }
    return answer if secret is None else {**answer, "secret": secret}


def key_again(key: ApiKey) -> dict[str, object]:
    """The response to a replay of the creation, which does not show the secret again."""
    return {**key_response(key), "secret": None}
