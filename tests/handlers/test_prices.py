"""Own prices and conversion rates: set, shown, taken away, and used by the next request."""

from typing import Any

import pytest

from spendgate_service.domain import tenants as rules
from spendgate_service.domain.rates import Rate
from spendgate_service.store.client import Table
from spendgate_service.tenants.tenants import change_settings, change_tenant
from tests.support.handlers import Ask

pytestmark = pytest.mark.usefixtures("acme")

OWN = {"input_per_million": "100", "output_per_million": "200", "cached_input_per_million": "10"}


def usage(model: str = "gpt-4o", provider: str = "openai") -> dict[str, Any]:
    return {
        "provider": provider,
        "model": model,
        "input_tokens": 1_000_000,
        "cached_input_tokens": 500_000,
        "max_output_tokens": 1_000_000,
    }


def amounts_of(ask: Ask, one: dict[str, Any]) -> dict[str, str]:
    granted = ask("POST", "/v1/reservations", {"usage": one})
    assert granted.status == 201, granted.body
    amounts: dict[str, str] = granted.body["amounts"]
    return amounts


def test_the_built_in_price_is_shown_where_there_is_no_own(ask: Ask) -> None:
    price = ask("GET", "/v1/prices/openai/gpt-4o")

    assert price.status == 200
    assert (price.body["source"], price.body["currency"]) == ("builtin", "usd")
    assert (price.body["input_per_million"], price.body["updated_at"]) == ("2.5", None)


def test_an_own_price_comes_before_the_built_in_one(ask: Ask) -> None:
    put = ask("PUT", "/v1/prices/openai/gpt-4o", OWN)

    assert (put.status, put.body["source"]) == (200, "override")
    assert ask("GET", "/v1/prices/openai/gpt-4o").body == put.body
    assert amounts_of(ask, usage())["usd"] == "255"


def test_a_price_that_is_taken_away_gives_way_to_the_built_in_one(ask: Ask) -> None:
    put = ask("PUT", "/v1/prices/openai/gpt-4o", OWN)

    assert ask("DELETE", "/v1/prices/openai/gpt-4o").body == put.body
    assert ask("GET", "/v1/prices/openai/gpt-4o").body["source"] == "builtin"
    assert ask("DELETE", "/v1/prices/openai/gpt-4o").status == 404


def test_an_own_model_may_have_slashes_and_another_currency(ask: Ask) -> None:
    path = "/v1/prices/together/meta-llama%2FLlama-3/70b"
    ask("PUT", path, {**OWN, "currency": "eur"})

    priced = amounts_of(ask, usage("meta-llama/Llama-3/70b", "together"))

    assert ask("GET", path).body["model"] == "meta-llama/llama-3/70b"
    assert priced == {"eur": "255", "tokens": "2000000"}


SPELLINGS = [
    ("openai/gpt-4o-mini", "openai/GPT-4o-mini"),
    ("openai/gpt-4.1-nano", "OpenAI/gpt-4.1-nano"),
    ("azure/gpt-4o-2024-08-06", "azure_openai/GPT-4o-2024-08-06"),
    ("google/gemini-2.5-flash", "vertex_ai/models%2FGemini-2.5-Flash"),
]


@pytest.mark.parametrize(("plain", "other"), SPELLINGS)
def test_every_spelling_of_a_model_has_the_same_price_and_tag(
    ask: Ask, plain: str, other: str
) -> None:
    paths = [f"/v1/prices/{name}" for name in (plain, other)]
    builtin, same = (ask("GET", path) for path in paths)
    assert (builtin.body["source"], same.body) == ("builtin", builtin.body)
    tags = {"If-Match": same.headers["ETag"]}

    own = ask("PUT", paths[1], OWN, headers=tags)

    assert (own.status, same.headers["ETag"]) == (200, builtin.headers["ETag"])
    assert [ask("GET", path).headers["ETag"] for path in paths] == [own.headers["ETag"]] * 2
    deleted = ask("DELETE", paths[1], headers={"If-Match": own.headers["ETag"]})
    assert (deleted.status, deleted.body) == (200, own.body)


def test_a_model_that_nobody_knows_has_no_price(ask: Ask) -> None:
    assert ask("GET", "/v1/prices/nobody/nothing").status == 404
    assert ask("POST", "/v1/reservations", {"usage": usage("nothing")}).code == "unknown_price"


def test_usage_without_a_price_is_flagged_where_the_tenant_allows_it(ask: Ask) -> None:
    ask("PATCH", "/v1/tenant", {"unpriced_model": "allow"})

    for path in ("/v1/check", "/v1/reservations"):
        unpriced = ask("POST", path, {"usage": usage("nothing")}).body
        assert unpriced["unpriced"] is True
        assert unpriced["action"] == "warn"
        assert ask("POST", path, {"usage": usage()}).body["unpriced"] is False


def test_a_rate_is_set_shown_and_taken_away(ask: Ask) -> None:
    put = ask("PUT", "/v1/rates/eur/usd", {"rate": "1.1", "max_age_seconds": 60})

    assert put.status == 200
    assert (put.body["from"], put.body["to"], put.body["rate"]) == ("eur", "usd", "1.1")
    assert ask("GET", "/v1/rates/eur/usd").body == put.body
    assert ask("GET", "/v1/rates/usd/eur").status == 404
    assert ask("DELETE", "/v1/rates/eur/usd").body == put.body
    assert ask("DELETE", "/v1/rates/eur/usd").status == 404


def test_a_budget_in_another_unit_is_met_at_the_rate_of_the_tenant(ask: Ask) -> None:
    ask("POST", "/v1/budgets", {"subject": "agent:*", "unit": "usd", "limit": 11})
    ask("PUT", "/v1/rates/eur/usd", {"rate": "1.1"})
    body = {"subjects": {"agent": "a"}, "amounts": {"eur": "10"}}

    granted, refused = ask("POST", "/v1/reservations", body), ask("POST", "/v1/reservations", body)

    assert granted.body["budgets"][0]["held"] == "11"
    assert refused.status == 429


def test_a_rate_that_is_too_old_is_unknown(ask: Ask, memory_table: Table) -> None:
    ask("POST", "/v1/budgets", {"subject": "agent:*", "unit": "usd", "limit": 11})
    ask("PUT", "/v1/rates/eur/usd", {"rate": "1.1", "max_age_seconds": 60})
    old = Rate("eur", "usd", 1, updated_at_ms=0, max_age_seconds=60)
    change_tenant(
        memory_table, "acme", change_settings(lambda current: current.with_rate(old)), now_ms=0
    )

    body = {"subjects": {"agent": "a"}, "amounts": {"eur": "10"}}

    assert ask("POST", "/v1/reservations", body).code == "unknown_rate"
    assert ask("GET", "/v1/rates/eur/usd").status == 200


def test_settings_prices_and_rates_do_not_overwrite_each_other(ask: Ask) -> None:
    ask("PUT", "/v1/rates/eur/usd", {"rate": "1.1"})
    ask("PUT", "/v1/prices/openai/gpt-4o", OWN)
    ask("PATCH", "/v1/tenant", {"name": "Acme"})
    ask("PUT", "/v1/rates/gbp/usd", {"rate": "1.3"})

    assert ask("GET", "/v1/rates/eur/usd").body["rate"] == "1.1"
    assert ask("GET", "/v1/prices/openai/gpt-4o").body["source"] == "override"
    assert ask("GET", "/v1/tenant").body["name"] == "Acme"


@pytest.mark.parametrize(
    ("path", "body", "param"),
    [
        ("/v1/rates/usd/usd", {"rate": 1}, "path.to"),
        ("/v1/rates/USD/eur", {"rate": 1}, "path.from"),
        ("/v1/rates/usd/eur", {"rate": "0"}, "body.rate"),
        ("/v1/prices/" + "p" * 65 + "/m", OWN, "path.provider"),
        ("/v1/prices/p/m", {**OWN, "currency": "US Dollar"}, "body.currency"),
        ("/v1/prices/p/m", {**OWN, "currency": "tokens"}, "body.currency"),
    ],
)
def test_what_cannot_be_is_refused(ask: Ask, path: str, body: dict[str, Any], param: str) -> None:
    refused = ask("PUT", path, body)

    assert (refused.status, refused.body["error"]["param"]) == (422, param)


def test_a_tenant_has_a_limited_number_of_prices(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "PRICES_MAX", 1)
    ask("PUT", "/v1/prices/p/one", OWN)

    assert ask("PUT", "/v1/prices/p/one", OWN).status == 200
    assert ask("PUT", "/v1/prices/p/two", OWN).status == 422


def test_of_two_rates_a_settlement_counts_the_one_that_counts_most_by_then_as_a_record_does(
    ask: Ask,
) -> None:
    subjects = {"agent": "a"}
    made = ask("POST", "/v1/budgets", {"subject": "agent:a", "unit": "credits", "limit": 1000})
    ask("PUT", "/v1/rates/tokens/credits", {"rate": "0.001"})
    ask("PUT", "/v1/rates/usd/credits", {"rate": "100"})
    wish = {"subjects": subjects, "amounts": {"tokens": 2000, "usd": "0.01"}}
    actual = {"tokens": 2000, "usd": "5"}

    reserved = ask("POST", "/v1/reservations", wish).body
    ask("DELETE", "/v1/rates/usd/credits")
    path = f"/v1/reservations/{reserved['reservation_id']}/settle"
    settled = ask("POST", path, {"actual": actual})
    balance = ask("GET", f"/v1/budgets/{made.body['budget_id']}/balance").body

    assert reserved["budgets"][0]["held"] == "2"
    assert (balance["spent"], balance["held"]) == ("500", "0")
    (line,) = settled.body["lines"]
    assert (line["amount"], line["from"], line["rate"]) == ("2", "tokens", "0.001")
