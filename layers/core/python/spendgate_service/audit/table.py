"""Audit a whole table: check that all items that concern money are consistent.

The table is scanned in parallel segments. A partition is checked by reading it again, consistently;
what spans partitions is stored in the scan index and compared at the end. A live table changes
meanwhile: what looks wrong is read a second time, and counts only if it is still wrong. The ledger
and the usage log are compared up to a minute before the audit began: by then both were written.

Costs the read units of one scan and about as many again. In memory are the periods of one partition
per segment, never the table.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from threading import Lock

from spendgate_service.audit.changes import audit_change, audit_creations, audit_reversal
from spendgate_service.audit.partition import (
    Finding,
    audit_counters,
    audit_listing,
    audit_policy,
    unreadable_items,
)
from spendgate_service.audit.recheck import missing_holds, wrong_entries
from spendgate_service.audit.rollups import audit_rolled_day
from spendgate_service.audit.scan_index import CLOCKS_DIFFER_MS, ScanIndex
from spendgate_service.domain.amounts import amount_text
from spendgate_service.domain.ledger import LedgerEntry
from spendgate_service.store import keys, values
from spendgate_service.store.client import Table
from spendgate_service.store.counters import is_forgotten
from spendgate_service.store.reservations import read_reservation
from spendgate_service.store.usage import read_usage
from spendgate_service.store.values import Item

_PAGE_ITEMS = 500
"""The page size of the scan: it bounds memory and lets progress be reported."""


@dataclass(slots=True)
class Seen:
    """How much of the table was checked so far."""

    items: int = 0
    counters: int = 0
    entries: int = 0
    reservations: int = 0
    findings: int = 0


class TableAudit:
    """One audit of one table.

    `report` is called for each finding, `progress` after each page, each by one thread at a time.
    `clock` returns epoch milliseconds: an audit may take hours, and time changes the table as well.
    Raises Throttled.
    """

    def __init__(
        self,
        table: Table,
        *,
        clock: Callable[[], int],
        report: Callable[[Finding], None],
        progress: Callable[[Seen], None] = lambda _seen: None,
    ) -> None:
        self.seen = Seen()
        self._table = table
        self._clock = clock
        self._report = report
        self._progress = progress
        self._lock = Lock()
        self._compared_until_ms = 0

    def run(self, *, segments: int) -> Seen:
        """Check the whole table, in that many parallel segments."""
        self._compared_until_ms = self._clock() - CLOCKS_DIFFER_MS
        with closing(ScanIndex()) as index:
            with ThreadPoolExecutor(segments, thread_name_prefix="segment") as pool:
                scans = [
                    pool.submit(self._segment, index, number, segments)
                    for number in range(segments)
                ]
                for scan in scans:
                    scan.result()
            self._compare(index)
        return self.seen

    def _compare(self, index: ScanIndex) -> None:
        """Re-check what spans partitions and looks wrong."""
        for suspect in index.suspects():
            key = keys.reservation_key(suspect.tenant_id, suspect.reservation_id)
            with self._reporting_unreadable(key):
                self._found(wrong_entries(self._table, suspect, clock=self._clock))
        for held in index.bucket_totals(now_ms=self._clock()):
            with self._reporting_unreadable(held.counter):
                self._found(missing_holds(self._table, held, clock=self._clock))
        for spent in index.books():
            period_key = keys.period_key_of(spent.counter[1])
            if spent.ledger == spent.usage or is_forgotten(period_key, now_ms=self._clock()):
                continue
            says = (
                f"by the ledger {amount_text(spent.ledger)} was spent, "
                f"by the usage log {amount_text(spent.usage)}"
            )
            self._found([Finding("usage_log_mismatch", says, (spent.counter,))])

    def _segment(self, index: ScanIndex, segment: int, segments: int) -> None:
        last_partition = ""
        pages = self._table.scan_pages(
            Segment=segment, TotalSegments=segments, ConsistentRead=True, Limit=_PAGE_ITEMS
        )
        for page in pages:
            for item in page:
                key = keys.read_key(item)
                partition = key[0]
                with self._reporting_unreadable(key):
                    self._check(index, item, is_new=partition != last_partition)
                last_partition = partition
            with self._lock:
                self.seen.items += len(page)
                self._progress(self.seen)

    def _check(self, index: ScanIndex, item: Item, *, is_new: bool) -> None:
        """Check one item, or the whole partition if this is its first item."""
        key = keys.read_key(item)
        partition = key[0]
        match keys.parts_of(partition):
            case ("TENANT", _, "COUNTER", _, _) if is_new:
                self._counters(index, partition)
            case ("TENANT", _, "SUBJECT", _):
                self._found(self._twice(lambda: audit_policy(self._table, partition)))
                self._found(audit_creations(self._table, partition))
            case ("TENANT", _, "BUDGETS" | "DELETED_BUDGETS"):
                self._found(self._twice(lambda: audit_listing(self._table, key, item)))
            case ("TENANT", tenant_id, "RESERVATION", reservation_id):
                index.add_reservation(tenant_id, read_reservation(reservation_id, item))
                with self._lock:
                    self.seen.reservations += 1
            case ("TENANT", tenant_id, "USAGE", _, _):
                self._usage(index, tenant_id, item)
            case ("TENANT", tenant_id, "ROLLUPS") if key[1] != keys.ROLLUP_STATE:
                self._found(
                    self._twice(
                        lambda: audit_rolled_day(
                            self._table, tenant_id, key[1], now_ms=self._clock()
                        )
                    )
                )
            case ("TENANT", _, "CHANGES"):
                self._found(audit_change(key, item))
            case ("TENANT", tenant_id, "REVERSAL", record_id):
                self._found(audit_reversal(self._table, tenant_id, record_id, item))

    @contextmanager
    def _reporting_unreadable(self, key: keys.Key) -> Iterator[None]:
        """Report an item that cannot be read, or its neighbours that cannot, and go on."""
        try:
            yield
        except values.UNREADABLE as error:
            says = f"the item cannot be read: {type(error).__name__}: {error}"
            unreadable = unreadable_items(self._table, key[0]) or [key]
            self._found([Finding("unreadable", says, tuple(unreadable))])

    def _usage(self, index: ScanIndex, tenant_id: str, item: Item) -> None:
        """Note what the usage log counts on each counter."""
        for record in read_usage(item):
            if record.recorded_at_ms >= self._compared_until_ms:
                continue
            for share in record.budgets:
                if share.counted and share.period_key is not None:
                    counter = keys.counter_key(
                        tenant_id, share.budget_id, share.subject, share.period_key
                    )
                    index.add_spent(counter, "usage", share.amount)

    def _counters(self, index: ScanIndex, partition: str) -> None:
        def note(entry: LedgerEntry) -> None:
            index.add_entry(partition, entry)
            is_spend = entry.kind in {"spend", "reversal"}
            if is_spend and entry.created_at_ms < self._compared_until_ms:
                counter = partition, keys.PERIOD_PREFIX + entry.period_key
                index.add_spent(counter, "ledger", entry.amount)

        try:
            checked = audit_counters(self._table, partition, now_ms=self._clock(), note=note)
        except values.UNREADABLE:
            index.leave_out(partition)
            raise
        if checked.findings:
            again = audit_counters(
                self._table, partition, now_ms=self._clock(), note=lambda _entry: None
            )
            seen = {(finding.kind, finding.items) for finding in checked.findings}
            self._found(
                [finding for finding in again.findings if (finding.kind, finding.items) in seen]
            )
        with self._lock:
            self.seen.counters += checked.counters
            self.seen.entries += checked.entries

    def _twice(self, check: Callable[[], list[Finding]]) -> list[Finding]:
        """Return what is wrong in the second check as well."""
        return check() and check()

    def _found(self, findings: list[Finding]) -> None:
        with self._lock:
            for finding in findings:
                self.seen.findings += 1
                self._report(finding)
