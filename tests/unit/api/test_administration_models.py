"""What the bodies of keys, tenants, token caps, prices and rates mean once they were read."""

import json

import pytest

from spendgate_service.api.bodies.administration import (
    CreateKeyBody,
    CreateTenantBody,
    PatchTenantBody,
    PriceBody,
    RateBody,
    TokenCapBody,
)
from spendgate_service.api.bodies.budgets import PatchBudgetBody
from spendgate_service.domain.amounts import ONE
from spendgate_service.domain.budgets import TokenCap
from spendgate_service.domain.errors import InvalidValue
from spendgate_service.domain.rates import Rate
from spendgate_service.domain.tenants import PRICES_MAX, RATES_MAX, Tenant
from tests.support.api_requests import read, refused_param
from tests.support.prices import a_price

NOW_MS = 1_772_366_400_250


def test_a_patch_that_changes_nothing_is_refused() -> None:
    assert refused_param(PatchBudgetBody, "{}") == "body"
    assert refused_param(PatchTenantBody, "{}") == "body"


def test_nobody_makes_an_operator_key_over_http() -> None:
    assert read(CreateKeyBody, '{"role":"reader"}').role == "reader"
    assert refused_param(CreateKeyBody, '{"role":"operator"}') == "body.role"


@pytest.mark.parametrize("tenant_id", ["-", "", "a#b", "a b", "é", "x" * 65, ".a"])
def test_a_tenant_id_is_a_plain_name(tenant_id: str) -> None:
    text = json.dumps({"tenant_id": tenant_id})

    assert refused_param(CreateTenantBody, text) == "body.tenant_id"


def test_a_tenants_settings_are_patched() -> None:
    tenant = read(CreateTenantBody, '{"tenant_id":"acme"}').to_tenant(now_ms=NOW_MS)

    after = read(PatchTenantBody, '{"require_budget":true,"unpriced_model":"allow"}').applied_to(
        tenant, now_ms=NOW_MS + 1
    )

    assert (tenant.require_budget, tenant.unpriced_model) == (False, "reject")
    assert (after.require_budget, after.unpriced_model) == (True, "allow")


def test_a_token_cap_names_at_least_one_count() -> None:
    body = read(TokenCapBody, '{"max_total_tokens": 1000}')

    assert body.to_token_cap() == TokenCap(max_total_tokens=1000)
    assert refused_param(TokenCapBody, "{}") == "body"
    assert refused_param(TokenCapBody, '{"max_total_tokens": null}') == "body"
    assert refused_param(TokenCapBody, '{"max_total_tokens": 1.5}') == "body.max_total_tokens"


def test_a_price_is_in_usd_if_nothing_else_is_said() -> None:
    text = '{"input_per_million":"2.5","output_per_million":10}'

    price = read(PriceBody, text).to_price(provider="p", model="m", now_ms=NOW_MS)

    assert price == a_price(read=25 * ONE // 10, written=10 * ONE, updated_at_ms=NOW_MS)
    assert refused_param(PriceBody, '{"input_per_million":1}') == "body.output_per_million"


def test_a_rate_is_greater_than_nothing_and_may_grow_too_old() -> None:
    rate = read(RateBody, '{"rate":"1.1","max_age_seconds":60}').to_rate(
        source="eur", target="usd", now_ms=NOW_MS
    )

    assert rate == Rate("eur", "usd", 11 * ONE // 10, NOW_MS, 60)
    assert refused_param(RateBody, '{"rate":0}') == "body.rate"
    assert refused_param(RateBody, '{"rate":1,"max_age_seconds":0}') == "body.max_age_seconds"


def test_a_tenant_has_a_limited_number_of_rates_and_may_always_replace_one() -> None:
    tenant = Tenant("acme")
    for number in range(RATES_MAX):
        tenant = tenant.with_rate(Rate(f"u{number}", "usd", ONE, NOW_MS))

    assert tenant.with_rate(Rate("u1", "usd", 2 * ONE, NOW_MS)).rates["usd"]["u1"].rate == 2 * ONE
    with pytest.raises(InvalidValue, match="delete one first"):
        tenant.with_rate(Rate("eur", "credits", ONE, NOW_MS))
    assert tenant.without_rate("u1", "usd").rate("u1", "usd") is None


def test_a_tenant_has_a_limited_number_of_prices() -> None:
    tenant = Tenant("acme")
    for number in range(PRICES_MAX):
        tenant = tenant.with_price(a_price("p", f"m{number}"))

    with pytest.raises(InvalidValue, match="delete one first"):
        tenant.with_price(a_price("p", "more"))
    assert "p/m1" not in tenant.without_price("p/m1").prices
