"""Balances: a counter as callers see it at one time."""

from dataclasses import dataclass
from typing import Literal

from spendgate_service.domain.amounts import Amount, tenths_of_percent
from spendgate_service.domain.budgets import Budget
from spendgate_service.domain.clocks import CLOCKS_DIFFER_SECONDS_MAX
from spendgate_service.domain.counters import Counter
from spendgate_service.domain.errors import Violation
from spendgate_service.domain.hold_buckets import is_expired
from spendgate_service.domain.periods import Period, RollingPeriod
from spendgate_service.domain.subjects import Subject

type BalanceStatus = Literal["active", "warning", "paused", "exhausted", "disabled"]


@dataclass(frozen=True, slots=True)
class Balance:
    """A counter as callers see it at `now_ms`."""

    budget: Budget
    subject: Subject
    period: Period
    counter: Counter
    now_ms: int

    @property
    def available(self) -> Amount:
        """The amount that can be granted now; negative after an overrun."""
        return self.counter.available_at(now_ms=self.now_ms)

    @property
    def held(self) -> Amount:
        """The held amount that has not expired."""
        return self.counter.held(now_ms=self.now_ms)

    @property
    def spent(self) -> Amount:
        """The amount spent in the period, or in the window that ends now."""
        return self.counter.spent_at(now_ms=self.now_ms)

    @property
    def overrun(self) -> Amount:
        """The amount by which `spent` exceeds the entitlement, at least 0."""
        return self.counter.overrun(now_ms=self.now_ms)

    @property
    def utilization_tenths_pct(self) -> int:
        """The spent amount in tenths of a percent of the entitlement."""
        return tenths_of_percent(self.spent, self.counter.entitlement)

    @property
    def is_warning(self) -> bool:
        """Whether the spent amount has reached the soft limit or the lowest threshold."""
        soft_limit, thresholds = self.budget.soft_limit, self.budget.warn_at_pct
        if soft_limit is not None and self.spent >= soft_limit:
            return True
        return bool(thresholds) and self.utilization_tenths_pct >= min(thresholds) * 10

    @property
    def is_paused(self) -> bool:
        """Whether it is paused by an admin or by its soft limit."""
        pauses_at = self.budget.pauses_at(self.period)
        return self.budget.paused or (pauses_at is not None and self.spent >= pauses_at)

    @property
    def is_exhausted(self) -> bool:
        """Whether nothing is left to grant; a carried-out amount counts as left."""
        return self.available + self.counter.carried_out <= 0

    @property
    def has_ended(self) -> bool:
        """Whether its period is over."""
        return self.period.ends_at is not None and self.now_ms >= self.period.ends_at * 1000

    @property
    def status(self) -> BalanceStatus:
        """The first that is true of: disabled, paused, exhausted, warning, active."""
        if self.budget.disabled:
            return "disabled"
        if self.is_paused:
            return "paused"
        if self.is_exhausted:
            return "exhausted"
        return "warning" if self.is_warning else "active"

    @property
    def resets_in_seconds(self) -> int | None:
        """The whole seconds until the period ends; None if nothing resets."""
        if self.resets_at is None:
            return None
        return _seconds_until(self.resets_at, now_ms=self.now_ms)

    @property
    def resets_at(self) -> int | None:
        """When the period ends, or when all of `spent` has left the rolling window."""
        if isinstance(self.budget.period, RollingPeriod):
            live = [at for at in self.counter.slices if not is_expired(at, now_ms=self.now_ms)]
            return max(live, default=None)
        return self.period.ends_at

    def retry_after_seconds(self, requested: Amount) -> int | None:
        """Return the seconds until an amount may be granted, at least 1; None if never.

        That is the period's end, or in a rolling window the time at which enough has returned on
        every clock.
        """
        if not isinstance(self.budget.period, RollingPeriod):
            return self.resets_in_seconds
        enough_at = self.counter.available_from(requested, now_ms=self.now_ms)
        if enough_at is None:
            return self.budget.period.seconds
        return _seconds_until(enough_at + CLOCKS_DIFFER_SECONDS_MAX, now_ms=self.now_ms)

    def could_grant_later(self, requested: Amount) -> bool:
        """Return whether an amount may be granted once nothing is spent or held.

        The next period has the limit plus the carried-over amount, which may grow from period to
        period. A rolling window keeps its credits.
        """
        carry_over = self.budget.carry_over
        if carry_over is not None and carry_over.unused:
            return True
        is_rolling = isinstance(self.budget.period, RollingPeriod)
        return requested <= (self.counter.entitlement if is_rolling else self.budget.limit)

    def violation(self, requested: Amount) -> Violation:
        """Return the refusal of an amount by this budget."""
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


def _seconds_until(moment: int, *, now_ms: int) -> int:
    """Return whole seconds, rounded up, at least 1 so that clients never retry immediately."""
    return max(1, moment - now_ms // 1000)
