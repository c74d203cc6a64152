"""Errors: what went wrong, for programs and for people."""

from typing import Annotated, NotRequired, TypedDict

from spendgate_service.domain.amounts import amount_text
from spendgate_service.domain.errors import BudgetExceeded, BudgetPaused, InvalidValue, Violation
from spendgate_service.wire.fields import AmountText, Doc


class ViolationResponse(TypedDict):
    """Why one budget refused a request."""

    budget_id: Annotated[str, Doc("The budget that refused.")]
    subject: Annotated[str, Doc("The subject whose balance it is, as type:id.")]
    scope: Annotated[str, Doc("The type of the subject.")]
    unit: Annotated[str, Doc("The unit of the amounts.")]
    limit: Annotated[AmountText, Doc("What may be spent in one period.")]
    spent: Annotated[AmountText, Doc("What was spent in the period.")]
    held: Annotated[AmountText, Doc("What open reservations hold.")]
    available: Annotated[AmountText, Doc("What can be granted now.")]
    requested: Annotated[AmountText, Doc("What the request asked of the budget, in its unit.")]
    retry_after_seconds: Annotated[
        int | None, Doc("In how many seconds to retry; null if waiting does not help.")
    ]


class ErrorDetails(TypedDict):
    """One error."""

    code: Annotated[str, Doc("What went wrong, as a word that never changes.")]
    type: Annotated[str, Doc("The kind of error; several codes share one.")]
    message: Annotated[str, Doc("A sentence for people.")]
    param: Annotated[str | None, Doc("The path of the field that is wrong; null if none is.")]
    violations: NotRequired[
        Annotated[
            list[ViolationResponse], Doc("Every budget that refused, in the order of refusals.")
        ]
    ]
    budget_id: NotRequired[Annotated[str, Doc("The budget that is paused.")]]


class ErrorResponse(TypedDict):
    """A request that failed."""

    error: Annotated[ErrorDetails, Doc("What went wrong.")]


class NoKeyResponse(TypedDict):
    """The response of API Gateway itself to a request without any key."""

    message: Annotated[str, Doc("A sentence for people.")]


def error_response(error: Exception, *, code: str, error_type: str, message: str) -> ErrorResponse:
    """Build the response about an error of that code and type; the rest the error itself says."""
    details: ErrorDetails = {
        "code": code,
        "type": error_type,
        "message": message,
        "param": error.param if isinstance(error, InvalidValue) else None,
    }
    match error:
        case BudgetExceeded():
            violations = [violation_response(violation) for violation in error.violations]
            return {"error": {**details, "violations": violations}}
        case BudgetPaused():
            return {"error": {**details, "budget_id": error.budget_id}}
        case _:
            return {"error": details}


def violation_response(violation: Violation) -> ViolationResponse:
    """Build the part of the response that says why one budget refused."""
    return {
        "budget_id": violation.budget_id,
        "subject": violation.subject,
        "scope": violation.scope,
        "unit": violation.unit,
        "limit": amount_text(violation.limit),
        "spent": amount_text(violation.spent),
        "held": amount_text(violation.held),
        "available": amount_text(violation.available),
        "requested": amount_text(violation.requested),
        "retry_after_seconds": violation.retry_after_seconds,
    }
