"""Change or delete a budget: a new version of its subject's policy.

A change is built from the policy as it was read, and written on condition that the policy is still
the same. A change that loses this race is built again from the newer policy.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

from spendgate_service.budgets.opening import (
    Opening,
    left_behind,
    opening_of,
    replaced_by_move,
)
from spendgate_service.budgets.policy_writes import (
    check_slug_is_free,
    try_to_write,
    twin_warnings,
    writes_of_change,
)
from spendgate_service.budgets.read import StoredBudget, read_budget
from spendgate_service.domain.balances import Balance
from spendgate_service.domain.budgets import Budget, Claim, OpeningSpent, Policy, check_soft_limit
from spendgate_service.domain.changes import BY_COMMAND, Action, Author
from spendgate_service.domain.errors import BudgetChanged
from spendgate_service.domain.preconditions import UNCONDITIONAL, Precondition
from spendgate_service.domain.thresholds import ANNOUNCEMENT_RETENTION_SECONDS
from spendgate_service.events.change_log import budget_entry
from spendgate_service.store import keys
from spendgate_service.store.claims import read_balances
from spendgate_service.store.client import Table
from spendgate_service.store.counters import RETENTION_SECONDS
from spendgate_service.store.errors import PolicyChanged
from spendgate_service.store.outbox import OutboxEvent
from spendgate_service.store.policies import Located, find_budget
from spendgate_service.store.retrying import CHANGE_TRIES_MAX, LoopEnded, attempts
from spendgate_service.store.windows import Windows
from spendgate_service.wire.budget_events import switch_detail
from spendgate_service.wire.values import json_text


@dataclass(frozen=True, slots=True)
class ChangeEvent:
    """The event to publish if a change pauses or resumes a budget.

    `of_defaults` says whether a change to a default is an event too, since it changes every subject
    under the default alike.
    """

    event_type: Literal["budget.paused", "budget.resumed"]
    of_defaults: bool = True


def change_budget(  # noqa: PLR0913 (each has a default or is in every change)
    table: Table,
    tenant_id: str,
    budget_id: str,
    change: Callable[[Budget], Budget],
    *,
    action: Action = "budget.changed",
    event: ChangeEvent | None = None,
    precondition: Precondition = UNCONDITIONAL,
    opening_spent: OpeningSpent | None = None,
    by: Author = BY_COMMAND,
    now_ms: int,
) -> StoredBudget:
    """Change one budget, and write its entry in the change log and its event with it.

    A change that changes nothing writes nothing. Another period starts with `opening_spent`; one
    read more for it. `change` may be called several times. Raises
    NotFound, InvalidValue, VersionMismatch, AlreadyExists for a slug in use, and BudgetChanged.
    """

    def changed(policy: Policy) -> tuple[Budget, ...]:
        return tuple(
            _changed(budget, change, policy.version + 1, now_ms)
            if budget.budget_id == budget_id
            else budget
            for budget in policy.budgets
        )

    replaced = _replace_policy(
        table,
        tenant_id,
        budget_id,
        changed,
        _Terms(action, by, precondition, event, opening_spent),
        now_ms=now_ms,
    )
    stored = read_budget(table, tenant_id, budget_id, now_ms=now_ms)
    return replace(stored, warnings=replaced.warnings, replaces=replaced.left_behind)


def delete_budget(
    table: Table,
    tenant_id: str,
    budget_id: str,
    *,
    precondition: Precondition = UNCONDITIONAL,
    by: Author = BY_COMMAND,
    now_ms: int,
) -> StoredBudget:
    """Delete a budget and return it as it was; its counters and its ledger stay.

    Raises NotFound, VersionMismatch and BudgetChanged.
    """

    def remaining(policy: Policy) -> tuple[Budget, ...]:
        return tuple(budget for budget in policy.budgets if budget.budget_id != budget_id)

    last = read_budget(table, tenant_id, budget_id, now_ms=now_ms)
    terms = _Terms("budget.deleted", by, precondition)
    _replace_policy(table, tenant_id, budget_id, remaining, terms, now_ms=now_ms)
    return last


@dataclass(frozen=True, slots=True)
class _Terms:
    """What is done, by whom, on what condition, with which event and which opening amount."""

    action: Action
    by: Author
    precondition: Precondition
    event: ChangeEvent | None = None
    opening_spent: OpeningSpent | None = None


@dataclass(frozen=True, slots=True)
class _Replaced:
    """What a change leads to: warnings, and the balance whose amounts no longer count."""

    warnings: tuple[str, ...] = ()
    left_behind: tuple[Balance, ...] = ()


def _replace_policy(
    table: Table,
    tenant_id: str,
    budget_id: str,
    change: Callable[[Policy], tuple[Budget, ...]],
    terms: _Terms,
    *,
    now_ms: int,
) -> _Replaced:
    """Write the policy with the changed budgets."""
    subject = budget_id
    for _ in attempts(
        CHANGE_TRIES_MAX,
        exhausted=lambda: BudgetChanged(subject),  # noqa: B023 (the last one that was read)
    ):
        before, budget = find_budget(table, tenant_id, budget_id)
        subject = str(budget.subject)
        terms.precondition.check(f"the budget {budget_id}", budget.tag)
        budgets = change(before)
        if budgets == before.budgets:
            return _Replaced()
        after = replace(before, version=before.version + 1, budgets=budgets)
        changed = after.budget(budget_id)
        try:
            if changed:
                if changed.slug != budget.slug:
                    check_slug_is_free(table, tenant_id, changed)
                _check_soft_limit(table, tenant_id, (before, budget), changed, now_ms=now_ms)
            moved = _move(
                table,
                (before, budget),
                after,
                terms.opening_spent,
                tenant_id=tenant_id,
                now_ms=now_ms,
            )
            event_put = _event_writes(
                table, tenant_id, (before, budget), after, terms.event, now_ms=now_ms
            )
        except PolicyChanged:
            continue
        writes = writes_of_change(
            table, tenant_id, before, after, opening=moved.opening, now_ms=now_ms
        )
        writes.append(
            budget_entry(
                table,
                tenant_id,
                terms.by,
                terms.action,
                budget,
                changed,
                opening_spent=moved.opening.spent if moved.opening else 0,
                now_ms=now_ms,
            )
        )
        if not try_to_write(table, [*writes, *event_put]):
            return moved.replaced
    raise LoopEnded


@dataclass(frozen=True, slots=True)
class _Move:
    """What a change of a period leads to, and what the new period starts with."""

    replaced: _Replaced = _Replaced()
    opening: Opening | None = None


def _move(
    table: Table,
    before: Located,
    after: Policy,
    opening_spent: OpeningSpent | None,
    *,
    tenant_id: str,
    now_ms: int,
) -> _Move:
    """Prepare a change of the period, if it is one. Raises PolicyChanged."""
    changed = after.budget(before[1].budget_id)
    if changed is None or changed.period == before[1].period:
        return _Move()
    replaced = replaced_by_move(table, tenant_id, before, changed, now_ms=now_ms)
    claim = Claim(changed, changed.subject, amount=0, policy_version=after.version)
    opening = opening_of(table, claim, replaced, opening_spent, tenant_id=tenant_id, now_ms=now_ms)
    left = left_behind(replaced, changed, opening_spent, now_ms=now_ms)
    return _Move(_Replaced(twin_warnings(after, changed), left), opening)


def _check_soft_limit(
    table: Table, tenant_id: str, before: Located, changed: Budget, *, now_ms: int
) -> None:
    """Check a changed soft limit, or one under a changed limit, with the credits of the period.

    One read, only where the soft limit is above the limit. Raises InvalidValue, PolicyChanged.
    """
    policy, budget = before
    if (changed.soft_limit, changed.limit) == (budget.soft_limit, budget.limit):
        return
    credited = 0
    is_above = changed.soft_limit is not None and changed.soft_limit > changed.limit
    if is_above and not changed.subject.is_default:
        claim = Windows(table).counter_claim(
            tenant_id, changed, changed.subject, policy.version, now_ms=now_ms
        )
        (balance,) = read_balances(table, [claim], now_ms=now_ms)
        credited = balance.credits
    check_soft_limit(changed, credited=credited)


def _event_writes(
    table: Table,
    tenant_id: str,
    before: Located,
    policy: Policy,
    event: ChangeEvent | None,
    *,
    now_ms: int,
) -> list[dict[str, Any]]:
    """Build the write of a change's event; its key is unique for the policy's new version.

    One read where the budget has a balance, two if the change moves it to another period. Raises
    PolicyChanged.
    """
    _, budget = before
    after = policy.budget(budget.budget_id)
    if event is None or after is None or after.pausing == budget.pausing:
        return []
    balance = None
    if not after.subject.is_default:
        balance = _switched(table, tenant_id, before, (policy, after), event, now_ms=now_ms)
    if balance is None and not (after.subject.is_default and event.of_defaults):
        return []
    stored = OutboxEvent(
        key=keys.event_key(
            tenant_id,
            after.budget_id,
            after.subject,
            f"version-{policy.version}",
            event.event_type.removeprefix("budget."),
        ),
        event_type=event.event_type,
        occurred_at_ms=now_ms,
        detail=json_text(switch_detail(after, balance)),
        expires_at=now_ms // 1000 + ANNOUNCEMENT_RETENTION_SECONDS,
    )
    put = {"TableName": table.name, "Item": stored.item, "ConditionExpression": keys.IS_NEW}
    return [{"Put": put}]


def _switched(
    table: Table,
    tenant_id: str,
    before: Located,
    after: Located,
    event: ChangeEvent,
    *,
    now_ms: int,
) -> Balance | None:
    """Return the balance that a change pauses or resumes; None if that stays as it was.

    A resume may apply to a later period only. Raises PolicyChanged.
    """

    def balance_of(located: Located) -> Balance:
        policy, budget = located
        windows = Windows(table)
        counter = windows.counter_claim(
            tenant_id, budget, budget.subject, policy.version, now_ms=now_ms
        )
        (balance,) = read_balances(table, [counter], now_ms=now_ms)
        return balance

    balance, (_, budget) = balance_of(after), before
    if budget.period == balance.budget.period:
        was_paused = replace(balance, budget=budget).is_paused
    else:
        was_paused = balance_of(before).is_paused
    pauses = event.event_type == "budget.paused"
    return balance if (was_paused, balance.is_paused) == (not pauses, pauses) else None


def _changed(
    budget: Budget, change: Callable[[Budget], Budget], revision: int, now_ms: int
) -> Budget:
    """Apply a change as a new revision; a change of `updated_at_ms` alone is no change."""
    changed = change(budget)
    if replace(changed, updated_at_ms=budget.updated_at_ms) == budget:
        return budget
    if changed.limit != budget.limit:
        forgotten_ms = now_ms - RETENTION_SECONDS * 1000
        changed = changed.remembering_limit_of(budget, now_ms=now_ms, forgotten_ms=forgotten_ms)
    identity = (budget.budget_id, budget.subject, budget.unit, budget.created_at_ms)
    assert identity == (
        changed.budget_id, changed.subject, changed.unit, changed.created_at_ms,
    )  # fmt: skip
    return replace(changed, revision=revision)
