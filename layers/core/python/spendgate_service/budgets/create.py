"""Create a budget: a new version of its subject's policy, and a row in the list of budgets."""

from dataclasses import replace

from spendgate_service.budgets.opening import (
    Opening,
    left_behind,
    opening_of,
    replaced_by_creation,
)
from spendgate_service.budgets.policy_writes import (
    check_slug_is_free,
    try_to_write,
    twin_warnings,
    writes_of_change,
)
from spendgate_service.budgets.read import StoredBudget, stored_budget_response
from spendgate_service.domain.budgets import (
    BUDGETS_PER_SUBJECT_MAX,
    Budget,
    Claim,
    OpeningSpent,
    Policy,
    check_soft_limit,
)
from spendgate_service.domain.changes import BY_COMMAND, Author
from spendgate_service.domain.errors import BudgetChanged, InvalidValue
from spendgate_service.events.change_log import budget_entry
from spendgate_service.store.client import Table
from spendgate_service.store.errors import PolicyChanged
from spendgate_service.store.idempotency import IdempotencyRecord, Replay
from spendgate_service.store.policies import read_policy_of
from spendgate_service.store.retrying import CHANGE_TRIES_MAX, LoopEnded, attempts
from spendgate_service.store.tenants import find_tenant, remembering_budget
from spendgate_service.store.windows import Windows
from spendgate_service.wire.values import json_text


def create_budget(
    table: Table,
    tenant_id: str,
    budget: Budget,
    *,
    idempotency: IdempotencyRecord | None,
    opening_spent: OpeningSpent | None = None,
    by: Author = BY_COMMAND,
    now_ms: int,
) -> StoredBudget | Replay:
    """Create a budget, once under an idempotency key.

    The first budget on one subject replaces the defaults of its type: `opening_spent` is what it
    starts with. Two reads more for it than for a default.

    Raises IdempotencyConflict, BudgetChanged, AlreadyExists for a slug in use, and InvalidValue if
    the subject has too many or the soft limit is above the limit.
    """
    replay = idempotency.replay(table, now_ms=now_ms) if idempotency else None
    if replay:
        return replay
    check_soft_limit(budget)
    tenant = find_tenant(table, tenant_id)
    for _ in attempts(CHANGE_TRIES_MAX, exhausted=lambda: BudgetChanged(str(budget.subject))):
        before = read_policy_of(table, tenant_id, budget.subject)
        new = replace(budget, revision=before.version + 1)
        after = _with_one_more(before, new)
        check_slug_is_free(table, tenant_id, new)
        replaced = replaced_by_creation(table, tenant_id, before, new, now_ms=now_ms)
        try:
            claim = Claim(new, new.subject, amount=0, policy_version=after.version)
            opening = opening_of(
                table, claim, replaced, opening_spent, tenant_id=tenant_id, now_ms=now_ms
            )
        except PolicyChanged:
            continue
        writes = writes_of_change(table, tenant_id, before, after, opening=opening, now_ms=now_ms)
        writes.append(
            budget_entry(
                table,
                tenant_id,
                by,
                "budget.created",
                None,
                new,
                opening_spent=opening.spent if opening else 0,
                now_ms=now_ms,
            )
        )
        writes += remembering_budget(table, tenant, budget.subject.type, budget.unit)
        stored = replace(
            _unused(table, tenant_id, new, after.version, opening, now_ms=now_ms),
            warnings=twin_warnings(before, budget),
            replaces=left_behind(replaced, new, opening_spent, now_ms=now_ms),
        )
        if idempotency:
            response = stored_budget_response(stored)
            writes.append(idempotency.put(table, json_text(response), now_ms=now_ms))
        objections = try_to_write(table, writes)
        if not objections:
            return stored
        replay = idempotency.replay_of(objections[-1]) if idempotency else None
        if replay:
            return replay
    raise LoopEnded


def _with_one_more(policy: Policy, budget: Budget) -> Policy:
    if len(policy.budgets) >= BUDGETS_PER_SUBJECT_MAX:
        raise InvalidValue(
            f"body.subject: {budget.subject} has {BUDGETS_PER_SUBJECT_MAX} budgets already, "
            "which is as many as a subject may have",
            param="body.subject",
        )
    return replace(policy, version=policy.version + 1, budgets=(*policy.budgets, budget))


def _unused(
    table: Table,
    tenant_id: str,
    budget: Budget,
    version: int,
    opening: Opening | None,
    *,
    now_ms: int,
) -> StoredBudget:
    """Return a budget as it is before its first use."""
    if budget.subject.is_default:
        return StoredBudget(budget, version, balance=None)
    counter = Windows(table).counter_claim(
        tenant_id, budget, budget.subject, version, now_ms=now_ms
    )
    unused = counter.unused if opening is None else opening.opened(counter.unused)
    return StoredBudget(budget, version, counter.balance(unused, now_ms=now_ms))
