"""The ledger: entries of one batch on one budget and subject share an item, which never changes.

What all of them have in common stands once on the item; every entry is readable from its item
alone. An entry's id is the item's batch and its place in it.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from spendgate_service.domain.amounts import amount_text, parse_amount
from spendgate_service.domain.clocks import CLOCKS_DIFFER_MS_MAX
from spendgate_service.domain.ledger import EntryKind, LedgerEntry
from spendgate_service.domain.rates import Origin
from spendgate_service.domain.subjects import Subject, parse_subject
from spendgate_service.store import keys, values
from spendgate_service.store.client import Table
from spendgate_service.store.values import Item, Value, number, text

ENTRIES_PER_ITEM_MAX = 100

_OPTIONAL_TEXTS = (
    "meter_source",
    "ref_type",
    "ref_id",
    "session_id",
    "reservation_id",
    "description",
)

_KINDS: tuple[EntryKind, ...] = (
    "spend", "credit", "credit_expired", "carry_over", "opening", "reversal",
)  # fmt: skip

LEDGER_FIRST = keys.LEDGER_PREFIX
LEDGER_LAST = f"{keys.LEDGER_PREFIX}~"
"""After every entry: a sort key goes on with digits."""


def entry_id(batch_id: str, place: int) -> str:
    """Make the id of the entry at that place (from 0) of a batch's item."""
    assert 0 <= place < ENTRIES_PER_ITEM_MAX
    return f"led_{batch_id}{place:02d}"


def ledger_attributes(batch_id: str, entries: Sequence[LedgerEntry]) -> Item:
    """Make the item of a batch's entries on one budget and subject, without its key.

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


def _entry_value(entry: LedgerEntry) -> Value:
    texts = {name: getattr(entry, name) for name in _OPTIONAL_TEXTS}
    return {
        "M": {
            "period_key": text(entry.period_key),
            "amount": values.amount(entry.amount),
            **values.optional_text(**texts, converted_from=origin_text(entry.origin)),
            **_kind_mark(entry),
            **values.optional_number(expires_at=entry.expires_at),
        }
    }


def read_ledger(item: Item) -> list[LedgerEntry]:
    """Read the entries of an item, oldest first."""
    batch_id = item["batch_id"]["S"]
    subject = parse_subject(item["subject"]["S"])
    return [
        LedgerEntry(
            entry_id=entry_id(batch_id, place),
            budget_id=item["budget_id"]["S"],
            subject=subject,
            period_key=value["M"]["period_key"]["S"],
            unit=item["counted_in"]["S"],
            amount=values.read_amount(value["M"]["amount"]),
            created_at_ms=values.read_number(item["created_at_ms"]),
            **{name: values.read_text(value["M"], name) for name in _OPTIONAL_TEXTS},
            kind=_read_kind(value["M"]),
            expires_at=values.read_optional_number(value["M"], "expires_at"),
            origin=read_origin(values.read_text(value["M"], "converted_from")),
        )
        for place, value in enumerate(item["entries"]["L"])
    ]


def _kind_mark(entry: LedgerEntry) -> Item:
    """Mark the kind where the sign of the amount does not say it."""
    if entry.kind == ("spend" if entry.amount >= 0 else "credit"):
        return {}
    return {entry.kind: {"BOOL": True}}


def origin_text(origin: Origin | None) -> str | None:
    """For example `eur 100 1.08`: the unit, the amount and the rate."""
    if origin is None:
        return None
    return f"{origin.unit} {amount_text(origin.amount)} {amount_text(origin.rate)}"


def read_origin(written: str | None) -> Origin | None:
    """Read what `origin_text` has written."""
    if written is None:
        return None
    unit, amount, rate = written.split(" ")
    return Origin(parse_amount(amount), unit, parse_amount(rate))


def _read_kind(fields: Item) -> EntryKind:
    """Read the kind: that of the mark; else the sign says it."""
    for kind in _KINDS:
        if kind in fields:
            return kind
    return "credit" if values.read_amount(fields["amount"]) < 0 else "spend"


def read_past_ledger(item: Item, *, now_ms: int) -> list[LedgerEntry]:
    """Read the entries of an item without those of credits that have not ended, oldest first."""
    return [
        entry
        for entry in read_ledger(item)
        if entry.kind != "credit_expired" or entry.created_at_ms <= now_ms
    ]


def ledger_until(now_ms: int) -> str:
    """Return a sort key after what any clock has written by now, before what lies ahead."""
    return keys.ledger_moment(now_ms + CLOCKS_DIFFER_MS_MAX + 1)


def put_of_entries(
    table_name: str, partition: str, batch_id: str, entries: Sequence[LedgerEntry], expiry: Item
) -> dict[str, Any]:
    """Make the write of one item with a batch's entries. `expiry` is its TTL attribute."""
    sort_key = keys.ledger_sort_key(entries[0].created_at_ms, batch_id)
    return {
        "Put": {
            "TableName": table_name,
            "Item": {
                **values.key((partition, sort_key)),
                **ledger_attributes(batch_id, entries),
                **expiry,
            },
            "ConditionExpression": keys.IS_NEW,
        }
    }


def ledger_items(
    table: Table,
    partition: str,
    *,
    first: str = LEDGER_FIRST,
    last: str = LEDGER_LAST,
    newest_first: bool = False,
    page_size: int | None = None,
) -> Iterator[Item]:
    """Read the ledger's items between two sort keys, both included, consistently page by page."""
    return table.query_items(
        KeyConditionExpression=keys.SORTED_BETWEEN,
        ExpressionAttributeValues={
            ":pk": text(partition),
            ":first": text(first),
            ":last": text(last),
        },
        ConsistentRead=True,
        **({"ScanIndexForward": False} if newest_first else {}),
        **({"Limit": page_size} if page_size else {}),
    )


def ledger_entries(
    table: Table, tenant_id: str, budget_id: str, subject: Subject
) -> Iterator[LedgerEntry]:
    """Yield every entry, newest first, also those at the end of credits that have not ended.

    Read consistently page by page.
    """
    partition = keys.counter_partition(tenant_id, budget_id, subject)
    for item in ledger_items(table, partition, newest_first=True):
        yield from reversed(read_ledger(item))
