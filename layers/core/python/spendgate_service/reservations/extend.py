"""Extend a reservation: its hold moves to a later bucket on every counter at once, or on none.

The hold stays as large as it is, so no budget is asked; `grow` is the extension with amounts.
"""

from collections.abc import Callable
from typing import Any

from spendgate_service.domain.errors import InvalidValue, ReservationExpired
from spendgate_service.domain.hold_buckets import bucket_of
from spendgate_service.domain.reservations import Reservation
from spendgate_service.domain.settlements import HOLD_SECONDS_MAX, extension_refused
from spendgate_service.reservations.find import find_reservation
from spendgate_service.store.client import Table
from spendgate_service.store.errors import Throttled, TransactionFailed
from spendgate_service.store.holds import moving_hold, reclaim_expired
from spendgate_service.store.reservations import counter_of, extending
from spendgate_service.store.retrying import RESERVATION_TRIES_MAX, LoopEnded, attempts


def extend(
    table: Table,
    tenant_id: str,
    reservation_id: str,
    *,
    ttl_seconds: int,
    now_ms: Callable[[], int],
) -> Reservation:
    """Let a hold expire `ttl_seconds` from now; return the reservation with its new expiry.

    Two write units for the reservation and for each of its counters, and one batch read of the
    counters. Raises NotFound, ReservationEnded, InvalidValue, Unavailable.
    """
    changing = "the reservation is being changed by others; try again"
    for _ in attempts(RESERVATION_TRIES_MAX, exhausted=lambda: Throttled(changing)):
        before, now = find_reservation(table, tenant_id, reservation_id), now_ms()
        after = extended(before, ttl_seconds=ttl_seconds, now_ms=now)
        try:
            table.transact(_writes(table.name, tenant_id, before, after))
        except TransactionFailed as failed:
            if _only_a_hold_is_gone(failed):
                raise ReservationExpired(
                    before, why="has lost its hold and cannot be extended; reserve again"
                ) from failed
            continue
        if after.bucket != before.bucket:
            counters = [counter_of(tenant_id, line) for line in after.lines]
            reclaim_expired(table, counters, now_ms=now)
        return after
    raise LoopEnded


def extended(before: Reservation, *, ttl_seconds: int | None, now_ms: int) -> Reservation:
    """Return the reservation with its new expiry. Raises ReservationEnded, InvalidValue."""
    refusal = extension_refused(before, now_ms=now_ms)
    if refusal is not None:
        raise refusal
    if ttl_seconds is None:
        return before
    expires_at_ms = now_ms + ttl_seconds * 1000
    if expires_at_ms > before.created_at_ms + HOLD_SECONDS_MAX * 1000:
        raise InvalidValue(
            f"body.ttl_seconds: a hold lasts at most {HOLD_SECONDS_MAX} seconds in all",
            param="body.ttl_seconds",
        )
    bucket = bucket_of(expires_at_ms=expires_at_ms, ttl_seconds=ttl_seconds, charges=before.charges)
    return before.extended(bucket=bucket, expires_at_ms=expires_at_ms)


def _only_a_hold_is_gone(failed: TransactionFailed) -> bool:
    """If the reservation objects too, others changed it, and moved its holds as well."""
    reservation, *counters = failed.objections
    return reservation is None and any(
        objection is not None and objection.is_condition for objection in counters
    )


def _writes(
    table_name: str, tenant_id: str, before: Reservation, after: Reservation
) -> list[dict[str, Any]]:
    """Make the writes of the new expiry, and of the holds in the bucket of that."""
    moved = [
        moving_hold(
            table_name, counter_of(tenant_id, line), before.held_on(line),
            from_bucket=before.bucket, to_bucket=after.bucket,
        )
        for line in before.lines
        if before.held_on(line) and after.bucket != before.bucket
    ]  # fmt: skip
    return [extending(table_name, tenant_id, before, after), *moved]
