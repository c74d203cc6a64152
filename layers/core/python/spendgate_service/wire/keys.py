"""API keys."""

from typing import Annotated, NotRequired, TypedDict

from spendgate_service.domain.tenants import ApiKey, Role
from spendgate_service.wire.fields import Doc, Time
from spendgate_service.wire.values import time_on_wire


class KeyResponse(TypedDict):
    """An API key."""

    key_id: Annotated[str, Doc("The id of the API key; not secret.")]
    tenant_id: Annotated[str, Doc("The tenant that the key acts for.")]
    role: Annotated[Role, Doc("What the key may do.")]
    name: Annotated[str | None, Doc("A name for people.")]
    created_at: Annotated[Time, Doc("When the key was created.")]
    secret: NotRequired[
        Annotated[
            str | None,
            Doc(
                "What the Authorization header takes after Bearer. Shown once, in the response "
                "that creates the key; null in a replay of it."
            ),
        ]
    ]


def key_response(key: ApiKey) -> KeyResponse:
    """Build the response about a key, without its secret."""
    return {
        "key_id": key.key_id,
        "tenant_id": key.tenant_id,
        "role": key.role,
        "name": key.name,
        "created_at": time_on_wire(key.created_at_ms),
    }


def key_created(key: ApiKey, *, secret: str | None) -> KeyResponse:
    """Build the response to the creation of a key, with its secret; None in a replay of it."""
    return {**key_response(key), "secret": secret}
