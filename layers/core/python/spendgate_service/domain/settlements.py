"""Settling, releasing and extending: which changes of a reservation are allowed."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from spendgate_service.domain.amounts import Amount
from spendgate_service.domain.errors import (
    ReservationEnded,
    ReservationExpired,
    ReservationFinalized,
)
from spendgate_service.domain.ledger import LedgerEntry
from spendgate_service.domain.requests import Release, Settle
from spendgate_service.domain.reservations import Reservation
from spendgate_service.domain.subjects import Subject
from spendgate_service.domain.usage_records import BudgetShare

FINALIZED_RETENTION_SECONDS = 30 * 86_400
"""How long a settled or released reservation is kept, for repeated settlements."""


@dataclass(frozen=True, slots=True)
class RecordedSpend:
    """Recorded spend, as it took effect; `usage_id` is the id of its usage record."""

    usage_id: str
    subjects: tuple[Subject, ...]
    actual: Mapping[str, Amount]
    entries: tuple[LedgerEntry, ...]
    shares: tuple[BudgetShare, ...]
    occurred_at_ms: int
    created_at_ms: int
    unpriced: bool = False
    notes: tuple[str, ...] = ()


def finalize(
    reservation: Reservation, command: Settle | Release, *, now_ms: int
) -> tuple[Reservation, bool]:
    """Return the reservation after the command, and whether the command changed it.

    A late settlement counts in full, because the money was spent. The same command again changes
    nothing. Raises ReservationFinalized for a different command, and the problem of a settlement
    whose cost is not known.
    """
    if isinstance(command, Settle):
        return _settled(reservation, command, now_ms)
    if reservation.state == "settled":
        raise ReservationFinalized(reservation, why="was settled and cannot be released")
    if reservation.state == "released":
        return reservation, False
    return replace(reservation, state="released", actual={}, finalized_at_ms=now_ms), True


def _settled(reservation: Reservation, command: Settle, now_ms: int) -> tuple[Reservation, bool]:
    actual = reservation.settled_amounts(command.actual)
    if reservation.state == "held":
        if command.problem is not None:
            raise command.problem
        done = replace(
            reservation,
            state="settled",
            actual=actual,
            settled_by=command.fingerprint,
            finalized_at_ms=now_ms,
        )
        return done, True
    is_same = command.fingerprint is not None and command.fingerprint == reservation.settled_by
    is_same = is_same or (command.problem is None and reservation.actual == actual)
    if reservation.state == "settled" and is_same:
        return reservation, False
    raise ReservationFinalized(
        reservation,
        why="was released and cannot be settled"
        if reservation.state == "released"
        else "was settled with another actual amount",
    )


HOLD_SECONDS_MAX = 7 * 86_400
"""How long a hold may last in total, including all extensions."""


def extension_refused(reservation: Reservation, *, now_ms: int) -> ReservationEnded | None:
    """Return why a hold cannot be extended, or None if it can: it must not have ended."""
    match reservation.state_at(now_ms=now_ms):
        case "held":
            return None
        case "expired":
            why = "has expired and cannot be extended; reserve again, or settle what was spent"
            return ReservationExpired(reservation, why=why)
        case state:
            return ReservationFinalized(reservation, why=f"was {state} and cannot be extended")


def replay_refused(reservation: Reservation, *, now_ms: int) -> ReservationEnded | None:
    """Return why the first response may not be repeated, or None while its hold is in force."""
    match reservation.state_at(now_ms=now_ms):
        case "held":
            return None
        case "expired":
            why = "has expired; nothing is held, reserve again with a new idempotency key"
            return ReservationExpired(reservation, why=why)
        case state:
            why = f"was {state} before; nothing is held, use a new idempotency key for a new call"
            return ReservationFinalized(reservation, why=why)
