"""What was refused, folded by minute."""

from typing import Annotated, Literal, TypedDict

from spendgate_service.domain.amounts import amount_text
from spendgate_service.domain.refusals import Refusals
from spendgate_service.wire.fields import AmountText, Doc, Time
from spendgate_service.wire.values import time_on_wire


class RefusalsResponse(TypedDict):
    """Refusals of one subject by one budget with one code, in one minute."""

    minute: Annotated[
        Time, Doc("The minute in which they were written; first_at may lie in an earlier one.")
    ]
    budget_id: Annotated[str, Doc("The budget that refused.")]
    subject: Annotated[str, Doc("The subject that was refused, as type:id.")]
    code: Annotated[str, Doc("The code of the responses.")]
    count: Annotated[int, Doc("How many requests were refused, at least.")]
    count_is: Annotated[
        Literal["a lower bound"],
        Doc("Counts are written once a minute; some of the last ones may be missing."),
    ]
    requested_max: Annotated[AmountText, Doc("The largest amount that was asked for.")]
    unit: Annotated[str, Doc("The unit of the amount.")]
    first_at: Annotated[Time, Doc("When the first of them was refused.")]
    last_at: Annotated[Time, Doc("When the last of them was refused.")]
    message: Annotated[str, Doc("What the last response said of the budget.")]
    request_id: Annotated[str, Doc("The id of the last of these requests.")]


def refusals_response(refusals: Refusals) -> RefusalsResponse:
    """Build the response about the refusals of a minute."""
    return {
        "minute": time_on_wire(refusals.minute * 1000),
        "budget_id": refusals.budget_id,
        "subject": refusals.subject,
        "code": refusals.code,
        "count": refusals.count,
        "count_is": "a lower bound",
        "requested_max": amount_text(refusals.requested_max),
        "unit": refusals.unit,
        "first_at": time_on_wire(refusals.first_at_ms),
        "last_at": time_on_wire(refusals.last_at_ms),
        "message": refusals.says,
        "request_id": refusals.request_id,
    }
