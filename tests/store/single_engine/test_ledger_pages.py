"""Pages of the ledger."""

import pytest

from spendgate_service.domain.amounts import ONE
from spendgate_service.domain.errors import InvalidValue
from spendgate_service.domain.ledger import LedgerEntry
from spendgate_service.domain.subjects import Subject
from spendgate_service.reports.ledger import ledger_page
from spendgate_service.store import keys, values
from spendgate_service.store.client import Table
from spendgate_service.store.ids import new_id, new_ulid
from spendgate_service.store.ledger import entry_id, ledger_attributes, ledger_entries
from spendgate_service.store.paging import PageRequest

TENANT = "acme"
NOW_MS = 1_772_971_200_000
AGENT = Subject("agent", "researcher")
BUDGET_ID = new_id("bud_", now_ms=NOW_MS)


def write_batch(table: Table, amounts: list[int], *, at_ms: int) -> list[LedgerEntry]:
    """What a batch of settlements writes, oldest first."""
    batch_id = new_ulid(now_ms=at_ms)
    entries = [
        LedgerEntry(
            entry_id=entry_id(batch_id, place),
            budget_id=BUDGET_ID,
            subject=AGENT,
            period_key="balance",
            unit="usd",
            amount=amount * ONE,
            created_at_ms=at_ms,
            ref_id=f"ref-{amount}",
        )
        for place, amount in enumerate(amounts)
    ]
    partition = keys.counter_partition(TENANT, BUDGET_ID, AGENT)
    key = values.key((partition, keys.ledger_sort_key(at_ms, batch_id)))
    table.put({**key, **ledger_attributes(entries)})
    return entries


def page(table: Table, limit: int, cursor: str | None = None) -> tuple[list[int], str | None]:
    found = ledger_page(table, TENANT, BUDGET_ID, AGENT, PageRequest(limit, cursor), now_ms=NOW_MS)
    return [entry.amount // ONE for entry in found.data], found.next_cursor


def test_an_entry_is_read_as_it_was_written(memory_table: Table) -> None:
    written = write_batch(memory_table, [5], at_ms=NOW_MS)

    assert (
        list(ledger_page(memory_table, TENANT, BUDGET_ID, AGENT, PageRequest(), now_ms=NOW_MS).data)
        == written
    )


def test_entries_come_newest_first_also_within_a_batch(memory_table: Table) -> None:
    write_batch(memory_table, [1, 2, 3], at_ms=NOW_MS)
    write_batch(memory_table, [4, 5], at_ms=NOW_MS + 1)

    assert page(memory_table, 10) == ([5, 4, 3, 2, 1], None)


def test_pages_may_end_within_a_batch(memory_table: Table) -> None:
    write_batch(memory_table, [1, 2, 3], at_ms=NOW_MS)
    write_batch(memory_table, [4, 5], at_ms=NOW_MS + 1)

    first, cursor = page(memory_table, 3)
    rest, end = page(memory_table, 3, cursor)

    assert (first, rest, end) == ([5, 4, 3], [2, 1], None)


def test_entries_added_meanwhile_do_not_move_the_pages_that_follow(memory_table: Table) -> None:
    write_batch(memory_table, [1, 2, 3], at_ms=NOW_MS)
    first, cursor = page(memory_table, 2)
    write_batch(memory_table, [4, 5], at_ms=NOW_MS + 1)

    rest, _ = page(memory_table, 2, cursor)

    assert (first, rest) == ([3, 2], [1])


def test_a_page_that_ends_with_the_ledger_leads_nowhere(memory_table: Table) -> None:
    write_batch(memory_table, [1, 2], at_ms=NOW_MS)

    assert page(memory_table, 2) == ([2, 1], None)


def test_another_tenants_ledger_is_empty(memory_table: Table) -> None:
    write_batch(memory_table, [1], at_ms=NOW_MS)

    assert (
        ledger_page(memory_table, "globex", BUDGET_ID, AGENT, PageRequest(), now_ms=NOW_MS).data
        == ()
    )


def test_a_large_ledger_is_read_to_its_end(memory_table: Table) -> None:
    for batch in range(30):
        write_batch(memory_table, list(range(100)), at_ms=NOW_MS + batch)

    assert sum(1 for _ in ledger_entries(memory_table, TENANT, BUDGET_ID, AGENT)) == 3000


@pytest.mark.parametrize("cursor", ["x", "MSBsZWRfMQ", "////"])
def test_a_cursor_that_no_ledger_gave_out_is_refused(memory_table: Table, cursor: str) -> None:
    with pytest.raises(InvalidValue):
        page(memory_table, 2, cursor)
