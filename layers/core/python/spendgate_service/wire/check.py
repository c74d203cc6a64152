"""The response to a check: whether the caller may go on, and if not, what helps.

It describes the most restrictive budget: the first that refuses, else the one that is used most
of those that warn, or else of the shadows that would refuse.
"""

from collections.abc import Sequence
from typing import Annotated, Literal, NotRequired, TypedDict

from spendgate_service.domain.amounts import amount_text
from spendgate_service.domain.balances import Balance
from spendgate_service.domain.budgeted import UNBUDGETED
from spendgate_service.domain.errors import BudgetExceeded, BudgetPaused, Violation
from spendgate_service.domain.requests import SpendRequest
from spendgate_service.wire.alternatives import AlternativeResponse
from spendgate_service.wire.balances import BalanceResponse, balance_response, warnings_of
from spendgate_service.wire.fields import Amounts, AmountText, Doc
from spendgate_service.wire.hints import Refusal, hint_of, hint_to_go_on
from spendgate_service.wire.reservations import GrantedUsage
from spendgate_service.wire.values import amounts_on_wire

Action = Literal["continue", "warn", "pause", "stop"]


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


class _Granted(TypedDict):
    """What would be granted of a request that named a minimum, and what fits in its place."""

    alternatives: NotRequired[
        Annotated[
            list[AlternativeResponse],
            Doc("Of a usage, if the tenant has fallback_models: those that fit, cheapest first."),
        ]
    ]
    amounts: NotRequired[
        Annotated[Amounts, Doc("Sent if the request named a minimum: what would be held, by unit.")]
    ]
    usage: NotRequired[
        Annotated[
            GrantedUsage,
            Doc("Sent if the usage named min_output_tokens: how much of it would be granted."),
        ]
    ]


class CheckResponse(_MostRestrictive, _Granted):
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
    unbudgeted: Annotated[
        bool, Doc("Whether it is allowed and no budget applies, so that nothing limits it.")
    ]
    may_request_increase: Annotated[
        bool, Doc("Whether the caller may ask for more on the budgets that are spent.")
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
    granted: SpendRequest | None = None,
    error_code: str | None = None,
    notes: Sequence[str] = (),
    unpriced: bool = False,
) -> CheckResponse:
    """Build the response to a check, which is a 200 also where a reservation would be refused.

    `error_code` is the code of the refusal, `granted` what would be granted of a request that may
    shrink, and `notes` are warnings not about budgets.
    """
    assert (refusal is None) == (error_code is None), "a refusal has a code, and a grant has none"
    is_unbudgeted = refusal is None and not balances
    unbudgeted = [UNBUDGETED] if is_unbudgeted else []
    warnings = [*notes, *unbudgeted, *warnings_of(balances, shadowed)]
    budget = _most_restrictive(balances, shadowed, refusal)
    return {
        "action": _action(refusal, warnings),
        "allowed": refusal is None,
        **_most_restrictive_fields(budget, refusal, error_code, warnings),
        **_granted_fields(granted),
        "warnings": warnings,
        "unpriced": unpriced,
        "unbudgeted": is_unbudgeted,
        "may_request_increase": (
            isinstance(refusal, BudgetExceeded) and refusal.may_request_increase
        ),
        "hint": hint_to_go_on(budget, warnings) if refusal is None else hint_of(refusal),
        "budgets": [balance_response(balance) for balance in balances],
    }


def _granted_fields(granted: SpendRequest | None) -> _Granted:
    """Say what would be granted of a request that may shrink."""
    if granted is None or not granted.may_shrink:
        return {}
    fields: _Granted = {"amounts": amounts_on_wire(granted.amounts)}
    if granted.granted_output is not None:
        fields["usage"] = {"max_output_tokens": granted.granted_output}
    return fields


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
            return _find(balances, refusal.short[0])
        case BudgetPaused():
            return _find(balances, refusal.violations[0])
        case None:
            warning = [balance for balance in balances if balance.warning] or shadowed
            return max(
                warning,
                key=lambda balance: balance.tenths_pct_of(balance.committed),
                default=None,
            )
        case _:
            return None


def _find(balances: Sequence[Balance], violation: Violation) -> Balance | None:
    wanted = violation.budget_id, violation.subject
    found = (
        balance
        for balance in balances
        if (balance.budget.budget_id, str(balance.subject)) == wanted
    )
    return next(found, None)
