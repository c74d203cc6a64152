"""The audit of a whole table: everything in it that has to do with money fits together.

The table is scanned in segments side by side. A partition is checked by reading it again,
consistently; what spans partitions is noted on disk and compared at the end. A live table moves
meanwhile: what looks wrong is looked at a second time, and only what is still wrong counts.

Costs the read units of one scan and about as many again. In memory are the periods of one
partition for each segment, never the table.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from threading import Lock

from spendgate_service.audit.partition import (
    Finding,
    audit_counters,
    audit_listing,
    audit_policy,
    unreadable_items,
)
from spendgate_service.audit.recheck import missing_holds, wrong_entries
from spendgate_service.audit.scan_index import Tallies
from spendgate_service.domain.ledger import LedgerEntry
from spendgate_service.store import keys, values
from spendgate_service.store.client import Table
from spendgate_service.store.reservations import read_reservation
from spendgate_service.store.values import Item

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
    at a time. `clock` tells the milliseconds since the epoch: an audit may take hours, and time
    moves the table as well. Raises Throttled.
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

    def run(self, *, segments: int) -> Seen:
        """Look at the whole table, in as many segments side by side."""
        with closing(Tallies()) as tallies:
            with ThreadPoolExecutor(segments, thread_name_prefix="segment") as pool:
                done = [
                    pool.submit(self._segment, tallies, one, segments) for one in range(segments)
                ]
                for segment in done:
                    segment.result()
            self._compare(tallies)
        return self.seen

    def _compare(self, tallies: Tallies) -> None:
        """Look again at what spans partitions and does not seem to fit."""
        for doubt in tallies.doubtful_reservations():
            key = keys.reservation_key(doubt.tenant_id, doubt.reservation_id)
            with self._reporting_unreadable(key):
                self._found(wrong_entries(self._table, doubt, clock=self._clock))
        for held in tallies.held(now_ms=self._clock()):
            with self._reporting_unreadable(held.counter):
                self._found(missing_holds(self._table, held, clock=self._clock))

    def _segment(self, tallies: Tallies, segment: int, segments: int) -> None:
        last_partition = ""
        pages = self._table.scan_pages(
            Segment=segment, TotalSegments=segments, ConsistentRead=True, Limit=_PAGE_ITEMS
        )
        for page in pages:
            for item in page:
                partition = item["pk"]["S"]
                with self._reporting_unreadable((partition, item["sk"]["S"])):
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

    @contextmanager
    def _reporting_unreadable(self, key: keys.Key) -> Iterator[None]:
        """Report an item that cannot be read, or those beside it that cannot, and go on."""
        try:
            yield
        except values.UNREADABLE as error:
            says = f"it cannot be read: {type(error).__name__}: {error}"
            blamed = unreadable_items(self._table, key[0]) or [key]
            self._found([Finding("unreadable", says, tuple(blamed))])

    def _counters(self, tallies: Tallies, partition: str) -> None:
        def note(entry: LedgerEntry) -> None:
            tallies.note_entry(partition, entry)

        checked = audit_counters(self._table, partition, now_ms=self._clock(), note=note)
        if checked.findings:
            again = audit_counters(
                self._table, partition, now_ms=self._clock(), note=lambda _entry: None
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
