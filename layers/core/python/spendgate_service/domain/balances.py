"""Balances: a counter as callers see it, at one moment."""

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


def _seconds_until(moment: int, *, now_ms: int) -> int:
    """Whole seconds, rounded up, and at least 1, so that clients never retry immediately."""
    return max(1, moment - now_ms // 1000)
