"""The response to a check: whether the caller may go on, and if not, what helps.

It describes the most restrictive budget: the first that refuses, else the one that is spent most
of those that warn, or else of the shadows that would refuse.
"""

from collections.abc import Sequence
from typing import Annotated, Literal, TypedDict

from spendgate_service.domain.amounts import amount_text
from spendgate_service.domain.balances import Balance
from spendgate_service.domain.errors import (
    BudgetExceeded,
    BudgetPaused,
    NoBudget,
    TokenCapExceeded,
    UnknownPrice,
    UnknownRate,
)
from spendgate_service.wire.balances import BalanceResponse, balance_response, warnings_of
from spendgate_service.wire.fields import AmountText, Doc
from spendgate_service.wire.values import amount_in_sentence, time_on_wire

Action = Literal["continue", "warn", "pause", "stop"]

type Refusal = (
    BudgetExceeded | BudgetPaused | NoBudget | TokenCapExceeded | UnknownPrice | UnknownRate
)


class _MostRestrictive(TypedDict):
    """What the most restrictive budget says; all null if nothing restricts."""

    message: Annotated[str | None, Doc("A sentence for people; null if nothing restricts.")]
    error_code: Annotated[
        str | None, Doc("The code with which a reservation would be refused; null if granted.")
    ]
    budget_id: Annotated[str | None, Doc("The most restrictive budget.")]
    balance: Annotated[AmountText | None, Doc("What the most restrictive budget has available.")]
    currency: Annotated[str | None, Doc("The unit of the balance.")]
    retry_after_seconds: Annotated[
        int | None, Doc("In how many seconds to retry; null if waiting does not help.")
    ]


class CheckResponse(_MostRestrictive):
    """What a reservation of the same request would meet now."""

    action: Annotated[
        Action,
        Doc("What to do: continue, warn (go on, but consider the warnings), pause or stop."),
    ]
    allowed: Annotated[bool, Doc("Whether a reservation of the same body would be granted now.")]
    warnings: Annotated[
        list[str],
        Doc("A sentence for each budget past a threshold, and each shadow that would refuse."),
    ]
    unpriced: Annotated[
        bool, Doc("Whether a usage counts in tokens only, because its model has no price.")
    ]
    hint: Annotated[str, Doc("One sentence that an agent can act on.")]
    budgets: Annotated[
        list[BalanceResponse],
        Doc("The balance of every budget that applies, in the order of refusals."),
    ]


def check_response(
    balances: Sequence[Balance],
    *,
    shadowed: Sequence[Balance] = (),
    refusal: Refusal | None = None,
    error_code: str | None = None,
    notes: Sequence[str] = (),
    unpriced: bool = False,
) -> CheckResponse:
    """Build the response to a check, which is a 200 also where a reservation would be refused.

    `error_code` is the code of the refusal, and `notes` are warnings not about budgets.
    """
    assert (refusal is None) == (error_code is None), "a refusal has a code, and a grant has none"
    warnings = [*notes, *warnings_of(balances, shadowed)]
    budget = _most_restrictive(balances, shadowed, refusal)
    return {
        "action": _action(refusal, warnings),
        "allowed": refusal is None,
        **_most_restrictive_fields(budget, refusal, error_code, warnings),
        "warnings": warnings,
        "unpriced": unpriced,
        "hint": _hint(budget, warnings) if refusal is None else _hint_of(refusal, balances),
        "budgets": [balance_response(balance) for balance in balances],
    }


def _action(refusal: Refusal | None, warnings: Sequence[str]) -> Action:
    match refusal:
        case BudgetPaused():
            return "pause"
        case None:
            return "warn" if warnings else "continue"
        case _:
            return "stop"


def _most_restrictive_fields(
    budget: Balance | None,
    refusal: Refusal | None,
    error_code: str | None,
    warnings: Sequence[str],
) -> _MostRestrictive:
    wait = refusal.retry_after_seconds if isinstance(refusal, BudgetExceeded) else None
    return {
        "message": str(refusal) if refusal else "; ".join(warnings) or None,
        "error_code": error_code,
        "budget_id": budget.budget.budget_id if budget else _paused_id(refusal),
        "balance": amount_text(budget.available) if budget else None,
        "currency": budget.budget.unit if budget else None,
        "retry_after_seconds": wait,
    }


def _paused_id(refusal: Refusal | None) -> str | None:
    return refusal.budget_id if isinstance(refusal, BudgetPaused) else None


def _most_restrictive(
    balances: Sequence[Balance], shadowed: Sequence[Balance], refusal: Refusal | None
) -> Balance | None:
    match refusal:
        case BudgetExceeded():
            first = refusal.violations[0]
            return _find(balances, first.budget_id, first.subject)
        case BudgetPaused():
            return _find(balances, refusal.budget_id, None)
        case None:
            warning = [balance for balance in balances if balance.is_warning] or shadowed
            return max(warning, key=lambda balance: balance.utilization_tenths_pct, default=None)
        case _:
            return None


def _find(balances: Sequence[Balance], budget_id: str, subject: str | None) -> Balance | None:
    return next(
        (
            balance
            for balance in balances
            if balance.budget.budget_id == budget_id and subject in {None, str(balance.subject)}
        ),
        None,
    )


def _hint(budget: Balance | None, warnings: Sequence[str]) -> str:
    """Write one sentence for an agent that may go on."""
    if budget is not None and budget.is_warning:
        return f"Go on, but save: {_what_is_left(budget)}."
    return "Go on, but heed the warnings." if warnings else "Go on."


def _hint_of(refusal: Refusal, balances: Sequence[Balance]) -> str:
    """Write one sentence that an agent that may not go on can act on."""
    match refusal:
        case BudgetExceeded():
            return _hint_when_exceeded(refusal, balances)
        case BudgetPaused():
            return "Stop and ask the people in charge to resume the budget."
        case NoBudget():
            return "Stop and ask an admin to create a budget for one of these subjects."
        case TokenCapExceeded():
            return f"Ask for at most {refusal.cap} {refusal.kind} tokens in one request."
        case UnknownPrice():
            return "Send amounts instead of usage, or ask an admin to set a price for this model."
        case UnknownRate():
            rate = f"the rate from {refusal.source} to {refusal.target}"
            return f"Stop and ask an admin to set {rate} anew."


def _hint_when_exceeded(refusal: BudgetExceeded, balances: Sequence[Balance]) -> str:
    """Advise to wait, to ask for less, or both: less helps where one unit alone is short."""
    later = _what_helps_later(refusal, balances)
    units = {violation.unit for violation in refusal.violations}
    most = min(violation.available for violation in refusal.violations)
    if len(units) == 1 and most > 0:
        return f"Ask for at most {amount_text(most)} {units.pop()}, or {later}."
    return f"Stop and {later}."


def _what_helps_later(refusal: BudgetExceeded, balances: Sequence[Balance]) -> str:
    """Advise to wait for holds or for the end of the period; otherwise only an admin helps."""
    wait, violations = refusal.retry_after_seconds, refusal.violations
    if wait is not None and not all(
        balance.could_grant_later(violation.requested)
        for violation in violations
        if (balance := _find(balances, violation.budget_id, violation.subject))
    ):
        return "ask an admin for a higher limit, because a whole period allows less"
    if all(violation.available + violation.held >= violation.requested for violation in violations):
        latest = "" if wait is None else f", in {_seconds(wait)} at the latest"
        return f"try again when what is held has come back{latest}"
    if wait is None:
        return "ask an admin for a higher limit, because this balance does not reset by itself"
    return f"try again in {_seconds(wait)}"


def _seconds(count: int) -> str:
    return f"{count} second" if count == 1 else f"{count} seconds"


def _what_is_left(balance: Balance) -> str:
    left = f"{balance.subject} has {amount_in_sentence(balance.available)} {balance.budget.unit}"
    ends_at = balance.period.ends_at
    return f"{left} left" + (f" until {time_on_wire(ends_at * 1000)}" if ends_at else "")
