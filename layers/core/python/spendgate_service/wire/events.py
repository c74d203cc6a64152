"""Events: the `detail` of an EventBridge event of each type.

Each is an envelope that all events share, and what events of the type say besides. New fields may
be added in time, so a receiver must accept fields that it does not know.
"""

from collections.abc import Mapping
from typing import Annotated, Literal, TypedDict

from spendgate_service.domain.reservations import Reservation
from spendgate_service.wire.budget_events import (
    BalanceDetail,
    ExhaustedDetail,
    PausedDetail,
    ResumedDetail,
    ThresholdReachedDetail,
)
from spendgate_service.wire.changes import BudgetChangedDetail
from spendgate_service.wire.fields import Amounts, Doc, Time
from spendgate_service.wire.increase_requests import IncreaseRequestResponse
from spendgate_service.wire.reservations import (
    ReservationResponse,
    by_granted_unit,
    reservation_response,
)
from spendgate_service.wire.statements import ClosedStatement
from spendgate_service.wire.values import time_on_wire


class Envelope(TypedDict):
    """What every event says."""

    version: Annotated[Literal[1], Doc("The version of the format.")]
    id: Annotated[
        str,
        Doc(
            "The id of the event; the same if it is published again.", pattern="^evt_[0-9a-f]{26}$"
        ),
    ]
    type: Annotated[str, Doc("The type of the event, also the EventBridge detail-type.")]
    tenant_id: Annotated[str, Doc("The tenant.")]
    occurred_at: Annotated[Time, Doc("When it happened.")]


class PeriodClosedDetail(BalanceDetail):
    """A period was closed and its statement written."""

    statement: Annotated[ClosedStatement, Doc("What the period came to.")]


class ReservationDetail(TypedDict):
    """A reservation was settled above its estimate."""

    reservation: Annotated[ReservationResponse, Doc("The reservation when it happened.")]


class ExpiredDetail(ReservationDetail):
    """A reservation expired without being settled."""

    captured: Annotated[Amounts, Doc("What captures had reported as spent, by unit; it counts.")]
    uncaptured: Annotated[
        Amounts, Doc("What was held until then, by unit: neither captured nor given back.")
    ]


def expired_detail(reservation: Reservation, *, now_ms: int) -> ExpiredDetail:
    """Build the detail of a reservation that has expired."""
    return {
        "reservation": reservation_response(reservation, now_ms=now_ms),
        "captured": by_granted_unit(reservation.captured, reservation),
        "uncaptured": by_granted_unit(reservation.uncaptured, reservation),
    }


class IncreaseRequestDetail(TypedDict):
    """A caller has asked for more on a budget, or what became of that."""

    request: Annotated[IncreaseRequestResponse, Doc("The increase request when it happened.")]


DETAILS: Mapping[str, type] = {
    "budget.threshold_reached": ThresholdReachedDetail,
    "budget.exhausted": ExhaustedDetail,
    "budget.paused": PausedDetail,
    "budget.resumed": ResumedDetail,
    "budget.period_closed": PeriodClosedDetail,
    "budget.changed": BudgetChangedDetail,
    "reservation.expired": ExpiredDetail,
    "reservation.overrun": ReservationDetail,
    "request.opened": IncreaseRequestDetail,
    "request.approved": IncreaseRequestDetail,
    "request.denied": IncreaseRequestDetail,
    "request.expired": IncreaseRequestDetail,
}
"""What events of each type say beside their envelope."""


def envelope(*, event_id: str, event_type: str, tenant_id: str, occurred_at_ms: int) -> Envelope:
    """Build what every event says."""
    return {
        "version": 1,
        "id": event_id,
        "type": event_type,
        "tenant_id": tenant_id,
        "occurred_at": time_on_wire(occurred_at_ms),
    }
