"""The errors of requests, as data.

SpendgateError
├── InvalidValue           a value that breaks a rule of its field
├── BudgetExceeded         one or more budgets refuse the request
├── BudgetPaused           a budget that applies is paused
├── NoBudget               no budget applies, and the tenant requires one
├── UnknownPrice           usage of a model without a price
├── UnknownRate            a conversion rate that is too old
├── TokenCapExceeded       a request with more tokens than one request may have
├── NotFound               no such object in the caller's tenant
├── IdempotencyConflict    an idempotency key with a different request
├── ReservationFinalized   a reservation that has ended in another way
├── AlreadyExists          an object with that name exists
├── LastAdminKey           a tenant's last admin key cannot be revoked
└── BudgetChanged          a concurrent change to the subject's budgets won

An exception has fields, and its text is derived from them. `api.errors` has the table from these
to HTTP.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from spendgate_service.domain.amounts import Amount, amount_text


class SpendgateError(Exception):
    """The root: a request that cannot be executed, without a fault of the service."""


class InvalidValue(SpendgateError):
    """A value that breaks a rule of its field; `param` is the path to it, or None."""

    def __init__(self, message: str, *, param: str | None = None) -> None:
        super().__init__(message)
        self.param = param


@dataclass(frozen=True, slots=True)
class Violation:
    """The refusal of one budget, with its balances at that time."""

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
    """Refused by budgets; `violations` are in the order of refusals and never empty."""

    def __init__(self, violations: Sequence[Violation]) -> None:
        assert violations, "a refusal names at least one budget"
        super().__init__("; ".join(str(violation) for violation in violations))
        self.violations = tuple(violations)

    @property
    def retry_after_seconds(self) -> int | None:
        """The seconds until the last refusing budget resets; None if one of them never does."""
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
    """No budget applies although the tenant requires one."""

    def __init__(self) -> None:
        super().__init__(
            "no budget applies to this request and the tenant requires one (require_budget)"
        )


class UnknownPrice(SpendgateError):
    """Usage that cannot be priced: the model has no price, or its price lacks a rate.

    `missing` is the name of the rate that the price lacks, None where there is no price at all.
    """

    def __init__(self, *, provider: str, model: str, missing: str | None = None) -> None:
        known = (
            f"no price is known for the model {model} of {provider}"
            if missing is None
            else f"the price of the model {model} of {provider} has no rate {missing}"
        )
        super().__init__(
            f"{known}; set an own price (PUT /v1/prices/{provider}/{model}) "
            "or send what it costs instead of its usage"
        )
        self.missing = missing


class UnknownRate(SpendgateError):
    """A budget in another unit applies, and the conversion rate is too old."""

    def __init__(self, *, source: str, target: str) -> None:
        super().__init__(f"the rate from {source} to {target} is older than it may be; set it anew")
        self.source, self.target = source, target


class TokenCapExceeded(SpendgateError):
    """A request with more tokens than the subject's token cap allows."""

    def __init__(self, *, subject: str, kind: str, count: int, cap: int) -> None:
        super().__init__(
            f"{count} {kind} tokens are over the cap of {cap} per request of {subject}"
        )
        self.kind, self.cap = kind, cap


class NotFound(SpendgateError):
    """No such object in the caller's tenant; another tenant's object looks the same."""

    def __init__(self, kind: str, object_id: str) -> None:
        super().__init__(f"there is no {kind} {object_id}")


class IdempotencyConflict(SpendgateError):
    """The idempotency key was used for a different request."""

    def __init__(self) -> None:
        super().__init__(
            "this idempotency key was used for another request; use a new key for a new request"
        )


class ReservationFinalized(SpendgateError):
    """The reservation is settled, released or expired, and the request differs from that."""

    def __init__(self, reservation_id: str, *, why: str) -> None:
        super().__init__(f"the reservation {reservation_id} {why}")


class AlreadyExists(SpendgateError):
    """An object with that name exists."""

    def __init__(self, kind: str, object_id: str) -> None:
        super().__init__(f"the {kind} {object_id} exists already")


class LastAdminKey(SpendgateError):
    """The key is the tenant's last one of the role admin."""

    def __init__(self, key_id: str) -> None:
        super().__init__(
            f"{key_id} is the last admin key of this tenant; create another one first "
            '(POST /v1/keys with {"role": "admin"}), then revoke this one'
        )


class BudgetChanged(SpendgateError):
    """A concurrent change to the budgets of the same subject won; nothing was changed."""

    def __init__(self, subject: str) -> None:
        super().__init__(f"the budgets of {subject} were changed by another request; try again")
