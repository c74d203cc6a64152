"""The caller, as its API key identifies it: never as the request claims."""

from collections.abc import Mapping
from dataclasses import dataclass

from spendgate_service.domain.tenants import Role


@dataclass(frozen=True, slots=True)
class Principal:
    """The tenant, the id and the role of an API key."""

    tenant_id: str
    key_id: str
    role: Role


def principal_in(context: Mapping[str, object]) -> Principal | None:
    """Read the principal from the authorizer's context; None if the key was not valid."""
    tenant_id, key_id, role = (context.get(name) for name in ("tenant_id", "key_id", "role"))
    if not (isinstance(tenant_id, str) and isinstance(key_id, str)):
        return None
    match role:
        case "operator" | "admin" | "caller" | "reader":
            return Principal(tenant_id, key_id, role)
        case _:
            return None
