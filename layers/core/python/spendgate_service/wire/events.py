"""The details of events about budgets."""

from spendgate_service.domain.amounts import amount_text
from spendgate_service.domain.budgets import Budget
from spendgate_service.domain.counters import Balance
from spendgate_service.domain.thresholds import Level
from spendgate_service.wire.balances import balance_response


def level_detail(balance: Balance, level: Level) -> dict[str, object]:
    """A balance that has reached a level: which threshold it was, or what pauses it."""
    detail = {**_about(balance.budget, balance), "subject": str(balance.subject)}
    match level.event_type:
        case "budget.threshold_reached":
            return {**detail, "threshold": _threshold_response(level)}
        case "budget.paused":
            return {**detail, "by": "soft_limit"}
        case "budget.exhausted":
            return detail


def switch_detail(budget: Budget, balance: Balance | None) -> dict[str, object]:
    """A budget that an admin has paused or resumed; a default has no balance of its own."""
    return {**_about(budget, balance), "by": "admin"}


def _about(budget: Budget, balance: Balance | None) -> dict[str, object]:
    return {
        "budget_id": budget.budget_id,
        "subject": str(budget.subject),
        "balance": None if balance is None else balance_response(balance),
    }


def _threshold_response(level: Level) -> dict[str, object]:
    if level.soft_limit is not None:
        return {"type": "soft_limit", "pct": None, "amount": amount_text(level.soft_limit)}
    return {"type": "percentage", "pct": level.pct, "amount": None}
