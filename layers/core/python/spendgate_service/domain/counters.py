"""Counters: the balances of one budget for one subject and one period.

Always `available = limit + credits + carried_in - carried_out - spent - sum(holds)`: every change
moves amounts between those and creates none. DynamoDB conditions cannot add, hence `available` is
stored.
`store.expressions` says the same rules as DynamoDB expressions; a property test holds
the two together.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from spendgate_service.domain.amounts import Amount, tenths_of_percent
from spendgate_service.domain.budgets import Budget
from spendgate_service.domain.clocks import CLOCKS_DIFFER_MS_MAX, CLOCKS_DIFFER_SECONDS_MAX
from spendgate_service.domain.errors import Violation
from spendgate_service.domain.hold_buckets import is_expired, is_reclaimable
from spendgate_service.domain.periods import Period, RollingPeriod
from spendgate_service.domain.subjects import Subject

type BalanceStatus = Literal["active", "warning", "paused", "exhausted", "disabled"]


@dataclass(frozen=True, slots=True)
class Counter:
    """The balances as one item holds them.

    `holds` maps an expiry bucket to what it holds. In a rolling window `slices` maps the moment at
    which a slice leaves the window to what was spent in it; `spent` is their sum, and `spent_ever`
    that of all time. `carried_in` and `carried_out` came from the period before and went to the
    next one; both are negative for a debt.
    """

    limit: Amount
    spent: Amount
    available: Amount
    version: int
    holds: Mapping[int, Amount] = field(default_factory=dict)
    slices: Mapping[int, Amount] = field(default_factory=dict)
    spent_ever: Amount | None = None
    carried_in: Amount = 0
    carried_out: Amount = 0

    @property
    def spent_of_all_time(self) -> Amount:
        """What the ledger adds up to: in a rolling window more than what is spent in it."""
        return self.spent if self.spent_ever is None else self.spent_ever

    @property
    def entitlement(self) -> Amount:
        """The limit with all credits and what was carried in, whatever was carried on since."""
        return self.available + self.spent + sum(self.holds.values()) + self.carried_out

    @property
    def credits(self) -> Amount:
        """What was credited to the period."""
        return self.entitlement - self.limit - self.carried_in

    def spent_at(self, *, now_ms: int) -> Amount:
        """What is spent and, in a rolling window, has not left it."""
        return self.spent - sum(_expired(self.slices, now_ms).values())

    def spent_by_any_clock(self, *, now_ms: int) -> Amount:
        """What is spent and, in a rolling window, has not left it on every clock."""
        return self.spent_at(now_ms=now_ms - CLOCKS_DIFFER_MS_MAX)

    def overrun(self, *, now_ms: int) -> Amount:
        """By how much the spent amount is above the entitlement; 0 if it is not."""
        return max(0, self.spent_at(now_ms=now_ms) - self.entitlement)

    def reclaimable_slices(self, *, now_ms: int) -> dict[int, Amount]:
        """The slices that have left the window on every clock and were not yet reclaimed."""
        return _reclaimable(self.slices, now_ms)

    def held(self, *, now_ms: int) -> Amount:
        """What is held and not yet expired."""
        return sum(
            amount for bucket, amount in self.holds.items() if not is_expired(bucket, now_ms=now_ms)
        )

    def held_by_any_clock(self, *, now_ms: int) -> Amount:
        """What is held and has not expired on every clock."""
        return self.held(now_ms=now_ms - CLOCKS_DIFFER_MS_MAX)

    def reclaimable_holds(self, *, now_ms: int) -> dict[int, Amount]:
        """The buckets that have expired on every clock and were not yet reclaimed."""
        return _reclaimable(self.holds, now_ms)

    def available_at(self, *, now_ms: int) -> Amount:
        """What is available and what time has given back, as it is shown."""
        back = (_expired(self.holds, now_ms), _expired(self.slices, now_ms))
        return self.available + sum(sum(part.values()) for part in back)

    def grantable_at(self, *, now_ms: int) -> Amount:
        """What could be granted now: what is available and what can be reclaimed."""
        return self.available_at(now_ms=now_ms - CLOCKS_DIFFER_MS_MAX)

    def available_from(self, amount: Amount, *, now_ms: int) -> int | None:
        """The moment (epoch seconds) at which enough has come back by itself; None if it never has.

        Counts on nothing but time: that nobody spends, settles or tops up.
        """
        available = self.available
        for moment, back in sorted([*self.holds.items(), *self.slices.items()]):
            available += back
            if available >= amount and not is_reclaimable(moment, now_ms=now_ms):
                return moment
        return None

    def can_grant(self, amount: Amount, *, now_ms: int) -> bool:
        """The hard limit: an amount is granted only if it is available in full."""
        return self.grantable_at(now_ms=now_ms) >= amount

    def is_spent_for(self, amount: Amount, *, now_ms: int) -> bool:
        """Whether not even all holds together, given back, would suffice for an amount.

        Then nobody who spends can make it suffice: only time, a credit or another limit can.
        """
        if_all_came_back = self.available + sum(self.holds.values())
        return if_all_came_back + sum(self.reclaimable_slices(now_ms=now_ms).values()) < amount

    def hold(self, amount: Amount, *, bucket: int, now_ms: int) -> "Counter":
        """The counter after a grant, what time has given back reclaimed."""
        expired = self.reclaimable_holds(now_ms=now_ms)
        past = self.reclaimable_slices(now_ms=now_ms)
        holds = {key: held for key, held in self.holds.items() if key not in expired}
        holds[bucket] = holds.get(bucket, 0) + amount
        return replace(
            self,
            spent=self.spent - sum(past.values()),
            available=self.grantable_at(now_ms=now_ms) - amount,
            holds=holds,
            slices={key: spent for key, spent in self.slices.items() if key not in past},
        )

    def credited(self, amount: Amount) -> "Counter":
        """The counter after a credit: more is available, nothing else changes."""
        return replace(self, available=self.available + amount)

    def carried(self, amount: Amount) -> "Counter":
        """The counter after an amount, or a debt if it is negative, was carried into its period."""
        available, carried_in = self.available + amount, self.carried_in + amount
        return replace(self, available=available, carried_in=carried_in)

    def with_limit(self, limit: Amount, *, version: int) -> "Counter":
        """The counter brought up to a newer policy: `available` moves with the limit."""
        available = self.available + limit - self.limit
        return replace(self, limit=limit, available=available, version=version)


def _expired(buckets: Mapping[int, Amount], now_ms: int) -> dict[int, Amount]:
    return {
        moment: amount for moment, amount in buckets.items() if is_expired(moment, now_ms=now_ms)
    }


def _reclaimable(buckets: Mapping[int, Amount], now_ms: int) -> dict[int, Amount]:
    return _expired(buckets, now_ms - CLOCKS_DIFFER_MS_MAX)


def _seconds_until(moment: int, *, now_ms: int) -> int:
    """Whole seconds, rounded up, and at least 1: nobody shall come back at once."""
    return max(1, moment - now_ms // 1000)


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
    def spent(self) -> Amount:
        """What is spent in the period, or in the window that ends now."""
        return self.counter.spent_at(now_ms=self.now_ms)

    @property
    def overrun(self) -> Amount:
        """By how much the spent amount is above the entitlement; 0 if it is not."""
        return self.counter.overrun(now_ms=self.now_ms)

    @property
    def utilization_tenths_pct(self) -> int:
        """Tenths of a per cent of the entitlement that are spent."""
        return tenths_of_percent(self.spent, self.counter.entitlement)

    @property
    def is_warning(self) -> bool:
        """Whether what is spent has reached the soft limit or the lowest threshold."""
        soft_limit, thresholds = self.budget.soft_limit, self.budget.warn_at_pct
        if soft_limit is not None and self.spent >= soft_limit:
            return True
        return bool(thresholds) and self.utilization_tenths_pct >= min(thresholds) * 10

    @property
    def is_paused(self) -> bool:
        """Whether it is paused, by hand or by its soft limit."""
        pauses_at = self.budget.pauses_at(self.period)
        return self.budget.paused or (pauses_at is not None and self.spent >= pauses_at)

    @property
    def is_exhausted(self) -> bool:
        """Whether nothing is left to grant; what an ended period carried on was left."""
        return self.available + self.counter.carried_out <= 0

    @property
    def has_ended(self) -> bool:
        """Whether its period is over."""
        return self.period.ends_at is not None and self.now_ms >= self.period.ends_at * 1000

    @property
    def status(self) -> BalanceStatus:
        """The worst that is true: disabled, paused, exhausted, warning, active.

        It is exhausted when nothing is left to grant.
        """
        if self.budget.disabled:
            return "disabled"
        if self.is_paused:
            return "paused"
        if self.is_exhausted:
            return "exhausted"
        return "warning" if self.is_warning else "active"

    @property
    def resets_in_seconds(self) -> int | None:
        """Whole seconds until the period ends; None where nothing resets."""
        if self.resets_at is None:
            return None
        return _seconds_until(self.resets_at, now_ms=self.now_ms)

    @property
    def resets_at(self) -> int | None:
        """When the period ends, or the last of what is spent now has left the rolling window."""
        if isinstance(self.budget.period, RollingPeriod):
            live = [at for at in self.counter.slices if not is_expired(at, now_ms=self.now_ms)]
            return max(live, default=None)
        return self.period.ends_at

    def retry_after_seconds(self, requested: Amount) -> int | None:
        """Whole seconds until an amount might be granted, at least 1; None if time will not help.

        A period's end, or in a rolling window the moment at which enough has come back on every
        clock.
        """
        if not isinstance(self.budget.period, RollingPeriod):
            return self.resets_in_seconds
        enough_at = self.counter.available_from(requested, now_ms=self.now_ms)
        if enough_at is None:
            return self.budget.period.seconds
        return _seconds_until(enough_at + CLOCKS_DIFFER_SECONDS_MAX, now_ms=self.now_ms)

    def could_grant_later(self, requested: Amount) -> bool:
        """Whether time alone could make an amount available: if nothing were spent or held.

        The next period has the limit and what this one leaves to it, which may grow from period to
        period; a rolling window keeps its credits.
        """
        carry_over = self.budget.carry_over
        if carry_over is not None and carry_over.unused:
            return True
        is_rolling = isinstance(self.budget.period, RollingPeriod)
        return requested <= (self.counter.entitlement if is_rolling else self.budget.limit)

    def violation(self, requested: Amount) -> Violation:
        """The refusal of an amount by this budget."""
        return Violation(
            budget_id=self.budget.budget_id,
            subject=str(self.subject),
            scope=self.subject.type,
            unit=self.budget.unit,
            limit=self.counter.limit,
            spent=self.spent,
            held=self.held,
            available=self.available,
            requested=requested,
            retry_after_seconds=self.retry_after_seconds(requested),
        )
