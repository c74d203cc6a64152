"""What a whole table says about reservations, gathered on disk so that memory stays flat.

Reservations and the ledger entries that they led to live in different partitions, which a scan
meets in any order: both are noted here as they come, and compared at the end.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from threading import Lock

from spendgate_service.domain.amounts import Amount, amount_text, parse_amount
from spendgate_service.domain.ledger import LedgerEntry
from spendgate_service.domain.reservations import Line, Reservation
from spendgate_service.store import keys

CLOCKS_DIFFER_MS = 60_000
"""By how much the clocks may differ by which a table was written and is audited."""

_SCHEMA = """
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
CREATE TABLE lines (
    reservation_id TEXT, partition TEXT, period TEXT, tenant_id TEXT, stage TEXT,
    bucket INTEGER, held TEXT, spent TEXT, since_ms INTEGER
);
CREATE TABLE entries (
    reservation_id TEXT, partition TEXT, period TEXT, amount TEXT, created_at_ms INTEGER
);
"""

_INDEXES = """
CREATE INDEX IF NOT EXISTS lines_by_reservation ON lines (reservation_id, partition);
CREATE INDEX IF NOT EXISTS entries_by_reservation ON entries (reservation_id, partition);
CREATE INDEX IF NOT EXISTS lines_by_bucket ON lines (stage, partition, period, bucket);
"""

_SETTLED_OTHERWISE = """
SELECT tenant_id, reservation_id FROM lines
WHERE stage = 'settled' AND 1 <> (
    SELECT count(*) FROM entries
    WHERE entries.reservation_id = lines.reservation_id
      AND entries.partition = lines.partition
      AND entries.period = lines.period AND entries.amount = lines.spent
      AND entries.created_at_ms >= lines.since_ms
)
"""
"""Settled, and one of its lines has no ledger entry of just that amount, or several."""

_ENTERED_TWICE = """
SELECT tenant_id, lines.reservation_id FROM entries
JOIN lines ON lines.reservation_id = entries.reservation_id AND created_at_ms >= since_ms
GROUP BY entries.reservation_id, entries.partition, lines.rowid HAVING count(*) > 1
"""
"""One of its budgets has more than one entry of it, whatever they say."""

_NOT_SETTLED = """
SELECT tenant_id, lines.reservation_id FROM lines
JOIN entries ON entries.reservation_id = lines.reservation_id AND created_at_ms >= since_ms
WHERE stage <> 'settled'
"""
"""The ledger has an entry of it, and it was never settled."""

_DOUBTFUL = f"""
SELECT tenant_id, reservation_id, (
    SELECT coalesce(max(created_at_ms), 0) FROM entries
    WHERE entries.reservation_id = doubtful.reservation_id
)
FROM ({_SETTLED_OTHERWISE} UNION {_ENTERED_TWICE} UNION {_NOT_SETTLED}) AS doubtful
"""  # noqa: S608  # nosec B608

_HELD = """
SELECT partition, period, bucket, group_concat(held, ' '), group_concat(DISTINCT reservation_id)
FROM lines WHERE stage = 'held' AND bucket > ? GROUP BY partition, period, bucket
"""


@dataclass(frozen=True, slots=True)
class Suspect:
    """A reservation whose ledger entries do not fit it, and when the last of them was made."""

    tenant_id: str
    reservation_id: str
    last_entry_ms: int


@dataclass(frozen=True, slots=True)
class BucketTotal:
    """What open reservations hold in one bucket of one counter, and which ones they are."""

    counter: keys.Key
    bucket: int
    amount: Amount
    reservation_ids: Sequence[str]


class Tallies:
    """The notes of one audit, in a temporary file; may be written by several threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._notes = sqlite3.connect("", check_same_thread=False)
        self._notes.executescript(_SCHEMA)

    def note_reservation(self, tenant_id: str, reservation: Reservation) -> None:
        """Keep what a reservation holds, or what it was settled at."""
        rows = [
            (
                reservation.reservation_id,
                keys.counter_partition(tenant_id, line.budget_id, line.subject),
                line.period_key,
                tenant_id,
                reservation.state,
                reservation.bucket,
                amount_text(line.amount),
                _spent_on(line, reservation),
                reservation.created_at_ms - CLOCKS_DIFFER_MS,
            )
            for line in reservation.lines
        ]
        with self._lock:
            self._notes.executemany("INSERT INTO lines VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)

    def note_entry(self, partition: str, entry: LedgerEntry) -> None:
        """Keep what a reservation was settled at, as the ledger has it."""
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
            self._notes.execute("INSERT INTO entries VALUES (?, ?, ?, ?, ?)", row)

    def doubtful_reservations(self) -> Iterator[Suspect]:
        """Each reservation whose ledger entries do not fit it, once.

        Entries from before it belong to an earlier reservation of the same id.
        """
        self._notes.executescript(_INDEXES)
        for row in self._notes.execute(_DOUBTFUL):
            yield Suspect(*row)

    def held(self, *, now_ms: int) -> Iterator[BucketTotal]:
        """What open reservations hold, for each counter and bucket that has not expired."""
        self._notes.executescript(_INDEXES)
        for partition, period, bucket, amounts, ids in self._notes.execute(_HELD, [now_ms // 1000]):
            amount = sum(map(parse_amount, amounts.split(" ")))
            counter = partition, keys.PERIOD_PREFIX + period
            yield BucketTotal(counter, bucket, amount, ids.split(","))

    def close(self) -> None:
        """Throw the notes away."""
        self._notes.close()


def _spent_on(line: Line, reservation: Reservation) -> str | None:
    if reservation.state != "settled":
        return None
    return amount_text(line.cost(reservation.actual or {}))
