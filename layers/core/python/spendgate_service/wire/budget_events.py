"""Events about one budget: a level that its balance has reached, a pause, a resume."""

from typing import Annotated, Literal, TypedDict

from spendgate_service.domain.amounts import amount_text
from spendgate_service.domain.balances import Balance
from spendgate_service.domain.budgets import Budget
from spendgate_service.domain.thresholds import Level
from spendgate_service.wire.balances import BalanceResponse, balance_response
from spendgate_service.wire.fields import AmountText, Doc


class _AboutBudget(TypedDict):
    budget_id: Annotated[str, Doc("The budget.")]
    subject: Annotated[str, Doc("The subject that spends, as type:id.")]


class BalanceDetail(_AboutBudget):
    """Something that happened to a balance."""

    balance: Annotated[BalanceResponse, Doc("The balance when it happened.")]


class _AboutSwitch(_AboutBudget):
    balance: Annotated[
        BalanceResponse | None, Doc("The balance when it happened; null for a default.")
    ]


class ThresholdResponse(TypedDict):
    """The threshold that was reached."""

    type: Annotated[Literal["percentage", "soft_limit"], Doc("The kind of threshold.")]
    pct: Annotated[int | None, Doc("The percentage of the limit; null for the soft limit.")]
    amount: Annotated[AmountText | None, Doc("The soft limit; null for a percentage.")]


class ThresholdReachedDetail(BalanceDetail):
    """A balance has reached one of the budget's thresholds."""

    threshold: Annotated[ThresholdResponse, Doc("The threshold that was reached.")]


class ExhaustedDetail(BalanceDetail):
    """Nothing of a balance is left."""


class PausedDetail(_AboutSwitch):
    """A budget was paused."""

    by: Annotated[Literal["admin", "soft_limit"], Doc("What paused it.")]


class ResumedDetail(_AboutSwitch):
    """A budget was resumed."""

    by: Annotated[Literal["admin"], Doc("What resumed it.")]


def level_detail(
    balance: Balance, level: Level
) -> ThresholdReachedDetail | ExhaustedDetail | PausedDetail:
    """Build the detail of a balance that has reached a level."""
    budget_id, subject = balance.budget.budget_id, str(balance.subject)
    about: BalanceDetail = {
        "budget_id": budget_id,
        "subject": subject,
        "balance": balance_response(balance),
    }
    match level.event_type:
        case "budget.threshold_reached":
            reached: ThresholdReachedDetail = {**about, "threshold": _threshold(level)}
            return reached
        case "budget.paused":
            paused: PausedDetail = {**about, "by": "soft_limit"}
            return paused
        case "budget.exhausted":
            return about


def switch_detail(budget: Budget, balance: Balance | None) -> PausedDetail | ResumedDetail:
    """Build the detail of a budget that an admin has paused or resumed.

    A default has no balance of its own.
    """
    detail: ResumedDetail = {
        "budget_id": budget.budget_id,
        "subject": str(budget.subject),
        "balance": None if balance is None else balance_response(balance),
        "by": "admin",
    }
    return detail


def _threshold(level: Level) -> ThresholdResponse:
    if level.soft_limit is not None:
        return {"type": "soft_limit", "pct": None, "amount": amount_text(level.soft_limit)}
    return {"type": "percentage", "pct": level.pct, "amount": None}
