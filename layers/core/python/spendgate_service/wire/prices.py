"""Prices of models."""

from typing import Annotated, Literal, TypedDict

from spendgate_service.domain.amounts import amount_text
from spendgate_service.domain.prices import Price, Rates
from spendgate_service.wire.fields import AmountText, Doc, Time
from spendgate_service.wire.values import optional_amount, time_on_wire


class RatesResponse(TypedDict):
    """What a million tokens of each kind cost; null where the price has no rate."""

    input_per_million: Annotated[AmountText | None, Doc("The price of a million input tokens.")]
    cached_input_per_million: Annotated[
        AmountText | None,
        Doc("The price of a million cached input tokens; null: that of input tokens."),
    ]
    cache_write_per_million: Annotated[
        AmountText | None, Doc("The price of a million tokens written to the cache.")
    ]
    cache_write_1h_per_million: Annotated[
        AmountText | None, Doc("The price of a million tokens written to the cache for an hour.")
    ]
    input_audio_per_million: Annotated[
        AmountText | None, Doc("The price of a million input tokens of audio.")
    ]
    cached_audio_per_million: Annotated[
        AmountText | None, Doc("The price of a million cached input tokens of audio.")
    ]
    output_per_million: Annotated[AmountText | None, Doc("The price of a million output tokens.")]
    output_audio_per_million: Annotated[
        AmountText | None, Doc("The price of a million output tokens of audio.")
    ]


class PriceTierResponse(RatesResponse):
    """Rates of requests with more input tokens than a threshold; null: as without the tier."""

    above_input_tokens: Annotated[int, Doc("The tier applies above so many input tokens.")]


class PriceResponse(RatesResponse):
    """What a model costs."""

    provider: Annotated[str, Doc("The provider that runs the model.")]
    model: Annotated[str, Doc("The model, as its provider names it.")]
    currency: Annotated[str, Doc("The unit of the prices.")]
    per_request: Annotated[AmountText | None, Doc("The price of one call, beside its tokens.")]
    per_web_search: Annotated[AmountText | None, Doc("The price of one web search.")]
    tiers: Annotated[
        list[PriceTierResponse], Doc("Rates of large requests, in ascending order of threshold.")
    ]
    service_tiers: Annotated[
        dict[str, AmountText],
        Doc("The factor on the price of tokens in each service tier that has one."),
    ]
    source: Annotated[
        Literal["override", "builtin"],
        Doc("builtin for the price table, override for the tenant's own price."),
    ]
    table_date: Annotated[
        str | None,
        Doc("The day on which the price table was published; null for override.", format="date"),
    ]
    updated_at: Annotated[Time | None, Doc("When the tenant set the price; null for builtin.")]


def price_response(price: Price, *, table_date: str) -> PriceResponse:
    """Build the response about a price; `table_date` is that of the built-in table."""
    is_own = price.source == "override"
    return {
        "provider": price.provider,
        "model": price.model,
        "currency": price.currency,
        **_rates(price.rates),
        "per_request": optional_amount(price.per_request),
        "per_web_search": optional_amount(price.per_web_search),
        "tiers": [
            {"above_input_tokens": tier.above_input_tokens, **_rates(tier.rates)}
            for tier in price.tiers
        ],
        "service_tiers": {
            name: amount_text(factor) for name, factor in price.service_tiers.items()
        },
        "source": price.source,
        "table_date": None if is_own else table_date,
        "updated_at": time_on_wire(price.updated_at_ms) if is_own else None,
    }


def _rates(rates: Rates) -> RatesResponse:
    return {
        "input_per_million": optional_amount(rates.input_per_million),
        "cached_input_per_million": optional_amount(rates.cached_input_per_million),
        "cache_write_per_million": optional_amount(rates.cache_write_per_million),
        "cache_write_1h_per_million": optional_amount(rates.cache_write_1h_per_million),
        "input_audio_per_million": optional_amount(rates.input_audio_per_million),
        "cached_audio_per_million": optional_amount(rates.cached_audio_per_million),
        "output_per_million": optional_amount(rates.output_per_million),
        "output_audio_per_million": optional_amount(rates.output_audio_per_million),
    }
