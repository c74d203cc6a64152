"""Counters: the amounts of one budget for one subject and one period.

Always `available = limit + credits + carried_in - carried_out - spent - sum(holds)`: every change
moves amounts between these values and creates none. `available` is stored because DynamoDB
conditions cannot add. `store.counters`, `store.holds` and `store.postings` state the same rules as
DynamoDB expressions; a property test compares the two.
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
    """The balances of one item.

    `holds` maps an expiry bucket to the held amount. In a rolling window `slices` maps the time at
    which a slice leaves the window to the amount spent in it; `spent` is their sum, `spent_ever`
    the all-time total. `carried_in` came from the previous period and `carried_out` went to the
    next one; both are negative for a debt. `armed` maps the number of a level to when (ms) it was
    last left: from then on it produces an event again (`domain.thresholds`).
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
    armed: Mapping[int, int] = field(default_factory=dict)

    @property
    def spent_of_all_time(self) -> Amount:
        """The sum of the ledger: in a rolling window more than the amount spent in it."""
        return self.spent if self.spent_ever is None else self.spent_ever

    @property
    def entitlement(self) -> Amount:
        """The limit plus all credits and the carried-in amount, independent of `carried_out`."""
        return self.available + self.spent + sum(self.holds.values()) + self.carried_out

    @property
    def credits(self) -> Amount:
        """The credits of the period."""
        return self.entitlement - self.limit - self.carried_in

    def spent_at(self, *, now_ms: int) -> Amount:
        """Return the spent amount; in a rolling window, what has not left it."""
        return self.spent - sum(_expired(self.slices, now_ms).values())

    def spent_by_any_clock(self, *, now_ms: int) -> Amount:
        """Return the spent amount; in a rolling window, what has not left it on every clock."""
        return self.spent_at(now_ms=now_ms - CLOCKS_DIFFER_MS_MAX)

    def overrun(self, *, now_ms: int) -> Amount:
        """Return by how much the spent amount exceeds the entitlement, at least 0."""
        return max(0, self.spent_at(now_ms=now_ms) - self.entitlement)

    def reclaimable_slices(self, *, now_ms: int) -> dict[int, Amount]:
        """Return the slices that have left the window on every clock but are not reclaimed."""
        return _reclaimable(self.slices, now_ms)

    def held(self, *, now_ms: int) -> Amount:
        """Return the held amount that has not expired."""
        return sum(
            amount for bucket, amount in self.holds.items() if not is_expired(bucket, now_ms=now_ms)
        )

    def held_by_any_clock(self, *, now_ms: int) -> Amount:
        """Return the held amount that has not expired on every clock."""
        return self.held(now_ms=now_ms - CLOCKS_DIFFER_MS_MAX)

    def reclaimable_holds(self, *, now_ms: int) -> dict[int, Amount]:
        """Return the buckets that have expired on every clock but are not reclaimed."""
        return _reclaimable(self.holds, now_ms)

    def available_at(self, *, now_ms: int) -> Amount:
        """Return the displayed available amount, including expired holds and slices."""
        back = (_expired(self.holds, now_ms), _expired(self.slices, now_ms))
        return self.available + sum(sum(part.values()) for part in back)

    def grantable_at(self, *, now_ms: int) -> Amount:
        """Return what can be granted now, including what can be reclaimed."""
        return self.available_at(now_ms=now_ms - CLOCKS_DIFFER_MS_MAX)

    def available_from(self, amount: Amount, *, now_ms: int) -> int | None:
        """Return when (epoch seconds) enough has returned by itself; None if it never does.

        Assumes that only time passes: no spending, no settlement, no credit.
        """
        available = self.available
        for moment, returned in sorted([*self.holds.items(), *self.slices.items()]):
            available += returned
            if available >= amount and not is_reclaimable(moment, now_ms=now_ms):
                return moment
        return None

    def can_grant(self, amount: Amount, *, now_ms: int) -> bool:
        """Return whether the full amount is available: the hard limit.

        An amount of 0 needs nothing, so it is granted also below an overrun.
        """
        return amount == 0 or self.grantable_at(now_ms=now_ms) >= amount

    def is_spent_for(self, amount: Amount, *, now_ms: int) -> bool:
        """Return whether an amount would not fit even if all holds were returned.

        Then no caller can make it fit: only time, a credit or another limit can.
        """
        if_all_returned = self.available + sum(self.holds.values())
        past = sum(self.reclaimable_slices(now_ms=now_ms).values())
        return amount > 0 and if_all_returned + past < amount

    def hold(self, amount: Amount, *, bucket: int, now_ms: int) -> "Counter":
        """Return the counter after a grant, with expired holds and slices reclaimed."""
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

    def before_spending(self, amount: Amount) -> "Counter":
        """Return the counter without the amount that was spent last."""
        return replace(self, spent=self.spent - amount, available=self.available + amount)

    def credited(self, amount: Amount) -> "Counter":
        """Return the counter after a credit: only `available` changes."""
        return replace(self, available=self.available + amount)

    def carried(self, amount: Amount) -> "Counter":
        """Return the counter after an amount (a debt if negative) was carried into its period."""
        available, carried_in = self.available + amount, self.carried_in + amount
        return replace(self, available=available, carried_in=carried_in)

    def with_limit(self, limit: Amount, *, version: int) -> "Counter":
        """Return the counter with the limit of a newer policy; `available` moves with it."""
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
