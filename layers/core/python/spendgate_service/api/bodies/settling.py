"""The bodies of settle, extend and record."""

from collections.abc import Mapping
from typing import Annotated, Self

from spendgate_service.api.bodies.body import Body
from spendgate_service.api.bodies.declaring import (
    JsonSchema,
    field,
    model_validator,
)
from spendgate_service.api.bodies.fields import (
    AmountsField,
    MetadataField,
    ModelsField,
    MomentField,
    ProvenanceBody,
    ProviderUsageField,
    SubjectsField,
    TokensField,
    TtlField,
)
from spendgate_service.api.bodies.spending import UsageBody, one_of_these, subjects_of
from spendgate_service.api.fingerprint import fingerprint
from spendgate_service.domain.amounts import Amount
from spendgate_service.domain.errors import InvalidValue
from spendgate_service.domain.model_usage import ServiceTier, Usage
from spendgate_service.domain.occurrence import check_occurred_at
from spendgate_service.domain.requests import Record, Settle
from spendgate_service.pricing.priced_amounts import KnowsTenants, PricedAmounts, priced_or_problem
from spendgate_service.pricing.provider_usage import read_provider_usage
from spendgate_service.store.counters import RETENTION_SECONDS
from spendgate_service.wire.fields import Doc

_COUNTS_OR_OBJECT: JsonSchema = {
    "oneOf": [{"required": ["input_tokens"]}, {"required": ["provider_usage"]}]
}


class ActualUsage(UsageBody, json_schema_extra=_COUNTS_OR_OBJECT):
    """What a call to a model used: by counts, or as the provider's own usage object says."""

    output_tokens: Annotated[TokensField, Doc("All tokens that the model wrote.")] = 0
    provider_usage: Annotated[
        ProviderUsageField | None,
        Doc("The provider's own usage object, in place of the counts (OpenAI, Anthropic, ...)."),
    ] = None

    @model_validator
    def _counts_or_object(self) -> Self:
        counted = self.model_fields_set & _ALL_COUNTS
        if self.provider_usage is None:
            if self.input_tokens is None:
                raise ValueError("send input_tokens, or provider_usage")
        elif counted:
            raise ValueError(
                f"send provider_usage or the counts ({', '.join(sorted(counted))}), not both"
            )
        self.to_usage()
        return self

    def to_usage(self) -> Usage:
        """Return what is priced. Raises ValueError for counts that contradict each other."""
        if self.provider_usage is None:
            return self._with_output(self.output_tokens)
        try:
            return read_provider_usage(
                self.provider,
                self.model,
                self.provider_usage,
                requests=self.requests,
                service_tier=self._named_tier(),
            )
        except InvalidValue as error:
            raise ValueError(str(error)) from None

    def _named_tier(self) -> ServiceTier | None:
        return self.service_tier if "service_tier" in self.model_fields_set else None


_ALL_COUNTS = set(ActualUsage.field_names()) - {
    "provider", "model", "provider_usage", "requests", "service_tier",
}  # fmt: skip


_NOT_BOTH: JsonSchema = {
    "not": {
        "required": ["actual", "usage"],
        "properties": {"actual": {"type": "object"}, "usage": {"type": "object"}},
    }
}


_SOMETHING_SPENT: JsonSchema = {**_NOT_BOTH, **one_of_these("actual")}

_SOMETHING_CHANGED: JsonSchema = {
    "anyOf": [
        {"required": [name], "properties": {name: {"type": kind}}}  # null is left out
        for name, kind in (("ttl_seconds", "integer"), ("amounts", "object"))
    ]
}


class _ActualBody(ProvenanceBody, json_schema_extra=_NOT_BOTH):
    """What was spent, by amount or by usage, and where the number comes from."""

    actual: Annotated[AmountsField | None, Doc("What was spent, by unit.")] = None
    usage: Annotated[
        ActualUsage | None, Doc("The tokens of a call to a model, which the service prices.")
    ] = None

    @model_validator
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

    @property
    def leaves_output_open(self) -> bool:
        """Never: what was spent is known."""
        return False


class SettleBody(_ActualBody):
    """The body of settle; with neither actual nor usage it settles at the estimate."""

    def to_settle(self, *, tenant_id: str, reservation_id: str, priced: PricedAmounts) -> Settle:
        """The settlement, at the (priced) actual amounts."""
        return Settle(
            tenant_id,
            reservation_id,
            priced.amounts,
            self.to_provenance(),
            fingerprint("settle", self, fields=SettleBody.field_names()),
            priced.problem,
            priced.metered(self.named_usage()),
        )


class RecordBody(_ActualBody, json_schema_extra=_SOMETHING_SPENT):
    """The body of a record: spend that was never reserved."""

    subjects: Annotated[SubjectsField, Doc("Who or what spends: the id of each type.")] = field(
        default_factory=dict
    )

    metadata: Annotated[
        MetadataField, Doc("Your own data about the spend, shown in the usage log.")
    ] = field(default_factory=dict)

    occurred_at: Annotated[
        MomentField | None,
        Doc(
            "When it was spent, as RFC 3339: up to 35 days ago, and less than the retention. Left "
            "out: now, or when the message was first sent."
        ),
    ] = None

    def priced(
        self, policy_cache: KnowsTenants, tenant_id: str, *, reported_at_ms: int
    ) -> PricedAmounts:
        """Price the spend at the moment at which it occurred: when it is reported, unless it says.

        What refuses it, also a moment out of range, is the `problem` of the result.
        """
        if self.occurred_at is None:
            return priced_or_problem(self, policy_cache, tenant_id, reported_at_ms)
        try:
            check_occurred_at(
                self.occurred_at,
                reported_at_ms=reported_at_ms,
                retention_seconds=RETENTION_SECONDS,
                param="body.occurred_at",
            )
        except InvalidValue as problem:
            return PricedAmounts({}, problem=problem)
        return priced_or_problem(self, policy_cache, tenant_id, self.occurred_at)

    @model_validator
    def _spent_something(self) -> Self:
        if not self.actual and self.usage is None:
            raise ValueError("send actual or usage")
        return self

    def to_record(
        self,
        *,
        tenant_id: str,
        key_id: str | None,
        priced: PricedAmounts,
        idempotency_key: str | None,
        occurred_at_ms: int | None = None,
    ) -> Record:
        """The spend, at the (priced) actual amounts; a queue message comes without a key."""
        return Record(
            tenant_id=tenant_id,
            subjects=subjects_of(
                self.subjects, tenant_id=tenant_id, key_id=key_id, usage=self.usage
            ),
            actual=priced.amounts,
            fingerprint=fingerprint("record", self, fields=RecordBody.field_names()),
            idempotency_key=idempotency_key,
            provenance=self.to_provenance(),
            unpriced=priced.unpriced,
            occurred_at_ms=occurred_at_ms,
            problem=priced.problem,
            metered=priced.metered(self.named_usage()),
            metadata=self.metadata,
        )


class ExtendBody(Body, json_schema_extra=_SOMETHING_CHANGED):
    """The body of extend: the hold expires that long after now, or a lease grows, or both."""

    ttl_seconds: Annotated[
        TtlField | None, Doc("How long the hold lasts from now on; left out: as it is.")
    ] = None
    amounts: Annotated[
        AmountsField | None,
        Doc(
            "All that shall be granted since the start, by unit. What is more than before is held "
            "on every budget that applies, all or none; a total that is not larger changes nothing."
        ),
    ] = None
    models: Annotated[
        ModelsField, Doc("Models whose prices the response shall carry, as provider/model.")
    ] = field(default_factory=list)

    @model_validator
    def _changes_something(self) -> Self:
        if self.ttl_seconds is None and self.amounts is None:
            raise ValueError("send ttl_seconds or amounts, or both")
        return self
