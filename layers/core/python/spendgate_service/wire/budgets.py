"""Budgets."""

from spendgate_service.domain.amounts import amount_text
from spendgate_service.domain.budgets import Budget, CarryOver
from spendgate_service.domain.counters import Balance
from spendgate_service.wire.balances import balance_response, period_rule_response
from spendgate_service.wire.values import optional_amount, time_on_wire


def budget_response(
    budget: Budget, *, version: int, balance: Balance | None = None
) -> dict[str, object]:
    """A budget; with its balance where it is on a single subject.

    A default is `active`, `paused` or `disabled` as a whole; the rest is said by the balance of
    each subject under it.
    """
    answer: dict[str, object] = {
        "budget_id": budget.budget_id,
        "subject": str(budget.subject),
        "unit": budget.unit,
        "limit": amount_text(budget.limit),
        "soft_limit": optional_amount(budget.soft_limit),
        "on_soft_limit": budget.on_soft_limit,
        "warn_at_pct": list(budget.warn_at_pct),
        "period": period_rule_response(budget.period),
        "carry_over": _carry_over_response(budget.carry_over),
        "mode": budget.mode,
        "name": budget.name,
        "metadata": dict(budget.metadata),
        "status": _status_of_default(budget) if balance is None else balance.status,
        "version": version,
        "created_at": time_on_wire(budget.created_at_ms),
        "updated_at": time_on_wire(budget.updated_at_ms),
    }
    return answer if balance is None else {**answer, "balance": balance_response(balance)}


def _status_of_default(budget: Budget) -> str:
    if budget.disabled:
        return "disabled"
    return "paused" if budget.paused else "active"


def _carry_over_response(carry_over: CarryOver | None) -> dict[str, object] | None:
    if carry_over is None:
        return None
    return {
        "unused": carry_over.unused,
        "max": optional_amount(carry_over.max),
        "debt": carry_over.debt,
    }
