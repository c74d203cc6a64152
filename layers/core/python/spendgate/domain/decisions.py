"""Deciding without holding: what a reservation of the same request would meet."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from spendgate.domain.amounts import Amount
from spendgate.domain.counters import Balance
from spendgate.domain.errors import BudgetExceeded, Violation


@dataclass(frozen=True, slots=True)
class Outlook:
    """The balances that a request meets, and the refusal it would get, if any."""

    balances: Sequence[Balance]
    refusal: BudgetExceeded | None


def outlook_of(asked: Iterable[tuple[Balance, Amount]]) -> Outlook:
    """Judge what is asked of each balance; refusals keep the order of the balances."""
    balances: list[Balance] = []
    violations: list[Violation] = []
    for balance, amount in asked:
        balances.append(balance)
        if not balance.counter.can_grant(amount, now_ms=balance.now_ms):
            violations.append(balance.violation(amount))
    return Outlook(balances, BudgetExceeded(violations) if violations else None)
