"""Extending: a hold moves to a later bucket on every counter at once, or on none."""

from collections.abc import Callable
from typing import Any

from spendgate_service.domain.errors import InvalidValue, ReservationFinalized
from spendgate_service.domain.hold_buckets import bucket_of
from spendgate_service.domain.reservations import LATE_SETTLEMENT_SECONDS, Line, Reservation
from spendgate_service.domain.settlements import HOLD_SECONDS_MAX, extension_refused
from spendgate_service.reservations.check import find_reservation
from spendgate_service.store import expressions, keys, values
from spendgate_service.store.client import Table
from spendgate_service.store.codec.counters import hold_attribute
from spendgate_service.store.counters import reclaim_expired
from spendgate_service.store.errors import Throttled, TransactionFailed

_TRIES_MAX = 3


def extend(
    table: Table,
    tenant_id: str,
    reservation_id: str,
    *,
    ttl_seconds: int,
    now_ms: Callable[[], int],
) -> Reservation:
    """Let a hold expire `ttl_seconds` from now instead; returns the reservation as it is then.

    Two write units for the reservation and for each of its counters, and a look at what they leave
    behind there. Raises NotFound, ReservationFinalized, Unavailable.
    """
    for _ in range(_TRIES_MAX):
        before, now = find_reservation(table, tenant_id, reservation_id), now_ms()
        refusal = extension_refused(before, now_ms=now)
        if refusal is not None:
            raise refusal
        expires_at_ms = now + ttl_seconds * 1000
        if expires_at_ms > before.created_at_ms + HOLD_SECONDS_MAX * 1000:
            raise InvalidValue(
                f"body.ttl_seconds: a hold lasts at most {HOLD_SECONDS_MAX} seconds in all",
                param="body.ttl_seconds",
            )
        bucket = bucket_of(expires_at_ms=expires_at_ms, ttl_seconds=ttl_seconds)
        after = before.extended(bucket=bucket, expires_at_ms=expires_at_ms)
        try:
            table.transact(_writes(table.name, tenant_id, before, after))
        except TransactionFailed as failed:
            if _only_a_hold_is_gone(failed):
                raise ReservationFinalized(
                    reservation_id, why="has lost its hold and cannot be extended; reserve again"
                ) from failed
            continue
        if bucket != before.bucket:
            reclaim_expired(table, [_address(tenant_id, line) for line in after.lines], now_ms=now)
        return after
    raise Throttled("the reservation is being changed by others; try again")


def _only_a_hold_is_gone(failed: TransactionFailed) -> bool:
    """A reservation that objects was changed by others, who moved its holds as well."""
    reservation, *counters = failed.objections
    return reservation is None and any(one is not None and one.is_condition for one in counters)


def _writes(
    table_name: str, tenant_id: str, before: Reservation, after: Reservation
) -> list[dict[str, Any]]:
    """The reservation with its new expiry, and its holds in the bucket of that."""
    holds = [
        _move_hold(table_name, tenant_id, line, before.bucket, after.bucket)
        for line in before.lines
        if line.amount and after.bucket != before.bucket
    ]
    return [_move_reservation(table_name, tenant_id, before, after), *holds]


def _move_reservation(
    table_name: str, tenant_id: str, before: Reservation, after: Reservation
) -> dict[str, Any]:
    key = keys.reservation_key(tenant_id, before.reservation_id)
    return {
        "Update": {
            "TableName": table_name,
            "Key": values.key(key),
            "UpdateExpression": expressions.EXTEND,
            "ConditionExpression": expressions.IS_HELD_AS_SEEN,
            "ExpressionAttributeValues": {
                ":held": values.text("held"),
                ":held_until": values.number(before.bucket),
                ":new_held_until": values.number(after.bucket),
                ":expires_at_ms": values.number(after.expires_at_ms),
                ":expires_ttl": values.number(after.bucket + LATE_SETTLEMENT_SECONDS),
            },
        }
    }


def _address(tenant_id: str, line: Line) -> keys.Key:
    return keys.counter_key(tenant_id, line.budget_id, line.subject, line.period_key)


def _move_hold(
    table_name: str, tenant_id: str, line: Line, from_bucket: int, to_bucket: int
) -> dict[str, Any]:
    return {
        "Update": {
            "TableName": table_name,
            "Key": values.key(_address(tenant_id, line)),
            "UpdateExpression": expressions.MOVE_HOLD,
            "ConditionExpression": expressions.IS_HELD_THERE,
            "ExpressionAttributeNames": {
                "#from": hold_attribute(from_bucket),
                "#hold": hold_attribute(to_bucket),
            },
            "ExpressionAttributeValues": {
                ":amount": values.amount(line.amount),
                ":zero": values.number(0),
            },
        }
    }
