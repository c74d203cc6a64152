"""Prices of models."""

from typing import Annotated, Literal, TypedDict

from spendgate_service.domain.amounts import amount_text
from spendgate_service.domain.tenants import Price
from spendgate_service.wire.fields import AmountText, Doc, Time
from spendgate_service.wire.values import optional_amount, time_on_wire


class PriceResponse(TypedDict):
    """What a model costs per million tokens."""

    provider: Annotated[str, Doc("The provider that runs the model.")]
    model: Annotated[str, Doc("The model, as its provider names it.")]
    currency: Annotated[str, Doc("The unit of the prices.")]
    input_per_million: Annotated[AmountText, Doc("The price of a million input tokens.")]
    output_per_million: Annotated[AmountText, Doc("The price of a million output tokens.")]
    cached_input_per_million: Annotated[
        AmountText | None,
        Doc("The price of a million cached input tokens; null: that of input tokens."),
    ]
    source: Annotated[
        Literal["override", "builtin"],
        Doc("builtin for the price table, override for the tenant's own price."),
    ]
    updated_at: Annotated[Time | None, Doc("When the tenant set the price; null for builtin.")]


def price_response(price: Price, *, is_override: bool) -> PriceResponse:
    """Build the response about a price; `is_override` says that the tenant has set it."""
    return {
        "provider": price.provider,
        "model": price.model,
        "currency": price.currency,
        "input_per_million": amount_text(price.input_per_million),
        "output_per_million": amount_text(price.output_per_million),
        "cached_input_per_million": optional_amount(price.cached_input_per_million),
        "source": "override" if is_override else "builtin",
        "updated_at": time_on_wire(price.updated_at_ms) if is_override else None,
    }
