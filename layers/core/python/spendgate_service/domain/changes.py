"""Changes by admins and operators: who changed which fields of which object, when and why."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from spendgate_service.domain.tenants import Role

TENANT_OBJECT = "tenant"

type Action = Literal[
    "budget.created",
    "budget.changed",
    "budget.paused",
    "budget.resumed",
    "budget.disabled",
    "budget.enabled",
    "budget.deleted",
    "budget.credited",
    "token_cap.set",
    "token_cap.deleted",
    "price.set",
    "price.deleted",
    "rate.set",
    "rate.deleted",
    "key.created",
    "key.rotated",
    "key.revoked",
    "tenant.created",
    "tenant.changed",
    "notification.created",
    "notification.changed",
    "notification.deleted",
    "notification.rotated",
    "notification.tested",
    "usage.reversed",
    "request.approved",
    "request.denied",
]


@dataclass(frozen=True, slots=True)
class Author:
    """Who makes a change, by the API key of the request, and what the request says besides.

    `actor` is for whom the key acts (`Spendgate-Actor`), `reason` is why (`Spendgate-Reason`). A
    command on the table has no key and no request.
    """

    key_id: str | None = None
    key_name: str | None = None
    role: Role = "operator"
    actor: str | None = None
    reason: str | None = None
    request_id: str | None = None


BY_COMMAND = Author()
"""A principal that writes to the table without the API: a command of the service."""


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field as it was and as it is, as JSON shows it; None where it is absent."""

    field: str
    before: object
    after: object


@dataclass(frozen=True, slots=True)
class Change:
    """One entry of the change log; nothing changes it.

    `about` is the object: an id, or a word such as `tenant` or `price:openai/gpt-4o`.
    """

    change_id: str
    at_ms: int
    by: Author
    action: Action
    about: str
    fields: tuple[FieldChange, ...]


def field_changes(
    before: Mapping[str, object] | None, after: Mapping[str, object] | None
) -> tuple[FieldChange, ...]:
    """Return the fields that differ between two forms of an object; None: it does not exist."""
    was, becomes = before or {}, after or {}
    names = dict.fromkeys([*was, *becomes])
    return tuple(
        FieldChange(name, was.get(name), becomes.get(name))
        for name in names
        if was.get(name) != becomes.get(name)
    )
