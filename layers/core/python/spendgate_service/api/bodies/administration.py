"""The bodies of keys, tenants, token caps, prices and rates."""

from dataclasses import replace
from typing import Annotated, Literal, Self

from spendgate_service.api.bodies.body import Body
from spendgate_service.api.bodies.declaring import (
    AfterValidator,
    JsonSchema,
    Limits,
    WithJsonSchema,
    field,
    model_validator,
)
from spendgate_service.api.bodies.fallbacks import FallbackModelsField
from spendgate_service.api.bodies.fields import (
    TOKENS_MAX,
    WORD_SCHEMA,
    MomentField,
    NameField,
    PositiveAmountField,
    SpentAmountField,
    SubjectIdField,
    SubjectsField,
    TenantIdField,
    TokensField,
    UnitField,
    changing,
    patch_schema,
)
from spendgate_service.domain.budgets import TokenCap
from spendgate_service.domain.model_usage import TOKENS, ServiceTier
from spendgate_service.domain.prices import PRICE_UNIT, Price, PriceTier, Rates
from spendgate_service.domain.rates import Rate
from spendgate_service.domain.tenants import DEFAULT_MAX_OUTPUT_TOKENS, Tenant, UnpricedModel
from spendgate_service.pricing.names import normalised_model, normalised_provider
from spendgate_service.tenants.api_keys import IssuedKey, new_key
from spendgate_service.wire.fields import Doc

_CAPS = ("max_prompt_tokens", "max_completion_tokens", "max_total_tokens")


def _caps(name: str) -> JsonSchema:
    return {"required": [name], "properties": {name: {"type": "integer"}}}


PRICE_TIERS_MAX = 8

MAX_AGE_SECONDS_MAX = 366 * 86_400  # a rate that is good for longer needs no maximum age


GRACE_SECONDS_MAX = 30 * 86_400  # a release cycle; a secret that two parties know for longer leaks

DefaultOutputField = Annotated[int, Limits(ge=1, le=1_000_000)]


class CreateKeyBody(Body):
    """A new API key of the caller's tenant."""

    role: Annotated[Literal["admin", "approver", "caller", "reader"], Doc("What the key may do.")]
    name: Annotated[NameField | None, Doc("A name for people.")] = None
    subjects: Annotated[
        SubjectsField,
        Doc(
            "Subjects that are part of every request that spends with the key, which must be a "
            "caller; another value is refused with 403."
        ),
    ] = field(default_factory=dict)
    expires_at: Annotated[
        MomentField | None,
        Doc("The first moment at which the key is invalid; null: it does not expire."),
    ] = None
    max_amount: Annotated[
        PositiveAmountField | None,
        Doc(
            "The most that the key, which must be an approver, approves at once, in the unit of "
            "the budget; null: any amount."
        ),
    ] = None

    @model_validator
    def _fits_the_role(self) -> Self:
        if self.subjects and self.role != "caller":
            raise ValueError(
                f"a key of the role {self.role} is not bound to subjects; leave subjects out, or "
                "create a caller"
            )
        if self.max_amount is not None and self.role != "approver":
            raise ValueError(
                f"a key of the role {self.role} approves nothing; leave max_amount out, or create "
                "an approver"
            )
        return self

    def to_key(self, *, tenant_id: str, now_ms: int) -> IssuedKey:
        """Return the new key, with its secret."""
        return new_key(
            tenant_id,
            self.role,
            name=self.name,
            now_ms=now_ms,
            subjects=self.subjects,
            expires_at_ms=self.expires_at,
            max_amount=self.max_amount,
        )


class RotateKeyBody(Body):
    """A new secret for an API key."""

    grace_seconds: Annotated[
        int,
        Limits(ge=0, le=GRACE_SECONDS_MAX),
        Doc("How long the secrets before this one stay valid at most; 0: they end now."),
    ] = 0


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
    default_max_output_tokens: Annotated[
        DefaultOutputField,
        Doc("How many output tokens are held for a usage without max_output_tokens."),
    ] = DEFAULT_MAX_OUTPUT_TOKENS
    default_agent: Annotated[
        SubjectIdField | None,
        Doc("The agent that a request counts for if it names none; null: no agent."),
    ] = None
    fallback_models: Annotated[
        FallbackModelsField,
        Doc("Models, as provider/model, that refusals and checks name if they fit."),
    ] = field(default_factory=list)

    def to_tenant(self, *, now_ms: int) -> Tenant:
        """The tenant."""
        return Tenant(
            tenant_id=self.tenant_id,
            name=self.name,
            require_budget=self.require_budget,
            unpriced_model=self.unpriced_model,
            default_max_output_tokens=self.default_max_output_tokens,
            default_agent=self.default_agent,
            fallback_models=tuple(self.fallback_models),
            created_at_ms=now_ms,
            updated_at_ms=now_ms,
        )


_TENANT_NULLABLE = ("name", "default_agent")


class PatchTenantBody(Body, json_schema_extra=patch_schema(nullable=_TENANT_NULLABLE)):
    """A change to the settings of the caller's tenant: only what is named changes."""

    name: Annotated[NameField | None, Doc("A name for people.")] = None
    require_budget: Annotated[
        bool | None, Doc("Whether a request to which no budget applies is refused.")
    ] = None
    unpriced_model: Annotated[
        UnpricedModel | None,
        Doc("What happens to usage of a model without a price: reject, or allow in tokens only."),
    ] = None
    default_max_output_tokens: Annotated[
        DefaultOutputField | None,
        Doc("How many output tokens are held for a usage without max_output_tokens."),
    ] = None
    default_agent: Annotated[
        SubjectIdField | None,
        Doc("The agent that a request counts for if it names none; null: no agent."),
    ] = None
    fallback_models: Annotated[
        FallbackModelsField | None,
        Doc("Models, as provider/model, that refusals and checks name if they fit."),
    ] = None

    @model_validator
    def _changes_something(self) -> Self:
        return changing(self, nullable=_TENANT_NULLABLE)

    def applied_to(self, tenant: Tenant, *, now_ms: int) -> Tenant:
        """The tenant after the change."""
        return replace(
            tenant,
            name=self.name if "name" in self.model_fields_set else tenant.name,
            require_budget=(
                tenant.require_budget if self.require_budget is None else self.require_budget
            ),
            unpriced_model=self.unpriced_model or tenant.unpriced_model,
            default_max_output_tokens=(
                self.default_max_output_tokens or tenant.default_max_output_tokens
            ),
            default_agent=(
                self.default_agent
                if "default_agent" in self.model_fields_set
                else tenant.default_agent
            ),
            fallback_models=(
                tenant.fallback_models
                if self.fallback_models is None
                else tuple(self.fallback_models)
            ),
            updated_at_ms=now_ms,
        )


class TokenCapBody(Body, json_schema_extra={"anyOf": [_caps(name) for name in _CAPS]}):
    """How many tokens one request of a subject may have; at least one of the three."""

    max_prompt_tokens: Annotated[
        TokensField | None, Doc("How many prompt tokens one request may have; null: no cap.")
    ] = None
    max_completion_tokens: Annotated[
        TokensField | None, Doc("How many completion tokens one request may have; null: no cap.")
    ] = None
    max_total_tokens: Annotated[
        TokensField | None, Doc("How many tokens one request may have in all; null: no cap.")
    ] = None

    @model_validator
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


class _RatesBody(Body):
    """What a million tokens of each kind cost; a kind without a rate cannot be priced."""

    cached_input_per_million: Annotated[
        SpentAmountField | None, Doc("The price of a million cached input tokens.")
    ] = None
    cache_write_per_million: Annotated[
        SpentAmountField | None, Doc("The price of a million tokens written to a cache.")
    ] = None
    cache_write_1h_per_million: Annotated[
        SpentAmountField | None,
        Doc("The price of a million tokens written to a cache for an hour."),
    ] = None
    input_audio_per_million: Annotated[
        SpentAmountField | None, Doc("The price of a million input tokens of audio.")
    ] = None
    cached_audio_per_million: Annotated[
        SpentAmountField | None, Doc("The price of a million cached input tokens of audio.")
    ] = None
    output_audio_per_million: Annotated[
        SpentAmountField | None, Doc("The price of a million output tokens of audio.")
    ] = None

    def to_rates(self) -> Rates:
        """Return the rates."""
        named = {name for name in Rates.__slots__ if name in type(self).field_names()}
        return Rates(**self.model_dump(include=named))


class PriceTierBody(_RatesBody):
    """Rates of requests with more input tokens than that; the others stay."""

    above_input_tokens: Annotated[
        int,
        Limits(ge=1, le=TOKENS_MAX),
        Doc("The tier applies to requests with more input tokens than this."),
    ]
    input_per_million: Annotated[
        SpentAmountField | None, Doc("The price of a million input tokens.")
    ] = None
    output_per_million: Annotated[
        SpentAmountField | None, Doc("The price of a million output tokens.")
    ] = None


class PriceBody(_RatesBody):
    """What a model costs per million tokens of each kind, per call and per web search.

    It replaces the built-in price whole. Cached input costs the input rate, and reasoning the
    output rate, unless they have their own; any other kind without a rate is refused.
    """

    input_per_million: Annotated[SpentAmountField, Doc("The price of a million input tokens.")]
    output_per_million: Annotated[SpentAmountField, Doc("The price of a million output tokens.")]
    per_request: Annotated[
        SpentAmountField | None, Doc("The price of one call, beside its tokens.")
    ] = None
    per_web_search: Annotated[SpentAmountField | None, Doc("The price of one web search.")] = None
    tiers: Annotated[
        list[PriceTierBody],
        Limits(max_length=PRICE_TIERS_MAX),
        Doc("Rates of large requests, each for all tokens of a request above its threshold."),
    ] = field(default_factory=list)
    service_tiers: Annotated[
        dict[Literal["batch", "flex", "priority"], SpentAmountField],
        Doc("The factor on the price of tokens in a service tier, such as 0.5 for batch."),
    ] = field(default_factory=dict)
    currency: Annotated[CurrencyField, Doc("The unit of the prices.")] = PRICE_UNIT

    @model_validator
    def _tiers_differ(self) -> Self:
        thresholds = [tier.above_input_tokens for tier in self.tiers]
        if len(set(thresholds)) < len(thresholds):
            raise ValueError("two tiers have the same above_input_tokens")
        return self

    def to_price(self, *, provider: str, model: str, now_ms: int) -> Price:
        """Return the price, under the normalised names of its model."""
        factors: dict[ServiceTier, int] = dict(self.service_tiers.items())
        return Price(
            provider=normalised_provider(provider),
            model=normalised_model(provider, model),
            currency=self.currency,
            rates=self.to_rates(),
            tiers=tuple(
                PriceTier(tier.above_input_tokens, tier.to_rates())
                for tier in sorted(self.tiers, key=lambda tier: tier.above_input_tokens)
            ),
            per_request=self.per_request,
            per_web_search=self.per_web_search,
            service_tiers=factors,
            updated_at_ms=now_ms,
        )


MaxAgeField = Annotated[int, Limits(ge=1, le=MAX_AGE_SECONDS_MAX)]


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
