"""Tenants and their settings, and the API keys that act for them."""

from dataclasses import dataclass
from typing import Literal

type UnpricedModel = Literal["reject", "allow"]
type Role = Literal["operator", "admin", "caller", "reader"]

ROLES: tuple[Role, ...] = ("operator", "admin", "caller", "reader")


@dataclass(frozen=True, slots=True)
class Tenant:
    """One organisation, the isolation boundary."""

    tenant_id: str
    name: str | None = None
    require_budget: bool = False
    unpriced_model: UnpricedModel = "reject"
    created_at_ms: int = 0
    updated_at_ms: int = 0


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A credential of a tenant (or of the operator); the secret itself is kept nowhere."""

    key_id: str
    tenant_id: str
    role: Role
    name: str | None
    created_at_ms: int
