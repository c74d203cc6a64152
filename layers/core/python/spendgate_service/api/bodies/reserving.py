"""The body of check and reserve, and the query that asks what was spent."""

from collections.abc import Mapping
from typing import Annotated, Self

from spendgate_service.api.bodies.binding import bound_to_key, with_subjects_of_key
from spendgate_service.api.bodies.body import Body, reader_of
from spendgate_service.api.bodies.declaring import (
    field,
    model_validator,
)
from spendgate_service.api.bodies.fields import (
    TOKENS_MAX,
    AmountsField,
    MetadataField,
    ModelsField,
    SubjectsField,
    TokensField,
    TtlField,
    named_models,
)
from spendgate_service.api.bodies.spending import UsageBody, one_of_these, subjects_of
from spendgate_service.api.fingerprint import fingerprint
from spendgate_service.api.principal import Principal
from spendgate_service.api.validation import validated
from spendgate_service.domain.amounts import ONE, Amount
from spendgate_service.domain.caps import TokenCounts, tokens_of
from spendgate_service.domain.hold_buckets import TTL_SECONDS_DEFAULT
from spendgate_service.domain.model_usage import TOKENS, Usage
from spendgate_service.domain.requests import SpendRequest
from spendgate_service.domain.reservations import OnExpiry
from spendgate_service.domain.subjects import Subject
from spendgate_service.pricing.priced_amounts import PricedAmounts
from spendgate_service.wire.fields import Doc


class EstimatedUsage(UsageBody):
    """What a call to a model may at most use; a model that writes nothing needs no maximum."""

    input_tokens: Annotated[
        TokensField, Doc("All tokens that go in: fresh, cached, written to a cache, audio.")
    ]
    max_output_tokens: Annotated[
        TokensField | None,
        Doc("The most that the model may write; without it the tenant's default is held."),
    ] = None
    min_output_tokens: Annotated[
        TokensField | None,
        Doc(
            "The least output that is of use: if the whole does not fit, as many output tokens as "
            "fit are held, and never less than these."
        ),
    ] = None

    @model_validator
    def _adds_up(self) -> Self:
        least, most = self.min_output_tokens, self.max_output_tokens
        if least is not None and most is not None and least > most:
            raise ValueError("min_output_tokens is more than max_output_tokens")
        self.to_usage()
        return self

    def to_usage(self) -> Usage:
        """Return what is priced. Raises ValueError for counts that contradict each other."""
        if self.max_output_tokens is not None:
            return self._with_output(self.max_output_tokens)
        known = self.output_audio_tokens + self.reasoning_tokens
        return self._with_output(max(known, self.min_output_tokens or 0))


class ReserveBody(Body, json_schema_extra=one_of_these("amounts")):
    """The body of check and reserve."""

    subjects: Annotated[SubjectsField, Doc("Who or what spends: the id of each type.")] = field(
        default_factory=dict
    )
    amounts: Annotated[AmountsField, Doc("The amounts to hold, by unit.")] = field(
        default_factory=dict
    )
    min_amounts: Annotated[
        AmountsField,
        Doc(
            "The least of the amounts, by unit: if the whole does not fit, all amounts shrink by "
            "one factor, and what fits is held if it is not below these."
        ),
    ] = field(default_factory=dict)
    usage: Annotated[
        EstimatedUsage | None, Doc("The tokens of a call to a model, which the service prices.")
    ] = None
    ttl_seconds: Annotated[TtlField, Doc("How long the hold lasts from now on.")] = (
        TTL_SECONDS_DEFAULT
    )
    metadata: Annotated[
        MetadataField, Doc("Any JSON object up to 4 KB; stored and returned unread.")
    ] = field(default_factory=dict)

    on_expiry: Annotated[
        OnExpiry,
        Doc(
            "What becomes of what is neither captured nor settled when the hold expires: it is "
            "free again (release), or counts as spent (charge)."
        ),
    ] = "release"
    models: Annotated[
        ModelsField,
        Doc(
            "Models whose prices the response shall carry, as provider/model: a lease prices its "
            "calls by them."
        ),
    ] = field(default_factory=list)

    @model_validator
    def _minimum_is_part_of_it(self) -> Self:
        for unit, least in self.min_amounts.items():
            if least > self.amounts.get(unit, 0):
                raise ValueError(f"min_amounts.{unit} is more than amounts has of it")
        has_minimum = self.min_amounts or (self.usage and self.usage.min_output_tokens is not None)
        if has_minimum and self.amounts and self.usage is not None:
            raise ValueError("a minimum goes with amounts or with usage, not with both")
        return self

    @model_validator
    def _asks_for_something(self) -> Self:
        if not self.amounts and self.usage is None:
            raise ValueError("send amounts or usage, or both")
        return self

    def named_amounts(self) -> Mapping[str, Amount]:
        """The amounts as they were sent."""
        return self.amounts

    def named_usage(self) -> Usage | None:
        """The usage as it was sent."""
        return self.usage.to_usage() if self.usage else None

    @property
    def leaves_output_open(self) -> bool:
        """Whether the usage names no maximum of what the model may write."""
        return self.usage is not None and self.usage.max_output_tokens is None

    @property
    def fingerprint(self) -> str:
        """What tells this request from another one under the same idempotency key."""
        return fingerprint("reserve", self, fields=ReserveBody.field_names() - {"models"})

    @property
    def models_to_price(self) -> list[tuple[str, str]]:
        """The models whose prices the response carries: that of the usage, and those named."""
        of_usage = [(self.usage.provider, self.usage.model)] if self.usage else []
        return [*of_usage, *named_models(self.models)]

    def to_request(
        self,
        principal: Principal,
        *,
        priced: PricedAmounts,
        idempotency_key: str | None = None,
    ) -> SpendRequest:
        """Return the principal's request to spend the priced amounts."""
        return SpendRequest(
            tenant_id=principal.tenant_id,
            subjects=subjects_of(
                self.subjects,
                tenant_id=principal.tenant_id,
                key_id=principal.key_id,
                usage=self.usage,
            ),
            amounts=priced.amounts,
            ttl_seconds=self.ttl_seconds,
            fingerprint=self.fingerprint,
            idempotency_key=idempotency_key,
            metadata=self.metadata,
            tokens=_token_counts(priced),
            estimate=priced.estimate(self.amounts),
            min_amounts=self.min_amounts,
            on_expiry=self.on_expiry,
            min_output_tokens=self.usage.min_output_tokens if self.usage else None,
        )


def _token_counts(priced: PricedAmounts) -> TokenCounts | None:
    """What is held against the token caps: the usage, or else the tokens asked for."""
    if priced.usage is not None:
        return tokens_of(priced.usage)
    if TOKENS not in priced.amounts:
        return None
    return TokenCounts(total=-(-priced.amounts[TOKENS] // ONE))


USAGE_IN_QUERY = ("provider", "model", "input_tokens", "max_output_tokens")
"""The parameters that ask about a call to a model; `input_tokens` says that there is one."""


def _is_number(text: str) -> bool:
    return text.isdecimal() and len(text) <= len(str(TOKENS_MAX))


def usage_in_query(query: Mapping[str, str], principal: Principal) -> ReserveBody | None:
    """Read the call to a model that a query asks about, with its subjects; None without one.

    Raises InvalidValue, and ForeignSubject for another subject than the key is bound to.
    """
    if "input_tokens" not in query:
        return None
    usage = {
        name: int(text) if name.endswith("_tokens") and _is_number(text) else text
        for name, text in query.items()
        if name in USAGE_IN_QUERY
    }
    subjects = {name: text for name, text in query.items() if name not in USAGE_IN_QUERY}
    body = validated(
        ReserveBody.model_validate, {"subjects": subjects, "usage": usage}, root="query"
    )
    return bound_to_key(body, principal)


def subjects_in_query(query: Mapping[str, str], principal: Principal) -> tuple[Subject, ...]:
    """The subjects that a query such as `agent=researcher&session=s-42` asks about.

    Raises InvalidValue, and ForeignSubject for another subject than the key is bound to.
    """
    named = validated(reader_of(SubjectsField), dict(query), root="query")
    subjects = with_subjects_of_key(named, principal, root="query")
    return subjects_of(
        subjects, tenant_id=principal.tenant_id, key_id=principal.key_id, root="query"
    )
