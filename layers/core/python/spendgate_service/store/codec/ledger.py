"""Ledger entries as items: those of one batch on one budget and subject share an item.

What all of them have in common stands once on the item; every entry is readable from its item
alone. An entry's id is the item's batch and its place in it.
"""

from collections.abc import Sequence

from spendgate_service.domain.ledger import EntryKind, LedgerEntry
from spendgate_service.domain.subjects import parse_subject
from spendgate_service.store.errors import Item
from spendgate_service.store.values import (
    Value,
    amount,
    number,
    optional_text,
    read_amount,
    read_number,
    read_text,
    text,
)

ENTRIES_PER_ITEM_MAX = 100

_OPTIONAL_TEXTS = (
    "meter_source",
    "ref_type",
    "ref_id",
    "session_id",
    "reservation_id",
    "description",
)


def entry_id(batch_id: str, place: int) -> str:
    """The id of the entry at that place (from 0) of a batch's item."""
    assert 0 <= place < ENTRIES_PER_ITEM_MAX
    return f"led_{batch_id}{place:02d}"


def ledger_attributes(batch_id: str, entries: Sequence[LedgerEntry]) -> Item:
    """The item of a batch's entries on one budget and subject, without its key.

    The entries carry the ids that `entry_id` gives them.
    """
    first = entries[0]
    return {
        "batch_id": text(batch_id),
        "budget_id": text(first.budget_id),
        "subject": text(str(first.subject)),
        "counted_in": text(first.unit),
        "created_at_ms": number(first.created_at_ms),
        "entries": {"L": [_entry_value(entry) for entry in entries]},
    }


def read_ledger(item: Item) -> list[LedgerEntry]:
    """The entries of an item, oldest first."""
    batch_id = item["batch_id"]["S"]
    subject = parse_subject(item["subject"]["S"])
    return [
        LedgerEntry(
            entry_id=entry_id(batch_id, place),
            budget_id=item["budget_id"]["S"],
            subject=subject,
            period_key=value["M"]["period_key"]["S"],
            unit=item["counted_in"]["S"],
            amount=read_amount(value["M"]["amount"]),
            created_at_ms=read_number(item["created_at_ms"]),
            **{name: read_text(value["M"], name) for name in _OPTIONAL_TEXTS},
            kind=_read_kind(value["M"]),
        )
        for place, value in enumerate(item["entries"]["L"])
    ]


def _read_kind(fields: Item) -> EntryKind:
    """Only a carry-over says so: a credit is told from spend by its sign."""
    if "carry_over" in fields:
        return "carry_over"
    return "credit" if read_amount(fields["amount"]) < 0 else "spend"


def _entry_value(entry: LedgerEntry) -> Value:
    texts = {name: getattr(entry, name) for name in _OPTIONAL_TEXTS}
    return {
        "M": {
            "period_key": text(entry.period_key),
            "amount": amount(entry.amount),
            **optional_text(**texts),
            **({"carry_over": {"BOOL": True}} if entry.kind == "carry_over" else {}),
        }
    }
