"""The built-in prices: those that are listed, or else what genai-prices says itself."""

from functools import lru_cache

from spendgate_service.domain.prices import Price
from spendgate_service.pricing.library import find_in_library, library_price
from spendgate_service.pricing.listed import BuiltinModel, find_listed

TABLE_VERSION, TABLE_DATE = "0.2.3", "2026-11-10"
"""The pinned release of genai-prices and the day on which it was published."""


def find_builtin(provider: str, model: str) -> BuiltinModel | None:
    """The model of the table that these names mean; None if it knows none."""
    listed = find_listed(provider, model)
    return listed.meant if listed else find_in_library(provider, model)


def builtin_price(provider: str, model: str, *, now_ms: int) -> Price | None:
    """What the table says of a model at that moment; None if it says nothing."""
    return _builtin_price_at(provider, model, now_ms // 1000)


@lru_cache(maxsize=256)
def _builtin_price_at(provider: str, model: str, second: int) -> Price | None:
    """Prices change by the second at the soonest; a request asks for its price more than once."""
    listed = find_listed(provider, model)
    if listed is None:
        return library_price(provider, model, second=second)
    return listed.price(provider, model, second=second)
