"""The bodies of settle, extend and record."""

from collections.abc import Mapping
from typing import Annotated, Self

from pydantic import ConfigDict, Field, model_validator
from pydantic.config import JsonDict

from spendgate_service.api.bodies.fields import (
    AmountsField,
    Body,
    ProvenanceBody,
    SubjectsField,
    TokensField,
    TtlField,
)
from spendgate_service.api.bodies.spending import UsageBody, one_of_these, subjects_of
from spendgate_service.api.fingerprint import fingerprint
from spendgate_service.domain.amounts import Amount
from spendgate_service.domain.requests import Record, Settle
from spendgate_service.pricing.usage import Usage
from spendgate_service.wire.fields import Doc


class ActualUsage(UsageBody):
    """What a call to a model used."""

    output_tokens: Annotated[TokensField, Doc("The tokens that the model wrote.")] = 0

    def to_usage(self) -> Usage:
        """What is to be priced."""
        return self._with_output(self.output_tokens)


_NOT_BOTH: JsonDict = {
    "not": {
        "required": ["actual", "usage"],
        "properties": {"actual": {"type": "object"}, "usage": {"type": "object"}},
    }
}


class _ActualBody(ProvenanceBody):
    """What was spent, by amount or by usage, and where the number comes from."""

    model_config = ConfigDict(json_schema_extra=_NOT_BOTH)

    actual: Annotated[AmountsField | None, Doc("What was spent, by unit.")] = None
    usage: Annotated[
        ActualUsage | None, Doc("The tokens of a call to a model, which the service prices.")
    ] = None

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

    model_config = ConfigDict(json_schema_extra={**_NOT_BOTH, **one_of_these("actual")})

    subjects: Annotated[SubjectsField, Doc("Who or what spends: the id of each type.")] = Field(
        default_factory=dict
    )

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

    ttl_seconds: Annotated[TtlField, Doc("How long the hold lasts from now on.")]
