"""How much of a usage fits into what budgets have left: the most output tokens that they grant."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from spendgate_service.domain.amounts import Amount
from spendgate_service.domain.model_usage import TOKENS, Usage
from spendgate_service.domain.prices import Price, cost_of
from spendgate_service.domain.rates import Conversion, UnitRates, counted_in, usable_conversions


@dataclass(frozen=True, slots=True)
class Room:
    """What one budget has left, in its unit, and how it counts amounts in other units."""

    unit: str
    left: Amount
    conversions: Sequence[Conversion] = ()

    def takes(self, amounts: Mapping[str, Amount]) -> bool:
        """Whether the budget grants the amounts; it refuses no amount of 0."""
        counted = counted_in(self.unit, amounts, self.conversions)
        return counted == 0 or counted <= self.left


def room_of(
    unit: str, left: Amount, amounts: Mapping[str, Amount], rates: UnitRates, *, now_ms: int
) -> Room:
    """Return the room of a budget in a unit for amounts, by the rates in use."""
    return Room(unit, left, usable_conversions(amounts, rates.get(unit, {}), now_ms=now_ms))


@dataclass(frozen=True, slots=True)
class UsageEstimate:
    """What a call to a model may at most use, the price of its model, and amounts sent beside it.

    Amounts that were sent count in place of what the usage comes to.
    """

    usage: Usage
    price: Price | None
    sent: Mapping[str, Amount] = field(default_factory=dict)

    @property
    def output_min(self) -> int:
        """The output tokens of a special kind, such as audio: they do not shrink."""
        return self.usage.output_tokens - self.usage.plain_output_tokens

    def with_output(self, output_tokens: int) -> "UsageEstimate":
        """Return the estimate with another number of output tokens."""
        return replace(self, usage=replace(self.usage, output_tokens=output_tokens))

    def amounts(self) -> dict[str, Amount]:
        """Return what is held for it, by unit. Raises UnknownPrice and InvalidValue."""
        amounts = {**self.sent, TOKENS: self.sent.get(TOKENS, self.usage.tokens)}
        if self.price is None or self.price.currency in amounts:
            return amounts
        return {self.price.currency: cost_of(self.usage, self.price).amount, **amounts}

    def most_output(self, rooms: Sequence[Room], *, at_least: int = 0) -> int | None:
        """Return the most output tokens, up to those of the usage, that every budget grants.

        None if not even `at_least` fits.
        """

        def fits(output_tokens: int) -> bool:
            amounts = self.with_output(output_tokens).amounts()
            return all(room.takes(amounts) for room in rooms)

        most, too_many = max(at_least, self.output_min), self.usage.output_tokens + 1
        if most >= too_many or not fits(most):
            return None
        while too_many - most > 1:
            middle = (most + too_many) // 2
            if fits(middle):
                most = middle
            else:
                too_many = middle
        return most


@dataclass(frozen=True, slots=True)
class Alternative:
    """A model that fits in place of the one that was asked for, and what would be held for it."""

    provider: str
    model: str
    output_tokens: int
    amounts: Mapping[str, Amount]


@dataclass(frozen=True, slots=True)
class FittingOutput:
    """The most output tokens of a model that fit into what is left."""

    model: str
    output_tokens: int
