"""Prices for tests."""

from spendgate_service.domain.amounts import ONE, Amount
from spendgate_service.domain.prices import Price, Rates


def a_price(
    provider: str = "p",
    model: str = "m",
    *,
    read: Amount = ONE,
    written: Amount = ONE,
    cached: Amount | None = None,
    updated_at_ms: int = 0,
) -> Price:
    """An own price in usd per million tokens."""
    rates = Rates(
        input_per_million=read, output_per_million=written, cached_input_per_million=cached
    )
    return Price(provider, model, "usd", rates, updated_at_ms=updated_at_ms)
