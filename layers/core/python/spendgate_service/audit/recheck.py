"""The second looks of a table's audit, at what spans partitions and did not seem to fit.

What the scan noted is as old as the scan. Here the items are read anew, and only what is wrong with
them now is a finding.
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
from spendgate_service.store.ledger import read_ledger
from spendgate_service.store.reservations import read_reservation


def wrong_entries(table: Table, doubt: Suspect, *, clock: Callable[[], int]) -> list[Finding]:
    """Compare one reservation with its ledger entries, all read anew.

    An id comes again when its idempotency key is used again after the reservation was forgotten:
    what the ledger has from before this reservation belongs to an earlier one. Reads the ledger
    of each budget between the reservation and the last entry of it that can be.
    """
    tenant_id, reservation_id = doubt.tenant_id, doubt.reservation_id
    key = keys.reservation_key(tenant_id, reservation_id)
    before = _reservation(table, tenant_id, reservation_id)
    if before is None:
        return []
    ended_at_ms = clock() if before.finalized_at_ms is None else before.finalized_at_ms
    from_ms = before.created_at_ms - CLOCKS_DIFFER_MS
    to_ms = max(ended_at_ms, doubt.last_entry_ms) + CLOCKS_DIFFER_MS
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
    """What was entered from one moment on and before another; neither need be exact."""
    found = table.query_items(
        KeyConditionExpression=keys.SORTED_BETWEEN,
        ExpressionAttributeValues={
            ":pk": values.text(partition),
            ":first": values.text(keys.ledger_moment(from_ms)),
            ":last": values.text(keys.ledger_moment(to_ms)),
        },
        ConsistentRead=True,
    )
    for item in found:
        yield from read_ledger(item)


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
        yield Finding(
            "ledger_entry_duplicate", f"the ledger has {len(entries)} entries of it", involved
        )
    elif (entries[0].amount, entries[0].period_key) != (cost, line.period_key):
        says = (
            f"it cost {amount_text(cost)} in {line.period_key}, by the ledger "
            f"{amount_text(entries[0].amount)} in {entries[0].period_key}"
        )
        yield Finding("ledger_entry_mismatch", says, involved)


def missing_holds(table: Table, held: BucketTotal, *, clock: Callable[[], int]) -> list[Finding]:
    """Compare one bucket of a counter with the open reservations in it, all read anew if it must.

    More in the bucket than anybody holds is what a crash leaves, until the bucket expires. Nothing
    is said of one that expires meanwhile: then whoever spends next reclaims it.
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
    if in_bucket >= wanted or is_expired(held.bucket, now_ms=clock() + CLOCKS_DIFFER_MS):
        return []
    says = (
        f"open reservations hold {amount_text(wanted)} until {held.bucket}, "
        f"the counter {amount_text(in_bucket)}"
    )
    reservations = (keys.reservation_key(tenant_id, one) for one in held.reservation_ids)
    return [Finding("hold_missing", says, (held.counter, *reservations))]


def _held_by(reservation: Reservation, held: BucketTotal, tenant_id: str) -> Amount:
    return sum(
        line.amount
        for line in reservation.lines
        if reservation.bucket == held.bucket
        and held.counter
        == keys.counter_key(tenant_id, line.budget_id, line.subject, line.period_key)
    )


def _holds(table: Table, held: BucketTotal) -> Amount:
    item = table.get(values.key(held.counter))
    return 0 if item is None else read_counter(item).holds.get(held.bucket, 0)


def _reservation(table: Table, tenant_id: str, reservation_id: str) -> Reservation | None:
    item = table.get(values.key(keys.reservation_key(tenant_id, reservation_id)))
    return None if item is None else read_reservation(reservation_id, item)
