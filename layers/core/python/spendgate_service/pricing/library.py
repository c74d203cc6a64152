"""What genai-prices says of a model, as one of our prices.

Importing it takes about 0.3 s of CPU, for its table and for what it can do besides: `listed` has
most of what it says. Nothing is ever fetched over the network.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

from spendgate_service.domain.amounts import ONE, Amount, amount_rounded_up
from spendgate_service.domain.model_usage import ServiceTier
from spendgate_service.domain.prices import PRICE_UNIT, Price, PriceTier, Rates
from spendgate_service.pricing.listed import BuiltinModel
from spendgate_service.pricing.names import normalised_model, normalised_provider

if TYPE_CHECKING:
    from genai_prices.types import ModelInfo, ModelPrice, Provider

_RATES = {
    "input_mtok": "input_per_million",
    "cache_read_mtok": "cached_input_per_million",
    "cache_write_mtok": "cache_write_per_million",
    "cache_write_1h_mtok": "cache_write_1h_per_million",
    "input_audio_mtok": "input_audio_per_million",
    "cache_audio_read_mtok": "cached_audio_per_million",
    "output_mtok": "output_per_million",
    "output_audio_mtok": "output_audio_per_million",
    "output_reasoning_mtok": "reasoning_per_million",
    "input_image_mtok": "input_image_per_million",
    "cache_image_read_mtok": "cached_image_per_million",
    "input_video_mtok": "input_video_per_million",
    "output_image_mtok": "output_image_per_million",
    "output_video_mtok": "output_video_per_million",
}
"""The table's names of rates per million tokens, and ours."""

_CONTEXTS: Mapping[ServiceTier, Mapping[str, str]] = {
    "batch": {"processing": "batch"},
    "flex": {"service_tier": "flex"},
    "priority": {"service_tier": "priority"},
}
"""How the table names the service tiers."""


def find_in_library(provider: str, model: str) -> BuiltinModel | None:
    """Return the model of the table that these names mean; None if it knows none."""
    found = find_entry(provider, model)
    return BuiltinModel(found[0].id, found[1].id) if found else None


def library_price(provider: str, model: str, *, second: int) -> Price | None:
    """Return what the table says of a model at a moment; None if it says nothing."""
    found = find_entry(provider, model)
    if found is None:
        return None
    owner, info = found
    moment = datetime.fromtimestamp(second, UTC)
    standard = _price(provider, model, info.get_prices(moment))
    if standard is None:
        return None
    tier_rates = {
        tier: price
        for tier, context in _CONTEXTS.items()
        if _has_variant(owner, info, context, moment)
        and (price := _price(provider, model, info.get_prices(moment, context)))
    }
    factors = {
        tier: factor
        for tier, price in tier_rates.items()
        if (factor := _factor(standard, price)) is not None
    }
    return replace(standard, tier_rates=tier_rates, service_tiers=factors)


@lru_cache(maxsize=4096)
def find_entry(provider: str, model: str) -> "tuple[Provider, ModelInfo] | None":
    """Return the table's provider and model that these names mean."""
    from genai_prices.data_snapshot import get_snapshot  # noqa: PLC0415 (see above)

    snapshot = get_snapshot()
    owner = normalised_provider(provider)
    ids = {normalised_provider(known.id): known.id for known in snapshot.providers}
    try:
        return snapshot.find_provider_model(
            normalised_model(provider, model), None, ids.get(owner, owner), None
        )
    except LookupError:
        return None


def _has_variant(
    owner: "Provider", info: "ModelInfo", context: Mapping[str, str], moment: datetime
) -> bool:
    """Whether the table has prices of a service tier; a reseller's are not its supplier's."""
    return any(info is known for known in owner.models) and any(
        variant.when == context
        and (variant.constraint is None or variant.constraint.active(moment))
        for variant in info.price_variants or ()
    )


def _price(provider: str, model: str, prices: "ModelPrice") -> Price | None:
    """One of our prices, if there is anything that it prices."""
    known = {name: value for name, value in vars(prices).items() if value is not None}
    base = Rates(**{ours: _base(known[name]) for name, ours in _RATES.items() if name in known})
    per_request = _per_call(known.get("requests_kcount"))
    per_web_search = _per_call(known.get("web_searches_kcount"))
    if base == Rates() and per_request is None and per_web_search is None:
        return None
    return Price(
        provider=provider,
        model=model,
        currency=PRICE_UNIT,
        rates=base,
        tiers=tuple(_tiers(known)),
        per_request=per_request,
        per_web_search=per_web_search,
        source="builtin",
    )


def _tiers(known: Mapping[str, Any]) -> Iterator[PriceTier]:
    """The tiers of all rates, each with what changes at its threshold."""
    tiered = {
        ours: known[name] for name, ours in _RATES.items() if hasattr(known.get(name), "tiers")
    }
    for start in sorted({tier.start for value in tiered.values() for tier in value.tiers}):
        changed = {
            ours: amount_rounded_up(tier.price)
            for ours, value in tiered.items()
            for tier in value.tiers
            if tier.start == start
        }
        yield PriceTier(start, Rates(**changed))


def _per_call(value: Any) -> Amount | None:
    """The table's rate per thousand, for one."""
    return None if value is None else amount_rounded_up(_decimal(value) / 1000)


def _base(value: Any) -> Amount:
    return amount_rounded_up(_decimal(value))


def _decimal(value: Any) -> Decimal:
    base: Decimal = getattr(value, "base", value)
    return base


def _factor(standard: Price, tier: Price) -> Amount | None:
    """The one factor between two prices' input and output rates, if there is one."""
    pairs = [
        (own, other)
        for own, other in (
            (standard.rates.input_per_million, tier.rates.input_per_million),
            (standard.rates.output_per_million, tier.rates.output_per_million),
        )
        if own and other is not None
    ]
    factors = {Decimal(other) / own for own, other in pairs}
    return int(factors.pop() * ONE) if len(factors) == 1 else None


@cache
def installed_table_version() -> str:
    """The version of genai-prices that is installed."""
    from importlib.metadata import version  # noqa: PLC0415 (only a test and a page ask)

    return version("genai-prices")
