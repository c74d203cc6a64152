"""Budgets."""

from collections.abc import Mapping, Sequence
from typing import Annotated, NotRequired, TypedDict

from spendgate_service.domain.amounts import amount_text
from spendgate_service.domain.balances import Balance, BalanceStatus
from spendgate_service.domain.budgets import Budget, CarryOver, Mode, OnSoftLimit
from spendgate_service.wire.balances import BalanceResponse, balance_response
from spendgate_service.wire.fields import AmountText, Doc, Time
from spendgate_service.wire.periods import (
    PeriodResponse,
    PeriodRuleResponse,
    period_response,
    period_rule_response,
)
from spendgate_service.wire.values import optional_amount, time_on_wire


class CarryOverResponse(TypedDict):
    """What a period carries over to the next one."""

    unused: Annotated[bool, Doc("Whether what was not used is carried over.")]
    max: Annotated[
        AmountText | None, Doc("How much of what was not used is carried over at most; null: all.")
    ]
    debt: Annotated[bool, Doc("Whether an overrun is subtracted from the next period.")]


class ReplacedResponse(TypedDict):
    """What was spent and held where the budget does not count it."""

    budget_id: Annotated[str, Doc("The id of the budget that counted it.")]
    name: Annotated[str | None, Doc("A name for people.")]
    subject: Annotated[str, Doc("The subject of that budget, as type:id; type:* is a default.")]
    unit: Annotated[str, Doc("What is counted: a lower-case word such as usd or tokens.")]
    period: Annotated[PeriodResponse, Doc("The period in which it was counted.")]
    spent: Annotated[
        AmountText, Doc("What was spent; send opening_spent to count it in the budget.")
    ]
    held: Annotated[AmountText, Doc("What is held and will be settled there.")]


class BudgetResponse(TypedDict):
    """A budget."""

    budget_id: Annotated[str, Doc("The id of the budget.")]
    subject: Annotated[
        str,
        Doc("The subject that the budget is on, as type:id; type:* is the default of the type."),
    ]
    unit: Annotated[str, Doc("What is counted: a lower-case word such as usd or tokens.")]
    limit: Annotated[AmountText, Doc("What may be spent in one period.")]
    soft_limit: Annotated[
        AmountText | None, Doc("The spent amount at which the budget warns or pauses; null: none.")
    ]
    on_soft_limit: Annotated[
        OnSoftLimit, Doc("What happens at the soft limit: a warning, or a pause.")
    ]
    warn_at_pct: Annotated[
        list[int], Doc("The percentages of the limit from which on the budget warns.")
    ]
    period: Annotated[PeriodRuleResponse, Doc("Over which periods the limit holds.")]
    carry_over: Annotated[
        CarryOverResponse | None, Doc("What a period carries over to the next one; null: nothing.")
    ]
    mode: Annotated[Mode, Doc("A budget in shadow mode decides and reports, but never refuses.")]
    name: Annotated[str | None, Doc("A name for people.")]
    slug: Annotated[str | None, Doc("A name for tools, unique in the tenant; null: none.")]
    metadata: Annotated[
        Mapping[str, object], Doc("Any JSON object up to 4 KB; stored and returned unread.")
    ]
    status: Annotated[
        BalanceStatus,
        Doc("The first that applies of disabled, paused, exhausted, warning, active."),
    ]
    version: Annotated[
        int, Doc("The version of the subject's policy; every change to its budgets increases it.")
    ]
    revision: Annotated[
        int,
        Doc(
            "The budget's own revision, in quotation marks its ETag; every change to the budget "
            "increases it, and nothing else does."
        ),
    ]
    created_at: Annotated[Time, Doc("When the budget was created.")]
    updated_at: Annotated[Time, Doc("When the budget was last changed.")]
    warnings: NotRequired[
        Annotated[
            list[str],
            Doc("Sentences about what was created or changed; absent where there are none."),
        ]
    ]
    replaces: NotRequired[
        Annotated[
            list[ReplacedResponse],
            Doc(
                "What no longer counts: of the defaults that the budget replaces, or of its "
                "period before; absent where nothing was left behind."
            ),
        ]
    ]
    balance: NotRequired[
        Annotated[
            BalanceResponse,
            Doc("The balance of the current period; a default has one per subject."),
        ]
    ]


def budget_response(
    budget: Budget,
    *,
    version: int,
    balance: Balance | None = None,
    warnings: Sequence[str] = (),
    replaces: Sequence[Balance] = (),
) -> BudgetResponse:
    """Build the response about a budget, with its balance if it is on one subject.

    A default is `active`, `paused` or `disabled` as a whole; each subject's balance says the rest.
    """
    response: BudgetResponse = {
        "budget_id": budget.budget_id,
        "subject": str(budget.subject),
        "unit": budget.unit,
        "limit": amount_text(budget.limit),
        "soft_limit": optional_amount(budget.soft_limit),
        "on_soft_limit": budget.on_soft_limit,
        "warn_at_pct": list(budget.warn_at_pct),
        "period": period_rule_response(budget.period),
        "carry_over": _carry_over(budget.carry_over),
        "mode": budget.mode,
        "name": budget.name,
        "slug": budget.slug,
        "metadata": dict(budget.metadata),
        "status": _status_of_default(budget) if balance is None else balance.status,
        "version": version,
        "revision": budget.revision,
        "created_at": time_on_wire(budget.created_at_ms),
        "updated_at": time_on_wire(budget.updated_at_ms),
    }
    if warnings:
        response["warnings"] = list(warnings)
    if replaces:
        response["replaces"] = [_replaced(replaced) for replaced in replaces]
    return response if balance is None else {**response, "balance": balance_response(balance)}


def _replaced(balance: Balance) -> ReplacedResponse:
    budget = balance.budget
    return {
        "budget_id": budget.budget_id,
        "name": budget.name,
        "subject": str(budget.subject),
        "unit": budget.unit,
        "period": period_response(budget.period, balance.period),
        "spent": amount_text(balance.spent),
        "held": amount_text(balance.held),
    }


def _status_of_default(budget: Budget) -> BalanceStatus:
    if budget.disabled:
        return "disabled"
    return "paused" if budget.paused else "active"


def _carry_over(carry_over: CarryOver | None) -> CarryOverResponse | None:
    if carry_over is None:
        return None
    return {
        "unused": carry_over.unused,
        "max": optional_amount(carry_over.max),
        "debt": carry_over.debt,
    }
