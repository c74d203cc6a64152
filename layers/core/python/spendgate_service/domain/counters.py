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

    `ending` maps the end of credits to their amount, which is part of `available` until a write
    takes it out; `credit_ends_at` is the earliest of these ends, and `credit_changes` counts the
    credits and corrections with an end. `credits_not_carried` are the credits that end when the
    period does, or later.
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
    ending: Mapping[int, Amount] = field(default_factory=dict)
    credit_ends_at: int | None = None
    credit_changes: int = 0
    credits_not_carried: Amount = 0

    @property
    def spent_of_all_time(self) -> Amount:
        """The sum of the ledger: in a rolling window more than the amount spent in it."""
        return self.spent if self.spent_ever is None else self.spent_ever

    @property
    def entitlement(self) -> Amount:
        """The limit plus all credits and the carried-in amount, independent of `carried_out`.

        Credits that have ended are part of it until they are taken out (`entitlement_at`).
        """
        return self.available + self.spent + sum(self.holds.values()) + self.carried_out

    @property
    def credits_without_end(self) -> Amount:
        """The credits of the period that do not end before it: what its ledger adds up to."""
        return self.entitlement - self.limit - self.carried_in - sum(self.ending.values())

    def entitlement_at(self, *, now_ms: int) -> Amount:
        """Return the limit, the carried-in amount and the credits that have not ended."""
        return self.entitlement - sum(_expired(self.ending, now_ms).values())

    def credits_at(self, *, now_ms: int) -> Amount:
        """Return the credits of the period that have not ended."""
        return self.entitlement_at(now_ms=now_ms) - self.limit - self.carried_in

    def ended_credits(self, *, now_ms: int) -> dict[int, Amount]:
        """Return the credits that have ended on some clock but are not taken out."""
        return _expired(self.ending, now_ms + CLOCKS_DIFFER_MS_MAX)

    def spent_at(self, *, now_ms: int) -> Amount:
        """Return the spent amount; in a rolling window, what has not left it."""
        return self.spent - sum(_expired(self.slices, now_ms).values())

    def spent_by_any_clock(self, *, now_ms: int) -> Amount:
        """Return the spent amount; in a rolling window, what has not left it on every clock."""
        return self.spent_at(now_ms=now_ms - CLOCKS_DIFFER_MS_MAX)

    def overrun(self, *, now_ms: int) -> Amount:
        """Return by how much the spent amount exceeds the entitlement, at least 0."""
        return max(0, self.spent_at(now_ms=now_ms) - self.entitlement_at(now_ms=now_ms))

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
        """Return the displayed available amount, as if what has ended was written down."""
        ended = sum(_expired(self.ending, now_ms).values())
        return self._available_with_returned(now_ms) - ended

    def grantable_at(self, *, now_ms: int) -> Amount:
        """Return what can be granted now: with what can be reclaimed, without ended credits."""
        ended = sum(self.ended_credits(now_ms=now_ms).values())
        return self._available_with_returned(now_ms - CLOCKS_DIFFER_MS_MAX) - ended

    def _available_with_returned(self, now_ms: int) -> Amount:
        back = (_expired(self.holds, now_ms), _expired(self.slices, now_ms))
        return self.available + sum(sum(part.values()) for part in back)

    def available_from(self, amount: Amount, *, now_ms: int) -> int | None:
        """Return when (epoch seconds) enough has returned by itself; None if it never does.

        Assumes that only time passes: no spending, no settlement, no credit.
        """
        left = self.without_ended_credits(now_ms=now_ms)
        available = left.available
        ending = ((moment, -amount) for moment, amount in left.ending.items())
        for moment, returned in sorted([*self.holds.items(), *self.slices.items(), *ending]):
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
        ended = sum(self.ended_credits(now_ms=now_ms).values())
        return amount > 0 and if_all_returned + past - ended < amount

    def hold(self, amount: Amount, *, bucket: int, now_ms: int) -> "Counter":
        """Return the counter after a grant, with what has ended reclaimed or taken out."""
        expired = self.reclaimable_holds(now_ms=now_ms)
        past = self.reclaimable_slices(now_ms=now_ms)
        holds = {key: held for key, held in self.holds.items() if key not in expired}
        holds[bucket] = holds.get(bucket, 0) + amount
        return replace(
            self.without_ended_credits(now_ms=now_ms),
            spent=self.spent - sum(past.values()),
            available=self.grantable_at(now_ms=now_ms) - amount,
            holds=holds,
            slices={key: spent for key, spent in self.slices.items() if key not in past},
        )

    def without_ended_credits(self, *, now_ms: int) -> "Counter":
        """Return the counter after the credits that have ended on some clock were taken out."""
        ended = self.ended_credits(now_ms=now_ms)
        left = {moment: amount for moment, amount in self.ending.items() if moment not in ended}
        return replace(
            self,
            available=self.available - sum(ended.values()),
            ending=left,
            credit_ends_at=min(left, default=None),
        )

    def before_spending(self, amount: Amount) -> "Counter":
        """Return the counter without the amount that was spent last."""
        return replace(self, spent=self.spent - amount, available=self.available + amount)

    def credited(self, amount: Amount) -> "Counter":
        """Return the counter after a credit without an end: only `available` changes."""
        return replace(self, available=self.available + amount)

    def credited_until(self, moment: int, amount: Amount) -> "Counter":
        """Return the counter after a credit, or a correction of one, that ends at a moment."""
        ending = {**self.ending, moment: self.ending.get(moment, 0) + amount}
        return replace(
            self.credited(amount),
            ending=ending,
            credit_ends_at=min(ending),
            credit_changes=self.credit_changes + 1,
        )

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
