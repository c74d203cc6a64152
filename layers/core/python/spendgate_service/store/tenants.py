"""Tenant items: one per tenant, with its settings, rates and prices."""

from collections.abc import Collection
from typing import Any, cast

from spendgate_service.domain.amounts import Amount
from spendgate_service.domain.errors import NotFound
from spendgate_service.domain.prices import Price, PriceTier, Rates
from spendgate_service.domain.rates import Rate, UnitRates
from spendgate_service.domain.tenants import Tenant
from spendgate_service.store import keys
from spendgate_service.store.client import Table
from spendgate_service.store.values import (
    Item,
    Value,
    amount,
    key,
    number,
    optional_text,
    read_amount,
    read_number,
    read_text,
    text,
)

_SETTINGS_ARE_AS_READ = "updated_at_ms = :seen_updated_at_ms"
NO_BUDGET_YET = f"{_SETTINGS_ARE_AS_READ} AND attribute_not_exists(budgeted_types)"
# The sets only grow, so their sizes say whether they are the same.
IS_AS_READ = (
    f"{_SETTINGS_ARE_AS_READ} AND size(budgeted_types) = :seen_types "
    "AND size(budgeted_units) = :seen_units"
)
REMEMBER_BUDGET = "ADD budgeted_types :types, budgeted_units :units"
IS_THERE = "attribute_exists(pk)"


def read_tenant_of(table: Table, tenant_id: str) -> Tenant:
    """Read a tenant consistently. Raises NotFound."""
    item = table.get(_key(tenant_id))
    if item is None:
        raise NotFound("tenant", tenant_id)
    return read_tenant(tenant_id, item)


def put_of_tenant(table: Table, tenant: Tenant) -> dict[str, Any]:
    """Build the write, for a transaction, that creates a tenant."""
    return {
        "Put": {
            "TableName": table.name,
            "Item": {**_key(tenant.tenant_id), **tenant_attributes(tenant)},
            "ConditionExpression": keys.IS_NEW,
        }
    }


def replacing_tenant(table: Table, before: Tenant, after: Tenant) -> dict[str, Any]:
    """Build the write that replaces a tenant's settings if they are as they were read."""
    condition, seen = NO_BUDGET_YET, {":seen_updated_at_ms": number(before.updated_at_ms)}
    if before.budgeted_types:
        condition = IS_AS_READ
        seen[":seen_types"] = number(len(before.budgeted_types))
        seen[":seen_units"] = number(len(before.budgeted_units))
    return {
        "Put": {
            "TableName": table.name,
            "Item": {**_key(after.tenant_id), **tenant_attributes(after)},
            "ConditionExpression": condition,
            "ExpressionAttributeValues": seen,
        }
    }


def find_tenant(table: Table, tenant_id: str) -> Tenant:
    """Read a tenant consistently; without an item it has the default settings."""
    return read_tenant(tenant_id, table.get(_key(tenant_id)))


def remembering_budget(table: Table, tenant: Tenant, subject_type: str, unit: str) -> list[Any]:
    """Build the write, if one is needed, that remembers the type and the unit of a new budget."""
    if not tenant.is_known or tenant.knows_budget(subject_type, unit):
        return []
    return [
        {
            "Update": {
                "TableName": table.name,
                "Key": _key(tenant.tenant_id),
                "UpdateExpression": REMEMBER_BUDGET,
                "ConditionExpression": IS_THERE,
                "ExpressionAttributeValues": {
                    ":types": {"SS": [subject_type]},
                    ":units": {"SS": [unit]},
                },
            }
        }
    ]


def _key(tenant_id: str) -> Item:
    return key(keys.tenant_key(tenant_id))


def tenant_attributes(tenant: Tenant) -> Item:
    """Build a tenant's item, without its key."""
    return {
        "require_budget": {"BOOL": tenant.require_budget},
        "unpriced_model": text(tenant.unpriced_model),
        "default_max_output_tokens": number(tenant.default_max_output_tokens),
        "created_at_ms": number(tenant.created_at_ms),
        "updated_at_ms": number(tenant.updated_at_ms),
        "rates": {"L": [_rate_value(rate) for rate in _flat(tenant.rates)]},
        "prices": {"L": [_price_value(price) for price in tenant.prices.values()]},
        **optional_text(label=tenant.name, default_agent=tenant.default_agent),
        **_fallbacks(tenant),
        **_words(budgeted_types=tenant.budgeted_types, budgeted_units=tenant.budgeted_units),
    }


def _fallbacks(tenant: Tenant) -> Item:
    if not tenant.fallback_models:
        return {}
    return {"fallback_models": {"L": [text(name) for name in tenant.fallback_models]}}


def _words(**sets: Collection[str]) -> Item:
    """Build string sets; DynamoDB has no empty ones."""
    return {name: {"SS": sorted(words)} for name, words in sets.items() if words}


def _read_words(item: Item, name: str) -> frozenset[str]:
    return frozenset(item[name]["SS"]) if name in item else frozenset()


def _flat(rates: UnitRates) -> list[Rate]:
    return [rate for by_source in rates.values() for rate in by_source.values()]


def _rate_value(rate: Rate) -> Value:
    fields = {
        "source": text(rate.source),
        "target": text(rate.target),
        "rate": amount(rate.rate),
        "updated_at_ms": number(rate.updated_at_ms),
    }
    if rate.max_age_seconds is not None:
        fields["max_age_seconds"] = number(rate.max_age_seconds)
    return {"M": fields}


def _read_rates(item: Item) -> dict[str, dict[str, Rate]]:
    rates: dict[str, dict[str, Rate]] = {}
    for value in item["rates"]["L"] if "rates" in item else ():
        fields: Item = value["M"]
        most = fields.get("max_age_seconds")
        rate = Rate(
            source=fields["source"]["S"],
            target=fields["target"]["S"],
            rate=read_amount(fields["rate"]),
            updated_at_ms=read_number(fields["updated_at_ms"]),
            max_age_seconds=read_number(most) if most else None,
        )
        rates.setdefault(rate.target, {})[rate.source] = rate
    return rates


def _price_value(price: Price) -> Value:
    fields = {
        "provider": text(price.provider),
        "model": text(price.model),
        "currency": text(price.currency),
        "rates": _rates_value(price.rates),
        "updated_at_ms": number(price.updated_at_ms),
    }
    if price.tiers:
        fields["tiers"] = {"L": [_tier_value(tier) for tier in price.tiers]}
    if price.service_tiers:
        factors = {name: amount(factor) for name, factor in price.service_tiers.items()}
        fields["service_tiers"] = {"M": factors}
    if price.per_request is not None:
        fields["per_request"] = amount(price.per_request)
    if price.per_web_search is not None:
        fields["per_web_search"] = amount(price.per_web_search)
    return {"M": fields}


def _rates_value(rates: Rates) -> Value:
    return {"M": {name: amount(rate) for name, rate in rates.known()}}


def _tier_value(tier: PriceTier) -> Value:
    above = number(tier.above_input_tokens)
    return {"M": {"above_input_tokens": above, "rates": _rates_value(tier.rates)}}


def _read_rate_values(value: Value) -> Rates:
    return Rates(**{name: read_amount(rate) for name, rate in value["M"].items()})


def _optional_amount(fields: Item, name: str) -> Amount | None:
    """Read an amount that may be absent."""
    return read_amount(fields[name]) if name in fields else None


def _read_prices(item: Item) -> dict[str, Price]:
    prices = [_read_price(value["M"]) for value in item["prices"]["L"]] if "prices" in item else []
    return {price.key: price for price in prices}


def _read_price(fields: Item) -> Price:
    tiers = [value["M"] for value in fields["tiers"]["L"]] if "tiers" in fields else []
    factors = fields["service_tiers"]["M"] if "service_tiers" in fields else {}
    return Price(
        provider=fields["provider"]["S"],
        model=fields["model"]["S"],
        currency=fields["currency"]["S"],
        rates=_read_rate_values(fields["rates"]),
        tiers=tuple(
            PriceTier(read_number(tier["above_input_tokens"]), _read_rate_values(tier["rates"]))
            for tier in tiers
        ),
        service_tiers={cast("Any", name): read_amount(value) for name, value in factors.items()},
        per_request=_optional_amount(fields, "per_request"),
        per_web_search=_optional_amount(fields, "per_web_search"),
        updated_at_ms=read_number(fields["updated_at_ms"]),
    )


def read_tenant(tenant_id: str, item: Item | None) -> Tenant:
    """Read a tenant from its item; without an item it has the default settings."""
    if item is None:
        return Tenant(tenant_id)
    return Tenant(
        tenant_id=tenant_id,
        name=read_text(item, "label"),
        require_budget=item["require_budget"]["BOOL"],
        unpriced_model=cast("Any", item["unpriced_model"]["S"]),
        default_max_output_tokens=read_number(item["default_max_output_tokens"]),
        default_agent=read_text(item, "default_agent"),
        fallback_models=tuple(name["S"] for name in item["fallback_models"]["L"])
        if "fallback_models" in item
        else (),
        created_at_ms=read_number(item["created_at_ms"]),
        updated_at_ms=read_number(item["updated_at_ms"]),
        rates=_read_rates(item),
        prices=_read_prices(item),
        budgeted_types=_read_words(item, "budgeted_types"),
        budgeted_units=_read_words(item, "budgeted_units"),
    )
