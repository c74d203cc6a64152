"""A change to the policy of one subject, with all that must change in the same moment.

A reserve trusts a policy that it read up to a few seconds ago, and the version on the counter tells
it when that is stale. So the counters that such a reserve can reach get the new version together
with the policy: those of the periods in force until no stale policy is trusted any more, also of
budgets that leave the policy, and also where there is no counter yet (a stale reserve would create
it). The counters of a default are not known, so a change to a default takes those seconds.

Creating a budget for a subject that its type's defaults limited so far takes the seconds for which
the absence of a policy is believed (`store.policy_cache.ABSENT_SECONDS_MAX`): to fence off the
default's counters, they would need a version that none of the default's policies ever has.
"""

from collections.abc import Sequence
from typing import Any

from spendgate_service.domain.budgets import Budget, Claim, Policy
from spendgate_service.domain.counters import Counter
from spendgate_service.domain.periods import (
    DurationPeriod,
    Period,
    PeriodRule,
    duration_period,
    period_in_force,
)
from spendgate_service.store import expressions, keys, values
from spendgate_service.store.claims import CounterClaim
from spendgate_service.store.client import Table
from spendgate_service.store.codec.counters import read_counter
from spendgate_service.store.codec.policies import policy_attributes
from spendgate_service.store.counters import bringing_up
from spendgate_service.store.errors import Item, Objection, TransactionFailed
from spendgate_service.store.policy_cache import PRESENT_SECONDS_MAX

STALE_MS_MAX = int((PRESENT_SECONDS_MAX + 1) * 1000)
"""How long after a change a reserve may still go by the old policy, with a second for clocks."""

SET_POLICY = "SET version = :version, budgets = :budgets, token_cap = :token_cap"
POLICY_IS_NEW = "attribute_not_exists(version)"
POLICY_IS_AS_READ = "version = :seen_version"

CREATE_COUNTER = (
    "SET limit_amount = :limit, available = :limit, spent = :zero, version = :version, "
    "budget_ref = :budget_ref"
)
CREATE_COUNTER_IN_PERIOD = (
    f"{CREATE_COUNTER}, starts_at = :starts_at, ends_at = :ends_at, due_shard = :due_shard, "
    "expires_ttl = :expires_ttl"
)


def writes_of_change(
    table: Table, tenant_id: str, before: Policy, after: Policy, *, now_ms: int
) -> list[dict[str, Any]]:
    """The writes that replace a policy; each objects if its item is not as it was read.

    One read of all the counters within reach; two write units for the policy and for each counter.
    """
    assert after.version == before.version + 1
    change = _policy_write(table, tenant_id, before, after)
    if after.subject.is_default:
        return [change]
    targets = _targets_in_reach(tenant_id, before, after, now_ms=now_ms)
    windows, in_windows = _windows_in_reach(table, tenant_id, before, after, now_ms=now_ms)
    targets += in_windows
    found = {
        (item["pk"]["S"], item["sk"]["S"]): read_counter(item)
        for item in table.get_many([target.key for target in targets], consistent=True)
    }
    counters = [_counter_write(table, target, found.get(target.address)) for target in targets]
    return [change, *counters, *windows]


def attempt(table: Table, writes: Sequence[dict[str, Any]]) -> Sequence[Objection | None]:
    """Write all or nothing: what each write objected, and nothing if it was written."""
    try:
        table.transact(writes)
    except TransactionFailed as failed:
        if all(one is None or one.is_condition or one.is_busy for one in failed.objections):
            return failed.objections
        raise
    return ()


def _windows_in_reach(
    table: Table, tenant_id: str, before: Policy, after: Policy, *, now_ms: int
) -> tuple[list[dict[str, Any]], list[CounterClaim]]:
    """The open windows of durations: checks that they stay as they are, and their counters.

    Where none is open, nobody can start one under the old policy: starting one needs the policy to
    be as it was read (`store.windows`).
    """
    checks: dict[keys.Key, dict[str, Any]] = {}
    targets: dict[keys.Key, CounterClaim] = {}
    for budget in (*before.budgets, *after.budgets):
        rule = budget.period
        if not isinstance(rule, DurationPeriod):
            continue
        key = keys.window_key(tenant_id, budget.budget_id, budget.subject, rule.seconds)
        seen = table.get(values.key(key))
        checks[key] = _window_check(table, key, seen)
        started_at = values.read_number(seen["starts_at"]) if seen else None
        if started_at is not None and now_ms < (started_at + rule.seconds) * 1000:
            period = duration_period(rule, starts_at=started_at)
            target = _target(tenant_id, budget, period, version=after.version)
            targets[target.address] = target
    return list(checks.values()), list(targets.values())


def _window_check(table: Table, key: keys.Key, seen: Item | None) -> dict[str, Any]:
    check: dict[str, Any] = {
        "TableName": table.name,
        "Key": values.key(key),
        "ConditionExpression": expressions.IS_NEW,
    }
    if seen is not None:
        check["ConditionExpression"] = expressions.WINDOW_IS_AS_SEEN
        check["ExpressionAttributeValues"] = {":ends_at": seen["ends_at"]}
    return {"ConditionCheck": check}


def _policy_write(table: Table, tenant_id: str, before: Policy, after: Policy) -> dict[str, Any]:
    attributes = policy_attributes(after)
    attribute_values: Item = {f":{name}": value for name, value in attributes.items()}
    condition = POLICY_IS_NEW
    if before.version:
        condition = POLICY_IS_AS_READ
        attribute_values[":seen_version"] = values.number(before.version)
    return {
        "Update": {
            "TableName": table.name,
            "Key": values.key(keys.policy_key(tenant_id, after.subject)),
            "UpdateExpression": SET_POLICY,
            "ConditionExpression": condition,
            "ExpressionAttributeValues": attribute_values,
        }
    }


def _targets_in_reach(
    tenant_id: str, before: Policy, after: Policy, *, now_ms: int
) -> list[CounterClaim]:
    """Every counter that a reserve under either policy may use from now on, as it shall be.

    A budget that stays in its period is taken as the new policy has it.
    """
    reached: dict[tuple[str, str], CounterClaim] = {}
    for budget in (*before.budgets, *after.budgets):
        for period in _periods_in_reach(budget.period, now_ms=now_ms):
            reached[budget.budget_id, period.key] = _target(
                tenant_id, budget, period, version=after.version
            )
    return list(reached.values())


def _target(tenant_id: str, budget: Budget, period: Period, *, version: int) -> CounterClaim:
    claim = Claim(budget, budget.subject, amount=0, policy_version=version)
    return CounterClaim(tenant_id, claim, period)


def _periods_in_reach(rule: PeriodRule, *, now_ms: int) -> list[Period]:
    if isinstance(rule, DurationPeriod):
        return []
    now = period_in_force(rule, now_ms=now_ms)
    soon = period_in_force(rule, now_ms=now_ms + STALE_MS_MAX)
    return [now] if soon == now else [now, soon]


def _counter_write(table: Table, target: CounterClaim, seen: Counter | None) -> dict[str, Any]:
    update = _creating(target) if seen is None else bringing_up(target, seen)
    return {"Update": {"TableName": table.name, "Key": target.key, **update}}


def _creating(target: CounterClaim) -> dict[str, Any]:
    has_end = target.period.ends_at is not None
    return {
        "UpdateExpression": CREATE_COUNTER_IN_PERIOD if has_end else CREATE_COUNTER,
        "ConditionExpression": expressions.IS_NEW,
        "ExpressionAttributeValues": target.creation,
    }
