"""Windows of `duration` budgets: they start at the first use, so somebody has to write down when.

One item per budget, subject and length says when the last window started. It is read once per
window and execution environment, since an open window never changes.
"""

from typing import Any

from spendgate.domain.budgets import Claim
from spendgate.domain.periods import DurationPeriod, Period, duration_period, period_in_force
from spendgate.store import expressions, items, keys
from spendgate.store.errors import ConditionFailed, PolicyChanged, TransactionFailed
from spendgate.store.table import Table
from spendgate.store.targets import COUNTER_RETENTION_SECONDS

_CACHED_MAX = 10_000


class WindowTaken(PolicyChanged):
    """Somebody else started the window, or changed the budget, at the same moment."""


class Windows:
    """The periods in force, whatever their rule."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._open: dict[keys.Key, int] = {}

    def period(self, tenant_id: str, claim: Claim, now_ms: int) -> Period:
        """The period in force; where a duration has no open window, the one that would start now.

        Writes nothing. One read unit where a window is not known to be open.
        """
        rule = claim.budget.period
        if not isinstance(rule, DurationPeriod):
            return period_in_force(rule, now_ms=now_ms)
        key = keys.window_key(tenant_id, claim.budget.budget_id, claim.subject, rule.seconds)
        started_at = self._open.get(key)
        if started_at is None or _has_elapsed(started_at, rule, now_ms):
            started_at = self._read(key)
        return period_in_force(rule, now_ms=now_ms, started_at=started_at)

    def use(self, tenant_id: str, claim: Claim, now_ms: int) -> Period:
        """The period in force, which is now in use: a duration that has none open starts one.

        Two to four write units once per window. Raises WindowTaken: the rules have to be read anew.
        """
        period = self.period(tenant_id, claim, now_ms)
        rule = claim.budget.period
        if not isinstance(rule, DurationPeriod):
            return period
        assert period.starts_at is not None
        key = keys.window_key(tenant_id, claim.budget.budget_id, claim.subject, rule.seconds)
        if self._open.get(key) != period.starts_at:
            self._start(tenant_id, claim, key, period)
        return duration_period(rule, starts_at=period.starts_at)

    def _read(self, key: keys.Key) -> int | None:
        item = self._table.get(items.key(key))
        if item is None:
            return None
        self._remember(key, items.read_number(item["starts_at"]))
        return self._open[key]

    def _remember(self, key: keys.Key, started_at: int) -> None:
        if len(self._open) >= _CACHED_MAX:
            self._open.clear()
        self._open[key] = started_at

    def _start(self, tenant_id: str, claim: Claim, key: keys.Key, period: Period) -> None:
        """Write down that a window starts.

        For a budget on one subject, on condition that its policy is still the one that was read:
        a change to it must find every counter that is in use (`spendgate.store.policy_changes`).
        """
        assert period.starts_at is not None and period.ends_at is not None
        update: dict[str, Any] = {
            "UpdateExpression": expressions.START_WINDOW,
            "ConditionExpression": expressions.NO_WINDOW_IS_OPEN,
            "ExpressionAttributeValues": {
                ":starts_at": items.number(period.starts_at),
                ":ends_at": items.number(period.ends_at),
                ":expires_ttl": items.number(period.ends_at + COUNTER_RETENTION_SECONDS),
            },
        }
        try:
            if claim.budget.subject.is_default:
                self._table.update(items.key(key), **update)
            else:
                self._table.transact(
                    [
                        {
                            "Update": {
                                "TableName": self._table.name,
                                "Key": items.key(key),
                                **update,
                            }
                        },
                        self._policy_is_as_read(tenant_id, claim),
                    ]
                )
        except (ConditionFailed, TransactionFailed) as lost:
            raise WindowTaken from lost
        self._remember(key, period.starts_at)

    def _policy_is_as_read(self, tenant_id: str, claim: Claim) -> dict[str, Any]:
        check = {
            "TableName": self._table.name,
            "Key": items.key(keys.policy_key(tenant_id, claim.budget.subject)),
            "ConditionExpression": expressions.POLICY_IS_KNOWN,
            "ExpressionAttributeValues": {":version": items.number(claim.policy_version)},
        }
        return {"ConditionCheck": check}


def _has_elapsed(started_at: int, rule: DurationPeriod, now_ms: int) -> bool:
    return now_ms >= (started_at + rule.seconds) * 1000
