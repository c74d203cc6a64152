"""The prices that responses to reserve and extend carry."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from spendgate._leases.pricing import Price

ModelName = tuple[str, str]
"""Provider and model, as the caller names them."""


def read_prices(response: Mapping[str, Any]) -> Iterator[tuple[str, Price | None]]:
    """The prices by the name that was asked for; None for a model without a price."""
    yield from response.get("prices", {}).items()
