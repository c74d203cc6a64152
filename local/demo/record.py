"""Records what the demo's callers sent and received, as input of the checks."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from threading import Lock
from typing import NamedTuple

from spendgate import BudgetRefused, Hold
from spendgate.models import ReservationGranted
from spendgate.testing import Served

from local.demo.scenario import PlannedRequest


class CounterName(NamedTuple):
    """One budget's counter for one subject and one period."""

    budget_id: str
    subject: str
    period_key: str


@dataclass(frozen=True, slots=True)
class Held:
    """A grant's hold on one counter, and the counter's balances in the response."""

    counter: CounterName
    unit: str
    amount: Decimal
    spent: Decimal
    held: Decimal


@dataclass(slots=True, eq=False)
class Grant:
    """A granted reservation; the times are of one monotonic clock.

    `reported_at` is just before its settlement or release was first sent to the queue.
    """

    request: PlannedRequest
    reservation_id: str
    asked_at: float
    answered_at: float
    holds: tuple[Held, ...]
    reported_at: float | None = None

    @property
    def overran(self) -> bool:
        """Whether the actual cost exceeds the estimate."""
        request = self.request
        return any(self.final_amount(unit) > held for unit, held in request.estimate.items())

    def final_amount(self, unit: str) -> Decimal:
        """Return what it finally costs on every counter in that unit."""
        return self.request.actual[unit] if self.request.outcome == "settle" else Decimal(0)


@dataclass(frozen=True, slots=True)
class Refusal:
    """A refused request with the budgets and subjects that refused it."""

    request: PlannedRequest
    code: str
    violated: tuple[tuple[str, str], ...]


@dataclass(slots=True)
class Record:
    """All responses; it is safe for concurrent writers."""

    grants: list[Grant] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    surprises: list[str] = field(default_factory=list)
    asked_twice: int = 0
    reported: int = 0
    messages: int = 0
    served: Sequence[Served] = ()
    """The provider's log."""
    _lock: Lock = field(default_factory=Lock, repr=False)

    def granted(self, grant: Grant) -> None:
        """Record a grant."""
        with self._lock:
            self.grants.append(grant)

    def refused(self, refusal: Refusal) -> None:
        """Record a refusal."""
        with self._lock:
            self.refusals.append(refusal)

    def surprised(self, sentence: str) -> None:
        """Record an unexpected response."""
        with self._lock:
            self.surprises.append(sentence)

    def asked_again(self) -> None:
        """Count a request that was repeated."""
        with self._lock:
            self.asked_twice += 1

    @property
    def answered(self) -> int:
        """The number of requests with a response."""
        return len(self.grants) + len(self.refusals) + len(self.surprises)

    def counters(self) -> list[CounterName]:
        """Return every counter with a grant, sorted."""
        return sorted({held.counter for _, held in holds_of(self.grants)})

    def refusals_by(self, budget_id: str, subject: str) -> int:
        """Return how often a budget refused a subject."""
        return sum((budget_id, subject) in refusal.violated for refusal in self.refusals)


def holds_of(grants: Iterable[Grant]) -> Iterator[tuple[Grant, Held]]:
    """Yield every hold of every grant."""
    return ((grant, held) for grant in grants for held in grant.holds)


def reservation_of(hold: Hold) -> ReservationGranted:
    """Return what the service granted; the client grants nothing by itself here."""
    granted = hold.reservation
    assert granted is not None, "there is no local cap"
    return granted


def read_holds(request: PlannedRequest, granted: ReservationGranted) -> tuple[Held, ...]:
    """Return the holds of a granted request."""
    return tuple(
        Held(
            counter=CounterName(balance.budget_id, balance.subject, balance.period.key),
            unit=balance.unit,
            amount=request.estimate[balance.unit],
            spent=balance.spent,
            held=balance.held,
        )
        for balance in granted.budgets
    )


def read_refusal(request: PlannedRequest, refused: BudgetRefused) -> Refusal:
    """Return the refusal of a request."""
    violated = tuple((violation.budget_id, violation.subject) for violation in refused.violations)
    return Refusal(request, str(refused.code), violated)


def prompt_of(request: PlannedRequest) -> str:
    """Return the prompt that a request begins with."""
    return f"request {request.number}:"


def number_in(prompt: str) -> int:
    """Return the number of the request that made a call."""
    found = re.search(r"request (\d+):", prompt)
    assert found, prompt
    return int(found[1])
