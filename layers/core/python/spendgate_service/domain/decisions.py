"""Decisions: whether one budget grants a claim, and the result for a whole request."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from spendgate_service.domain.amounts import Amount
from spendgate_service.domain.balances import Balance
from spendgate_service.domain.budgets import Budget
from spendgate_service.domain.counters import Counter
from spendgate_service.domain.errors import BudgetExceeded, BudgetPaused
from spendgate_service.domain.periods import Period
from spendgate_service.domain.requests import SpendRequest

type Verdict = Literal["granted", "paused", "exceeded"]
type Refused = tuple[Balance, Amount, Verdict]
"""A refusing budget's balance, the requested amount and the verdict."""

type Refusal = BudgetExceeded | BudgetPaused


def verdict_on(
    budget: Budget, period: Period, counter: Counter, amount: Amount, *, now_ms: int
) -> Verdict:
    """Return a budget's verdict on an amount; that of a shadow budget never refuses (`refuses`)."""
    if budget.paused:
        return "paused"
    pauses_at = budget.pauses_at(period)
    if pauses_at is not None and counter.spent_by_any_clock(now_ms=now_ms) >= pauses_at:
        return "paused"
    return "granted" if counter.can_grant(amount, now_ms=now_ms) else "exceeded"


def refuses(budget: Budget, verdict: Verdict) -> bool:
    """Return whether a verdict refuses the request."""
    return verdict != "granted" and not budget.is_shadow


def refusal_of(refused: Sequence[Refused]) -> Refusal | None:
    """Return the refusal of a request, which names every budget that refuses.

    A budget with too little left decides before one that is paused.
    """
    if not refused:
        return None
    violations = [
        balance.violation(amount, is_paused=verdict == "paused")
        for balance, amount, verdict in refused
    ]
    is_exceeded = any(verdict == "exceeded" for _, _, verdict in refused)
    return BudgetExceeded(violations) if is_exceeded else BudgetPaused(violations)


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The balances of a request's budgets, and the refusal that it would get, if any.

    `shadowed` are the shadow budgets that would have refused, and `granted` is what would be
    granted: the request, or a part of it.
    """

    balances: Sequence[Balance]
    shadowed: Sequence[Balance]
    refusal: Refusal | None
    granted: SpendRequest | None = None


def check_result_of(asked: Iterable[tuple[Balance, Amount]]) -> CheckResult:
    """Decide on the amount requested of each balance, in their order."""
    balances: list[Balance] = []
    shadowed: list[Balance] = []
    refused: list[Refused] = []
    for current, amount in asked:
        balance = replace(current, asked=amount)
        balances.append(balance)
        budget, counter = balance.budget, balance.counter
        verdict = verdict_on(budget, balance.period, counter, amount, now_ms=balance.now_ms)
        if refuses(budget, verdict):
            refused.append((balance, amount, verdict))
        elif verdict != "granted":
            shadowed.append(balance)
    return CheckResult(balances, shadowed, refusal_of(refused))


def shadowed_after(held: Iterable[tuple[Balance, Amount]]) -> list[Balance]:
    """Return the shadow budgets that would have refused the amounts just held."""
    return [
        balance
        for balance, amount in held
        if balance.budget.is_shadow and _would_have_refused(balance, amount)
    ]


def _would_have_refused(balance: Balance, amount: Amount) -> bool:
    """Judge as `verdict_on` did before the amount was held."""
    counter, now_ms = balance.counter, balance.now_ms
    is_short = amount > 0 and counter.grantable_at(now_ms=now_ms) < 0
    of_nothing = verdict_on(balance.budget, balance.period, counter, 0, now_ms=now_ms)
    return is_short or of_nothing == "paused"
