"""Everything that can be wrong with a request, as data.

SpendgateError
├── InvalidValue           a value that breaks a rule of its field
├── BudgetExceeded         one or more budgets cannot grant the request
├── BudgetPaused           a budget that applies is paused
├── NoBudget               nothing limits the request, and the tenant wants a limit
├── UnknownPrice           usage of a model that has no price
├── UnknownRate            a conversion rate that is too old to be used
├── TokenCapExceeded       a request for more tokens than one request may have
├── NotFound               there is no such object in the tenant of the caller
├── IdempotencyConflict    an idempotency key came back with another request
├── ReservationFinalized   a reservation that can no longer change that way
├── AlreadyExists          an object of that name is there already
└── BudgetChanged          another change to the same subject's budgets won the race

An exception carries fields; its text is derived from them. `api.errors` is the one table
from these to HTTP.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from spendgate_service.domain.amounts import Amount, amount_text


class SpendgateError(Exception):
    """The root: a request that cannot be carried out, through no fault of the service."""


class InvalidValue(SpendgateError):
    """A value that breaks a rule of its field; `param` is the path to it, or None."""

    def __init__(self, message: str, *, param: str | None = None) -> None:
        super().__init__(message)
        self.param = param


@dataclass(frozen=True, slots=True)
class Violation:
    """Why one budget cannot grant: its balances as they were when it refused."""

    budget_id: str
    subject: str
    scope: str
    unit: str
    limit: Amount
    spent: Amount
    held: Amount
    available: Amount
    requested: Amount
    retry_after_seconds: int | None

    def __str__(self) -> str:
        return (
            f"{self.subject} has {amount_text(self.available)} {self.unit} of "
            f"{amount_text(self.limit)} left and {amount_text(self.requested)} was asked for"
        )


class BudgetExceeded(SpendgateError):
    """Refused by budgets; `violations` stand in the order of refusal and are never empty."""

    def __init__(self, violations: Sequence[Violation]) -> None:
        assert violations, "a refusal names at least one budget"
        super().__init__("; ".join(str(violation) for violation in violations))
        self.violations = tuple(violations)

    @property
    def retry_after_seconds(self) -> int | None:
        """Seconds until the last refusing budget resets; None if any of them never does."""
        waits = [violation.retry_after_seconds for violation in self.violations]
        if None in waits:
            return None
        return max(wait for wait in waits if wait is not None)


class BudgetPaused(SpendgateError):
    """Refused because a budget that applies is paused."""

    def __init__(self, *, budget_id: str, subject: str) -> None:
        super().__init__(f"the budget {budget_id} of {subject} is paused; resume it to go on")
        self.budget_id = budget_id


class NoBudget(SpendgateError):
    """Nothing limits the request although the tenant requires a budget."""

    def __init__(self) -> None:
        super().__init__(
            "no budget applies to this request and the tenant requires one (require_budget)"
        )


class UnknownPrice(SpendgateError):
    """Usage that cannot be priced, because nobody knows what the model costs."""

    def __init__(self, *, provider: str, model: str) -> None:
        super().__init__(
            f"no price is known for the model {model} of {provider}; "
            "send what it costs instead of its usage"
        )


class UnknownRate(SpendgateError):
    """A budget in another unit applies, and the rate to it is too old."""

    def __init__(self, *, source: str, target: str) -> None:
        super().__init__(f"the rate from {source} to {target} is older than it may be; set it anew")
        self.source, self.target = source, target


class TokenCapExceeded(SpendgateError):
    """A request for more tokens than one request of the subject may have."""

    def __init__(self, *, subject: str, kind: str, count: int, cap: int) -> None:
        super().__init__(
            f"{count} {kind} tokens are over the cap of {cap} per request of {subject}"
        )
        self.kind, self.cap = kind, cap


class NotFound(SpendgateError):
    """There is no such object in the caller's tenant (another tenant's looks the same)."""

    def __init__(self, kind: str, object_id: str) -> None:
        super().__init__(f"there is no {kind} {object_id}")


class IdempotencyConflict(SpendgateError):
    """The idempotency key was used before, for another request."""

    def __init__(self) -> None:
        super().__init__(
            "this idempotency key was used for another request; use a new key for a new request"
        )


class ReservationFinalized(SpendgateError):
    """The reservation was settled, released or has expired, and the request does not fit that."""

    def __init__(self, reservation_id: str, *, why: str) -> None:
        super().__init__(f"the reservation {reservation_id} {why}")


class AlreadyExists(SpendgateError):
    """An object of that name is there already."""

    def __init__(self, kind: str, object_id: str) -> None:
        super().__init__(f"the {kind} {object_id} exists already")


class BudgetChanged(SpendgateError):
    """Another change to the budgets of the same subject won the race; nothing was changed."""

    def __init__(self, subject: str) -> None:
        super().__init__(f"the budgets of {subject} were changed by somebody else; try again")
