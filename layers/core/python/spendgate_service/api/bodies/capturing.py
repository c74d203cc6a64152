"""The body of capture: the totals of a lease, and the calls that explain them."""

from decimal import Decimal
from typing import Annotated, Self

from spendgate_service.api.bodies.body import Body
from spendgate_service.api.bodies.declaring import (
    AfterValidator,
    JsonSchema,
    Limits,
    field,
    model_validator,
)
from spendgate_service.api.bodies.fields import (
    ExactAmountsField,
    LabelField,
    MetadataField,
    ReferenceField,
    SubjectsField,
    TokensField,
)
from spendgate_service.api.bodies.settling import ActualUsage
from spendgate_service.api.bodies.spending import entry_subjects
from spendgate_service.domain.amounts import added, spent_amount
from spendgate_service.domain.requests import Capture, CapturedEntry
from spendgate_service.domain.reservations import Provenance
from spendgate_service.pricing.priced_amounts import PricedAmounts
from spendgate_service.wire.fields import Doc
from spendgate_service.wire.values import json_text

ENTRIES_MAX = 100
ENTRY_METADATA_BYTES_MAX = 512


def _short(metadata: dict[str, object]) -> dict[str, object]:
    if len(json_text(metadata).encode()) > ENTRY_METADATA_BYTES_MAX:
        raise ValueError(
            f"the metadata of an entry has at most {ENTRY_METADATA_BYTES_MAX} bytes as JSON"
        )
    return metadata


_TOTALS: JsonSchema = {"anyOf": [{"required": ["actual"]}, {"required": ["returned"]}]}


class EntryBody(Body):
    """One call of a lease, or several that are alike: a line of the usage log."""

    amounts: Annotated[ExactAmountsField, Doc("What they cost, by unit.")] = field(
        default_factory=dict
    )
    usage: Annotated[
        ActualUsage | None, Doc("The tokens that they used; the amounts say what they cost.")
    ] = None
    calls: Annotated[
        Annotated[TokensField, Limits(ge=1)] | None,
        Doc("How many calls the entry stands for; left out: the billed calls of its usage, or 1."),
    ] = None
    subjects: Annotated[
        SubjectsField, Doc("Subjects that the lease does not name, for example the session.")
    ] = field(default_factory=dict)
    ref_type: Annotated[LabelField | None, Doc("The type of what the amount was spent on.")] = None
    ref_id: Annotated[
        ReferenceField | None, Doc("The id, in your system, of what it was spent on.")
    ] = None
    metadata: Annotated[
        MetadataField,
        AfterValidator(_short),
        Doc("Your own data about the calls, up to 512 bytes."),
    ] = field(default_factory=dict)

    def to_entry(self, upto: dict[str, Decimal]) -> CapturedEntry:
        """Return the entry that explains what was spent up to totals."""
        usage = self.usage.to_usage() if self.usage else None
        return CapturedEntry(
            upto=_rounded(upto),
            subjects=entry_subjects(self.subjects, self.usage),
            metered=PricedAmounts({}).metered(usage),
            provenance=Provenance(ref_type=self.ref_type, ref_id=self.ref_id),
            calls=self.calls or max(1, usage.requests if usage else 1),
            metadata=self.metadata,
        )


class CaptureBody(Body, json_schema_extra=_TOTALS):
    """The body of capture: the totals of a lease since its start."""

    actual: Annotated[
        ExactAmountsField, Doc("All that was spent since the start, by unit; a total only grows.")
    ] = field(default_factory=dict)
    returned: Annotated[
        ExactAmountsField,
        Doc("All that is given back since the start, by unit; a total only grows."),
    ] = field(default_factory=dict)
    since: Annotated[
        ExactAmountsField,
        Doc("The `actual` of the last capture: the entries explain what was spent above it."),
    ] = field(default_factory=dict)
    entries: Annotated[
        list[EntryBody],
        Limits(max_length=ENTRIES_MAX),
        Doc(
            "The calls that explain what was spent since then, as lines of the usage log. What "
            "they do not explain becomes one line without attribution."
        ),
    ] = field(default_factory=list)

    @model_validator
    def _reports_something(self) -> Self:
        if not self.model_fields_set & {"actual", "returned"}:
            raise ValueError("send actual or returned, or both")
        return self

    def to_capture(self, *, tenant_id: str, reservation_id: str) -> Capture:
        """Return the capture of a lease; sums are made before anything is rounded."""
        upto, entries = self.since, list[CapturedEntry]()
        for entry in self.entries:
            upto = added(upto, entry.amounts)
            entries.append(entry.to_entry(upto))
        return Capture(
            tenant_id,
            reservation_id,
            captured=_rounded(self.actual),
            returned=_rounded(self.returned),
            since=_rounded(self.since),
            entries=tuple(entries),
        )


def _rounded(amounts: dict[str, Decimal]) -> dict[str, int]:
    return {unit: spent_amount(amount) for unit, amount in amounts.items() if amount}
