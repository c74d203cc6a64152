"""The bodies of the hot path: check, reserve, settle, extend and record."""

from collections.abc import Mapping
from typing import Self

from pydantic import ConfigDict, Field, TypeAdapter, model_validator
from pydantic.config import JsonDict

from spendgate.api.fingerprint import fingerprint
from spendgate.api.models.fields import (
    AmountsField,
    Body,
    LabelField,
    MetadataField,
    ProvenanceBody,
    ReferenceField,
    SubjectsField,
    TokensField,
    TtlField,
)
from spendgate.api.principal import Principal
from spendgate.api.validation import validated
from spendgate.domain.amounts import ONE, Amount
from spendgate.domain.caps import TokenCounts
from spendgate.domain.holds import TTL_SECONDS_DEFAULT
from spendgate.domain.requests import Record, Settle, SpendRequest
from spendgate.domain.subjects import API_KEY, ORGANIZATION, Subject
from spendgate.pricing.usage import TOKENS, Usage


def subjects_of(
    subjects: dict[str, str], *, tenant_id: str, key_id: str | None
) -> tuple[Subject, ...]:
    """Everybody who spends: the named subjects, the tenant, and the key if one was used."""
    named = tuple(Subject(name, subject_id) for name, subject_id in subjects.items())
    key = (Subject(API_KEY, key_id),) if key_id else ()
    return (Subject(ORGANIZATION, tenant_id), *key, *named)


_SUBJECTS: TypeAdapter[dict[str, str]] = TypeAdapter(SubjectsField)


def subjects_in_query(query: Mapping[str, str], principal: Principal) -> tuple[Subject, ...]:
    """The subjects that a query such as `agent=researcher&session=s-42` asks about.

    Raises InvalidValue.
    """
    subjects = validated(_SUBJECTS.validate_python, dict(query), root="query")
    return subjects_of(subjects, tenant_id=principal.tenant_id, key_id=principal.key_id)


class _UsageBody(Body):
    provider: LabelField
    model: ReferenceField
    input_tokens: TokensField
    cached_input_tokens: TokensField = 0

    @model_validator(mode="after")
    def _cached_is_a_part(self) -> Self:
        if self.cached_input_tokens > self.input_tokens:
            raise ValueError("cached_input_tokens are a part of input_tokens, not more than them")
        return self


class EstimatedUsage(_UsageBody):
    """What a call to a model may at most use; a model that writes nothing needs no maximum."""

    max_output_tokens: TokensField = 0

    def to_usage(self) -> Usage:
        """What is to be priced."""
        return Usage(
            provider=self.provider,
            model=self.model,
            input_tokens=self.input_tokens,
            output_tokens=self.max_output_tokens,
            cached_input_tokens=self.cached_input_tokens,
        )


class ActualUsage(_UsageBody):
    """What a call to a model used."""

    output_tokens: TokensField = 0

    def to_usage(self) -> Usage:
        """What is to be priced."""
        return Usage(
            provider=self.provider,
            model=self.model,
            input_tokens=self.input_tokens,
            output_tokens=self.output_tokens,
            cached_input_tokens=self.cached_input_tokens,
        )


def _one_of_these(amounts: str) -> JsonDict:
    """What a schema says of a body that has at least amounts or usage."""
    return {
        "anyOf": [
            {
                "required": [amounts],
                "properties": {amounts: {"type": "object", "minProperties": 1}},
            },
            {"required": ["usage"], "properties": {"usage": {"type": "object"}}},
        ]
    }


_NOT_BOTH: JsonDict = {
    "not": {
        "required": ["actual", "usage"],
        "properties": {"actual": {"type": "object"}, "usage": {"type": "object"}},
    }
}


class ReserveBody(Body):
    """The body of check and reserve."""

    model_config = ConfigDict(json_schema_extra=_one_of_these("amounts"))

    subjects: SubjectsField = Field(default_factory=dict)
    amounts: AmountsField = Field(default_factory=dict)
    usage: EstimatedUsage | None = None
    ttl_seconds: TtlField = TTL_SECONDS_DEFAULT
    metadata: MetadataField = Field(default_factory=dict)

    @model_validator(mode="after")
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

    def tokens(self, amounts: Mapping[str, Amount]) -> TokenCounts | None:
        """What is held against the token caps: the usage, or else the tokens asked for."""
        if self.usage is not None:
            return TokenCounts(
                total=self.usage.input_tokens + self.usage.max_output_tokens,
                prompt=self.usage.input_tokens,
                completion=self.usage.max_output_tokens,
            )
        if TOKENS not in amounts:
            return None
        return TokenCounts(total=-(-amounts[TOKENS] // ONE))

    def to_request(
        self,
        principal: Principal,
        *,
        amounts: Mapping[str, Amount],
        idempotency_key: str | None = None,
    ) -> SpendRequest:
        """The wish of the principal to spend the (priced) amounts."""
        return SpendRequest(
            tenant_id=principal.tenant_id,
            subjects=subjects_of(
                self.subjects, tenant_id=principal.tenant_id, key_id=principal.key_id
            ),
            amounts=amounts,
            ttl_seconds=self.ttl_seconds,
            fingerprint=fingerprint("reserve", self),
            idempotency_key=idempotency_key,
            metadata=self.metadata,
            tokens=self.tokens(amounts),
        )


class _ActualBody(ProvenanceBody):
    """What was spent, by amount or by usage, and where the number comes from."""

    model_config = ConfigDict(json_schema_extra=_NOT_BOTH)

    actual: AmountsField | None = None
    usage: ActualUsage | None = None

    @model_validator(mode="after")
    def _actual_or_usage(self) -> Self:
        if self.actual is not None and self.usage is not None:
            raise ValueError("send actual or usage, not both")
        return self

    def named_amounts(self) -> Mapping[str, Amount]:
        """The amounts as they were sent."""
        return self.actual or {}

    def named_usage(self) -> Usage | None:
        """The usage as it was sent."""
        return self.usage.to_usage() if self.usage else None


class SettleBody(_ActualBody):
    """The body of settle; with neither actual nor usage it settles at the estimate."""

    def to_settle(
        self, *, tenant_id: str, reservation_id: str, actual: Mapping[str, Amount]
    ) -> Settle:
        """The settlement, at the (priced) actual amounts."""
        return Settle(
            tenant_id,
            reservation_id,
            actual,
            self.to_provenance(),
            fingerprint("settle", self, fields=SettleBody.model_fields),
        )


class RecordBody(_ActualBody):
    """The body of a record: spend that was never reserved."""

    model_config = ConfigDict(json_schema_extra={**_NOT_BOTH, **_one_of_these("actual")})

    subjects: SubjectsField = Field(default_factory=dict)

    @model_validator(mode="after")
    def _spent_something(self) -> Self:
        if not self.actual and self.usage is None:
            raise ValueError("send actual or usage")
        return self

    def to_record(
        self,
        *,
        tenant_id: str,
        key_id: str | None,
        actual: Mapping[str, Amount],
        idempotency_key: str | None,
        unpriced: bool = False,
    ) -> Record:
        """The spend, at the (priced) actual amounts; a queue message comes without a key."""
        return Record(
            tenant_id=tenant_id,
            subjects=subjects_of(self.subjects, tenant_id=tenant_id, key_id=key_id),
            actual=actual,
            fingerprint=fingerprint("record", self, fields=RecordBody.model_fields),
            idempotency_key=idempotency_key,
            provenance=self.to_provenance(),
            unpriced=unpriced,
        )


class ExtendBody(Body):
    """The body of extend: the hold expires that long after now."""

    ttl_seconds: TtlField


class EmptyBody(Body):
    """The body of a request that says everything by its path."""
