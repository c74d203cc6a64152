"""Creating, changing and deleting budgets: each a new version of a subject's policy.

A change is prepared from the policy as it was read and written on condition that it still is. Who
loses the race prepares it again from what the winner left.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

from spendgate_service.budgets.policy_change import attempt, writes_of_change
from spendgate_service.budgets.read import (
    Located,
    StoredBudget,
    find_budget,
    read_budget,
    read_policy_of,
)
from spendgate_service.domain.budgets import BUDGETS_PER_SUBJECT_MAX, Budget, Policy
from spendgate_service.domain.counters import Balance
from spendgate_service.domain.errors import BudgetChanged, InvalidValue
from spendgate_service.domain.thresholds import ANNOUNCEMENT_RETENTION_SECONDS
from spendgate_service.store import expressions, keys
from spendgate_service.store.client import Table
from spendgate_service.store.counters import read_balances
from spendgate_service.store.errors import PolicyChanged
from spendgate_service.store.idempotency import IdempotencyRecord, Replay
from spendgate_service.store.listings import listing, unlisting
from spendgate_service.store.outbox import OutboxEvent
from spendgate_service.store.windows import Windows

_TRIES_MAX = 5


@dataclass(frozen=True, slots=True)
class ChangeEvent:
    """What to tell of a change: an event of that type, for a budget that it pauses or resumes.

    `detail` writes what the event says, as JSON: of the budget and its balance after the change. Of
    a default it is told only where the change is to all its subjects alike.
    """

    event_type: Literal["budget.paused", "budget.resumed"]
    detail: Callable[[Budget, Balance | None], str]
    of_defaults: bool = True


def create_budget(
    table: Table,
    tenant_id: str,
    budget: Budget,
    *,
    once: IdempotencyRecord[StoredBudget] | None,
    now_ms: int,
) -> StoredBudget | Replay:
    """Lay down a new budget; under an idempotency key once.

    Raises IdempotencyConflict, BudgetChanged, and InvalidValue if the subject has too many.
    """
    replay = once.replay(table, now_ms=now_ms) if once else None
    if replay:
        return replay
    for _ in range(_TRIES_MAX):
        before = read_policy_of(table, tenant_id, budget.subject)
        after = _with_one_more(before, budget)
        writes = _writes(table, tenant_id, before, after, now_ms=now_ms)
        stored = _unused(table, tenant_id, budget, after.version, now_ms=now_ms)
        if once:
            writes.append(once.put(table, stored, now_ms=now_ms))
        objections = attempt(table, writes)
        if not objections:
            return stored
        replay = once.replay_of(objections[-1]) if once else None
        if replay:
            return replay
    raise BudgetChanged(str(budget.subject))


def change_budget(
    table: Table,
    tenant_id: str,
    budget_id: str,
    change: Callable[[Budget], Budget],
    *,
    telling: ChangeEvent | None = None,
    now_ms: int,
) -> StoredBudget:
    """Change one budget, and tell of it in the same moment; what changes nothing writes nothing.

    `change` may be called several times. Raises NotFound and BudgetChanged.
    """

    def changed(policy: Policy) -> tuple[Budget, ...]:
        return tuple(
            _changed(one, change, now_ms) if one.budget_id == budget_id else one
            for one in policy.budgets
        )

    _replace_policy(table, tenant_id, budget_id, changed, telling=telling, now_ms=now_ms)
    return read_budget(table, tenant_id, budget_id, now_ms=now_ms)


def delete_budget(table: Table, tenant_id: str, budget_id: str, *, now_ms: int) -> StoredBudget:
    """Take a budget away and return it as it was; its counters and its ledger stay.

    Raises NotFound and BudgetChanged.
    """

    def remaining(policy: Policy) -> tuple[Budget, ...]:
        return tuple(one for one in policy.budgets if one.budget_id != budget_id)

    last = read_budget(table, tenant_id, budget_id, now_ms=now_ms)
    _replace_policy(table, tenant_id, budget_id, remaining, now_ms=now_ms)
    return last


def _replace_policy(
    table: Table,
    tenant_id: str,
    budget_id: str,
    change: Callable[[Policy], tuple[Budget, ...]],
    *,
    telling: ChangeEvent | None = None,
    now_ms: int,
) -> None:
    subject = None
    for _ in range(_TRIES_MAX):
        before, budget = find_budget(table, tenant_id, budget_id)
        subject = budget.subject
        budgets = change(before)
        if budgets == before.budgets:
            return
        after = replace(before, version=before.version + 1, budgets=budgets)
        try:
            told = _told(table, tenant_id, (before, budget), after, telling, now_ms=now_ms)
        except PolicyChanged:
            continue
        if not attempt(table, [*_writes(table, tenant_id, before, after, now_ms=now_ms), *told]):
            return
    raise BudgetChanged(str(subject))


def _told(
    table: Table,
    tenant_id: str,
    before: Located,
    policy: Policy,
    telling: ChangeEvent | None,
    *,
    now_ms: int,
) -> list[dict[str, Any]]:
    """The event about a change, once for the version of the policy that the change makes.

    One read where it has a balance, two where that is another one. Raises PolicyChanged.
    """
    _, budget = before
    after = policy.budget(budget.budget_id)
    if telling is None or after is None or after.pausing == budget.pausing:
        return []
    balance = None
    if not after.subject.is_default:
        balance = _switched(table, tenant_id, before, (policy, after), telling, now_ms=now_ms)
    if balance is None and not (after.subject.is_default and telling.of_defaults):
        return []
    event = OutboxEvent(
        key=keys.event_key(
            tenant_id,
            after.budget_id,
            after.subject,
            f"version-{policy.version}",
            telling.event_type.removeprefix("budget."),
        ),
        event_type=telling.event_type,
        occurred_at_ms=now_ms,
        detail=telling.detail(after, balance),
        expires_at=now_ms // 1000 + ANNOUNCEMENT_RETENTION_SECONDS,
    )
    put = {"TableName": table.name, "Item": event.item, "ConditionExpression": expressions.IS_NEW}
    return [{"Put": put}]


def _switched(
    table: Table,
    tenant_id: str,
    before: Located,
    after: Located,
    telling: ChangeEvent,
    *,
    now_ms: int,
) -> Balance | None:
    """The balance that a change pauses or resumes; None if it goes on, or stays paused, as it was.

    A resume may be for the time to come alone. Raises PolicyChanged.
    """

    def balance_of(located: Located) -> Balance:
        policy, budget = located
        windows = Windows(table)
        target = windows.target(tenant_id, budget, budget.subject, policy.version, now_ms=now_ms)
        (balance,) = read_balances(table, [target], now_ms=now_ms)
        return balance

    balance, (_, budget) = balance_of(after), before
    if budget.period == balance.budget.period:
        was_paused = replace(balance, budget=budget).is_paused
    else:
        was_paused = balance_of(before).is_paused
    pauses = telling.event_type == "budget.paused"
    return balance if (was_paused, balance.is_paused) == (not pauses, pauses) else None


def _with_one_more(policy: Policy, budget: Budget) -> Policy:
    if len(policy.budgets) >= BUDGETS_PER_SUBJECT_MAX:
        raise InvalidValue(
            f"body.subject: {budget.subject} has {BUDGETS_PER_SUBJECT_MAX} budgets already, "
            "which is as many as a subject may have",
            param="body.subject",
        )
    return replace(policy, version=policy.version + 1, budgets=(*policy.budgets, budget))


def _changed(budget: Budget, change: Callable[[Budget], Budget], now_ms: int) -> Budget:
    """The budget after a change; the moment of the change alone is no change."""
    changed = change(budget)
    if changed.limit != budget.limit:
        changed = replace(changed, limit_since_ms=now_ms)
    identity = (budget.budget_id, budget.subject, budget.unit, budget.created_at_ms)
    assert identity == (
        changed.budget_id, changed.subject, changed.unit, changed.created_at_ms,
    )  # fmt: skip
    return budget if replace(changed, updated_at_ms=budget.updated_at_ms) == budget else changed


def _unused(
    table: Table, tenant_id: str, budget: Budget, version: int, *, now_ms: int
) -> StoredBudget:
    """A budget just created, which nobody can have used yet."""
    if budget.subject.is_default:
        return StoredBudget(budget, version, balance=None)
    target = Windows(table).target(tenant_id, budget, budget.subject, version, now_ms=now_ms)
    return StoredBudget(budget, version, target.balance(target.unused, now_ms=now_ms))


def _writes(
    table: Table, tenant_id: str, before: Policy, after: Policy, *, now_ms: int
) -> list[dict[str, Any]]:
    """The policy with its counters, and the directory for budgets that come and go."""
    listed = [
        listing(table, tenant_id, one)
        for one in after.budgets
        if before.budget(one.budget_id) is None
    ]
    unlisted = [
        write
        for one in before.budgets
        if after.budget(one.budget_id) is None
        for write in unlisting(table, tenant_id, one, now_ms=now_ms)
    ]
    changed = writes_of_change(table, tenant_id, before, after, now_ms=now_ms)
    return [*changed, *listed, *unlisted]
