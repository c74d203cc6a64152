"""Increase requests: what a caller asks for, and what was decided."""

from typing import Annotated, TypedDict

from spendgate_service.domain.amounts import amount_text
from spendgate_service.domain.increase_requests import Decision, IncreaseRequest, RequestState
from spendgate_service.wire.fields import AmountText, Doc, Time
from spendgate_service.wire.periods import boundary_on_wire
from spendgate_service.wire.values import optional_amount, time_on_wire


class DecisionResponse(TypedDict):
    """The decision on an increase request."""

    at: Annotated[Time, Doc("When it was decided.")]
    key_id: Annotated[str | None, Doc("The API key that has decided; null for a command.")]
    key_name: Annotated[str | None, Doc("The name of that key.")]
    note: Annotated[str | None, Doc("What the approver says about it.")]
    amount: Annotated[
        AmountText | None, Doc("What was credited, which may differ; null if it was denied.")
    ]
    until: Annotated[
        Time | None, Doc("When the credit ends; null: with its period, or nothing was credited.")
    ]
    ledger_entry_id: Annotated[
        str | None, Doc("The ledger entry of the credit; null if it was denied.")
    ]


class IncreaseRequestResponse(TypedDict):
    """A request for more on a budget."""

    id: Annotated[str, Doc("The id of the increase request.")]
    state: Annotated[
        RequestState, Doc("pending, until it is approved or denied, or has expired undecided.")
    ]
    budget_id: Annotated[str, Doc("The budget on which more is asked for.")]
    subject: Annotated[str, Doc("The subject that wants to spend more, as type:id.")]
    unit: Annotated[str, Doc("The unit of the amounts.")]
    amount: Annotated[AmountText, Doc("How much more is asked for.")]
    until: Annotated[Time | None, Doc("Until when; null: for the current period of the budget.")]
    reason: Annotated[str, Doc("Why, in the words of the caller.")]
    key_id: Annotated[str, Doc("The API key that asks.")]
    key_name: Annotated[str | None, Doc("The name of that key.")]
    created_at: Annotated[Time, Doc("When it was asked.")]
    expires_at: Annotated[
        Time, Doc("The first moment at which it can no longer be decided: `until`, or a week.")
    ]
    decision: Annotated[
        DecisionResponse | None, Doc("What was decided; null while it is pending or has expired.")
    ]


def increase_request_response(request: IncreaseRequest, *, now_ms: int) -> IncreaseRequestResponse:
    """Build the response about an increase request as it is at a moment."""
    return {
        "id": request.request_id,
        "state": request.state(now_ms=now_ms),
        "budget_id": request.budget_id,
        "subject": str(request.subject),
        "unit": request.unit,
        "amount": amount_text(request.amount),
        "until": boundary_on_wire(request.until),
        "reason": request.reason,
        "key_id": request.key_id,
        "key_name": request.key_name,
        "created_at": time_on_wire(request.created_at_ms),
        "expires_at": time_on_wire(request.ends_at * 1000),
        "decision": None if request.decision is None else _decision(request.decision),
    }


def _decision(decision: Decision) -> DecisionResponse:
    return {
        "at": time_on_wire(decision.at_ms),
        "key_id": decision.key_id,
        "key_name": decision.key_name,
        "note": decision.note,
        "amount": optional_amount(decision.amount),
        "until": boundary_on_wire(decision.until),
        "ledger_entry_id": decision.ledger_entry_id,
    }
