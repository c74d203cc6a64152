"""Try a request whole, and then the most of it that fits, if it names a minimum."""

from collections.abc import Callable
from typing import Final

from spendgate_service.domain.errors import BudgetExceeded
from spendgate_service.domain.partial import name_what_fits, part_that_fits
from spendgate_service.domain.rates import UnitRates
from spendgate_service.domain.requests import SpendRequest
from spendgate_service.store.retrying import LoopEnded

PARTIAL_TRIES_MAX: Final = 3
"""How often the most that fits is tried: other requests may take it meanwhile."""


def most_that_fits[T](
    request: SpendRequest,
    try_to: Callable[[SpendRequest], T],
    rates: UnitRates,
    *,
    now_ms: Callable[[], int],
) -> T:
    """Return the result for the whole request, or for the most of it that fits.

    Raises the refusal of the whole, which names how many output tokens would fit.
    """
    asked, refusals = request, list[BudgetExceeded]()
    for tries_left in range(PARTIAL_TRIES_MAX, -1, -1):
        try:
            return try_to(asked)
        except BudgetExceeded as refusal:
            refusals.append(refusal)
            part = part_that_fits(asked, refusal, rates, now_ms=now_ms())
            if part is None or not tries_left:
                name_what_fits(refusals[0], request, rates, now_ms=now_ms())
                raise refusals[0] from None
            asked = part
    raise LoopEnded
