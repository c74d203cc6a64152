"""Settling, releasing and extending: which changes of a reservation are allowed."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from spendgate_service.domain.amounts import Amount, amount_text, covers, largest
from spendgate_service.domain.clocks import CLOCKS_DIFFER_MS_MAX
from spendgate_service.domain.errors import (
    InvalidValue,
    ReservationEnded,
    ReservationExpired,
    ReservationFinalized,
)
from spendgate_service.domain.ledger import LedgerEntry
from spendgate_service.domain.requests import Capture, Release, Settle
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
    nothing. Raises ReservationFinalized for a different command, InvalidValue for a settlement
    below what was captured, and the problem of a settlement whose cost is not known.
    """
    if isinstance(command, Settle):
        return _settled(reservation, command, now_ms)
    if reservation.state == "settled":
        raise ReservationFinalized(reservation, why="was settled and cannot be released")
    if reservation.state == "released":
        return reservation, False
    released = replace(
        reservation, state="released", actual=reservation.captured, finalized_at_ms=now_ms
    )
    return released, True


def _settled(reservation: Reservation, command: Settle, now_ms: int) -> tuple[Reservation, bool]:
    actual = reservation.settled_amounts(command.actual)
    if reservation.state == "held":
        if command.problem is not None:
            raise command.problem
        _covers_captures(reservation, actual)
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


def _covers_captures(reservation: Reservation, actual: Mapping[str, Amount]) -> None:
    """Raise InvalidValue for a final total below what was captured."""
    for unit, captured in reservation.captured.items():
        if actual[unit] < captured:
            raise InvalidValue(
                f"body.actual.{unit}: {amount_text(captured)} was captured already, so the final "
                f"total cannot be {amount_text(actual[unit])}; reverse a usage record instead",
                param=f"body.actual.{unit}",
            )


def capture(reservation: Reservation, command: Capture, *, now_ms: int) -> Reservation:
    """Return the reservation after a capture; the same object if no total is above the last one.

    A capture after the expiry counts, because the money was spent. Raises ReservationFinalized for
    a total above what the reservation was settled or released at.
    """
    if reservation.state != "held":
        if not covers(reservation.actual or {}, command.captured):
            raise ReservationFinalized(
                reservation, why=f"was {reservation.state} at less than this capture reports"
            )
        return reservation
    captured = largest(reservation.captured, command.captured)
    returned = largest(reservation.returned, command.returned)
    if (captured, returned) == (reservation.captured, reservation.returned):
        return reservation
    is_late = captured != reservation.captured and now_ms >= reservation.expires_at_ms
    return replace(
        reservation,
        captured=captured,
        returned=returned,
        revision=reservation.revision + 1,
        captured_late=reservation.captured_late or is_late,
    )


def charge(reservation: Reservation, *, now_ms: int) -> Reservation:
    """Return the reservation with what it holds counted as spent; the same object if it is not due.

    It has to have expired on every clock. A later settlement, release or capture replaces it.
    """
    is_due = reservation.state == "held" and reservation.charges and not reservation.charged
    if not is_due or now_ms < reservation.expires_at_ms + CLOCKS_DIFFER_MS_MAX:
        return reservation
    return replace(reservation, charged=True, revision=reservation.revision + 1)


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
    """Return why the first response may not be repeated, or None while its hold is in force.

    What was captured or given back of it is no longer there for a call that is made again.
    """
    match reservation.state_at(now_ms=now_ms):
        case "held" if reservation.is_in_use:
            why = (
                "is in use: part of it was captured or given back; use a new idempotency key for a "
                "new call"
            )
            return ReservationFinalized(reservation, why=why, is_in_force=True)
        case "held":
            return None
        case "expired":
            why = "has expired; nothing is held, reserve again with a new idempotency key"
            return ReservationExpired(reservation, why=why)
        case state:
            why = f"was {state} before; nothing is held, use a new idempotency key for a new call"
            return ReservationFinalized(reservation, why=why)
