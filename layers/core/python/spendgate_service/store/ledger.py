"""Reading the ledger of a budget and subject: a page for people, all of it for the audit."""

import re
from collections.abc import Iterator
from itertools import islice

from spendgate_service.domain.ledger import LedgerEntry
from spendgate_service.domain.subjects import Subject
from spendgate_service.store import expressions, keys, values
from spendgate_service.store.client import Table
from spendgate_service.store.codec.ledger import read_ledger
from spendgate_service.store.errors import Item
from spendgate_service.store.paging import Page, PageRequest

_FIRST = keys.LEDGER_PREFIX
_LAST = f"{keys.LEDGER_PREFIX}~"
"""After every entry: a sort key goes on with digits."""

_POSITION = re.compile(r"(?P<created_at_ms>\d{1,15}) led_(?P<batch>[0-9a-z]{26})(?P<place>\d{2})")


def ledger_page(
    table: Table, tenant_id: str, budget_id: str, subject: Subject, wanted: PageRequest
) -> Page[LedgerEntry]:
    """A page of entries, newest first; entries added meanwhile do not move the pages that follow.

    Raises InvalidValue for a foreign cursor.
    """
    partition = keys.counter_partition(tenant_id, budget_id, subject)
    position = wanted.position(_POSITION)
    last = _LAST if position is None else _sort_key(position)
    entries = (
        entry
        for item in _items(table, partition, last, page_size=wanted.limit + 1)
        for entry in reversed(read_ledger(item))
        if position is None or item["sk"]["S"] < last or entry.entry_id < _entry_id(position)
    )
    return wanted.page_of(list(islice(entries, wanted.limit + 1)), _position_of)


def ledger_entries(
    table: Table, tenant_id: str, budget_id: str, subject: Subject
) -> Iterator[LedgerEntry]:
    """Every entry, newest first, read consistently one page of the table after the other."""
    partition = keys.counter_partition(tenant_id, budget_id, subject)
    for item in _items(table, partition, _LAST, page_size=None):
        yield from reversed(read_ledger(item))


def _items(table: Table, partition: str, last: str, *, page_size: int | None) -> Iterator[Item]:
    """The ledger's items, the newest first, up to and with the sort key `last`."""
    return table.query_items(
        KeyConditionExpression=expressions.SORTED_BETWEEN,
        ExpressionAttributeValues={
            ":pk": values.text(partition),
            ":first": values.text(_FIRST),
            ":last": values.text(last),
        },
        ScanIndexForward=False,
        ConsistentRead=True,
        **({"Limit": page_size} if page_size else {}),
    )


def _position_of(entry: LedgerEntry) -> str:
    return f"{entry.created_at_ms} {entry.entry_id}"


def _sort_key(position: re.Match[str]) -> str:
    return keys.ledger_sort_key(int(position["created_at_ms"]), position["batch"])


def _entry_id(position: re.Match[str]) -> str:
    return f"led_{position['batch']}{position['place']}"
