"""Partial authorization: the most of a request that the budgets that refuse the whole would grant.

With a usage the output tokens shrink; amounts all shrink by one factor, rounded down. The result is
only a proposal: each budget decides on it as on any other request.
"""

from dataclasses import replace

from spendgate_service.domain.amounts import Amount
from spendgate_service.domain.errors import BudgetExceeded, BudgetRefusal, Violation
from spendgate_service.domain.fitting import FittingOutput, Room, room_of
from spendgate_service.domain.rates import UnitRates
from spendgate_service.domain.requests import SpendRequest


def part_that_fits(
    request: SpendRequest, refusal: BudgetRefusal, rates: UnitRates, *, now_ms: int
) -> SpendRequest | None:
    """Return the most of a refused request that fits; None if that is nothing, or too little.

    A pause refuses every amount.
    """
    if refusal.names_a_pause or not request.may_shrink:
        return None
    if request.min_output_tokens is not None:
        rooms = _rooms(request, refusal, rates, now_ms)
        most = request.most_output(rooms, at_least=max(1, request.min_output_tokens))
        return None if most is None else request.with_output(most)
    amounts = {
        unit: min(_share(amount, violation) for violation in refusal.violations)
        for unit, amount in request.amounts.items()
    }
    if not any(amounts.values()):
        return None
    is_enough = all(amounts[unit] >= least for unit, least in request.min_amounts.items())
    return replace(request, amounts=amounts) if is_enough else None


def name_what_fits(
    refusal: BudgetExceeded, request: SpendRequest, rates: UnitRates, *, now_ms: int
) -> None:
    """Let a refusal name how many output tokens of the usage that was asked for would fit."""
    if request.estimate is None or refusal.names_a_pause:
        return
    most = request.most_output(_rooms(request, refusal, rates, now_ms), at_least=1)
    if most is not None:
        refusal.fitting_output = FittingOutput(request.estimate.usage.model, most)


def _rooms(
    request: SpendRequest, refusal: BudgetRefusal, rates: UnitRates, now_ms: int
) -> list[Room]:
    return [
        room_of(violation.unit, violation.grantable, request.amounts, rates, now_ms=now_ms)
        for violation in refusal.violations
    ]


def _share(amount: Amount, violation: Violation) -> Amount:
    """Return the part of an amount by which the budget would grant its part."""
    return amount * max(0, violation.grantable) // violation.requested
