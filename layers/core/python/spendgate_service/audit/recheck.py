"""Re-check what the scan found suspicious across partitions.

What the scan stored is as old as the scan. Here the items are read again, and only what is wrong
with them now is a finding.
"""

from collections.abc import Callable, Iterator

from spendgate_service.audit.partition import Finding
from spendgate_service.audit.scan_index import CLOCKS_DIFFER_MS, BucketTotal, Suspect
from spendgate_service.domain.amounts import Amount, amount_text
from spendgate_service.domain.hold_buckets import is_expired
from spendgate_service.domain.ledger import LedgerEntry
from spendgate_service.domain.reservations import Line, Reservation
from spendgate_service.store import keys, values
from spendgate_service.store.client import Table
from spendgate_service.store.counters import read_counter
from spendgate_service.store.ledger import ledger_items, read_ledger
from spendgate_service.store.reservations import read_reservation


def wrong_entries(table: Table, suspect: Suspect, *, clock: Callable[[], int]) -> list[Finding]:
    """Compare one reservation with its ledger entries, all read again.

    A reservation's id is used again if its idempotency key is used again after the reservation was
    deleted: older ledger entries belong to the earlier reservation. Reads the ledger of each budget
    from the creation of the reservation to the last possible entry of it.
    """
    tenant_id, reservation_id = suspect.tenant_id, suspect.reservation_id
    key = keys.reservation_key(tenant_id, reservation_id)
    before = _reservation(table, tenant_id, reservation_id)
    if before is None:
        return []
    ended_at_ms = clock() if before.finalized_at_ms is None else before.finalized_at_ms
    from_ms = before.created_at_ms - CLOCKS_DIFFER_MS
    to_ms = max(ended_at_ms, suspect.last_entry_ms) + CLOCKS_DIFFER_MS
    found: list[Finding] = []
    for line in before.lines:
        partition = keys.counter_partition(tenant_id, line.budget_id, line.subject)
        entries = [
            entry
            for entry in _entries_between(table, partition, from_ms, to_ms)
            if entry.reservation_id == reservation_id
        ]
        counter = keys.counter_key(tenant_id, line.budget_id, line.subject, line.period_key)
        found += _wrong_entries_of(before, line, entries, (key, counter))
    after = _reservation(table, tenant_id, reservation_id)
    return found if after == before else []


def _entries_between(
    table: Table, partition: str, from_ms: int, to_ms: int
) -> Iterator[LedgerEntry]:
    """Read the ledger entries between two moments."""
    first, last = keys.ledger_moment(from_ms), keys.ledger_moment(to_ms)
    for item in ledger_items(table, partition, first=first, last=last):
        yield from read_ledger(item)


def _wrong_entries_of(
    reservation: Reservation,
    line: Line,
    entries: list[LedgerEntry],
    involved: tuple[keys.Key, keys.Key],
) -> Iterator[Finding]:
    if reservation.captured or reservation.charged:
        yield from _wrong_captures_of(reservation, line, entries, involved)
        return
    if reservation.state != "settled":
        if entries:
            says = f"it is {reservation.state}, but the ledger has {len(entries)} entries of it"
            yield Finding("entry_of_unsettled", says, involved)
        return
    cost = line.cost(reservation.actual or {})
    if not entries:
        yield Finding(
            "entry_missing", f"it cost {amount_text(cost)}, but the ledger has no entry", involved
        )
    elif len(entries) > 1:
        yield Finding(
            "ledger_entry_duplicate", f"the ledger has {len(entries)} entries of it", involved
        )
    elif (entries[0].amount, entries[0].period_key) != (cost, line.period_key):
        says = (
            f"it cost {amount_text(cost)} in {line.period_key}, by the ledger "
            f"{amount_text(entries[0].amount)} in {entries[0].period_key}"
        )
        yield Finding("ledger_entry_mismatch", says, involved)


def _wrong_captures_of(
    reservation: Reservation,
    line: Line,
    entries: list[LedgerEntry],
    involved: tuple[keys.Key, keys.Key],
) -> Iterator[Finding]:
    """Compare what a lease has spent, in any number of parts, with its entries of the period."""
    spent = reservation.spent_on(line)
    total = sum(entry.amount for entry in entries if entry.period_key == line.period_key)
    if total != spent:
        says = (
            f"it has spent {amount_text(spent)} in {line.period_key}, by the ledger "
            f"{amount_text(total)}"
        )
        yield Finding("ledger_entry_mismatch", says, involved)


def missing_holds(table: Table, held: BucketTotal, *, clock: Callable[[], int]) -> list[Finding]:
    """Compare one bucket of a counter with the open reservations in it, read again if needed.

    A bucket with more than its reservations hold is no finding: a crash leaves that until the
    bucket expires. One with less is none if what is missing lies in later buckets beyond what
    their own reservations hold: so does a crash leave a lease that was growing. A bucket that
    expires meanwhile is none either: the next request reclaims it.
    """
    before = _holds(table, held)
    if before >= held.amount + held.later:
        return []
    tenant_id = keys.tenant_of(held.counter[0])
    expected: Amount = 0
    for reservation_id in held.reservation_ids:
        reservation = _reservation(table, tenant_id, reservation_id)
        if reservation is not None and reservation.state == "held":
            expected += _held_by(reservation, held, tenant_id)
    in_buckets = max(before, _holds(table, held))
    if in_buckets >= expected or is_expired(held.bucket, now_ms=clock() + CLOCKS_DIFFER_MS):
        return []
    says = (
        f"open reservations hold {amount_text(expected)} until {held.bucket} or later, "
        f"the counter {amount_text(in_buckets)}"
    )
    reservations = (
        keys.reservation_key(tenant_id, reservation_id) for reservation_id in held.reservation_ids
    )
    return [Finding("hold_missing", says, (held.counter, *reservations))]


def _held_by(reservation: Reservation, held: BucketTotal, tenant_id: str) -> Amount:
    return sum(
        reservation.held_on(line)
        for line in reservation.lines
        if reservation.bucket >= held.bucket
        and held.counter
        == keys.counter_key(tenant_id, line.budget_id, line.subject, line.period_key)
    )


def _holds(table: Table, held: BucketTotal) -> Amount:
    """Read what the counter holds until the bucket or later."""
    item = table.get(values.key(held.counter))
    holds = {} if item is None else read_counter(item).holds
    return sum(amount for bucket, amount in holds.items() if bucket >= held.bucket)


def _reservation(table: Table, tenant_id: str, reservation_id: str) -> Reservation | None:
    item = table.get(values.key(keys.reservation_key(tenant_id, reservation_id)))
    return None if item is None else read_reservation(reservation_id, item)
