"""The writes of a change to one subject's policy: the policy, its counters, the list of budgets.

A reserve uses a policy that it may have cached some seconds ago; the version on the counter shows
it that the policy is stale. So every counter that such a reserve can reach gets the new version in
the same transaction: the counters of the current periods until no stale policy is in use, also of
budgets that leave the policy, and also those that do not exist yet (a stale reserve would create
them). The counters of a default are not known, so a change to a default takes effect within those
seconds.

Creating a budget for a subject that only its type's defaults limited takes effect within the
seconds for which the absence of a policy is cached (`store.policy_cache.ABSENT_SECONDS_MAX`). To
exclude that, the default's counters would need a version that no policy of the default ever has.
"""

from collections.abc import Collection, Sequence
from typing import Any

from spendgate_service.budgets.opening import Opening, both
from spendgate_service.domain.amounts import amount_text
from spendgate_service.domain.budgets import Budget, Claim, Policy
from spendgate_service.domain.clocks import CLOCKS_DIFFER_MS_MAX
from spendgate_service.domain.counters import Counter
from spendgate_service.domain.errors import AlreadyExists
from spendgate_service.domain.periods import (
    DurationPeriod,
    Period,
    PeriodRule,
    duration_period,
    period_in_force,
)
from spendgate_service.store import counters, keys, values
from spendgate_service.store.claims import CounterClaim, catching_up
from spendgate_service.store.client import Table
from spendgate_service.store.errors import Objection, TransactionFailed
from spendgate_service.store.listings import listing, unlisting
from spendgate_service.store.policies import policy_write
from spendgate_service.store.policy_cache import PRESENT_SECONDS_MAX
from spendgate_service.store.slugs import find_slug, writes_of_slugs
from spendgate_service.store.windows import window_is_as_read

STALE_MS_MAX = int(PRESENT_SECONDS_MAX * 1000) + CLOCKS_DIFFER_MS_MAX
"""How long after a change a reserve may use the old policy, with what clocks may differ by."""


def writes_of_change(
    table: Table,
    tenant_id: str,
    before: Policy,
    after: Policy,
    *,
    opening: Opening | None = None,
    now_ms: int,
) -> list[dict[str, Any]]:
    """Build the writes that replace a policy; each fails if its item is not as it was read.

    One read of all the counters within reach. Two write units for the policy, for each counter, and
    for each budget that joins or leaves the list, and for each slug that is given or taken away. An
    opening amount costs two more for its ledger entry, and two for the check of its source.
    """
    assert after.version == before.version + 1
    change = policy_write(table, tenant_id, before, after)
    listed = _list_writes(table, tenant_id, before, after, now_ms=now_ms)
    listed += writes_of_slugs(table, tenant_id, before, after)
    if after.subject.is_default:
        return [change, *listed]
    claims = _claims_in_reach(tenant_id, before, after, now_ms=now_ms)
    windows, in_windows = _windows_in_reach(table, tenant_id, before, after, now_ms=now_ms)
    claims += in_windows
    addresses = [claim.address for claim in claims]
    found = counters.read_counters(table, addresses, consistent=True)
    if opening is not None:
        opening = opening.missing(found.get(opening.claim.address))
        listed += _opening_writes(table, opening, claims)
    changed = [
        _counter_write(table, claim, found.get(claim.address), opening)
        for claim in claims
        if claim.address in found or not _has_ended(claim.period, now_ms=now_ms)
    ]
    return [change, *changed, *windows, *listed]


def _opening_writes(
    table: Table, opening: Opening, claims: Sequence[CounterClaim]
) -> list[dict[str, Any]]:
    """Build the ledger entry of an opening amount, and the check of a source out of reach."""
    writes = opening.ledger_puts(table.name) if opening.spent else []
    if opening.source is not None and not any(map(opening.is_from, claims)):
        writes.append(opening.source.check(table.name))
    return writes


def _list_writes(
    table: Table, tenant_id: str, before: Policy, after: Policy, *, now_ms: int
) -> list[dict[str, Any]]:
    added = [
        listing(table, tenant_id, budget)
        for budget in after.budgets
        if before.budget(budget.budget_id) is None
    ]
    removed = [
        write
        for budget in before.budgets
        if after.budget(budget.budget_id) is None
        for write in unlisting(table, tenant_id, budget, now_ms=now_ms)
    ]
    return [*added, *removed]


def check_slug_is_free(table: Table, tenant_id: str, budget: Budget) -> None:
    """Raise AlreadyExists if another budget has the slug. One read, if there is a slug.

    It says why; the write of the slug decides.
    """
    if budget.slug is None:
        return
    if find_slug(table, tenant_id, budget.slug) not in {None, budget.budget_id}:
        raise AlreadyExists("budget with the slug", budget.slug)


def twin_warnings(policy: Policy, budget: Budget) -> tuple[str, ...]:
    """Warn of another budget with the same subject, unit and period: the lower limit decides."""
    twin = policy.twin_of(budget)
    if twin is None:
        return ()
    named = f" ({twin.name})" if twin.name else ""
    limit = amount_text(twin.limit)
    warning = (
        f"{twin.budget_id}{named} limits {budget.subject} to {limit} {budget.unit} over the same "
        "periods already; both must grant, so raising one of them alone changes nothing"
    )
    return (warning,)


def try_to_write(table: Table, writes: Sequence[dict[str, Any]]) -> Sequence[Objection | None]:
    """Try to write all or nothing: the objection of each write, or nothing if all were written."""
    try:
        table.transact(writes)
    except TransactionFailed as failed:
        if failed.may_succeed_next:
            return failed.objections
        raise
    return ()


def _windows_in_reach(
    table: Table, tenant_id: str, before: Policy, after: Policy, *, now_ms: int
) -> tuple[list[dict[str, Any]], list[CounterClaim]]:
    """Build checks that the windows of durations stay as they are, and claims on open ones.

    Where no window is open, none can start under the old policy: its start is conditional on the
    policy being as it was read (`store.windows`).
    """
    checks: dict[keys.Key, dict[str, Any]] = {}
    claims: dict[keys.Key, CounterClaim] = {}
    for budget in _by_period(before, after):
        rule = budget.period
        if not isinstance(rule, DurationPeriod):
            continue
        key = keys.window_key(tenant_id, budget.budget_id, budget.subject, rule.seconds)
        seen = table.get(values.key(key))
        checks[key] = window_is_as_read(table.name, key, seen)
        started_at = values.read_number(seen["starts_at"]) if seen else None
        slowest_ms = now_ms - CLOCKS_DIFFER_MS_MAX
        if started_at is not None and slowest_ms < (started_at + rule.seconds) * 1000:
            period = duration_period(rule, starts_at=started_at)
            claim = _claim_on(tenant_id, budget, period, version=after.version)
            claims[claim.address] = claim
    return list(checks.values()), list(claims.values())


def _by_period(before: Policy, after: Policy) -> Collection[Budget]:
    """List the budgets of both policies, one for each kind of period, as the new policy has it.

    The window of each is read once: a window that starts between two reads would be taken for two.
    """
    budgets = (*before.budgets, *after.budgets)
    return {(budget.budget_id, budget.period): budget for budget in budgets}.values()


def _has_ended(period: Period, *, now_ms: int) -> bool:
    """Whether a period is in use by slower clocks only; one without a counter gets none."""
    return period.ends_at is not None and period.ends_at * 1000 <= now_ms


def _claims_in_reach(
    tenant_id: str, before: Policy, after: Policy, *, now_ms: int
) -> list[CounterClaim]:
    """List every counter that a reserve under either policy may use from now on.

    A budget in both policies is taken as the new one has it.
    """
    reached: dict[tuple[str, str], CounterClaim] = {}
    for budget in (*before.budgets, *after.budgets):
        for period in _periods_in_reach(budget.period, now_ms=now_ms):
            reached[budget.budget_id, period.key] = _claim_on(
                tenant_id, budget, period, version=after.version
            )
    return list(reached.values())


def _claim_on(tenant_id: str, budget: Budget, period: Period, *, version: int) -> CounterClaim:
    claim = Claim(budget, budget.subject, amount=0, policy_version=version)
    return CounterClaim(tenant_id, claim, period)


def _periods_in_reach(rule: PeriodRule, *, now_ms: int) -> list[Period]:
    if isinstance(rule, DurationPeriod):
        return []
    moments = (now_ms - CLOCKS_DIFFER_MS_MAX, now_ms, now_ms + STALE_MS_MAX)
    return list(dict.fromkeys(period_in_force(rule, now_ms=moment) for moment in moments))


def _counter_write(
    table: Table, claim: CounterClaim, seen: Counter | None, opening: Opening | None
) -> dict[str, Any]:
    if opening is not None and opening.spent and opening.is_on(claim):
        update = opening.update(seen)
    else:
        update = _creating(claim) if seen is None else catching_up(claim, seen)
    if opening is not None and opening.source is not None and opening.is_from(claim):
        update = both(update, opening.source.condition)
    return {"Update": {"TableName": table.name, "Key": claim.key, **update}}


def _creating(claim: CounterClaim) -> dict[str, Any]:
    return {
        "UpdateExpression": counters.creating(claim.creation, counters.UNUSED),
        "ConditionExpression": keys.IS_NEW,
        "ExpressionAttributeValues": claim.creation,
    }
