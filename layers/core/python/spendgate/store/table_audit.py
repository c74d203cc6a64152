"""The audit of a whole table: everything in it that has to do with money fits together.

The table is scanned in segments side by side. A partition is checked by reading it again,
consistently; what spans partitions is noted on disk and compared at the end. A live table moves
meanwhile: what looks wrong is looked at a second time, and only what is still wrong counts.

Costs the read units of one scan and about as many again. In memory are the periods of one
partition for each segment, never the table.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from threading import Lock
from typing import Any

from spendgate.domain.amounts import Amount, amount_text
from spendgate.domain.ledger import LedgerEntry
from spendgate.domain.reservations import Line, Reservation
from spendgate.store import items, keys
from spendgate.store.codec.counters import read_counter
from spendgate.store.codec.reservations import read_reservation
from spendgate.store.errors import Item
from spendgate.store.ledger import ledger_entries
from spendgate.store.partition_audit import Finding, audit_counters, audit_listing, audit_policy
from spendgate.store.table import Table
from spendgate.store.tallies import Held, Tallies

_PAGE_ITEMS = 500
"""A scan's page, so that progress is seen and memory is bounded by small items as well."""


@dataclass(slots=True)
class Seen:
    """How much of the table was looked at so far."""

    items: int = 0
    counters: int = 0
    entries: int = 0
    reservations: int = 0
    findings: int = 0


class TableAudit:
    """One audit of one table.

    `report` is told each finding as it is made, and `progress` after each page; both by one thread
    at a time. Raises Throttled.
    """

    def __init__(
        self,
        table: Table,
        *,
        now_ms: int,
        report: Callable[[Finding], None],
        progress: Callable[[Seen], None] = lambda _seen: None,
    ) -> None:
        self.seen = Seen()
        self._table = table
        self._now_ms = now_ms
        self._report = report
        self._progress = progress
        self._lock = Lock()

    def run(self, *, segments: int) -> Seen:
        """Look at the whole table, in as many segments side by side."""
        with closing(Tallies()) as tallies:
            with ThreadPoolExecutor(segments, thread_name_prefix="segment") as pool:
                done = [
                    pool.submit(self._segment, tallies, one, segments) for one in range(segments)
                ]
                for segment in done:
                    segment.result()
            for tenant_id, reservation_id in tallies.doubtful_reservations():
                self._found(_wrong_entries(self._table, tenant_id, reservation_id))
            for held in tallies.held(now_ms=self._now_ms):
                self._found(_missing_holds(self._table, held))
        return self.seen

    def _segment(self, tallies: Tallies, segment: int, segments: int) -> None:
        last_partition = ""
        for page in _pages(self._table, segment, segments):
            for item in page:
                partition = item["pk"]["S"]
                self._look(tallies, item, is_new=partition != last_partition)
                last_partition = partition
            with self._lock:
                self.seen.items += len(page)
                self._progress(self.seen)

    def _look(self, tallies: Tallies, item: Item, *, is_new: bool) -> None:
        """Check one item, or the whole partition that it is the first one of."""
        partition, sort_key = item["pk"]["S"], item["sk"]["S"]
        match keys.parts_of(partition):
            case ("TENANT", _, "COUNTER", _, _) if is_new:
                self._counters(tallies, partition)
            case ("TENANT", _, "SUBJECT", _):
                self._found(self._twice(lambda: audit_policy(self._table, partition)))
            case ("TENANT", _, "BUDGETS" | "DELETED_BUDGETS"):
                key = partition, sort_key
                self._found(self._twice(lambda: audit_listing(self._table, key, item)))
            case ("TENANT", tenant_id, "RESERVATION", reservation_id):
                tallies.note_reservation(tenant_id, read_reservation(reservation_id, item))
                with self._lock:
                    self.seen.reservations += 1

    def _counters(self, tallies: Tallies, partition: str) -> None:
        def note(entry: LedgerEntry) -> None:
            tallies.note_entry(partition, entry)

        checked = audit_counters(self._table, partition, now_ms=self._now_ms, note=note)
        if checked.findings:
            again = audit_counters(
                self._table, partition, now_ms=self._now_ms, note=lambda _entry: None
            )
            kinds = {(one.kind, one.items) for one in checked.findings}
            self._found([one for one in again.findings if (one.kind, one.items) in kinds])
        with self._lock:
            self.seen.counters += checked.counters
            self.seen.entries += checked.entries

    def _twice(self, look: Callable[[], list[Finding]]) -> list[Finding]:
        """What is wrong at the second look as well."""
        return look() and look()

    def _found(self, findings: list[Finding]) -> None:
        with self._lock:
            for finding in findings:
                self.seen.findings += 1
                self._report(finding)


def _pages(table: Table, segment: int, segments: int) -> Iterator[list[Item]]:
    arguments: dict[str, Any] = {
        "Segment": segment, "TotalSegments": segments,
        "ConsistentRead": True, "Limit": _PAGE_ITEMS,
    }  # fmt: skip
    while True:
        answer = table.scan(**arguments)
        yield answer["Items"]
        if "LastEvaluatedKey" not in answer:
            return
        arguments["ExclusiveStartKey"] = answer["LastEvaluatedKey"]


def _wrong_entries(table: Table, tenant_id: str, reservation_id: str) -> list[Finding]:
    """Compare one reservation with its ledger entries, all read anew."""
    key = keys.reservation_key(tenant_id, reservation_id)
    before = _reservation(table, tenant_id, reservation_id)
    if before is None:
        return []
    found: list[Finding] = []
    for line in before.lines:
        entries = [
            entry
            for entry in ledger_entries(table, tenant_id, line.budget_id, line.subject)
            if entry.reservation_id == reservation_id
        ]
        counter = keys.counter_key(tenant_id, line.budget_id, line.subject, line.period_key)
        found += _wrong_entries_of(before, line, entries, (key, counter))
    after = _reservation(table, tenant_id, reservation_id)
    return found if after == before else []


def _wrong_entries_of(
    reservation: Reservation,
    line: Line,
    entries: list[LedgerEntry],
    involved: tuple[keys.Key, keys.Key],
) -> Iterator[Finding]:
    if reservation.state != "settled":
        if entries:
            says = f"it is {reservation.state}, and the ledger has {len(entries)} entries of it"
            yield Finding("entry_of_unsettled", says, involved)
        return
    cost = line.cost(reservation.actual or {})
    if not entries:
        yield Finding("entry_missing", f"it cost {amount_text(cost)}, without an entry", involved)
    elif len(entries) > 1:
        yield Finding("entry_twice", f"the ledger has {len(entries)} entries of it", involved)
    elif (entries[0].amount, entries[0].period_key) != (cost, line.period_key):
        says = (
            f"it cost {amount_text(cost)} in {line.period_key}, by the ledger "
            f"{amount_text(entries[0].amount)} in {entries[0].period_key}"
        )
        yield Finding("entry_otherwise", says, involved)


def _missing_holds(table: Table, held: Held) -> list[Finding]:
    """Compare one bucket of a counter with the open reservations in it, all read anew if it must.

    More in the bucket than anybody holds is what a crash leaves, until the bucket expires.
    """
    before = _holds(table, held)
    if before >= held.amount:
        return []
    tenant_id = keys.tenant_of(held.counter[0])
    wanted: Amount = 0
    for reservation_id in held.reservation_ids:
        reservation = _reservation(table, tenant_id, reservation_id)
        if reservation is not None and reservation.state == "held":
            wanted += _held_by(reservation, held, tenant_id)
    in_bucket = max(before, _holds(table, held))
    if in_bucket >= wanted:
        return []
    says = (
        f"open reservations hold {amount_text(wanted)} until {held.bucket}, "
        f"the counter {amount_text(in_bucket)}"
    )
    reservations = (keys.reservation_key(tenant_id, one) for one in held.reservation_ids)
    return [Finding("hold_missing", says, (held.counter, *reservations))]


def _held_by(reservation: Reservation, held: Held, tenant_id: str) -> Amount:
    return sum(
        line.amount
        for line in reservation.lines
        if reservation.bucket == held.bucket
        and held.counter
        == keys.counter_key(tenant_id, line.budget_id, line.subject, line.period_key)
    )


def _holds(table: Table, held: Held) -> Amount:
    item = table.get(items.key(held.counter))
    return 0 if item is None else read_counter(item).holds.get(held.bucket, 0)


def _reservation(table: Table, tenant_id: str, reservation_id: str) -> Reservation | None:
    item = table.get(items.key(keys.reservation_key(tenant_id, reservation_id)))
    return None if item is None else read_reservation(reservation_id, item)
