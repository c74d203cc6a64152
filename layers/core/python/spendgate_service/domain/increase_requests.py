"""Increase requests: a caller asks for more on a budget, and one decision answers it.

A request waits until its end, the earlier of the moment until which more is wanted and a week
after it was opened. From then on it counts as expired, whenever the scheduled function says so.
"""

from dataclasses import dataclass
from typing import Literal

from spendgate_service.domain.amounts import Amount, amount_text
from spendgate_service.domain.errors import InvalidValue, SpendgateError
from spendgate_service.domain.subjects import Subject

type RequestState = Literal["pending", "approved", "denied", "expired"]

PENDING_SECONDS_MAX = 7 * 86_400
PENDING_SECONDS_MIN = 60
"""A shorter request could not be decided, and would let a caller send a message each second."""

PENDING_PER_KEY_MAX = 20
PENDING_PER_TENANT_MAX = 200
"""What people can still look through. Requests that are opened at the same moment may exceed
both by as many, since each has counted before the others were there."""


@dataclass(frozen=True, slots=True)
class Decision:
    """Who has decided, when and why; of an approval also the credit, with its end (None: none)."""

    at_ms: int
    key_id: str | None
    key_name: str | None
    note: str | None
    amount: Amount | None = None
    until: int | None = None
    ledger_entry_id: str | None = None


@dataclass(frozen=True, slots=True)
class IncreaseRequest:
    """A request for `amount` more on the budget of a subject, until `until` (epoch seconds).

    `stage` is the state as it was stored; `state` says what it is at a moment. `ends_at` is the
    first moment, in epoch seconds, at which it can no longer be decided.
    """

    request_id: str
    budget_id: str
    subject: Subject
    unit: str
    amount: Amount
    until: int | None
    reason: str
    key_id: str
    key_name: str | None
    created_at_ms: int
    ends_at: int
    stage: RequestState = "pending"
    decision: Decision | None = None

    def state(self, *, now_ms: int) -> RequestState:
        """Return its state at a moment: a pending one has expired from its end on."""
        has_ended = self.stage == "pending" and self.ends_at * 1000 <= now_ms
        return "expired" if has_ended else self.stage

    def check_decidable(
        self, *, by_key: str | None, amount: Amount | None, amount_max: Amount | None, now_ms: int
    ) -> None:
        """Raise RequestClosed or DecisionForbidden unless this key may decide it now.

        `amount` is what is to be approved; None denies.
        """
        state = self.state(now_ms=now_ms)
        if state != "pending":
            raise RequestClosed(self, state)
        if by_key == self.key_id:
            raise DecisionForbidden(
                f"{by_key} has asked for this itself; another key has to decide it"
            )
        if amount is not None and amount_max is not None and amount > amount_max:
            raise DecisionForbidden(
                f"this key approves at most {amount_text(amount_max)} at once, and "
                f"{amount_text(amount)} {self.unit} are to be approved; approve less, or leave it "
                "to an admin"
            )


class RequestPending(SpendgateError):
    """The key has asked for more on the same budget and subject already, and waits."""

    def __init__(self, request: IncreaseRequest) -> None:
        super().__init__(
            f"{request.request_id} asks for {amount_text(request.amount)} {request.unit} more for "
            f"{request.subject} on the same budget already; wait until it is decided"
        )
        self.request = request


class RequestClosed(SpendgateError):
    """The increase request was decided before, or has expired."""

    def __init__(self, request: IncreaseRequest, state: RequestState) -> None:
        super().__init__(f"the increase request {request.request_id} is {state} already")
        self.request = request


class DecisionForbidden(SpendgateError):
    """The key may not decide the increase request."""


def end_of_request(*, until: int | None, now_ms: int) -> int:
    """Return when a new request ends, in epoch seconds. Raises InvalidValue if that is too soon."""
    now = now_ms // 1000
    if until is not None and until < now + PENDING_SECONDS_MIN:
        raise InvalidValue(
            f"body.until: send a moment at least {PENDING_SECONDS_MIN} seconds from now, or an "
            "approver could not decide in time",
            param="body.until",
        )
    latest = now + PENDING_SECONDS_MAX
    return latest if until is None else min(until, latest)


def check_pending(*, of_key: int, of_tenant: int) -> None:
    """Raise InvalidValue if a key, or a tenant, has as many pending requests as it may have."""
    if of_key >= PENDING_PER_KEY_MAX:
        raise InvalidValue(
            f"a key has at most {PENDING_PER_KEY_MAX} pending increase requests; wait until one of "
            "them is decided"
        )
    if of_tenant >= PENDING_PER_TENANT_MAX:
        raise InvalidValue(
            f"a tenant has at most {PENDING_PER_TENANT_MAX} pending increase requests; approve or "
            "deny some of them first"
        )
