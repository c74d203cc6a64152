"""The caller, as its API key identifies it: never as the request claims.

The authorizer writes a key as a context of texts, API Gateway passes it on, and a function reads it
as a `Principal`.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from spendgate_service.domain.amounts import Amount, amount_text, parse_amount
from spendgate_service.domain.tenants import ApiKey, Role


@dataclass(frozen=True, slots=True)
class Principal:
    """The tenant, the id, the role and the name of an API key; its subjects, end and maximum."""

    tenant_id: str
    key_id: str
    role: Role
    name: str | None = None
    subjects: Mapping[str, str] = field(default_factory=dict)
    expires_at_ms: int | None = None
    max_amount: Amount | None = None

    def has_expired(self, *, now_ms: int) -> bool:
        """Whether the key has ended by now."""
        return self.expires_at_ms is not None and self.expires_at_ms <= now_ms


def context_of(key: ApiKey) -> dict[str, str]:
    """Write a key as the authorizer's context; what a key does not have is left out."""
    context = {"tenant_id": key.tenant_id, "key_id": key.key_id, "role": key.role}
    if key.name is not None:
        context["name"] = json.dumps(key.name)
    if key.subjects:
        context["subjects"] = json.dumps(dict(key.subjects))
    if key.expires_at_ms is not None:
        context["expires_at_ms"] = str(key.expires_at_ms)
    if key.max_amount is not None:
        context["max_amount"] = amount_text(key.max_amount)
    return context


def principal_in(context: Mapping[str, object]) -> Principal | None:
    """Read the principal from the authorizer's context; None if the key was not valid."""
    tenant_id, key_id, role = (context.get(name) for name in ("tenant_id", "key_id", "role"))
    if not (isinstance(tenant_id, str) and isinstance(key_id, str)):
        return None
    expires_at_ms, max_amount = context.get("expires_at_ms"), context.get("max_amount")
    match role:
        case "operator" | "admin" | "approver" | "caller" | "reader":
            return Principal(
                tenant_id,
                key_id,
                role,
                name=json.loads(str(context.get("name", "null"))),
                subjects=json.loads(str(context.get("subjects", "{}"))),
                expires_at_ms=None if expires_at_ms is None else int(str(expires_at_ms)),
                max_amount=None if max_amount is None else parse_amount(str(max_amount)),
            )
        case _:
            return None
