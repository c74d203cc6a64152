"""How much of a usage fits into what is left: the most output tokens that would be granted."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from spendgate_service.domain.amounts import ONE, Amount
from spendgate_service.domain.errors import InvalidValue, UnknownPrice, Violation
from spendgate_service.domain.model_usage import Usage
from spendgate_service.domain.prices import Price, cost_of

TOKENS = "tokens"


@dataclass(frozen=True, slots=True)
class FittingOutput:
    """The most output tokens of a model that fit into what is left."""

    model: str
    output_tokens: int


def output_within(usage: Usage, price: Price, amount: Amount) -> int | None:
    """Return the most output tokens, up to those of the usage, that cost at most an amount.

    None if not even the input fits.
    """
    fits, too_many = usage.output_tokens - usage.plain_output_tokens, usage.output_tokens + 1
    if _cost(usage, price, fits) > amount:
        return None
    while too_many - fits > 1:
        middle = (fits + too_many) // 2
        if _cost(usage, price, middle) <= amount:
            fits = middle
        else:
            too_many = middle
    return fits


def fitting_output(
    violations: Iterable[Violation], usage: Usage, price: Price | None
) -> FittingOutput | None:
    """Return what would fit of a refused usage; None if nothing does, or it cannot be known.

    It is known where each budget that refuses was asked for exactly the usage's tokens or price.
    """
    fitting = [_fitting(violation, usage, price) for violation in violations]
    output_tokens = min((count or 0 for count in fitting), default=0)
    return FittingOutput(usage.model, output_tokens) if output_tokens > 0 else None


def _fitting(violation: Violation, usage: Usage, price: Price | None) -> int | None:
    if violation.unit == TOKENS and violation.requested == usage.tokens:
        return violation.available // ONE - usage.input_tokens
    if price is None or violation.unit != price.currency:
        return None
    try:
        if violation.requested == _cost(usage, price, usage.output_tokens):
            return output_within(usage, price, violation.available)
    except (UnknownPrice, InvalidValue):  # the amount was sent beside a usage that has no price
        pass
    return None


def _cost(usage: Usage, price: Price, output_tokens: int) -> Amount:
    return cost_of(replace(usage, output_tokens=output_tokens), price).amount
