"""The lists of what a tenant has set itself: prices and rates, each object once, page by page."""

from typing import Any

import pytest

from tests.support.handlers import Ask, pages
from tests.support.http_events import a_principal

pytestmark = pytest.mark.usefixtures("acme")

PRICE = {"input_per_million": 1, "output_per_million": 2}


def all_pages(ask: Ask, path: str, limit: int = 2) -> list[dict[str, Any]]:
    found = list(pages(ask, path, limit=str(limit)))
    assert all(len(page) <= limit for page in found), found
    return [entry for page in found for entry in page]


def test_own_prices_are_listed_by_name_and_built_in_ones_are_not(ask: Ask) -> None:
    models = ["z", "a/b", "münchen", "gpt-4o", "a"]
    set_prices = [ask("PUT", f"/v1/prices/acme-ai/{model}", PRICE).body for model in models]

    listed = all_pages(ask, "/v1/prices")

    assert listed == sorted(set_prices, key=lambda price: str(price["model"]))
    assert {price["source"] for price in listed} == {"override"}


def test_rates_are_listed_by_their_units_also_those_too_old(ask: Ask) -> None:
    rates = [
        ask("PUT", f"/v1/rates/{source}/usd", {"rate": 2, "max_age_seconds": 1}).body
        for source in ("gbp", "eur", "credits")
    ]

    assert all_pages(ask, "/v1/rates") == rates[::-1]


@pytest.mark.parametrize("path", ["/v1/prices", "/v1/rates"])
def test_a_tenant_that_set_nothing_has_an_empty_list(ask: Ask, path: str) -> None:
    assert ask("GET", path).body == {"data": [], "next_cursor": None}


@pytest.mark.parametrize("path", ["/v1/prices", "/v1/rates"])
def test_what_one_tenant_set_no_other_sees(ask: Ask, path: str) -> None:
    operator = a_principal("operator", tenant_id="-")
    ask("POST", "/v1/tenants", {"tenant_id": "beta"}, principal=operator)
    ask("PUT", "/v1/prices/acme-ai/m", PRICE)
    ask("PUT", "/v1/rates/eur/usd", {"rate": 2})

    beta = a_principal("reader", tenant_id="beta")

    assert len(ask("GET", path).body["data"]) == 1
    assert ask("GET", path, principal=beta).body["data"] == []


@pytest.mark.parametrize("path", ["/v1/prices", "/v1/rates"])
def test_the_cursor_of_another_list_is_refused(ask: Ask, path: str) -> None:
    answer = ask("GET", path, query={"cursor": "YQ"})

    assert (answer.status, answer.body["error"]["param"]) == (422, "query.cursor")
