"""Tenants and their settings, and the API keys that act for them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from spendgate.domain.amounts import Amount
from spendgate.domain.rates import Rate

type UnpricedModel = Literal["reject", "allow"]
type Role = Literal["operator", "admin", "caller", "reader"]

ROLES: tuple[Role, ...] = ("operator", "admin", "caller", "reader")


@dataclass(frozen=True, slots=True)
class Price:
    """What a model costs per million tokens, over the built-in price table."""

    provider: str
    model: str
    currency: str
    input_per_million: Amount
    output_per_million: Amount
    cached_input_per_million: Amount | None = None
    updated_at_ms: int = 0

    @property
    def key(self) -> str:
        """The name of the model among all providers'."""
        return f"{self.provider}/{self.model}"


@dataclass(frozen=True, slots=True)
class Tenant:
    """One organisation, the isolation boundary.

    `rates` are by target unit, then by source unit; `prices` by `provider/model`.
    """

    tenant_id: str
    name: str | None = None
    require_budget: bool = False
    unpriced_model: UnpricedModel = "reject"
    created_at_ms: int = 0
    updated_at_ms: int = 0
    rates: Mapping[str, Mapping[str, Rate]] = field(default_factory=dict)
    prices: Mapping[str, Price] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A credential of a tenant (or of the operator); the secret itself is kept nowhere."""

    key_id: str
    tenant_id: str
    role: Role
    name: str | None
    created_at_ms: int
