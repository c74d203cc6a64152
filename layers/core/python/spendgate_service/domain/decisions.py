"""Deciding: whether one budget grants a claim, and what a request as a whole meets."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from spendgate_service.domain.amounts import Amount
from spendgate_service.domain.balances import Balance
from spendgate_service.domain.budgets import Budget
from spendgate_service.domain.counters import Counter
from spendgate_service.domain.errors import BudgetExceeded, BudgetPaused, Violation
from spendgate_service.domain.periods import Period

type Verdict = Literal["granted", "paused", "exceeded"]
type Refused = tuple[Balance, Amount, Verdict]
"""A budget that refuses, what was asked of it, and what it said."""

type Refusal = BudgetExceeded | BudgetPaused


def verdict_on(
    budget: Budget, period: Period, counter: Counter, amount: Amount, *, now_ms: int
) -> Verdict:
    """What a budget says to an amount. A shadow budget grants whatever it says (`refuses`)."""
    if budget.paused:
        return "paused"
    pauses_at = budget.pauses_at(period)
    if pauses_at is not None and counter.spent_by_any_clock(now_ms=now_ms) >= pauses_at:
        return "paused"
    return "granted" if counter.can_grant(amount, now_ms=now_ms) else "exceeded"


def refuses(budget: Budget, verdict: Verdict) -> bool:
    """Whether a verdict keeps a request from being granted."""
    return verdict != "granted" and not budget.is_shadow


def refusal_of(refused: Sequence[Refused]) -> Refusal | None:
    """The refusal of a request: the first budget that refuses decides which kind it is."""
    if not refused:
        return None
    balance, _, verdict = refused[0]
    if verdict == "paused":
        return BudgetPaused(budget_id=balance.budget.budget_id, subject=str(balance.subject))
    violations: list[Violation] = [
        balance.violation(amount) for balance, amount, verdict in refused if verdict == "exceeded"
    ]
    return BudgetExceeded(violations)


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The balances that a request meets, and the refusal it would get, if any.

    `shadowed` are shadow budgets that would refuse it if they could.
    """

    balances: Sequence[Balance]
    shadowed: Sequence[Balance]
    refusal: Refusal | None


def check_result_of(asked: Iterable[tuple[Balance, Amount]]) -> CheckResult:
    """Judge what is asked of each balance, in the order of the balances."""
    balances: list[Balance] = []
    shadowed: list[Balance] = []
    refused: list[Refused] = []
    for balance, amount in asked:
        balances.append(balance)
        budget, counter = balance.budget, balance.counter
        verdict = verdict_on(budget, balance.period, counter, amount, now_ms=balance.now_ms)
        if refuses(budget, verdict):
            refused.append((balance, amount, verdict))
        elif verdict != "granted":
            shadowed.append(balance)
    return CheckResult(balances, shadowed, refusal_of(refused))


def shadowed_after(balances: Iterable[Balance]) -> list[Balance]:
    """The shadow budgets that would have refused what has just been held on them."""
    return [
        balance
        for balance in balances
        if balance.budget.is_shadow and (balance.available < 0 or balance.is_paused)
    ]
