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
from spendgate_service.wire.fields import Doc

_CAPS = ("max_prompt_tokens", "max_completion_tokens", "max_total_tokens")


def _caps(name: str) -> JsonDict:
    return {"required": [name], "properties": {name: {"type": "integer"}}}


MAX_AGE_SECONDS_MAX = 366 * 86_400  # a rate that is good for longer needs no maximum age


class CreateKeyBody(Body):
    """A new API key of the caller's tenant."""

    role: Annotated[Literal["admin", "caller", "reader"], Doc("What the key may do.")]
    name: Annotated[NameField | None, Doc("A name for people.")] = None


class CreateTenantBody(Body):
    """A new tenant."""

    tenant_id: Annotated[TenantIdField, Doc("The id of the tenant.")]
    name: Annotated[NameField | None, Doc("A name for people.")] = None
    require_budget: Annotated[
        bool, Doc("Whether a request to which no budget applies is refused.")
    ] = False
    unpriced_model: Annotated[
        UnpricedModel,
        Doc("What happens to usage of a model without a price: reject, or allow in tokens only."),
    ] = "reject"

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

    name: Annotated[NameField | None, Doc("A name for people.")] = None
    require_budget: Annotated[
        bool | None, Doc("Whether a request to which no budget applies is refused.")
    ] = None
    unpriced_model: Annotated[
        UnpricedModel | None,
        Doc("What happens to usage of a model without a price: reject, or allow in tokens only."),
    ] = None

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

    max_prompt_tokens: Annotated[
        TokensField | None, Doc("How many prompt tokens one request may have; null: no cap.")
    ] = None
    max_completion_tokens: Annotated[
        TokensField | None, Doc("How many completion tokens one request may have; null: no cap.")
    ] = None
    max_total_tokens: Annotated[
        TokensField | None, Doc("How many tokens one request may have in all; null: no cap.")
    ] = None

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

    input_per_million: Annotated[AmountField, Doc("The price of a million input tokens.")]
    output_per_million: Annotated[AmountField, Doc("The price of a million output tokens.")]
    cached_input_per_million: Annotated[
        AmountField | None,
        Doc("The price of a million cached input tokens; null: that of input tokens."),
    ] = None
    currency: Annotated[CurrencyField, Doc("The unit of the prices.")] = PRICE_UNIT

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

    rate: Annotated[
        PositiveAmountField, Doc("How much of the second unit one of the first is worth.")
    ]
    max_age_seconds: Annotated[
        MaxAgeField | None, Doc("How long the rate is valid after it was set; null: without limit.")
    ] = None

    def to_rate(self, *, source: str, target: str, now_ms: int) -> Rate:
        """The rate."""
        return Rate(source, target, self.rate, now_ms, self.max_age_seconds)
