"""Read a page of the ledger of a budget and subject, newest entry first."""

import re
from itertools import islice

from spendgate_service.domain.ledger import LedgerEntry
from spendgate_service.domain.subjects import Subject
from spendgate_service.store import keys
from spendgate_service.store.client import Table
from spendgate_service.store.ledger import ledger_items, ledger_until, read_past_ledger
from spendgate_service.store.paging import Page, PageRequest

_POSITION = re.compile(r"(?P<created_at_ms>\d{1,15}) led_(?P<batch>[0-9a-z]{26})(?P<place>\d{2})")


def ledger_page(
    table: Table,
    tenant_id: str,
    budget_id: str,
    subject: Subject,
    page_request: PageRequest,
    *,
    now_ms: int,
) -> Page[LedgerEntry]:
    """Read a page of entries, newest first; new entries do not move the pages that follow.

    Raises InvalidValue for a foreign cursor.
    """
    partition = keys.counter_partition(tenant_id, budget_id, subject)
    position = page_request.position(_POSITION)
    last = ledger_until(now_ms) if position is None else _sort_key(position)
    items = ledger_items(
        table, partition, last=last, newest_first=True, page_size=page_request.limit + 1
    )
    entries = (
        entry
        for item in items
        for entry in reversed(read_past_ledger(item, now_ms=now_ms))
        if position is None or item["sk"]["S"] < last or entry.entry_id < _entry_id(position)
    )
    return page_request.page_of(list(islice(entries, page_request.limit + 1)), _position_of)


def _position_of(entry: LedgerEntry) -> str:
    return f"{entry.created_at_ms} {entry.entry_id}"


def _sort_key(position: re.Match[str]) -> str:
    return keys.ledger_sort_key(int(position["created_at_ms"]), position["batch"])


def _entry_id(position: re.Match[str]) -> str:
    return f"led_{position['batch']}{position['place']}"
