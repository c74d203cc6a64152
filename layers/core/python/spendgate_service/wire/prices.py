"""Prices of models."""

from spendgate_service.domain.amounts import amount_text
from spendgate_service.domain.tenants import Price
from spendgate_service.wire.values import optional_amount, time_on_wire


def price_response(price: Price, *, is_override: bool) -> dict[str, object]:
    """What a model costs per million tokens, and whether the tenant has set that itself."""
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
