"""The tenant's fallback models: the same usage of each of them, with its price."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from spendgate_service.domain.amounts import Amount
from spendgate_service.domain.errors import InvalidValue, UnknownPrice
from spendgate_service.domain.fitting import UsageEstimate
from spendgate_service.domain.prices import PRICE_UNIT, cost_of
from spendgate_service.domain.rates import Conversion
from spendgate_service.domain.tenants import Tenant
from spendgate_service.pricing.names import normalised_name
from spendgate_service.pricing.priced_amounts import price_for


@dataclass(frozen=True, slots=True)
class _Priced:
    """An estimate, and its cost in the unit in which costs are compared, if that is known."""

    estimate: UsageEstimate
    cost: Amount
    is_comparable: bool


def estimates_of_fallbacks(
    tenant: Tenant, asked: UsageEstimate, *, now_ms: int
) -> list[UsageEstimate]:
    """Return the usage for each fallback model that has a price for all of it, cheapest first.

    Costs in other currencies are compared by the tenant's rates to the unit of the built-in table;
    those without a rate come last. A model whose cost is sent beside the usage is left out: that
    is the cost of the model that was asked for.
    """
    own_name = normalised_name(asked.usage.provider, asked.usage.model)
    priced = []
    for name in tenant.fallback_models:
        provider, _, model = name.partition("/")
        price = price_for(tenant, provider, model, now_ms=now_ms)
        is_asked = normalised_name(provider, model) == own_name
        if is_asked or price is None or price.currency in asked.sent:
            continue
        usage = replace(asked.usage, provider=provider, model=model)
        try:
            cost = cost_of(usage, price).amount
        except (UnknownPrice, InvalidValue):
            continue
        estimate = UsageEstimate(usage, price, asked.sent)
        priced.append(_comparable(estimate, cost, price.currency, tenant))
    return _cheapest_first(priced)


def _comparable(estimate: UsageEstimate, cost: Amount, currency: str, tenant: Tenant) -> _Priced:
    rate = tenant.rate(currency, PRICE_UNIT)
    if rate is None:
        return _Priced(estimate, cost, currency == PRICE_UNIT)
    return _Priced(estimate, Conversion(currency, rate.rate).converted(cost), is_comparable=True)


def _cheapest_first(priced: Sequence[_Priced]) -> list[UsageEstimate]:
    ordered = sorted(priced, key=lambda model: (not model.is_comparable, model.cost))
    return [model.estimate for model in ordered]
