"""Who calls: what a credential says, and never the request."""

from collections.abc import Mapping
from dataclasses import dataclass

from spendgate_service.domain.tenants import Role


@dataclass(frozen=True, slots=True)
class Principal:
    """The tenant, key and role that a credential stands for."""

    tenant_id: str
    key_id: str
    role: Role


def principal_in(context: Mapping[str, object]) -> Principal | None:
    """The principal that the authorizer put into its context; None if it refused the credential."""
    tenant_id, key_id, role = (context.get(name) for name in ("tenant_id", "key_id", "role"))
    if not (isinstance(tenant_id, str) and isinstance(key_id, str)):
        return None
    match role:
        case "operator" | "admin" | "caller" | "reader":
            return Principal(tenant_id, key_id, role)
        case _:
            return None
