"""Windows of `duration` budgets: they start at the first use, so somebody has to write down when.

One item per budget, subject and length says when the last window started. It is read once per
window and execution environment, since an open window never changes. What the last window left to
the next one waits in it, and is carried into the counter in the moment in which the next one
starts.
"""

from dataclasses import replace
from typing import Any

from spendgate_service.domain.amounts import Amount
from spendgate_service.domain.budgets import Budget, Claim
from spendgate_service.domain.periods import (
    DurationPeriod,
    Period,
    duration_period,
    period_in_force,
)
from spendgate_service.domain.subjects import Subject
from spendgate_service.store import expressions, keys, values
from spendgate_service.store.cache import BoundedCache
from spendgate_service.store.carry_over import carried_in, entering
from spendgate_service.store.claims import CounterClaim, policy_is_as_read
from spendgate_service.store.client import Table
from spendgate_service.store.errors import ConditionFailed, Item, PolicyChanged, TransactionFailed
from spendgate_service.store.postings import writes_of_ledger
from spendgate_service.store.retention import RETENTION_SECONDS


class WindowTaken(PolicyChanged):
    """Somebody else started the window, or changed the budget, at the same moment."""


class Windows:
    """The periods in force, whatever their rule."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._open = BoundedCache[keys.Key, int]()

    def period(self, tenant_id: str, claim: Claim, now_ms: int) -> Period:
        """The period in force; where a duration has no open window, the one that would start now.

        The latter says what waits to be carried into it. Writes nothing. One read unit where a
        window is not known to be open.
        """
        rule = claim.budget.period
        if not isinstance(rule, DurationPeriod):
            return period_in_force(rule, now_ms=now_ms)
        key = keys.window_key(tenant_id, claim.budget.budget_id, claim.subject, rule.seconds)
        started_at, waiting = self._open.get(key), 0
        if started_at is None or _has_elapsed(started_at, rule, now_ms):
            started_at, waiting = self._read(key)
        period = period_in_force(rule, now_ms=now_ms, started_at=started_at)
        return period if period.starts_at == started_at else replace(period, carried_in=waiting)

    def target(
        self, tenant_id: str, budget: Budget, subject: Subject, version: int, *, now_ms: int
    ) -> CounterClaim:
        """The counter of a budget and subject in the period in force; nothing is asked of it."""
        claim = Claim(budget, subject, amount=0, policy_version=version)
        return CounterClaim(tenant_id, claim, self.period(tenant_id, claim, now_ms))

    def is_open(self, target: CounterClaim) -> bool:
        """Whether the target's period, which `period` told, needs nobody to start it."""
        rule, claim = target.claim.budget.period, target.claim
        if not isinstance(rule, DurationPeriod):
            return True
        key = keys.window_key(target.tenant_id, claim.budget.budget_id, claim.subject, rule.seconds)
        return self._open.get(key) == target.period.starts_at

    def use(self, tenant_id: str, claim: Claim, at_ms: int, *, now_ms: int | None = None) -> Period:
        """The period in force, which is now in use: a duration that has none open starts one.

        `now_ms` is when that is written down, if it is later than the moment of the use.

        Two to four write units once per window. Raises WindowTaken: the rules have to be read anew.
        """
        period = self.period(tenant_id, claim, at_ms)
        rule = claim.budget.period
        if not isinstance(rule, DurationPeriod):
            return period
        assert period.starts_at is not None
        key = keys.window_key(tenant_id, claim.budget.budget_id, claim.subject, rule.seconds)
        if self._open.get(key) != period.starts_at:
            self._start(tenant_id, claim, key, period, now_ms=now_ms or at_ms)
        return replace(period, carried_in=0)

    def _read(self, key: keys.Key) -> tuple[int | None, Amount]:
        """When the last window started, and what it left to the next one."""
        item = self._table.get(values.key(key))
        if item is None:
            return None, 0
        started_at = values.read_number(item["starts_at"])
        self._open[key] = started_at
        waiting = item.get("carry_waiting")
        return started_at, values.read_amount(waiting) if waiting else 0

    def _start(
        self, tenant_id: str, claim: Claim, key: keys.Key, period: Period, *, now_ms: int
    ) -> None:
        """Write down that a window starts.

        For a budget on one subject, on condition that its policy is still the one that was read:
        a change to it must find every counter that is in use (`budgets.policy_writes`).
        """
        try:
            if claim.budget.subject.is_default and not period.carried_in:
                self._table.update(values.key(key), **_start_window(period))
            else:
                target = CounterClaim(tenant_id, claim, period)
                self._table.transact(self._writes_of_start(key, target, now_ms))
        except (ConditionFailed, TransactionFailed) as lost:
            raise WindowTaken from lost
        assert period.starts_at is not None
        self._open[key] = period.starts_at

    def _writes_of_start(
        self, key: keys.Key, target: CounterClaim, now_ms: int
    ) -> list[dict[str, Any]]:
        start = _start_window(target.period)
        writes = [{"Update": {"TableName": self._table.name, "Key": values.key(key), **start}}]
        if not target.claim.budget.subject.is_default:
            writes.append(policy_is_as_read(self._table.name, target))
        if target.period.carried_in:
            writes += self._carried_in(target, self._open[key], now_ms)
        return writes

    def _carried_in(
        self, target: CounterClaim, last_started_at: int, now_ms: int
    ) -> list[dict[str, Any]]:
        """What was waiting goes into the counter of the window that starts."""
        amount, rule = target.period.carried_in, target.claim.budget.period
        assert isinstance(rule, DurationPeriod)
        left = duration_period(rule, starts_at=last_started_at)
        entry = entering(target, amount, left=left, now_ms=now_ms)
        puts, _ = writes_of_ledger(self._table.name, [entry], now_ms=now_ms)
        return [carried_in(self._table.name, target, amount), *puts]


def _start_window(period: Period) -> dict[str, Any]:
    """The update that starts a window; what was waiting for it must be what was read."""
    assert period.starts_at is not None and period.ends_at is not None
    attribute_values: Item = {
        ":starts_at": values.number(period.starts_at),
        ":ends_at": values.number(period.ends_at),
        ":expires_ttl": values.number(period.ends_at + RETENTION_SECONDS),
        ":waiting": values.amount(period.carried_in),
    }
    condition = (
        expressions.SO_MUCH_WAITS
        if period.carried_in
        else expressions.NO_WINDOW_IS_OPEN_AND_NOTHING_WAITS
    )
    return {
        "UpdateExpression": expressions.START_WINDOW,
        "ConditionExpression": condition,
        "ExpressionAttributeValues": attribute_values,
    }


def _has_elapsed(started_at: int, rule: DurationPeriod, now_ms: int) -> bool:
    return now_ms >= (started_at + rule.seconds) * 1000
