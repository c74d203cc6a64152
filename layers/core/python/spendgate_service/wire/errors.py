"""Errors: what went wrong, for programs and for people."""

from typing import Annotated, Literal, NotRequired, TypedDict, get_args

from spendgate_service.domain.amounts import amount_text
from spendgate_service.domain.errors import (
    BudgetExceeded,
    BudgetPaused,
    BudgetRefusal,
    ImmutableField,
    InvalidValue,
    ReservationEnded,
    SpendgateError,
    TokenCapExceeded,
    Violation,
)
from spendgate_service.domain.increase_requests import RequestClosed, RequestPending
from spendgate_service.domain.periods import rule_of
from spendgate_service.wire.alternatives import AlternativeResponse, alternatives_response
from spendgate_service.wire.fields import AmountText, Doc, Time
from spendgate_service.wire.hints import Refusal, hint_of
from spendgate_service.wire.increase_requests import (
    IncreaseRequestResponse,
    increase_request_response,
)
from spendgate_service.wire.periods import boundary_on_wire, period_rule_response
from spendgate_service.wire.reservations import ReservationResponse, reservation_response


class ViolatedPeriod(TypedDict):
    """The period in which a budget refused."""

    type: Annotated[Literal["none", "calendar", "duration", "rolling"], Doc("The kind of period.")]
    key: Annotated[str, Doc("The key of the period, unique within the budget.")]
    resets_at: Annotated[
        Time | None, Doc("When what was spent stops counting; null where nothing resets.")
    ]


class ViolationResponse(TypedDict):
    """Why one budget refused a request."""

    budget_id: Annotated[str, Doc("The budget that refused.")]
    name: Annotated[str | None, Doc("The budget's name for people.")]
    subject: Annotated[str, Doc("The subject whose balance it is, as type:id.")]
    scope: Annotated[str, Doc("The type of the subject.")]
    unit: Annotated[str, Doc("The unit of the amounts.")]
    period: Annotated[ViolatedPeriod, Doc("The period in which it refused.")]
    limit: Annotated[AmountText, Doc("What may be spent in one period.")]
    credits: Annotated[AmountText, Doc("Top-ups and refunds in the period.")]
    spent: Annotated[AmountText, Doc("What was spent in the period.")]
    held: Annotated[AmountText, Doc("What open reservations hold.")]
    available: Annotated[AmountText, Doc("What can be granted now.")]
    requested: Annotated[AmountText, Doc("What the request asked of the budget, in its unit.")]
    blocked_by: Annotated[
        Literal["held", "spent", "pause"],
        Doc("held: it fits once open reservations end; spent: it does not; pause: it is paused."),
    ]
    held_until: Annotated[
        Time | None,
        Doc("When enough holds have expired at the latest; null unless blocked by held."),
    ]
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
    hint: NotRequired[
        Annotated[str, Doc("Of a refusal: one sentence that an agent can act on, as in a check.")]
    ]
    may_request_increase: NotRequired[
        Annotated[
            bool,
            Doc(
                "Sent and true if the caller may ask for more on the budgets that are spent: POST "
                "/v1/increase-requests. A pause or a token cap is no such case."
            ),
        ]
    ]
    alternatives: NotRequired[
        Annotated[
            list[AlternativeResponse],
            Doc(
                "Of a refused usage, if the tenant has fallback_models: those that fit now, "
                "cheapest first."
            ),
        ]
    ]
    reservation: NotRequired[
        Annotated[ReservationResponse, Doc("The reservation whose hold has ended.")]
    ]
    increase_request: NotRequired[
        Annotated[
            IncreaseRequestResponse,
            Doc("The increase request that is pending already, or that is no longer pending."),
        ]
    ]
    kind: NotRequired[
        Annotated[str, Doc("Which tokens the cap is on: prompt, completion or total.")]
    ]
    cap: NotRequired[Annotated[int, Doc("The most tokens that the cap allows in one request.")]]
    requested: NotRequired[Annotated[int, Doc("The tokens that the request asked for.")]]


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
        "param": error.param if isinstance(error, InvalidValue | ImmutableField) else None,
    }
    if isinstance(error, get_args(Refusal.__value__)):
        details["hint"] = hint_of(error)
    if isinstance(error, SpendgateError) and error.alternatives is not None:
        details["alternatives"] = alternatives_response(error.alternatives)
    if isinstance(error, BudgetRefusal):
        details["violations"] = [violation_response(violation) for violation in error.violations]
    match error:
        case BudgetExceeded(may_request_increase=True):
            details["may_request_increase"] = True
        case BudgetPaused():
            details["budget_id"] = error.budget_id
        case TokenCapExceeded():
            details["kind"], details["cap"] = error.kind, error.cap
            details["requested"] = error.requested
        case RequestPending() | RequestClosed():
            asked = error.request
            ended_at_ms = asked.ends_at * 1000
            is_open = isinstance(error, RequestPending)
            details["increase_request"] = increase_request_response(
                asked, now_ms=asked.created_at_ms if is_open else ended_at_ms
            )
        case ReservationEnded():
            # It is shown as it is from its expiry on, or before it if it still holds.
            ends_at_ms = error.reservation.expires_at_ms
            seen_at_ms = ends_at_ms - 1 if error.is_in_force else ends_at_ms
            details["reservation"] = reservation_response(error.reservation, now_ms=seen_at_ms)
    return {"error": details}


def violation_response(violation: Violation) -> ViolationResponse:
    """Build the part of the response that says why one budget refused."""
    return {
        "budget_id": violation.budget_id,
        "name": violation.name,
        "subject": violation.subject,
        "scope": violation.scope,
        "unit": violation.unit,
        "period": {
            "type": period_rule_response(rule_of(violation.period_key))["type"],
            "key": violation.period_key,
            "resets_at": boundary_on_wire(violation.resets_at),
        },
        "limit": amount_text(violation.limit),
        "credits": amount_text(violation.credits),
        "spent": amount_text(violation.spent),
        "held": amount_text(violation.held),
        "available": amount_text(violation.available),
        "requested": amount_text(violation.requested),
        "blocked_by": violation.blocked_by,
        "held_until": boundary_on_wire(violation.held_until),
        "retry_after_seconds": violation.retry_after_seconds,
    }
