"""Put a budget under its slug: create it, or change it to exactly what is wanted."""

from dataclasses import replace

from spendgate_service.budgets.change import ChangeEvent, change_budget
from spendgate_service.budgets.create import create_budget
from spendgate_service.budgets.read import StoredBudget
from spendgate_service.domain.budgets import Budget, OpeningSpent
from spendgate_service.domain.changes import BY_COMMAND, Author
from spendgate_service.domain.errors import (
    AlreadyExists,
    BudgetChanged,
    ImmutableField,
    NotFound,
)
from spendgate_service.domain.preconditions import Precondition
from spendgate_service.store.client import Table
from spendgate_service.store.idempotency import Replay
from spendgate_service.store.retrying import CHANGE_TRIES_MAX, LoopEnded, attempts
from spendgate_service.store.slugs import find_slug

type PutBudget = tuple[StoredBudget, bool]
"""The budget, and whether it is new."""


def put_budget(
    table: Table,
    tenant_id: str,
    wanted: Budget,
    *,
    precondition: Precondition,
    opening_spent: OpeningSpent | None = None,
    by: Author = BY_COMMAND,
    now_ms: int,
) -> PutBudget:
    """Create the wanted budget, or make the one that has its slug exactly like it.

    One read more than the creation or the change. Put again, it changes nothing and writes nothing.
    `opening_spent` counts for a new budget and for another period.
    Raises ImmutableField, VersionMismatch, InvalidValue and BudgetChanged.
    """
    slug = wanted.slug
    assert slug is not None

    def changed(budget: Budget) -> Budget:
        if budget.slug != slug:  # it went to another budget meanwhile
            raise NotFound("budget with the slug", slug)
        _check_identity(budget, wanted)
        return _made_like(budget, wanted)

    for _ in attempts(CHANGE_TRIES_MAX, exhausted=lambda: BudgetChanged(str(wanted.subject))):
        budget_id = find_slug(table, tenant_id, slug)
        try:
            if budget_id is None:
                precondition.check(f"the budget {slug}", None)
                made = create_budget(
                    table,
                    tenant_id,
                    wanted,
                    idempotency=None,
                    opening_spent=opening_spent,
                    by=by,
                    now_ms=now_ms,
                )
                assert not isinstance(made, Replay)
                return made, True
            stored = change_budget(
                table,
                tenant_id,
                budget_id,
                changed,
                event=ChangeEvent("budget.resumed", of_defaults=False),
                precondition=precondition,
                opening_spent=opening_spent,
                by=by,
                now_ms=now_ms,
            )
        except (AlreadyExists, NotFound):
            continue
        return stored, False
    raise LoopEnded


def _made_like(budget: Budget, wanted: Budget) -> Budget:
    """Return the budget as it is wanted; its pauses and its disabling stay."""
    changed = replace(
        wanted,
        budget_id=budget.budget_id,
        created_at_ms=budget.created_at_ms,
        paused=budget.paused,
        disabled=budget.disabled,
        resumed_at_ms=budget.resumed_at_ms,
        revision=budget.revision,
        limit_since_ms=budget.limit_since_ms,
        past_limits=budget.past_limits,
    )
    return changed.pausing_anew_after(budget)


def _check_identity(budget: Budget, wanted: Budget) -> None:
    """Raise ImmutableField for another subject or unit."""
    for name, current, other in (
        ("subject", str(budget.subject), str(wanted.subject)),
        ("unit", budget.unit, wanted.unit),
    ):
        if current != other:
            raise ImmutableField(
                f"the budget {budget.slug}", param=f"body.{name}", current=current, wanted=other
            )
