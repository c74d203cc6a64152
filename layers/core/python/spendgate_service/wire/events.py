"""Events: the `detail` of an EventBridge event of each type.

Each is an envelope that all events share, and what events of the type say besides. New fields may
be added in time, so a receiver must accept fields that it does not know.
"""

from collections.abc import Mapping
from typing import Annotated, Literal, TypedDict

from spendgate_service.domain.amounts import amount_text
from spendgate_service.domain.budgets import Budget
from spendgate_service.domain.counters import Balance
from spendgate_service.domain.thresholds import Level
from spendgate_service.wire.balances import BalanceResponse, balance_response
from spendgate_service.wire.fields import AmountText, Doc, Time
from spendgate_service.wire.reservations import ReservationResponse
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


class _AboutBudget(TypedDict):
    budget_id: Annotated[str, Doc("The budget.")]
    subject: Annotated[str, Doc("The subject that spends, as type:id.")]


class _AboutBalance(_AboutBudget):
    balance: Annotated[BalanceResponse, Doc("The balance when it happened.")]


class _AboutSwitch(_AboutBudget):
    balance: Annotated[
        BalanceResponse | None, Doc("The balance when it happened; null for a default.")
    ]


class ThresholdResponse(TypedDict):
    """The threshold that was reached."""

    type: Annotated[Literal["percentage", "soft_limit"], Doc("The kind of threshold.")]
    pct: Annotated[int | None, Doc("The percentage of the limit; null for the soft limit.")]
    amount: Annotated[AmountText | None, Doc("The soft limit; null for a percentage.")]


class ThresholdReachedDetail(_AboutBalance):
    """A balance has reached one of the budget's thresholds."""

    threshold: Annotated[ThresholdResponse, Doc("The threshold that was reached.")]


class ExhaustedDetail(_AboutBalance):
    """Nothing of a balance is left."""


class PausedDetail(_AboutSwitch):
    """A budget was paused."""

    by: Annotated[Literal["admin", "soft_limit"], Doc("What paused it.")]


class ResumedDetail(_AboutSwitch):
    """A budget was resumed."""

    by: Annotated[Literal["admin"], Doc("What resumed it.")]


class PeriodClosedDetail(_AboutBalance):
    """A period was closed and its statement written."""

    statement: Annotated[ClosedStatement, Doc("What the period came to.")]


class ReservationDetail(TypedDict):
    """A reservation was settled above its estimate, or expired without being settled."""

    reservation: Annotated[ReservationResponse, Doc("The reservation when it happened.")]


DETAILS: Mapping[str, type] = {
    "budget.threshold_reached": ThresholdReachedDetail,
    "budget.exhausted": ExhaustedDetail,
    "budget.paused": PausedDetail,
    "budget.resumed": ResumedDetail,
    "budget.period_closed": PeriodClosedDetail,
    "reservation.expired": ReservationDetail,
    "reservation.overrun": ReservationDetail,
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


def level_detail(
    balance: Balance, level: Level
) -> ThresholdReachedDetail | ExhaustedDetail | PausedDetail:
    """Build the detail of a balance that has reached a level."""
    budget_id, subject = balance.budget.budget_id, str(balance.subject)
    about: _AboutBalance = {
        "budget_id": budget_id,
        "subject": subject,
        "balance": balance_response(balance),
    }
    match level.event_type:
        case "budget.threshold_reached":
            reached: ThresholdReachedDetail = {**about, "threshold": _threshold(level)}
            return reached
        case "budget.paused":
            paused: PausedDetail = {**about, "by": "soft_limit"}
            return paused
        case "budget.exhausted":
            return about


def switch_detail(budget: Budget, balance: Balance | None) -> PausedDetail | ResumedDetail:
    """Build the detail of a budget that an admin has paused or resumed.

    A default has no balance of its own.
    """
    detail: ResumedDetail = {
        "budget_id": budget.budget_id,
        "subject": str(budget.subject),
        "balance": None if balance is None else balance_response(balance),
        "by": "admin",
    }
    return detail


def _threshold(level: Level) -> ThresholdResponse:
    if level.soft_limit is not None:
        return {"type": "soft_limit", "pct": None, "amount": amount_text(level.soft_limit)}
    return {"type": "percentage", "pct": level.pct, "amount": None}
