"""Balances: a counter as callers see it at one time."""

from dataclasses import dataclass
from typing import Literal

from spendgate_service.domain.amounts import Amount, tenths_of_percent
from spendgate_service.domain.budgets import Budget
from spendgate_service.domain.clocks import CLOCKS_DIFFER_SECONDS_MAX
from spendgate_service.domain.counters import Counter
from spendgate_service.domain.errors import BlockedBy, Violation
from spendgate_service.domain.hold_buckets import is_expired
from spendgate_service.domain.periods import Period, RollingPeriod
from spendgate_service.domain.subjects import Subject

type BalanceStatus = Literal["active", "warning", "paused", "exhausted", "disabled"]

HELD_RETRY_SECONDS_MAX = 5
"""The longest wait for held amounts: a settlement usually comes before the hold expires."""


@dataclass(frozen=True, slots=True)
class Balance:
    """A counter as callers see it at `now_ms`; `asked` is what a check asks for and nothing holds.

    The thresholds of events and the status count what is spent; a response's warnings count what is
    `committed`.
    """

    budget: Budget
    subject: Subject
    period: Period
    counter: Counter
    now_ms: int
    asked: Amount = 0

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
    def entitlement(self) -> Amount:
        """The limit, the carried-in amount and the credits that have not ended."""
        return self.counter.entitlement_at(now_ms=self.now_ms)

    @property
    def credits(self) -> Amount:
        """The credits of the period that have not ended."""
        return self.counter.credits_at(now_ms=self.now_ms)

    @property
    def utilization_tenths_pct(self) -> int:
        """The spent amount in tenths of a percent of the entitlement."""
        return self.tenths_pct_of(self.spent)

    def tenths_pct_of(self, amount: Amount) -> int:
        """Return an amount in tenths of a percent of the entitlement."""
        return tenths_of_percent(amount, self.entitlement)

    @property
    def committed(self) -> Amount:
        """The spent, held and asked amounts: what is spent if each estimate comes true."""
        return self.spent + self.held + self.asked

    def warning_at(self, amount: Amount) -> Literal["soft limit", "threshold"] | None:
        """Return what an amount reaches: the soft limit, or else the lowest threshold."""
        soft_limit, thresholds = self.budget.soft_limit, self.budget.warn_at_pct
        if soft_limit is not None and amount >= soft_limit:
            return "soft limit"
        if thresholds and self.tenths_pct_of(amount) >= min(thresholds) * 10:
            return "threshold"
        return None

    @property
    def warning(self) -> Literal["soft limit", "threshold"] | None:
        """What the committed amount reaches, if anything."""
        return self.warning_at(self.committed)

    @property
    def is_warning(self) -> bool:
        """Whether the spent amount has reached the soft limit or the lowest threshold."""
        return self.warning_at(self.spent) is not None

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
        every clock. Where only holds are in the way it is a few seconds at most.
        """
        held_until = self.held_until(requested)
        if held_until is not None:
            waits = [HELD_RETRY_SECONDS_MAX, self._seconds_until_returned(held_until)]
            if self.period.ends_at is not None:
                waits.append(_seconds_until(self.period.ends_at, now_ms=self.now_ms))
            return min(waits)
        if not isinstance(self.budget.period, RollingPeriod):
            return self.resets_in_seconds
        enough_at = self.counter.available_from(requested, now_ms=self.now_ms)
        if enough_at is None:
            return self.budget.period.seconds
        return self._seconds_until_returned(enough_at)

    def _seconds_until_returned(self, moment: int) -> int:
        """Return the seconds until what ends at a moment has ended on every clock."""
        return _seconds_until(moment + CLOCKS_DIFFER_SECONDS_MAX, now_ms=self.now_ms)

    def held_until(self, requested: Amount) -> int | None:
        """Return when enough holds have expired; None if holds alone are not in the way."""
        if self.counter.is_spent_for(requested, now_ms=self.now_ms):
            return None
        return self.counter.available_from(requested, now_ms=self.now_ms)

    def could_grant_later(self, requested: Amount) -> bool:
        """Return whether an amount may be granted once nothing is spent or held.

        The next period has the limit plus the carried-over amount, which may grow from period to
        period. A rolling window keeps its credits.
        """
        carry_over = self.budget.carry_over
        if carry_over is not None and carry_over.unused:
            return True
        is_rolling = isinstance(self.budget.period, RollingPeriod)
        return requested <= (self.entitlement if is_rolling else self.budget.limit)

    def violation(self, requested: Amount, *, is_paused: bool = False) -> Violation:
        """Return the refusal of an amount by this budget."""
        held_until = None if is_paused else self.held_until(requested)
        blocked_by: BlockedBy = "spent" if held_until is None else "held"
        return Violation(
            budget_id=self.budget.budget_id,
            name=self.budget.name,
            subject=str(self.subject),
            scope=self.subject.type,
            unit=self.budget.unit,
            period_key=self.period.key,
            period_label=self.budget.period.label,
            resets_at=self.resets_at,
            limit=self.counter.limit,
            credits=self.credits,
            carried_in=self.counter.carried_in,
            spent=self.spent,
            held=self.held,
            available=self.available,
            grantable=self.counter.grantable_at(now_ms=self.now_ms),
            requested=requested,
            blocked_by="pause" if is_paused else blocked_by,
            held_until=held_until,
            retry_after_seconds=None if is_paused else self.retry_after_seconds(requested),
            could_grant_later=self.could_grant_later(requested),
        )


def _seconds_until(moment: int, *, now_ms: int) -> int:
    """Return whole seconds, rounded up, at least 1 so that clients never retry immediately."""
    return max(1, moment - now_ms // 1000)
