"""What a usage costs by a price that the service sent, as the service itself would count it.

A kind of token that the price has no rate for cannot be priced here: `cost` returns None, and the
service decides.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from spendgate._leases.amounts import ONE, parsed
from spendgate.usage import Usage

TOKENS = "tokens"

_TOKENS_PER_RATE = 1_000_000

Price = Mapping[str, Any]
"""A price as `GET /v1/prices/{provider}/{model}` shows it."""


def units_of_usage(usage: Usage, price: Price) -> dict[str, int] | None:
    """What the usage comes to in tokens and in the price's currency; None if a rate is missing."""
    money = cost(usage, price)
    if money is None:
        return None
    tokens = usage.total_tokens * ONE
    return {price["currency"]: money, TOKENS: tokens} if tokens else {price["currency"]: money}


def cost(usage: Usage, price: Price) -> int | None:
    """What the usage costs, rounded up to a billionth; None if a rate is missing."""
    factor = _factor(usage, price)
    if factor is None:
        return None
    rates = _rates_for(usage.input_tokens, price)
    tokens_cost = 0
    for name, count in _kinds(usage, rates):
        if count:
            rate = rates.get(name)
            if rate is None:
                return None
            tokens_cost += count * parsed(rate)
    calls_cost = usage.requests * parsed(price.get("per_request") or 0)
    if usage.web_searches:
        per_search = price.get("per_web_search")
        if per_search is None:
            return None
        calls_cost += usage.web_searches * parsed(per_search)
    numerator = tokens_cost * factor + calls_cost * _TOKENS_PER_RATE * ONE
    return -(-numerator // (_TOKENS_PER_RATE * ONE))


def _factor(usage: Usage, price: Price) -> int | None:
    """The factor of the service tier; None if the service alone knows its rates."""
    tier = usage.service_tier or "standard"
    if tier == "standard":
        return ONE
    factor = price.get("service_tiers", {}).get(tier)
    return None if factor is None else parsed(factor)


def _rates_for(input_tokens: int, price: Price) -> Price:
    """The rates of a request of that size: tiers are in ascending order."""
    rates = price
    for tier in price.get("tiers") or ():
        if input_tokens > tier["above_input_tokens"]:
            rates = {**rates, **{name: rate for name, rate in tier.items() if rate is not None}}
    return rates


def _kinds(usage: Usage, rates: Price) -> Iterator[tuple[str, int]]:
    """Each kind of token, by the name of its rate."""
    cached_rate = "cached_input_per_million"
    if rates.get(cached_rate) is None:
        cached_rate = "input_per_million"
    output_tokens = max(usage.output_tokens, usage.max_output_tokens or 0)
    plain_input = (
        usage.input_tokens
        - usage.cached_input_tokens
        - usage.cache_write_tokens
        - usage.input_audio_tokens
        + usage.cached_audio_tokens  # it is a part of both
    )
    yield "input_per_million", plain_input
    yield cached_rate, usage.cached_input_tokens - usage.cached_audio_tokens
    yield "cache_write_per_million", usage.cache_write_tokens - usage.cache_write_1h_tokens
    yield "cache_write_1h_per_million", usage.cache_write_1h_tokens
    yield "input_audio_per_million", usage.input_audio_tokens - usage.cached_audio_tokens
    yield "cached_audio_per_million", usage.cached_audio_tokens
    yield "output_per_million", output_tokens - usage.output_audio_tokens
    yield "output_audio_per_million", usage.output_audio_tokens
