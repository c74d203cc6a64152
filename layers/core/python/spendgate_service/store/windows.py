"""Windows of `duration` budgets: one item per budget, subject and length says when it started.

A window starts at the first use. Its item is read once per window and execution environment, since
an open window never changes. What the last window left to the next one waits in the item, and is
carried into the counter in the transaction that starts the next one.
"""

from dataclasses import replace
from typing import Any

from spendgate_service.cache import BoundedCache
from spendgate_service.domain.amounts import Amount
from spendgate_service.domain.budgets import Budget, Claim
from spendgate_service.domain.periods import (
    DurationPeriod,
    Period,
    PeriodRule,
    duration_period,
    period_in_force,
    period_of,
    rule_of,
)
from spendgate_service.domain.subjects import Subject
from spendgate_service.store import keys, values
from spendgate_service.store.carry_over import carry_in_waiting
from spendgate_service.store.claims import CounterClaim, policy_is_as_read
from spendgate_service.store.client import Table
from spendgate_service.store.counters import RETENTION_SECONDS
from spendgate_service.store.errors import ConditionFailed, PolicyChanged, TransactionFailed
from spendgate_service.store.values import Item

START_WINDOW = (
    "SET starts_at = :starts_at, ends_at = :ends_at, expires_ttl = :expires_ttl "
    "REMOVE carry_waiting"
)
# Something waits only while no window is open.
SO_MUCH_WAITS = "carry_waiting = :waiting"
NO_WINDOW_IS_OPEN_AND_NOTHING_WAITS = (
    "(attribute_not_exists(pk) OR ends_at <= :starts_at) AND "
    "(attribute_not_exists(carry_waiting) OR carry_waiting = :waiting)"
)
LET_WAIT = (
    "SET carry_waiting = if_not_exists(carry_waiting, :zero) + :change, expires_ttl = :expires_ttl"
)
WINDOW_IS_AS_SEEN = "ends_at = :ends_at"


class WindowTaken(PolicyChanged):
    """Another request started the window, or changed the budget, at the same moment."""


class Windows:
    """The current periods of budgets of any rule."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._open = BoundedCache[keys.Key, int]()

    def period(self, tenant_id: str, claim: Claim, now_ms: int) -> Period:
        """Return the current period; of a duration without an open window, the one to start now.

        The latter says what waits to be carried into it. Writes nothing. One read unit where a
        window is not known to be open.
        """
        rule = claim.budget.period
        if not isinstance(rule, DurationPeriod):
            return period_in_force(rule, now_ms=now_ms)
        key = window_key_of(tenant_id, claim, rule)
        started_at, waiting = self._open.get(key), 0
        if started_at is None or _has_elapsed(started_at, rule, now_ms):
            started_at, waiting = self._read(key)
        period = period_in_force(rule, now_ms=now_ms, started_at=started_at)
        return period if period.starts_at == started_at else replace(period, carried_in=waiting)

    def counter_claim(
        self, tenant_id: str, budget: Budget, subject: Subject, version: int, *, now_ms: int
    ) -> CounterClaim:
        """Return the counter of a budget and subject in the current period, claiming nothing."""
        claim = Claim(budget, subject, amount=0, policy_version=version)
        return CounterClaim(tenant_id, claim, self.period(tenant_id, claim, now_ms))

    def is_open(self, claim: CounterClaim) -> bool:
        """Tell whether a claim's period, as returned by `period`, has started already."""
        rule = claim.budget.period
        if not isinstance(rule, DurationPeriod):
            return True
        key = window_key_of(claim.tenant_id, claim.claim, rule)
        return self._open.get(key) == claim.period.starts_at

    def use(self, tenant_id: str, claim: Claim, at_ms: int, *, now_ms: int | None = None) -> Period:
        """Return the current period, which is used now: a duration without a window starts one.

        `now_ms` is when that is written, if it is later than the moment of the use.

        Two to four write units once per window. Raises WindowTaken: read the policies again.
        """
        period = self.period(tenant_id, claim, at_ms)
        rule = claim.budget.period
        if not isinstance(rule, DurationPeriod):
            return period
        assert period.starts_at is not None
        key = window_key_of(tenant_id, claim, rule)
        if self._open.get(key) != period.starts_at:
            self._start(CounterClaim(tenant_id, claim, period), key, now_ms=now_ms or at_ms)
        return replace(period, carried_in=0)

    def start_before_use(self, claim: CounterClaim, *, now_ms: int) -> None:
        """Start a window of a rule that no policy has yet. Raises WindowTaken."""
        key = window_key_of(claim.tenant_id, claim.claim, claim.budget.period)
        self._start(claim, key, now_ms=now_ms, is_in_use=False)

    def open_at(
        self, tenant_id: str, claim: Claim, rule: DurationPeriod, at_ms: int
    ) -> Period | None:
        """Return the window that was open at a moment of the past; None if none was.

        One read unit where the last window is not known to have been open then, and one for an
        earlier window.
        """
        key = window_key_of(tenant_id, claim, rule)
        started_at = self._open.get(key)
        if started_at is None or _has_elapsed(started_at, rule, at_ms):
            started_at, _ = self._read(key)
        if started_at is None or _has_elapsed(started_at, rule, at_ms):
            return None
        if started_at <= at_ms // 1000:
            return duration_period(rule, starts_at=started_at)
        partition = keys.counter_partition(tenant_id, claim.budget.budget_id, claim.subject)
        return _used_window_at(self._table, partition, rule, at_ms // 1000)

    def _read(self, key: keys.Key) -> tuple[int | None, Amount]:
        """Read when the last window started, and what it left to the next one."""
        item = self._table.get(values.key(key))
        if item is None:
            return None, 0
        started_at = values.read_number(item["starts_at"])
        self._open[key] = started_at
        return started_at, values.read_optional_amount(item, "carry_waiting") or 0

    def _start(
        self, claim: CounterClaim, key: keys.Key, *, now_ms: int, is_in_use: bool = True
    ) -> None:
        """Start a window.

        For a budget in use on one subject, on condition that its policy is still the one that was
        read: a change to it must find every counter that is in use (`budgets.policy_writes`).
        """
        checks_policy = is_in_use and not claim.budget.subject.is_default
        try:
            if not checks_policy and not claim.period.carried_in:
                self._table.update(values.key(key), **_start_window(claim.period))
            else:
                writes = self._writes_of_start(key, claim, now_ms)
                check = [policy_is_as_read(self._table.name, claim)] if checks_policy else []
                self._table.transact([*writes, *check])
        except (ConditionFailed, TransactionFailed) as lost:
            raise WindowTaken from lost
        assert claim.period.starts_at is not None
        self._open[key] = claim.period.starts_at

    def _writes_of_start(
        self, key: keys.Key, claim: CounterClaim, now_ms: int
    ) -> list[dict[str, Any]]:
        name, rule, waiting = self._table.name, claim.budget.period, claim.period.carried_in
        start = _start_window(claim.period)
        writes = [{"Update": {"TableName": name, "Key": values.key(key), **start}}]
        if waiting:
            assert isinstance(rule, DurationPeriod)
            left = duration_period(rule, starts_at=self._open[key])
            writes += carry_in_waiting(name, claim, waiting, left=left, now_ms=now_ms)
        return writes


def _used_window_at(
    table: Table, partition: str, rule: DurationPeriod, moment: int
) -> Period | None:
    """Find the window that was open at a moment, if it has a counter. Windows sort by start."""
    first, last = (
        duration_period(rule, starts_at=start).key for start in (moment - rule.seconds + 1, moment)
    )
    used = table.query_items(
        KeyConditionExpression=keys.SORTED_BETWEEN,
        ExpressionAttributeValues={
            ":pk": values.text(partition),
            ":first": values.text(f"{keys.PERIOD_PREFIX}{first}"),
            ":last": values.text(f"{keys.PERIOD_PREFIX}{last}"),
        },
        ProjectionExpression="sk",
        ConsistentRead=True,
    )
    period_keys = (keys.period_key_of(item["sk"]["S"]) for item in used)
    return next((period_of(key) for key in period_keys if rule_of(key) == rule), None)


def window_key_of(tenant_id: str, claim: Claim, rule: PeriodRule) -> keys.Key:
    """Return the key of the item that says when a claim's window started."""
    assert isinstance(rule, DurationPeriod)
    return keys.window_key(tenant_id, claim.budget.budget_id, claim.subject, rule.seconds)


def _start_window(period: Period) -> dict[str, Any]:
    """Make the update that starts a window; what was waiting for it must be what was read."""
    assert period.starts_at is not None and period.ends_at is not None
    attribute_values: Item = {
        ":starts_at": values.number(period.starts_at),
        ":ends_at": values.number(period.ends_at),
        ":expires_ttl": values.number(period.ends_at + RETENTION_SECONDS),
        ":waiting": values.amount(period.carried_in),
    }
    return {
        "UpdateExpression": START_WINDOW,
        "ConditionExpression": (
            SO_MUCH_WAITS if period.carried_in else NO_WINDOW_IS_OPEN_AND_NOTHING_WAITS
        ),
        "ExpressionAttributeValues": attribute_values,
    }


def let_wait(
    table_name: str, key: keys.Key, window: Item, amount: Amount, *, now_ms: int
) -> dict[str, Any]:
    """Make the write that lets an amount wait in a window's item for the next window."""
    return {
        "Update": {
            "TableName": table_name,
            "Key": values.key(key),
            "UpdateExpression": LET_WAIT,
            "ConditionExpression": WINDOW_IS_AS_SEEN,
            "ExpressionAttributeValues": {
                ":change": values.amount(amount),
                ":zero": values.number(0),
                ":ends_at": window["ends_at"],
                ":expires_ttl": values.number(now_ms // 1000 + RETENTION_SECONDS),
            },
        }
    }


def window_is_as_read(table_name: str, key: keys.Key, window: Item | None) -> dict[str, Any]:
    """Make the write that objects if a window started since its item was read (None: absent)."""
    check: dict[str, Any] = {
        "TableName": table_name,
        "Key": values.key(key),
        "ConditionExpression": keys.IS_NEW,
    }
    if window is not None:
        check["ConditionExpression"] = WINDOW_IS_AS_SEEN
        check["ExpressionAttributeValues"] = {":ends_at": window["ends_at"]}
    return {"ConditionCheck": check}


def _has_elapsed(started_at: int, rule: DurationPeriod, now_ms: int) -> bool:
    return now_ms >= (started_at + rule.seconds) * 1000
