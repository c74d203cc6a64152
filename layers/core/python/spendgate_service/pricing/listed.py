"""The built-in prices as text, so that a function prices a model without importing genai-prices.

`builtin_prices.txt` has a line for each name by which the table knows a model, with the model that
it means, and a line for each of those with its prices as JSON, each from the second since which it
holds. Models whose price depends on the time of day, and names that only a pattern of the table
matches, are not listed. `python -m tools.builtin_prices` writes the list from the pinned release; a
test holds it equal.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from spendgate_service.domain.amounts import Amount, amount_text, parse_amount
from spendgate_service.domain.model_usage import ServiceTier
from spendgate_service.domain.prices import PRICE_UNIT, Price, PriceTier, Rates
from spendgate_service.pricing.names import normalised_name

PATH = Path(__file__).with_name("builtin_prices.txt")

_UNIT_OF_RATES = "_per_million"


@dataclass(frozen=True, slots=True)
class BuiltinModel:
    """A model of the table: the ids under which the table has it."""

    provider_id: str
    model_id: str

    @property
    def key(self) -> str:
        """How its line of prices begins; no line of a name begins so."""
        return f"={self.provider_id}/{self.model_id}"


@dataclass(frozen=True, slots=True)
class Listed:
    """What the table means by a name, and its prices; one is None where it prices nothing."""

    meant: BuiltinModel
    prices: list[tuple[int, Any]]

    def price(self, provider: str, model: str, *, second: int) -> Price | None:
        """Return the price at a moment, under the names that were asked for."""
        packed = [price for since, price in self.prices if since <= second][-1]
        return None if packed is None else _unpacked(packed, provider, model)


def lines_of(name: str, listed: Listed) -> tuple[str, str]:
    """Return the line of a name, and that of the prices of the model that it means."""
    prices = json.dumps(listed.prices, separators=(",", ":"))
    meant = listed.meant
    return f"{name}\t{meant.provider_id}\t{meant.model_id}", f"{meant.key}\t{prices}"


@lru_cache(maxsize=4096)
def find_listed(provider: str, model: str) -> Listed | None:
    """Return what the table means by the names of a model; None where no line says it."""
    ids = _rest_of_line(normalised_name(provider, model))
    if ids is None:
        return None
    meant = BuiltinModel(*ids.split("\t"))
    return Listed(meant, json.loads(_rest_of_line(meant.key) or "[]"))


def _rest_of_line(key: str) -> str | None:
    text = _text()
    beginning = f"\n{key}\t"
    start = text.find(beginning)
    if start < 0:
        return None
    return text[start + len(beginning) : text.index("\n", start + 1)]


@cache
def _text() -> str:
    return "\n" + PATH.read_text(encoding="utf-8")


def packed(price: Price) -> dict[str, Any]:
    """Return a price as it stands in a line: what is empty is left out."""
    whole = {
        "rates": _packed_rates(price.rates),
        "tiers": [[tier.above_input_tokens, _packed_rates(tier.rates)] for tier in price.tiers],
        "per_request": _packed_amount(price.per_request),
        "per_web_search": _packed_amount(price.per_web_search),
        "service_tiers": {tier: amount_text(of) for tier, of in price.service_tiers.items()},
        "tier_rates": {tier: packed(other) for tier, other in price.tier_rates.items()},
    }
    return {name: value for name, value in whole.items() if value}


def _packed_rates(rates: Rates) -> dict[str, str]:
    return {
        name.removesuffix(_UNIT_OF_RATES): amount_text(amount) for name, amount in rates.known()
    }


def _packed_amount(amount: Amount | None) -> str | None:
    return None if amount is None else amount_text(amount)


def _unpacked(price: Mapping[str, Any], provider: str, model: str) -> Price:
    service_tiers: Mapping[ServiceTier, str] = price.get("service_tiers", {})
    tier_rates: Mapping[ServiceTier, Any] = price.get("tier_rates", {})
    return Price(
        provider=provider,
        model=model,
        currency=PRICE_UNIT,
        rates=_unpacked_rates(price.get("rates", {})),
        tiers=tuple(
            PriceTier(above, _unpacked_rates(rates)) for above, rates in price.get("tiers", ())
        ),
        per_request=_unpacked_amount(price.get("per_request")),
        per_web_search=_unpacked_amount(price.get("per_web_search")),
        service_tiers={tier: parse_amount(factor) for tier, factor in service_tiers.items()},
        tier_rates={tier: _unpacked(other, provider, model) for tier, other in tier_rates.items()},
        source="builtin",
    )


def _unpacked_rates(rates: Mapping[str, str]) -> Rates:
    return Rates(**{f"{name}{_UNIT_OF_RATES}": parse_amount(of) for name, of in rates.items()})


def _unpacked_amount(text: str | None) -> Amount | None:
    return None if text is None else parse_amount(text)
