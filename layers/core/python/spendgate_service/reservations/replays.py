"""Replays: the id that belongs to an idempotency key, and the first response under it."""

import hashlib
from dataclasses import dataclass

from spendgate_service.domain.errors import IdempotencyConflict
from spendgate_service.domain.requests import SpendRequest
from spendgate_service.domain.settlements import replay_refused
from spendgate_service.store.client import Table
from spendgate_service.store.idempotency import PACKED_ANSWER
from spendgate_service.store.ids import new_id
from spendgate_service.store.reservations import read_reservation
from spendgate_service.store.values import Item


@dataclass(frozen=True, slots=True)
class Answered:
    """The answer to a reservation's request, in the caller's words; `replayed` if it is old."""

    answer: str
    replayed: bool


def reservation_id_of(request: SpendRequest, *, now_ms: int) -> str:
    """Make a new id, or the one that belongs to the tenant's idempotency key."""
    if request.idempotency_key is None:
        return new_id("rsv_", now_ms=now_ms)
    return id_under_key(request.tenant_id, request.idempotency_key)


def id_under_key(tenant_id: str, idempotency_key: str) -> str:
    """Return the id of the reservation that belongs to a tenant's idempotency key."""
    key = f"{tenant_id}\0{idempotency_key}".encode()
    return f"rsv_{hashlib.blake2b(key, digest_size=16).hexdigest()}"


def replayed(
    table: Table, reservation_id: str, fingerprint: str, stored: Item, *, now_ms: int
) -> Answered:
    """Return the first response while its hold is in force.

    Raises IdempotencyConflict if the request was another one, and ReservationEnded.
    """
    if stored["fingerprint"]["S"] != fingerprint:
        raise IdempotencyConflict
    first = read_reservation(reservation_id, stored)
    if refusal := replay_refused(first, now_ms=now_ms):
        raise refusal
    table.observe("replayed", 1)
    return Answered(PACKED_ANSWER.read(stored["answer"]), replayed=True)
