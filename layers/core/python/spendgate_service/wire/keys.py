"""API keys."""

from typing import Annotated, NotRequired, TypedDict

from spendgate_service.domain.tenants import ApiKey, Role
from spendgate_service.wire.fields import AmountText, Doc, Subjects, Time
from spendgate_service.wire.values import optional_amount, optional_time_on_wire, time_on_wire


class KeyResponse(TypedDict):
    """An API key."""

    key_id: Annotated[str, Doc("The id of the API key; not secret.")]
    tenant_id: Annotated[str, Doc("The tenant that the key acts for.")]
    role: Annotated[Role, Doc("What the key may do.")]
    name: Annotated[str | None, Doc("A name for people.")]
    created_at: Annotated[Time, Doc("When the key was created.")]
    subjects: Annotated[
        Subjects, Doc("The subjects that are part of every request that spends with the key.")
    ]
    expires_at: Annotated[
        Time | None, Doc("The first moment at which the key is invalid; null: it does not expire.")
    ]
    max_amount: Annotated[
        AmountText | None,
        Doc(
            "The most that an approver's key approves at once, in the unit of the budget; null: "
            "not limited."
        ),
    ]
    secret: NotRequired[
        Annotated[
            str | None,
            Doc(
                "What the Authorization header takes after Bearer. Shown once, in the response "
                "that creates or rotates the key; null in a replay of it."
            ),
        ]
    ]


class OwnKey(TypedDict):
    """The API key of a request."""

    key_id: Annotated[str, Doc("The id of the API key; not secret.")]
    name: Annotated[str | None, Doc("A name for people.")]
    subjects: Annotated[
        Subjects, Doc("The subjects that are part of every request that spends with the key.")
    ]
    expires_at: Annotated[
        Time | None,
        Doc("The first moment at which the secret of this request is invalid; null: none."),
    ]
    max_amount: Annotated[
        AmountText | None, Doc("The most that an approver's key approves at once; null: any.")
    ]


class MeResponse(TypedDict):
    """Who the caller is."""

    tenant_id: Annotated[str | None, Doc("The tenant that the key acts for; null: the operator.")]
    role: Annotated[Role, Doc("What the key may do.")]
    key: Annotated[OwnKey, Doc("The API key of this request.")]


def key_response(key: ApiKey) -> KeyResponse:
    """Build the response about a key, without its secret."""
    return {
        "key_id": key.key_id,
        "tenant_id": key.tenant_id,
        "role": key.role,
        "name": key.name,
        "created_at": time_on_wire(key.created_at_ms),
        "subjects": dict(key.subjects),
        "expires_at": optional_time_on_wire(key.expires_at_ms),
        "max_amount": optional_amount(key.max_amount),
    }


def key_created(key: ApiKey, *, secret: str | None) -> KeyResponse:
    """Build the response to the creation of a key, with its secret; None in a replay of it."""
    return {**key_response(key), "secret": secret}
