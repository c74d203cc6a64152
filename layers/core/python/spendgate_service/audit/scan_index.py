"""The audit's scratch index: reservations and their ledger entries, on disk in SQLite.

Reservations and their ledger entries lie in different partitions, which a scan reads in any order.
Both are stored here as they are read, and compared at the end. Memory stays flat.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from threading import Lock
from typing import Literal

from spendgate_service.domain.amounts import Amount, amount_text, parse_amount
from spendgate_service.domain.ledger import LedgerEntry
from spendgate_service.domain.reservations import Reservation
from spendgate_service.store import keys

type Book = Literal["ledger", "usage"]

CLOCKS_DIFFER_MS = 60_000
"""How much the clocks that wrote a table and the clock of its audit may differ."""

_SCHEMA = """
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
CREATE TABLE lines (
    reservation_id TEXT, partition TEXT, period TEXT, tenant_id TEXT, stage TEXT,
    bucket INTEGER, held TEXT, spent TEXT, is_lease INTEGER, since_ms INTEGER
);
CREATE TABLE entries (
    reservation_id TEXT, partition TEXT, period TEXT, amount TEXT, created_at_ms INTEGER
);
CREATE TABLE books (partition TEXT, period TEXT, book TEXT, amount TEXT);
CREATE TABLE unread (partition TEXT);
"""

_ADD_LINE = "INSERT INTO lines VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"

_INDEXES = """
CREATE INDEX IF NOT EXISTS lines_by_reservation ON lines (reservation_id, partition);
CREATE INDEX IF NOT EXISTS entries_by_reservation ON entries (reservation_id, partition);
CREATE INDEX IF NOT EXISTS lines_by_bucket ON lines (stage, partition, period, bucket);
"""

_MISMATCHED = """
SELECT tenant_id, reservation_id FROM lines
WHERE stage = 'settled' AND NOT is_lease AND 1 <> (
    SELECT count(*) FROM entries
    WHERE entries.reservation_id = lines.reservation_id
      AND entries.partition = lines.partition
      AND entries.period = lines.period AND entries.amount = lines.spent
      AND entries.created_at_ms >= lines.since_ms
)
"""
"""Settled, but one of its lines has not exactly one ledger entry of its amount."""

_DUPLICATED = """
SELECT tenant_id, lines.reservation_id FROM entries
JOIN lines ON lines.reservation_id = entries.reservation_id AND created_at_ms >= since_ms
WHERE NOT is_lease
GROUP BY entries.reservation_id, entries.partition, lines.rowid HAVING count(*) > 1
"""
"""One of its budgets has more than one entry of it, of any amount."""

_NOT_SETTLED = """
SELECT tenant_id, lines.reservation_id FROM lines
JOIN entries ON entries.reservation_id = lines.reservation_id AND created_at_ms >= since_ms
WHERE stage <> 'settled' AND NOT is_lease
"""
"""Neither settled nor captured, but the ledger has an entry of it."""

_LEASES = """
SELECT tenant_id, lines.reservation_id, spent, group_concat(entries.amount, ' '),
    coalesce(max(entries.created_at_ms), 0)
FROM lines LEFT JOIN entries ON entries.reservation_id = lines.reservation_id
    AND entries.partition = lines.partition AND entries.period = lines.period
    AND entries.created_at_ms >= lines.since_ms
WHERE is_lease GROUP BY lines.rowid ORDER BY lines.reservation_id
"""
"""Captured: the entries of each of its lines add up to what it has spent there."""

_SUSPECTS = f"""
SELECT tenant_id, reservation_id, (
    SELECT coalesce(max(created_at_ms), 0) FROM entries
    WHERE entries.reservation_id = suspect.reservation_id
)
FROM ({_MISMATCHED} UNION {_DUPLICATED} UNION {_NOT_SETTLED}) AS suspect
"""  # noqa: S608  # nosec B608

_HELD = """
SELECT partition, period, bucket, group_concat(held, ' '), group_concat(DISTINCT reservation_id)
FROM lines WHERE stage = 'held' AND bucket > ?
GROUP BY partition, period, bucket ORDER BY partition, period, bucket DESC
"""


_BOOKS = """
SELECT partition, period, book, amount FROM books
WHERE partition NOT IN (SELECT partition FROM unread) ORDER BY partition, period
"""


@dataclass(frozen=True, slots=True)
class SpentByBook:
    """What was spent on one counter by the ledger, and by the usage log."""

    counter: keys.Key
    ledger: Amount
    usage: Amount


@dataclass(frozen=True, slots=True)
class Suspect:
    """A reservation that does not match its ledger entries, and when the last of them was made."""

    tenant_id: str
    reservation_id: str
    last_entry_ms: int


@dataclass(frozen=True, slots=True)
class BucketTotal:
    """What open reservations hold in one bucket of one counter, and in later ones; their ids."""

    counter: keys.Key
    bucket: int
    amount: Amount
    later: Amount
    reservation_ids: Sequence[str]


class ScanIndex:
    """The index of one audit, in a temporary file; several threads may write to it."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._database = sqlite3.connect("", check_same_thread=False)
        self._database.executescript(_SCHEMA)

    def add_reservation(self, tenant_id: str, reservation: Reservation) -> None:
        """Store what a reservation holds, and what it has spent."""
        rows = [
            (
                reservation.reservation_id,
                keys.counter_partition(tenant_id, line.budget_id, line.subject),
                line.period_key,
                tenant_id,
                reservation.state,
                reservation.bucket,
                amount_text(reservation.held_on(line)),
                amount_text(reservation.spent_on(line)),
                bool(reservation.captured or reservation.charged),
                reservation.created_at_ms - CLOCKS_DIFFER_MS,
            )
            for line in reservation.lines
        ]
        with self._lock:
            self._database.executemany(_ADD_LINE, rows)

    def add_entry(self, partition: str, entry: LedgerEntry) -> None:
        """Store what a reservation has spent according to the ledger."""
        if entry.reservation_id is None:
            return
        row = (
            entry.reservation_id,
            partition,
            entry.period_key,
            amount_text(entry.amount),
            entry.created_at_ms,
        )
        with self._lock:
            self._database.execute("INSERT INTO entries VALUES (?, ?, ?, ?, ?)", row)

    def add_spent(self, counter: keys.Key, book: Book, amount: Amount) -> None:
        """Store what a book says was spent on a counter."""
        row = counter[0], keys.period_key_of(counter[1]), book, amount_text(amount)
        with self._lock:
            self._database.execute("INSERT INTO books VALUES (?, ?, ?, ?)", row)

    def leave_out(self, partition: str) -> None:
        """Compare no books of a partition: its ledger could not be read."""
        with self._lock:
            self._database.execute("INSERT INTO unread VALUES (?)", [partition])

    def books(self) -> Iterator[SpentByBook]:
        """Yield what each book says was spent, counter by counter."""
        rows = self._database.execute(_BOOKS)
        for (partition, period), of_counter in groupby(rows, key=lambda row: row[:2]):
            sums: dict[Book, Amount] = {"ledger": 0, "usage": 0}
            for _, _, book, amount in of_counter:
                sums[book] += parse_amount(amount)
            counter = partition, keys.PERIOD_PREFIX + period
            yield SpentByBook(counter, sums["ledger"], sums["usage"])

    def suspects(self) -> Iterator[Suspect]:
        """Yield each reservation that does not match its ledger entries, once.

        Older entries belong to an earlier reservation with the same id.
        """
        self._database.executescript(_INDEXES)
        for row in self._database.execute(_SUSPECTS):
            yield Suspect(*row)
        last = None
        for tenant_id, reservation_id, spent, entries, last_entry_ms in self._database.execute(
            _LEASES
        ):
            by_ledger = sum(map(parse_amount, entries.split(" "))) if entries else 0
            if by_ledger != parse_amount(spent) and reservation_id != last:
                yield Suspect(tenant_id, reservation_id, last_entry_ms)
                last = reservation_id

    def bucket_totals(self, *, now_ms: int) -> Iterator[BucketTotal]:
        """Yield what open reservations hold in each bucket that has not expired."""
        self._database.executescript(_INDEXES)
        rows = self._database.execute(_HELD, [now_ms // 1000])
        for (partition, period), of_counter in groupby(rows, key=lambda row: row[:2]):
            counter, later = (partition, keys.PERIOD_PREFIX + period), 0
            later_ids: list[str] = []
            for _, _, bucket, amounts, ids in of_counter:
                amount = sum(map(parse_amount, amounts.split(" ")))
                later_ids += ids.split(",")
                yield BucketTotal(counter, bucket, amount, later, tuple(later_ids))
                later += amount

    def close(self) -> None:
        """Delete the index."""
        self._database.close()
