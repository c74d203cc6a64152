"""Ledger entries."""

from typing import Annotated, TypedDict

from spendgate_service.domain.amounts import amount_text
from spendgate_service.domain.ledger import EntryKind, LedgerEntry
from spendgate_service.domain.rates import Origin
from spendgate_service.wire.fields import AmountText, Doc, Time
from spendgate_service.wire.periods import boundary_on_wire
from spendgate_service.wire.values import time_on_wire


class _LedgerEntry(TypedDict):
    """An entry, apart from what its amount was converted from."""

    id: Annotated[str, Doc("The id of the entry.")]
    budget_id: Annotated[str, Doc("The budget that the entry belongs to.")]
    subject: Annotated[str, Doc("The subject whose balance it changes, as type:id.")]
    period_key: Annotated[str, Doc("The key of the period that the entry belongs to.")]
    amount: Annotated[AmountText, Doc("The amount: a debit is positive, a credit negative.")]
    unit: Annotated[str, Doc("The unit of the amount.")]
    meter_source: Annotated[
        str | None, Doc("Who counted the usage, for example the provider's response.")
    ]
    ref_type: Annotated[str | None, Doc("The type of what the amount was spent on.")]
    ref_id: Annotated[str | None, Doc("The id, in your system, of what it was spent on.")]
    session_id: Annotated[str | None, Doc("The id of the session among the subjects, if any.")]
    reservation_id: Annotated[str | None, Doc("The reservation that was settled, if any.")]
    description: Annotated[str | None, Doc("A sentence for people.")]
    kind: Annotated[
        EntryKind,
        Doc(
            "Whether the amount was spent, credited, taken off because a credit expired, carried "
            "over from or to another period, spent before the budget counted (opening), or spent "
            "and reversed."
        ),
    ]
    expires_at: Annotated[Time | None, Doc("When the credit expires; null: with its period.")]
    created_at: Annotated[Time, Doc("When the entry was written.")]


class ConvertedFrom(TypedDict):
    """What an amount on a budget was converted from."""

    original_amount: Annotated[
        AmountText | None, Doc("What was spent, in `original_unit`; null: nothing was converted.")
    ]
    original_unit: Annotated[str | None, Doc("The unit from which the amount was converted.")]
    rate: Annotated[
        AmountText | None, Doc("How much of the budget's unit one of `original_unit` was worth.")
    ]


class LedgerEntryResponse(_LedgerEntry, ConvertedFrom):
    """One debit or credit on one budget; entries are never changed."""


def ledger_entry_response(entry: LedgerEntry) -> LedgerEntryResponse:
    """Build the response about one ledger entry."""
    return {
        "id": entry.entry_id,
        "budget_id": entry.budget_id,
        "subject": str(entry.subject),
        "period_key": entry.period_key,
        "amount": amount_text(entry.amount),
        "unit": entry.unit,
        "meter_source": entry.meter_source,
        "ref_type": entry.ref_type,
        "ref_id": entry.ref_id,
        "session_id": entry.session_id,
        "reservation_id": entry.reservation_id,
        "description": entry.description,
        "kind": entry.kind,
        "expires_at": boundary_on_wire(entry.expires_at),
        "created_at": time_on_wire(entry.created_at_ms),
        **converted_from(entry.origin),
    }


def converted_from(origin: Origin | None) -> ConvertedFrom:
    """Build the part of a response about what an amount was converted from; None: it was not."""
    return {
        "original_amount": amount_text(origin.amount) if origin else None,
        "original_unit": origin.unit if origin else None,
        "rate": amount_text(origin.rate) if origin else None,
    }
