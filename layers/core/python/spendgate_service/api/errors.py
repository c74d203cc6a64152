"""From exceptions to responses: one table of status, code, type and metric."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass

from spendgate_service.api.exceptions import (
    Forbidden,
    InvalidApiKey,
    InvalidJson,
    MethodNotAllowed,
    RequestTooLarge,
    RouteNotFound,
)
from spendgate_service.api.http import Response
from spendgate_service.domain import errors as domain
from spendgate_service.domain.increase_requests import (
    DecisionForbidden,
    RequestClosed,
    RequestPending,
)
from spendgate_service.store.errors import Unavailable
from spendgate_service.wire.errors import error_response

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Problem:
    """How callers see an exception; a `refusal` answers a well-formed request, and is counted.

    A conflict that `stays` carries `x-should-retry: false`, since SDKs retry a 409.
    """

    status: int
    code: str
    type: str
    refusal: bool = False
    stays: bool = False

    @property
    def metric(self) -> str | None:
        """The metric that counts it; None for a mistake in the request itself."""
        if self.refusal:
            return f"refused_{self.code}"
        return self.code if self.status >= 500 else None


RATE_LIMIT_EXCEEDED = Problem(429, "rate_limit_exceeded", "budget_exceeded", refusal=True)
INSUFFICIENT_QUOTA = Problem(429, "insufficient_quota", "budget_exceeded", refusal=True)
INTERNAL_ERROR = Problem(500, "internal_error", "api_error")

PROBLEMS: Mapping[type[Exception], Problem] = {
    InvalidJson: Problem(400, "invalid_json", "invalid_request_error"),
    RequestTooLarge: Problem(413, "request_too_large", "invalid_request_error"),
    InvalidApiKey: Problem(401, "invalid_api_key", "authentication_error"),
    Forbidden: Problem(403, "forbidden", "permission_error"),
    RouteNotFound: Problem(404, "not_found", "not_found_error"),
    MethodNotAllowed: Problem(405, "method_not_allowed", "invalid_request_error"),
    DecisionForbidden: Problem(403, "forbidden", "permission_error"),
    domain.ForeignSubject: Problem(403, "forbidden", "permission_error"),
    domain.InvalidValue: Problem(422, "invalid_request", "invalid_request_error"),
    domain.BudgetPaused: Problem(409, "budget_paused", "conflict_error", refusal=True, stays=True),
    domain.NoBudget: Problem(403, "no_budget", "permission_error", refusal=True),
    domain.UnknownPrice: Problem(422, "unknown_price", "invalid_request_error", refusal=True),
    domain.UnknownRate: Problem(422, "unknown_rate", "invalid_request_error", refusal=True),
    domain.TokenCapExceeded: Problem(
        400, "token_cap_exceeded", "invalid_request_error", refusal=True
    ),
    domain.NotFound: Problem(404, "not_found", "not_found_error"),
    domain.IdempotencyConflict: Problem(
        409, "idempotency_conflict", "idempotency_error", refusal=True, stays=True
    ),
    domain.ReservationFinalized: Problem(
        409, "reservation_finalized", "conflict_error", refusal=True, stays=True
    ),
    domain.ReservationExpired: Problem(
        409, "reservation_expired", "conflict_error", refusal=True, stays=True
    ),
    domain.AlreadyExists: Problem(409, "already_exists", "conflict_error", stays=True),
    domain.ImmutableField: Problem(409, "immutable_field", "conflict_error", stays=True),
    domain.VersionMismatch: Problem(412, "version_mismatch", "conflict_error"),
    domain.LastAdminKey: Problem(409, "last_admin_key", "conflict_error", stays=True),
    RequestPending: Problem(409, "request_pending", "conflict_error", stays=True),
    RequestClosed: Problem(409, "request_closed", "conflict_error", stays=True),
    domain.BudgetChanged: Problem(409, "budget_changed", "conflict_error"),
    Unavailable: Problem(503, "unavailable", "api_error"),
}
"""Every exception that a caller may see, except `BudgetExceeded`, which has two codes."""

PROBLEM_BY_CODE: Mapping[str, Problem] = {
    problem.code: problem
    for problem in (*PROBLEMS.values(), RATE_LIMIT_EXCEEDED, INSUFFICIENT_QUOTA, INTERNAL_ERROR)
}

REFUSALS = frozenset(code for code, problem in PROBLEM_BY_CODE.items() if problem.refusal)
"""The codes of a well-formed request that was refused; the metric of each is `refused_<code>`."""


def problem_of(error: Exception) -> Problem:
    """Find the problem of an exception; an unexpected one is an internal error."""
    if isinstance(error, domain.BudgetExceeded):
        return INSUFFICIENT_QUOTA if error.retry_after_seconds is None else RATE_LIMIT_EXCEEDED
    known = (PROBLEMS[kind] for kind in type(error).__mro__ if kind in PROBLEMS)
    return next(known, INTERNAL_ERROR)


def error_to_response(error: Exception, *, request_id: str) -> Response:
    """Respond to a request that failed; an unexpected exception is logged and not described."""
    problem = problem_of(error)
    if problem is INTERNAL_ERROR:
        _log.error(
            "request %s failed: %r", request_id, error, exc_info=error,
            extra={"request_id": request_id},
        )  # fmt: skip
        message = f"internal error; quote the request id {request_id}"
    else:
        message = str(error)
        if problem.status >= 500:
            _log.warning("request %s got no result: %s", request_id, error)
    body = error_response(error, code=problem.code, error_type=problem.type, message=message)
    return Response(problem.status, body, _headers(error, problem))


SDK_WAIT_SECONDS_MAX = 60
"""The longest wait that an SDK may sleep through; a longer one says not to retry."""

_NOT_TO_RETRY = {"x-should-retry": "false"}


def _headers(error: Exception, problem: Problem) -> dict[str, str]:
    """Return the headers by which clients and SDKs decide what to do next."""
    match error:
        case domain.BudgetExceeded() | Unavailable():
            return _retry_headers(error.retry_after_seconds)
        case InvalidApiKey():
            return {"WWW-Authenticate": "Bearer"}
        case MethodNotAllowed():
            return {"Allow": ", ".join(error.allowed)}
    return _NOT_TO_RETRY if problem.stays else {}


def _retry_headers(seconds: int | None) -> dict[str, str]:
    """Return when to retry, and whether an SDK may wait so long by itself."""
    if seconds is None:
        return _NOT_TO_RETRY
    retry_after = {"Retry-After": str(max(1, seconds))}
    return {**retry_after, **_NOT_TO_RETRY} if seconds > SDK_WAIT_SECONDS_MAX else retry_after
