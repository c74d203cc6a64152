"""The errors of this package.

SpendgateError
├─ ConfigurationError            an argument or an environment variable is missing or wrong
├─ WrongEventLoop                an async client was used from a second event loop
├─ Unavailable                   the service could not be asked: no decision was made
│  ├─ APIConnectionError         no connection, or it broke
│  │  └─ APITimeoutError
│  └─ InternalServerError        (also an APIStatusError) the service failed: status 5xx
└─ APIStatusError                the service answered with an error
   ├─ BudgetRefused              a rule refused the request: nothing is held
   │  ├─ BudgetExceeded          429: a budget has too little left
   │  ├─ BudgetPaused            409: a budget is paused
   │  ├─ NoBudget                403: the tenant requires a budget and none applies
   │  └─ TokenCapExceeded        400: the request is above a token cap
   ├─ UnknownPrice               422: no price or no rate is known
   ├─ ReservationFinalized       409: settled or released before
   ├─ ReservationExpired         409: the hold has expired
   ├─ IdempotencyConflict        409: the key was used for another request
   ├─ VersionMismatch            412: the object was changed in the meantime
   ├─ BadRequestError 400, AuthenticationError 401, PermissionDeniedError 403, NotFoundError 404,
   └─ ConflictError 409, UnprocessableEntityError 422, RateLimitError 429
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from spendgate._durations import about

if TYPE_CHECKING:
    from spendgate import models


class SpendgateError(Exception):
    """The base of all errors of this package."""


class ConfigurationError(SpendgateError, ValueError):
    """An argument or an environment variable is missing or wrong."""


class WrongEventLoop(SpendgateError, RuntimeError):
    """An async client was used from another event loop than the one it is bound to."""


class Unavailable(SpendgateError):
    """The service could not be asked, so nothing was decided."""

    public_message = "Spending cannot be checked at the moment. Try again later."


class APIConnectionError(Unavailable):
    """The service could not be reached, or the connection broke."""


class APITimeoutError(APIConnectionError):
    """The service did not answer in time."""


class APIStatusError(SpendgateError):
    """The service answered with an error."""

    public_message = "The request could not be processed."

    def __init__(
        self,
        message: str,
        *,
        status_code: int,
        body: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status_code = status_code
        self.body: Mapping[str, Any] = body or {}
        self.headers: Mapping[str, str] = {
            name.lower(): value for name, value in (headers or {}).items()
        }

    def __reduce__(self) -> tuple[Any, ...]:
        """Keep the fields when an error crosses a process boundary."""
        return _rebuild, (type(self), str(self), self.status_code, self.body, self.headers)

    @property
    def error(self) -> Mapping[str, Any]:
        """The `error` object of the response."""
        error = self.body.get("error")
        return error if isinstance(error, Mapping) else {}

    @property
    def code(self) -> str | None:
        """What went wrong, as a word that never changes."""
        return self.error.get("code")

    @property
    def type(self) -> str | None:
        """The kind of error."""
        return self.error.get("type")

    @property
    def param(self) -> str | None:
        """The path of the field that is wrong, if any."""
        return self.error.get("param")

    @property
    def hint(self) -> str | None:
        """A sentence that an agent can act on, if the service sent one."""
        return self.error.get("hint")

    @property
    def request_id(self) -> str | None:
        """The id of the request, for support."""
        return self.headers.get("x-request-id")

    @property
    def retry_after(self) -> float | None:
        """In how many seconds the same request may succeed; None if waiting does not help."""
        value = self.headers.get("retry-after", "")
        return float(value) if value.isdigit() else None


class InternalServerError(APIStatusError, Unavailable):
    """The service failed (5xx)."""

    public_message = Unavailable.public_message


class BudgetRefused(APIStatusError):
    """A rule refused the request; nothing is held and nothing may be spent."""

    public_message = "This request is not within the budget."

    @property
    def violations(self) -> list[models.Violation]:
        """Every budget that refused, the most important first."""
        from spendgate import models  # noqa: PLC0415 (pydantic is loaded when it is needed)

        return [models.Violation.model_validate(item) for item in self.error.get("violations", ())]

    @property
    def budget_id(self) -> str | None:
        """The budget that refused first."""
        first: Mapping[str, Any] = next(iter(self.error.get("violations", ())), {})
        return self.error.get("budget_id") or first.get("budget_id")


class BudgetExceeded(BudgetRefused):
    """A budget has too little left (429)."""

    @property
    def public_message(self) -> str:  # type: ignore[override]
        """A sentence for end users: no figures and no names."""
        why = "used up"
        if self._is_only_held:
            why = "held by calls in flight"
        text = f"The budget for this request is {why}."
        if self.retry_after is None:
            return text
        return f"{text} Try again in about {about(self.retry_after)}."

    @property
    def _is_only_held(self) -> bool:
        """Whether the request fits once open reservations end."""
        blocked_by = {item.get("blocked_by") for item in self.error.get("violations", ())}
        return blocked_by == {"held"}


class BudgetPaused(BudgetRefused):
    """A budget is paused (409)."""

    public_message = "Spending is paused at the moment."


class NoBudget(BudgetRefused):
    """The tenant requires a budget and none applies (403)."""

    public_message = "There is no budget for this request."


class TokenCapExceeded(BudgetRefused):
    """The request is above a token cap (400)."""

    public_message = "This request is too large."


class BadRequestError(APIStatusError):
    """Status 400."""


class AuthenticationError(APIStatusError):
    """The key is missing or wrong (401)."""


class PermissionDeniedError(APIStatusError):
    """The role of the key does not allow it (403)."""


class NotFoundError(APIStatusError):
    """There is no such object in this tenant (404)."""


class ConflictError(APIStatusError):
    """Status 409."""


class UnprocessableEntityError(APIStatusError):
    """A field is wrong (422); `param` says which."""


class RateLimitError(APIStatusError):
    """The API gateway limits the request rate (429); no budget was asked."""


class VersionMismatch(APIStatusError):
    """The object was changed in the meantime (412)."""


class UnknownPrice(UnprocessableEntityError):
    """No price or no conversion rate is known (422)."""


class ReservationFinalized(ConflictError):
    """The reservation was settled or released before (409)."""


class ReservationExpired(ConflictError):
    """The hold has expired (409)."""


class IdempotencyConflict(ConflictError):
    """The idempotency key was used for another request (409)."""


_BY_CODE: Mapping[str, type[APIStatusError]] = {
    "budget_paused": BudgetPaused,
    "no_budget": NoBudget,
    "token_cap_exceeded": TokenCapExceeded,
    "unknown_price": UnknownPrice,
    "unknown_rate": UnknownPrice,
    "reservation_finalized": ReservationFinalized,
    "reservation_expired": ReservationExpired,
    "idempotency_conflict": IdempotencyConflict,
}
_BY_STATUS: Mapping[int, type[APIStatusError]] = {
    400: BadRequestError,
    401: AuthenticationError,
    403: PermissionDeniedError,
    404: NotFoundError,
    409: ConflictError,
    412: VersionMismatch,
    422: UnprocessableEntityError,
    429: RateLimitError,
}


def status_error(status: int, body: object, headers: Mapping[str, str]) -> APIStatusError:
    """The error that a response with a status of 400 or above stands for."""
    fields = body if isinstance(body, Mapping) else {}
    error = fields.get("error")
    error = error if isinstance(error, Mapping) else {}
    message = error.get("message") or fields.get("message") or f"status {status}"
    kind = _BY_CODE.get(str(error.get("code"))) or _BY_STATUS.get(status, APIStatusError)
    if status == 429 and error.get("type") == "budget_exceeded":
        kind = BudgetExceeded
    if status >= 500:
        kind = InternalServerError
    return kind(str(message), status_code=status, body=fields, headers=headers)


def _rebuild(
    kind: type[APIStatusError],
    message: str,
    status_code: int,
    body: Mapping[str, Any],
    headers: Mapping[str, str],
) -> APIStatusError:
    return kind(message, status_code=status_code, body=body, headers=headers)
