"""The usage log: its records, and its totals."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Annotated, TypedDict

from spendgate_service.domain.model_usage import ServiceTier, Usage
from spendgate_service.domain.prices import PriceSource
from spendgate_service.domain.usage_records import UsageRecord
from spendgate_service.domain.usage_report import TOKEN_KINDS, UsageRow
from spendgate_service.wire.fields import Amounts, Doc, Subjects, Time
from spendgate_service.wire.spend import BudgetShareResponse, budget_share
from spendgate_service.wire.values import amounts_on_wire, subjects_on_wire, time_on_wire

_ALWAYS_SHOWN = {"input_tokens", "output_tokens"}
_COUNTS = tuple(
    usage_field.name
    for usage_field in fields(Usage)
    if usage_field.name not in {"provider", "model", "service_tier"}
)


class UsageRecordResponse(TypedDict):
    """One spend. Records are never changed; a reversal is a record with negative amounts."""

    id: Annotated[str, Doc("The id of the record.")]
    occurred_at: Annotated[Time, Doc("When it was spent; a reservation's, when it was reserved.")]
    recorded_at: Annotated[Time, Doc("When it was settled or recorded.")]
    subjects: Annotated[Subjects, Doc("Who or what spent: the id of each type.")]
    key_id: Annotated[str | None, Doc("The API key that spent; null for a message of the queue.")]
    provider: Annotated[str | None, Doc("The provider of the model; null without a usage.")]
    model: Annotated[str | None, Doc("The model: the one of the usage, else the subject's.")]
    usage: Annotated[
        Mapping[str, int] | None,
        Doc("Tokens, calls and searches that were metered; counts of 0 are left out."),
    ]
    service_tier: Annotated[ServiceTier | None, Doc("The service tier; null without a usage.")]
    amounts: Annotated[Amounts, Doc("What was spent, by unit.")]
    priced_by: Annotated[
        PriceSource | None,
        Doc("The source of the price; null where the caller sent the amounts, or none is known."),
    ]
    calls: Annotated[int, Doc("How many calls it stands for.")]
    reservation_id: Annotated[str | None, Doc("The reservation that was settled, if any.")]
    late: Annotated[bool, Doc("Whether it was settled after its hold had expired.")]
    overrun: Annotated[bool, Doc("Whether it was settled above its estimate.")]
    meter_source: Annotated[
        str | None, Doc("Who counted the usage, for example the provider's response.")
    ]
    ref_type: Annotated[str | None, Doc("The type of what the amount was spent on.")]
    ref_id: Annotated[str | None, Doc("The id, in your system, of what it was spent on.")]
    description: Annotated[str | None, Doc("A sentence for people.")]
    metadata: Annotated[
        Mapping[str, object], Doc("Your own data, of the reservation or the recorded spend.")
    ]
    budgets: Annotated[
        Sequence[BudgetShareResponse], Doc("Every budget that applied, and what it counted.")
    ]
    reverses: Annotated[str | None, Doc("The record that this one reverses, if any.")]


UsageRowResponse = TypedDict(
    "UsageRowResponse",
    {
        "from": Annotated[Time, Doc("The first moment of the interval.")],
        "to": Annotated[Time, Doc("The first moment after it.")],
        "group": Annotated[
            Mapping[str, str | None],
            Doc("The value of each name in `group_by`; null where the spend has none."),
        ],
        "amounts": Annotated[Amounts, Doc("What was spent, by unit: each spend once.")],
        "tokens": Annotated[Mapping[str, int], Doc("Metered tokens by kind, such as `input`.")],
        "calls": Annotated[int, Doc("How many calls were made.")],
    },
)
"""The total of one group in one interval."""


def usage_record_response(record: UsageRecord) -> UsageRecordResponse:
    """Build the response about one record."""
    metered, provenance = record.metered, record.provenance
    return {
        "id": record.record_id,
        "occurred_at": time_on_wire(record.occurred_at_ms),
        "recorded_at": time_on_wire(record.recorded_at_ms),
        "subjects": subjects_on_wire(record.subjects),
        "key_id": record.key_id,
        "provider": metered.provider if metered else None,
        "model": metered.model if metered else record.subject_id("model"),
        "usage": _counts(metered.usage) if metered else None,
        "service_tier": metered.usage.service_tier if metered else None,
        "amounts": amounts_on_wire(record.amounts),
        "priced_by": metered.priced_by if metered else None,
        "calls": record.calls,
        "reservation_id": record.reservation_id,
        "late": record.late,
        "overrun": record.overrun,
        "meter_source": provenance.meter_source,
        "ref_type": provenance.ref_type,
        "ref_id": provenance.ref_id,
        "description": provenance.description,
        "metadata": record.metadata,
        "budgets": [budget_share(share) for share in record.budgets],
        "reverses": record.reverses,
    }


def usage_row_response(row: UsageRow, group_by: Sequence[str]) -> UsageRowResponse:
    """Build the response about one total."""
    kinds = {kind: row.total.tokens.get(kind, 0) for kind in TOKEN_KINDS.values()}
    return {
        "from": time_on_wire(row.interval.starts_at * 1000),
        "to": time_on_wire(row.interval.ends_at * 1000),
        "group": dict(zip(group_by, row.group, strict=True)),
        "amounts": amounts_on_wire(dict(sorted(row.total.amounts.items()))),
        "tokens": {
            kind: count for kind, count in kinds.items() if count or kind in {"input", "output"}
        },
        "calls": row.total.calls,
    }


def _counts(usage: Usage) -> dict[str, int]:
    counts = {name: getattr(usage, name) for name in _COUNTS}
    return {name: count for name, count in counts.items() if count or name in _ALWAYS_SHOWN}
