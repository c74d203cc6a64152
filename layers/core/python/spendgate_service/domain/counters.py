"""Counters: the amounts of one budget for one subject and one period.

Always `available = limit + credits + carried_in - carried_out - spent - sum(holds)`: every change
moves amounts between those and creates none. DynamoDB conditions cannot add, hence `available` is
stored. `store.counters`, `store.holds` and `store.postings` state the same rules as DynamoDB
expressions; a property test holds the two together.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from spendgate_service.domain.amounts import Amount
from spendgate_service.domain.budgets import Budget
from spendgate_service.domain.clocks import CLOCKS_DIFFER_MS_MAX
from spendgate_service.domain.hold_buckets import is_expired, is_reclaimable

type Freshness = Literal["stale", "current", "ahead"]


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


def new_counter(budget: Budget, *, version: int) -> Counter:
    """Return the counter of a budget before its first use in a period."""
    return Counter(limit=budget.limit, spent=0, available=budget.limit, version=version)


def freshness(counter: Counter, policy_version: int) -> Freshness:
    """Compare a counter with the policy that was read.

    A stale counter has to catch up with the policy; one that is ahead shows that the policy has
    changed since it was read.
    """
    if counter.version == policy_version:
        return "current"
    return "stale" if counter.version < policy_version else "ahead"
