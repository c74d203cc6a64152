"""Prices of models, own and built in: one shape, and one rule for what a usage costs.

No kind of token is ever counted at another kind's rate in silence: a rate that is missing is
`UnknownPrice`, which names it. Three kinds are the exception, as providers bill them: reasoning
costs the output rate, cached input the input rate, and images and video the rate of text, unless
the price has a rate of its own for them.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Literal

from spendgate_service.domain.amounts import AMOUNT_MAX, ONE, Amount
from spendgate_service.domain.errors import InvalidValue, UnknownPrice
from spendgate_service.domain.model_usage import ServiceTier, Usage

TOKENS_PER_RATE = 1_000_000

PRICE_UNIT = "usd"
"""The unit of all built-in prices."""

type PriceSource = Literal["override", "builtin"]


def price_key(provider: str, model: str) -> str:
    """The name of a model among all providers'."""
    return f"{provider}/{model}"


@dataclass(frozen=True, slots=True)
class Rates:
    """What a million tokens of each kind cost; None where the price has no rate."""

    input_per_million: Amount | None = None
    cached_input_per_million: Amount | None = None
    cache_write_per_million: Amount | None = None
    cache_write_1h_per_million: Amount | None = None
    input_audio_per_million: Amount | None = None
    cached_audio_per_million: Amount | None = None
    output_per_million: Amount | None = None
    output_audio_per_million: Amount | None = None
    reasoning_per_million: Amount | None = None
    input_image_per_million: Amount | None = None
    cached_image_per_million: Amount | None = None
    input_video_per_million: Amount | None = None
    output_image_per_million: Amount | None = None
    output_video_per_million: Amount | None = None

    def known(self) -> Iterator[tuple[str, Amount]]:
        """The rates that there are, by name."""
        for rate in fields(self):
            amount = getattr(self, rate.name)
            if amount is not None:
                yield rate.name, amount

    def overridden_by(self, other: "Rates") -> "Rates":
        """These rates with the other's in their place where it has one."""
        return replace(self, **dict(other.known()))


@dataclass(frozen=True, slots=True)
class PriceTier:
    """Rates of requests with more input tokens than that, for all their tokens."""

    above_input_tokens: int
    rates: Rates


@dataclass(frozen=True, slots=True)
class Price:
    """What a model costs; `tiers` are in ascending order.

    `service_tiers` has the factor (an amount: 0.5 for half) of each service tier that has one; it
    applies to tokens, not to calls and searches. `tier_rates` has the rates of a service tier that
    are no one factor (the built-in table's), and comes first.
    """

    provider: str
    model: str
    currency: str
    rates: Rates
    tiers: tuple[PriceTier, ...] = ()
    per_request: Amount | None = None
    per_web_search: Amount | None = None
    service_tiers: Mapping[ServiceTier, Amount] = field(default_factory=dict)
    tier_rates: Mapping[ServiceTier, "Price"] = field(default_factory=dict)
    updated_at_ms: int = 0
    source: PriceSource = "override"

    @property
    def key(self) -> str:
        """The key of its model."""
        return price_key(self.provider, self.model)

    @property
    def has_output(self) -> bool:
        """Whether the model writes tokens that cost anything; an embedding has no output rate."""
        return self.rates.output_per_million is not None

    def rates_for(self, input_tokens: int) -> Rates:
        """The rates of a request with so many input tokens."""
        rates = self.rates
        for tier in self.tiers:
            if input_tokens > tier.above_input_tokens:
                rates = rates.overridden_by(tier.rates)
        return rates


@dataclass(frozen=True, slots=True)
class Cost:
    """What a usage costs in the price's currency, and what the caller is warned of."""

    amount: Amount
    warnings: tuple[str, ...] = ()


def cost_of(usage: Usage, price: Price) -> Cost:
    """What a usage costs, rounded up to the next amount.

    Raises UnknownPrice, which names the rate that is missing, and InvalidValue for a cost beyond
    all amounts.
    """
    price, factor, warnings = _in_service_tier(usage, price)
    rates = price.rates_for(usage.input_tokens)
    tokens_cost = sum(
        count * _rate(rates, name, usage) for name, count in _kinds(usage, rates) if count
    )
    calls_cost = usage.requests * (price.per_request or 0)
    if usage.web_searches:
        calls_cost += usage.web_searches * _known(price.per_web_search, "per_web_search", usage)
    numerator = tokens_cost * factor + calls_cost * TOKENS_PER_RATE * ONE
    cost = -(-numerator // (TOKENS_PER_RATE * ONE))
    if cost > AMOUNT_MAX:
        raise InvalidValue(
            f"body.usage: its cost is more than can be counted in {price.currency}",
            param="body.usage",
        )
    return Cost(cost, warnings)


def _in_service_tier(usage: Usage, price: Price) -> tuple[Price, Amount, tuple[str, ...]]:
    """The price in the service tier of a usage, the factor on its tokens, and the warnings."""
    tier = usage.service_tier
    if tier == "standard":
        return price, ONE, ()
    if tier in price.tier_rates:
        return price.tier_rates[tier], ONE, ()
    if tier in price.service_tiers:
        return price, price.service_tiers[tier], ()
    if tier == "priority":
        raise UnknownPrice(
            provider=usage.provider, model=usage.model, missing="service_tiers.priority"
        )
    warning = f"{price.key} has no {tier} price; counted at the standard rate"
    return price, ONE, (warning,)


def _kinds(usage: Usage, rates: Rates) -> Iterator[tuple[str, int]]:
    """Each kind of token, by the rate that it costs, without the tokens of its special parts."""
    yield "input_per_million", usage.plain_input_tokens
    yield (
        _own_or(rates, "cached_input_per_million", "input_per_million"),
        usage.cached_input_tokens - usage.cached_audio_tokens - usage.cached_image_tokens,
    )
    yield "cache_write_per_million", usage.cache_write_tokens - usage.cache_write_1h_tokens
    yield "cache_write_1h_per_million", usage.cache_write_1h_tokens
    yield "input_audio_per_million", usage.input_audio_tokens - usage.cached_audio_tokens
    yield "cached_audio_per_million", usage.cached_audio_tokens
    yield (
        _own_or(rates, "input_image_per_million", "input_per_million"),
        usage.input_image_tokens - usage.cached_image_tokens,
    )
    yield (
        _own_or(rates, "cached_image_per_million", "cached_input_per_million", "input_per_million"),
        usage.cached_image_tokens,
    )
    yield (
        _own_or(rates, "input_video_per_million", "input_per_million"),
        usage.input_video_tokens,
    )
    yield "output_per_million", usage.plain_output_tokens
    yield "output_audio_per_million", usage.output_audio_tokens
    yield (
        _own_or(rates, "reasoning_per_million", "output_per_million"),
        usage.reasoning_tokens,
    )
    yield (
        _own_or(rates, "output_image_per_million", "output_per_million"),
        usage.output_image_tokens,
    )
    yield (
        _own_or(rates, "output_video_per_million", "output_per_million"),
        usage.output_video_tokens,
    )


def _own_or(rates: Rates, *names: str) -> str:
    """The first of the rates that the price has, or the last name."""
    return next((name for name in names if getattr(rates, name) is not None), names[-1])


def _rate(rates: Rates, name: str, usage: Usage) -> Amount:
    return _known(getattr(rates, name), name, usage)


def _known(rate: Amount | None, name: str, usage: Usage) -> Amount:
    if rate is None:
        raise UnknownPrice(provider=usage.provider, model=usage.model, missing=name)
    return rate
