"""Reservations: the response to a grant, and what became of a hold."""

from collections.abc import Sequence

from spendgate_service.domain.amounts import amount_text
from spendgate_service.domain.counters import Balance
from spendgate_service.domain.decisions import shadowed_after
from spendgate_service.domain.reservations import Line, Reservation
from spendgate_service.wire.balances import balance_response, warnings_of
from spendgate_service.wire.values import (
    amounts_on_wire,
    optional_time_on_wire,
    subjects_on_wire,
    time_on_wire,
)


def reservation_granted(
    reservation: Reservation,
    balances: Sequence[Balance],
    *,
    notes: Sequence[str] = (),
    unpriced: bool = False,
) -> dict[str, object]:
    """The answer to a reservation that was granted; `notes` are warnings of another origin.

    `unpriced` says that a usage counts in tokens only, for want of a price.
    """
    warnings = [*notes, *warnings_of(balances, shadowed_after(balances))]
    return {
        "reservation_id": reservation.reservation_id,
        "state": "held",
        "expires_at": time_on_wire(reservation.expires_at_ms),
        "created_at": time_on_wire(reservation.created_at_ms),
        "subjects": subjects_on_wire(reservation.subjects),
        "amounts": amounts_on_wire(reservation.amounts),
        "action": "warn" if warnings else "continue",
        "warnings": warnings,
        "unpriced": unpriced,
        "budgets": [balance_response(balance) for balance in balances],
    }


def reservation_response(
    reservation: Reservation, *, now_ms: int, unpriced: bool = False
) -> dict[str, object]:
    """A reservation and what became of it; `actual` is null until it is settled or released.

    Flagged as `unpriced` is what was settled by a usage that counts in tokens only.
    """
    actual = reservation.actual
    flag = {"unpriced": True} if unpriced else {}
    return {
        **flag,
        "reservation_id": reservation.reservation_id,
        "state": reservation.state_at(now_ms=now_ms),
        "expires_at": time_on_wire(reservation.expires_at_ms),
        "created_at": time_on_wire(reservation.created_at_ms),
        "finalized_at": optional_time_on_wire(reservation.finalized_at_ms),
        "subjects": subjects_on_wire(reservation.subjects),
        "amounts": amounts_on_wire(reservation.amounts),
        "actual": None if actual is None else amounts_on_wire(actual),
        "late": reservation.late,
        "overrun": reservation.overrun,
        "lines": [_line_response(line) for line in reservation.lines],
        "metadata": dict(reservation.metadata),
    }


def _line_response(line: Line) -> dict[str, object]:
    """What was held on one budget, and by which rate where the request named another unit."""
    conversion = next(iter(line.conversions), None)
    return {
        "budget_id": line.budget_id,
        "subject": str(line.subject),
        "unit": line.unit,
        "period_key": line.period_key,
        "amount": amount_text(line.amount),
        "from": conversion.unit if conversion else None,
        "rate": amount_text(conversion.rate) if conversion else None,
    }
