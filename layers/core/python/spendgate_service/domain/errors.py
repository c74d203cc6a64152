"""The errors of requests, as data.

SpendgateError
├── InvalidValue           a value that breaks a rule of its field
│   └── ForeignSubject     a subject to which the API key is not bound
├── BudgetExceeded         one or more budgets have too little left
├── BudgetPaused           the budgets that refuse are all paused
├── NoBudget               no budget applies, and the tenant requires one
├── UnknownPrice           usage of a model without a price
├── UnknownRate            a conversion rate that is too old
├── TokenCapExceeded       a request with more tokens than one request may have
├── NotFound               no such object in the caller's tenant
├── IdempotencyConflict    an idempotency key with a different request
├── ReservationEnded       a reservation whose hold has ended
│   ├── ReservationFinalized   by a settlement or a release
│   └── ReservationExpired     by itself
├── AlreadyExists          an object with that name exists
├── ImmutableField         a field that no change can set to another value
├── VersionMismatch        the object is not as the caller has read it
├── LastAdminKey           a tenant's last admin key cannot be revoked
└── BudgetChanged          a concurrent change to the subject's budgets won

An exception has fields, and its text is derived from them. `api.errors` has the table from these
to HTTP.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from spendgate_service.domain.amounts import Amount, amount_text

if TYPE_CHECKING:
    from spendgate_service.domain.fitting import Alternative, FittingOutput
    from spendgate_service.domain.reservations import Reservation

type BlockedBy = Literal["held", "spent", "pause"]


class SpendgateError(Exception):
    """The root: a request that cannot be executed, without a fault of the service.

    `alternatives` are the models that fit in place of a usage; None if nothing is said of that.
    """

    alternatives: "Sequence[Alternative] | None" = None


class InvalidValue(SpendgateError):
    """A value that breaks a rule of its field; `param` is the path to it, or None."""

    def __init__(self, message: str, *, param: str | None = None) -> None:
        super().__init__(message)
        self.param = param


class ForeignSubject(InvalidValue):
    """The API key is bound to another subject of this type."""

    def __init__(self, named: str, *, bound: str, param: str) -> None:
        super().__init__(
            f"{param}: this API key spends for {bound} alone, not for {named}; leave the subject "
            "out, or use another key",
            param=param,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """The refusal of one budget, with its balances at that time.

    `blocked_by` is `pause`; or `held` where the amount would fit if all holds returned, and then
    `held_until` is when enough of them have expired; else `spent`. `could_grant_later` says whether
    waiting can help at all. `grantable` is the part of `available` that is back on every clock.
    Moments are whole seconds since the epoch.
    """

    budget_id: str
    name: str | None
    subject: str
    scope: str
    unit: str
    period_key: str
    period_label: str
    resets_at: int | None
    limit: Amount
    credits: Amount
    carried_in: Amount
    spent: Amount
    held: Amount
    available: Amount
    grantable: Amount
    requested: Amount
    blocked_by: BlockedBy
    held_until: int | None
    retry_after_seconds: int | None
    could_grant_later: bool

    def __str__(self) -> str:
        budget = f"{self.subject} {self.unit} {self.period_label} budget {self.shown_name}"
        if self.blocked_by == "pause":
            return f"{budget} is paused"
        held = f" while {amount_text(self.held)} is held" if self.blocked_by == "held" else ""
        return (
            f"{budget} has {amount_text(self.available)} of {self.entitlement_text} left{held} "
            f"and {amount_text(self.requested)} was asked for"
        )

    @property
    def shown_name(self) -> str:
        """The budget's name in quotation marks, or its id if it has none."""
        return self.budget_id if self.name is None else f'"{self.name}"'

    @property
    def entitlement_text(self) -> str:
        """What may be spent in the period, part by part: `250 + 50 credits`."""
        text = amount_text(self.limit)
        for amount, meaning in ((self.credits, "credits"), (self.carried_in, "carried over")):
            if amount:
                text += f" {'-' if amount < 0 else '+'} {amount_text(abs(amount))} {meaning}"
        return text


class BudgetRefusal(SpendgateError):
    """Refused by budgets; `violations` are in the order of refusals and never empty."""

    def __init__(self, violations: Sequence[Violation]) -> None:
        assert violations, "a refusal names at least one budget"
        super().__init__("; ".join(str(violation) for violation in violations))
        self.violations = tuple(violations)

    @property
    def names_a_pause(self) -> bool:
        """Whether one of the budgets is paused."""
        return any(violation.blocked_by == "pause" for violation in self.violations)


class BudgetExceeded(BudgetRefusal):
    """Refused because budgets have too little left; others that refuse may be paused.

    `fitting_output` says what would fit of the usage that was asked for, where that is known.
    """

    fitting_output: "FittingOutput | None" = None

    @property
    def short(self) -> tuple[Violation, ...]:
        """The budgets that have too little left."""
        return tuple(violation for violation in self.violations if violation.blocked_by != "pause")

    @property
    def retry_after_seconds(self) -> int | None:
        """The seconds until the last budget has enough; None if one of them never does."""
        waits = [violation.retry_after_seconds for violation in self.short]
        if None in waits:
            return None
        return max(wait for wait in waits if wait is not None)

    @property
    def may_request_increase(self) -> bool:
        """Whether more on the budgets would help: something is spent, and nothing is paused."""
        is_spent = any(violation.blocked_by == "spent" for violation in self.violations)
        return is_spent and not self.names_a_pause


class BudgetPaused(BudgetRefusal):
    """Refused because budgets that apply are paused, and by nothing else."""

    @property
    def budget_id(self) -> str:
        """The first budget that is paused."""
        return self.violations[0].budget_id


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
        self.kind, self.requested, self.cap = kind, count, cap


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


class ReservationEnded(SpendgateError):
    """The hold of a reservation has ended, and the request needs it or differs from its end.

    `is_in_force`: it still holds, but not what the request needs.
    """

    def __init__(self, reservation: "Reservation", *, why: str, is_in_force: bool = False) -> None:
        super().__init__(f"the reservation {reservation.reservation_id} {why}")
        self.reservation = reservation
        self.is_in_force = is_in_force


class ReservationFinalized(ReservationEnded):
    """The reservation is settled, released or captured in part; the request differs from that."""


class ReservationExpired(ReservationEnded):
    """The hold has expired, so the reservation can neither be repeated nor extended."""


class AlreadyExists(SpendgateError):
    """An object with that name exists."""

    def __init__(self, kind: str, object_id: str) -> None:
        super().__init__(f"the {kind} {object_id} exists already")


class ImmutableField(SpendgateError):
    """A field of an existing object that cannot have another value; `param` is the path to it."""

    def __init__(self, what: str, *, param: str, current: str, wanted: str) -> None:
        super().__init__(
            f"{param}: {what} is on {current} and cannot be moved to {wanted}; delete it, or use "
            "another slug"
        )
        self.param = param


class VersionMismatch(SpendgateError):
    """The object is not as the caller has read it; `current` is its tag, None if there is none."""

    def __init__(self, what: str, *, current: str | None) -> None:
        now = f"its ETag is {current} now" if current else "it does not exist"
        super().__init__(
            f"header.if-match: {what} is not as you have read it, {now}; read it again, and repeat "
            "the change if it is still right"
        )
        self.current = current


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
