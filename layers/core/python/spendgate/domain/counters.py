"""Counters: the balances of one budget for one subject and one period.

Always `available = limit + credits - spent - sum(holds)`: every change moves amounts between those
four and creates none. DynamoDB conditions cannot add, hence `available` is stored.
`spendgate.store.expressions` says the same rules as DynamoDB expressions; a property test holds
the two together.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from spendgate.domain.amounts import Amount, tenths_of_percent
from spendgate.domain.budgets import Budget, Claim
from spendgate.domain.errors import Violation
from spendgate.domain.holds import is_expired
from spendgate.domain.periods import Period
from spendgate.domain.subjects import Subject

type BalanceStatus = Literal["active", "warning", "paused", "exhausted", "disabled"]


@dataclass(frozen=True, slots=True)
class Counter:
    """The balances as one item holds them; `holds` maps an expiry bucket to what it holds."""

    limit: Amount
    spent: Amount
    available: Amount
    version: int
    holds: Mapping[int, Amount] = field(default_factory=dict)

    @property
    def entitlement(self) -> Amount:
        """The limit together with all credits."""
        return self.available + self.spent + sum(self.holds.values())

    @property
    def overrun(self) -> Amount:
        """By how much the spent amount is above the limit and its credits; 0 if it is not."""
        return max(0, self.spent - self.entitlement)

    def held(self, *, now_ms: int) -> Amount:
        """What is held and not yet expired."""
        return sum(
            amount for bucket, amount in self.holds.items() if not is_expired(bucket, now_ms=now_ms)
        )

    def expired_holds(self, *, now_ms: int) -> dict[int, Amount]:
        """The buckets that have expired and were not yet reclaimed."""
        return {
            bucket: amount
            for bucket, amount in self.holds.items()
            if is_expired(bucket, now_ms=now_ms)
        }

    def available_at(self, *, now_ms: int) -> Amount:
        """What could be granted now: what is available and what expired holds give back."""
        return self.available + sum(self.expired_holds(now_ms=now_ms).values())

    def can_grant(self, amount: Amount, *, now_ms: int) -> bool:
        """The hard limit: an amount is granted only if it is available in full."""
        return self.available_at(now_ms=now_ms) >= amount

    def hold(self, amount: Amount, *, bucket: int, now_ms: int) -> "Counter":
        """The counter after a grant, expired holds reclaimed."""
        assert self.can_grant(amount, now_ms=now_ms)
        expired = self.expired_holds(now_ms=now_ms)
        holds = {key: held for key, held in self.holds.items() if key not in expired}
        holds[bucket] = holds.get(bucket, 0) + amount
        available = self.available + sum(expired.values()) - amount
        return replace(self, available=available, holds=holds)

    def with_limit(self, limit: Amount, *, version: int) -> "Counter":
        """The counter brought up to a newer policy: `available` moves with the limit."""
        available = self.available + limit - self.limit
        return replace(self, limit=limit, available=available, version=version)


def new_counter(budget: Budget, *, version: int) -> Counter:
    """The counter of a budget that nobody has used in this period."""
    return Counter(limit=budget.limit, spent=0, available=budget.limit, version=version)


@dataclass(frozen=True, slots=True)
class Balance:
    """A counter as people see it, at one moment."""

    budget: Budget
    subject: Subject
    period: Period
    counter: Counter
    now_ms: int

    @property
    def available(self) -> Amount:
        """What could be granted now; below 0 after an overrun."""
        return self.counter.available_at(now_ms=self.now_ms)

    @property
    def held(self) -> Amount:
        """What is held and not yet expired."""
        return self.counter.held(now_ms=self.now_ms)

    @property
    def utilization_tenths_pct(self) -> int:
        """Tenths of a per cent of the limit and its credits that are spent."""
        return tenths_of_percent(self.counter.spent, self.counter.entitlement)

    @property
    def is_warning(self) -> bool:
        """Whether what is spent has reached the lowest threshold."""
        thresholds = self.budget.warn_at_pct
        return bool(thresholds) and self.utilization_tenths_pct >= min(thresholds) * 10

    @property
    def status(self) -> BalanceStatus:
        """`exhausted` when nothing is left to grant, `warning` past a threshold."""
        if self.available <= 0:
            return "exhausted"
        return "warning" if self.is_warning else "active"

    @property
    def resets_in_seconds(self) -> int | None:
        """Whole seconds until the period ends; None where nothing resets."""
        return self.period.seconds_left(now_ms=self.now_ms)

    def violation(self, requested: Amount) -> Violation:
        """The refusal of an amount by this budget."""
        return Violation(
            budget_id=self.budget.budget_id,
            subject=str(self.subject),
            scope=self.subject.type,
            unit=self.budget.unit,
            limit=self.counter.limit,
            spent=self.counter.spent,
            held=self.held,
            available=self.available,
            requested=requested,
            retry_after_seconds=self.resets_in_seconds,
        )


def balance_of(claim: Claim, period: Period, counter: Counter, *, now_ms: int) -> Balance:
    """The balance of the budget that a claim is on."""
    return Balance(claim.budget, claim.subject, period, counter, now_ms)
