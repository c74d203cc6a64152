"""The bodies of keys, tenants, token caps, prices and rates."""

from dataclasses import replace
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, ConfigDict, Field, WithJsonSchema, model_validator
from pydantic.config import JsonDict

from spendgate_service.api.bodies.fields import (
    WORD_SCHEMA,
    AmountField,
    Body,
    NameField,
    PositiveAmountField,
    TenantIdField,
    TokensField,
    UnitField,
    changing,
    patch_schema,
)
from spendgate_service.domain.budgets import TokenCap
from spendgate_service.domain.rates import Rate
from spendgate_service.domain.tenants import Price, Tenant, UnpricedModel
from spendgate_service.pricing.usage import PRICE_UNIT, TOKENS

_CAPS = ("max_prompt_tokens", "max_completion_tokens", "max_total_tokens")


def _caps(name: str) -> JsonDict:
    return {"required": [name], "properties": {name: {"type": "integer"}}}


MAX_AGE_SECONDS_MAX = 366 * 86_400  # a rate that is good for longer needs no maximum age


class CreateKeyBody(Body):
    """A new API key of the caller's tenant."""

    role: Literal["admin", "caller", "reader"]
    name: NameField | None = None


class CreateTenantBody(Body):
    """A new tenant."""

    tenant_id: TenantIdField
    name: NameField | None = None
    require_budget: bool = False
    unpriced_model: UnpricedModel = "reject"

    def to_tenant(self, *, now_ms: int) -> Tenant:
        """The tenant."""
        return Tenant(
            tenant_id=self.tenant_id,
            name=self.name,
            require_budget=self.require_budget,
            unpriced_model=self.unpriced_model,
            created_at_ms=now_ms,
            updated_at_ms=now_ms,
        )


class PatchTenantBody(Body):
    """A change to the settings of the caller's tenant: only what is named changes."""

    model_config = ConfigDict(json_schema_extra=patch_schema(nullable=("name",)))

    name: NameField | None = None
    require_budget: bool | None = None
    unpriced_model: UnpricedModel | None = None

    @model_validator(mode="after")
    def _changes_something(self) -> Self:
        return changing(self, nullable=("name",))

    def applied_to(self, tenant: Tenant, *, now_ms: int) -> Tenant:
        """The tenant after the change."""
        return replace(
            tenant,
            name=self.name if "name" in self.model_fields_set else tenant.name,
            require_budget=(
                tenant.require_budget if self.require_budget is None else self.require_budget
            ),
            unpriced_model=self.unpriced_model or tenant.unpriced_model,
            updated_at_ms=now_ms,
        )


class TokenCapBody(Body):
    """How many tokens one request of a subject may have; at least one of the three."""

    model_config = ConfigDict(json_schema_extra={"anyOf": [_caps(name) for name in _CAPS]})

    max_prompt_tokens: TokensField | None = None
    max_completion_tokens: TokensField | None = None
    max_total_tokens: TokensField | None = None

    @model_validator(mode="after")
    def _caps_something(self) -> Self:
        if self.to_token_cap() == TokenCap():
            raise ValueError("name at least one cap; DELETE takes the caps away")
        return self

    def to_token_cap(self) -> TokenCap:
        """The cap."""
        return TokenCap(
            max_prompt_tokens=self.max_prompt_tokens,
            max_completion_tokens=self.max_completion_tokens,
            max_total_tokens=self.max_total_tokens,
        )


def _money(unit: str) -> str:
    if unit == TOKENS:
        raise ValueError(f"{TOKENS} are counted as they are; name the unit of what they cost")
    return unit


CurrencyField = Annotated[
    UnitField, AfterValidator(_money), WithJsonSchema({**WORD_SCHEMA, "not": {"const": TOKENS}})
]


class PriceBody(Body):
    """What a model costs per million tokens; cached input costs the full rate if none is named."""

    input_per_million: AmountField
    output_per_million: AmountField
    cached_input_per_million: AmountField | None = None
    currency: CurrencyField = PRICE_UNIT

    def to_price(self, *, provider: str, model: str, now_ms: int) -> Price:
        """The price."""
        return Price(
            provider=provider,
            model=model,
            currency=self.currency,
            input_per_million=self.input_per_million,
            output_per_million=self.output_per_million,
            cached_input_per_million=self.cached_input_per_million,
            updated_at_ms=now_ms,
        )


MaxAgeField = Annotated[int, Field(ge=1, le=MAX_AGE_SECONDS_MAX)]


class RateBody(Body):
    """How much of one unit one of another is worth; older than the maximum age it is no rate."""

    rate: PositiveAmountField
    max_age_seconds: MaxAgeField | None = None

    def to_rate(self, *, source: str, target: str, now_ms: int) -> Rate:
        """The rate."""
        return Rate(source, target, self.rate, now_ms, self.max_age_seconds)
