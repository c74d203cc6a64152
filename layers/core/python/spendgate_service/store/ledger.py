"""The ledger: entries of one batch on one budget and subject share an item, which never changes.

What all of them have in common stands once, in the item's key or as an attribute; the rest is a
line for each entry, packed: thirty settlements fit into 2 KB. Every entry is readable from its item
alone. An entry's id is the item's batch and its place in it.
"""

from collections.abc import Iterator, Sequence
from typing import Any, cast

from spendgate_service.domain.amounts import Amount, amount_text, parse_amount
from spendgate_service.domain.clocks import CLOCKS_DIFFER_MS_MAX
from spendgate_service.domain.ledger import EntryKind, LedgerEntry
from spendgate_service.domain.rates import Origin
from spendgate_service.domain.subjects import Subject
from spendgate_service.store import keys, values
from spendgate_service.store.client import Table
from spendgate_service.store.packing import Packing
from spendgate_service.store.values import Item, text

ENTRIES_PER_ITEM_MAX = 100

_OPTIONAL_TEXTS = (
    "meter_source",
    "ref_type",
    "ref_id",
    "session_id",
    "reservation_id",
    "description",
)

_PACKED = Packing(
    b'"expires_at":17,"converted_from":"eur 0. 1.0","kind":"reversal","kind":"opening",'
    b'"kind":"carry_over","kind":"credit_expired","description":"","ref_type":"invoice",'
    b'"period_key":"rolling-","period_key":"2026-W","period_key":"balance",00:00Z/30d","'
    b'"ref_type":"tool_call","meter_source":"gateway","period_key":"2026-12-31[Europe/'
    b'"},{"amount":"10","period_key":"2026-12-31T23","session_id":"s-01k'
    b'"}]},{"amount":"1","period_key":"2026-12","reservation_id":"rsv_01k'
    b'"},[{"amount":"0.0","period_key":"2026-11-28","meter_source":"provider",'
    b'"ref_type":"llm_generation","ref_id":"","session_id":"","reservation_id":"rsv_01'
)

LEDGER_FIRST = keys.LEDGER_PREFIX
LEDGER_LAST = f"{keys.LEDGER_PREFIX}~"
"""After every entry: a sort key goes on with digits."""


def entry_id(batch_id: str, place: int) -> str:
    """Make the id of the entry at that place (from 0) of a batch's item."""
    assert 0 <= place < ENTRIES_PER_ITEM_MAX
    return f"led_{batch_id}{place:02d}"


def ledger_attributes(entries: Sequence[LedgerEntry]) -> Item:
    """Make the item of a batch's entries on one budget and subject, without its key."""
    return {
        "counted_in": text(entries[0].unit),
        "ledger_lines": _PACKED.pack_lines([_line_of(entry) for entry in entries]),
    }


def _line_of(entry: LedgerEntry) -> dict[str, object]:
    """Write an entry as JSON, without what its item says already."""
    line: dict[str, object] = {
        "amount": amount_text(entry.amount),
        "period_key": entry.period_key,
    }
    if entry.kind != _usual_kind(entry.amount):
        line["kind"] = entry.kind
    for name in _OPTIONAL_TEXTS:
        text_of_entry = getattr(entry, name)
        if text_of_entry is not None:
            line[name] = text_of_entry
    if entry.origin is not None:
        line["converted_from"] = origin_text(entry.origin)
    if entry.expires_at is not None:
        line["expires_at"] = entry.expires_at
    return line


def read_ledger(item: Item) -> list[LedgerEntry]:
    """Read the entries of an item, oldest first."""
    partition, sort_key = keys.read_key(item)
    _, budget_id, subject = keys.read_counter_partition(partition)
    created_at_ms, batch_id = keys.ledger_place_of(sort_key)
    entries = []
    for place, line in enumerate(_PACKED.read_lines(item["ledger_lines"])):
        amount = values.read_amount_text(line["amount"])
        entry = LedgerEntry(
            entry_id=entry_id(batch_id, place),
            budget_id=budget_id,
            subject=subject,
            period_key=line["period_key"],
            unit=item["counted_in"]["S"],
            amount=amount,
            created_at_ms=created_at_ms,
            **{name: line.get(name) for name in _OPTIONAL_TEXTS},
            kind=cast("EntryKind", line.get("kind", _usual_kind(amount))),
            expires_at=line.get("expires_at"),
            origin=read_origin(line.get("converted_from")),
        )
        entries.append(entry)
    return entries


def _usual_kind(amount: Amount) -> EntryKind:
    """Return the kind of which most entries with such a sign are; it is not stored."""
    return "spend" if amount >= 0 else "credit"


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
                **ledger_attributes(entries),
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
