"""Alternatives: which of the tenant's fallback models fit in place of the one asked for."""

from typing import Any

import pytest

from tests.support.functions import HttpAnswer
from tests.support.handlers import Ask
from tests.support.http_events import a_principal

USAGE = {"provider": "acme-ai", "model": "large", "input_tokens": 1000, "max_output_tokens": 1000}
"""3 usd as priced below, 1 of it for the input."""

MODELS = {"large": ("1000", "2000"), "medium": ("500", "1000"), "small": ("100", "200")}
MEDIUM, SMALL = "acme-ai/medium", "acme-ai/small"


@pytest.fixture(autouse=True)
def prices(ask: Ask, acme: None) -> None:  # noqa: ARG001 (the tenant has to be there)
    """Own prices of three models, and fallbacks in the wrong order, with the model itself."""
    for model, (read, written) in MODELS.items():
        price = {"input_per_million": read, "output_per_million": written}
        assert ask("PUT", f"/v1/prices/acme-ai/{model}", price).status == 200
    names = [MEDIUM, "acme-ai/LARGE", "unheard-of/model", SMALL]
    assert ask("PATCH", "/v1/tenant", {"fallback_models": names}).status == 200


def budget(ask: Ask, limit: str, *, unit: str = "usd", on: str = "agent:a", **more: Any) -> str:
    body = {"subject": on, "unit": unit, "limit": limit, **more}
    return str(ask("POST", "/v1/budgets", body).body["budget_id"])


def asked(ask: Ask, path: str, **body: Any) -> HttpAnswer:
    return ask("POST", path, {"subjects": {"agent": "a"}, "usage": USAGE, **body})


def fitting(ask: Ask, **body: Any) -> dict[str, int]:
    """The alternatives in a check, in their order; a refusal of a reservation has the same."""
    checked = asked(ask, "/v1/check", **body).body
    answer = asked(ask, "/v1/reservations", **body)
    if answer.status != 201:
        error = answer.body["error"]
        assert error["alternatives"] == checked["alternatives"]
        assert error["hint"] == checked["hint"]
    return {
        f"{found['provider']}/{found['model']}": found["max_output_tokens"]
        for found in checked["alternatives"]
    }


@pytest.mark.parametrize(
    ("limit", "fits"),
    [
        ("3", {SMALL: 1000, MEDIUM: 1000}),
        ("2.99", {SMALL: 1000, MEDIUM: 1000}),
        ("1.25", {SMALL: 1000, MEDIUM: 750}),
        ("0.5", {SMALL: 1000}),
        ("0.25", {SMALL: 750}),
        ("0.1001", {}),
    ],
)
def test_what_fits_is_named_cheapest_first_with_the_output_that_fits(
    ask: Ask, limit: str, fits: dict[str, int]
) -> None:
    budget(ask, limit)

    assert list(fitting(ask).items()) == list(fits.items())


def test_a_reservation_of_an_alternative_holds_what_it_says(ask: Ask) -> None:
    budget(ask, "1.25")
    refused = asked(ask, "/v1/reservations").body["error"]
    first = refused["alternatives"][1]

    usage = {**USAGE, **{name: first[name] for name in ("provider", "model", "max_output_tokens")}}
    granted = asked(ask, "/v1/reservations", usage=usage)

    assert (granted.status, granted.body["amounts"]) == (201, first["amounts"])
    assert granted.body["budgets"][0]["available"] == "0"


def test_the_hint_of_a_refusal_names_the_first(ask: Ask) -> None:
    budget(ask, "1.25")

    hint = asked(ask, "/v1/reservations").body["error"]["hint"]

    assert hint.startswith("Ask for at most 125 output tokens of large (1.25 usd); ")
    assert hint.endswith(f". {SMALL} fits now with up to 1000 output tokens.")


@pytest.mark.parametrize("limits", [("1.25", "9"), ("9", "1.25")])
def test_every_budget_of_the_request_has_to_grant_it(ask: Ask, limits: tuple[str, str]) -> None:
    for limit, subject in zip(limits, ("agent:a", "organization:acme"), strict=True):
        budget(ask, limit, on=subject)
    budget(ask, "1100", unit="tokens", period={"type": "duration", "window": "5h"})
    budget(ask, "0", mode="shadow")

    assert fitting(ask) == {SMALL: 100, MEDIUM: 100}


def test_a_budget_on_a_model_is_for_that_model_alone(ask: Ask) -> None:
    budget(ask, "0", on="model:large")
    budget(ask, "0.15", on="model:small")
    paused = budget(ask, "9", on="model:medium")

    assert fitting(ask) == {SMALL: 250, MEDIUM: 1000}
    ask("POST", f"/v1/budgets/{paused}/pause")
    assert fitting(ask) == {SMALL: 250}
    assert fitting(ask, subjects={"agent": "a", "model": "large"}) == {}


def test_a_paused_budget_of_the_request_leaves_nothing(ask: Ask) -> None:
    ask("POST", f"/v1/budgets/{budget(ask, '9')}/pause")

    assert fitting(ask) == {}


def test_a_budget_in_another_unit_counts_by_its_rate(ask: Ask) -> None:
    ask("PUT", "/v1/rates/usd/credits", {"rate": "100"})
    budget(ask, "125", unit="credits")

    assert fitting(ask) == {SMALL: 1000, MEDIUM: 750}


def test_fewer_output_tokens_than_the_minimum_are_no_alternative(ask: Ask) -> None:
    budget(ask, "0.25")

    assert fitting(ask, usage={**USAGE, "min_output_tokens": 751}) == {}
    assert fitting(ask, usage={**USAGE, "min_output_tokens": 750}) == {SMALL: 750}


def test_costs_in_another_currency_are_compared_by_its_rate(ask: Ask) -> None:
    price = {"input_per_million": "1", "output_per_million": "1", "currency": "eur"}
    ask("PUT", "/v1/prices/acme-ai/foreign", price)
    ask("PATCH", "/v1/tenant", {"fallback_models": ["acme-ai/foreign", SMALL]})
    budget(ask, "1")
    budget(ask, "1000", unit="eur")

    assert list(fitting(ask)) == [SMALL, "acme-ai/foreign"]
    ask("PUT", "/v1/rates/eur/usd", {"rate": "1.08"})
    assert list(fitting(ask)) == ["acme-ai/foreign", SMALL]


def test_a_model_without_a_price_and_a_request_above_a_cap_have_alternatives_too(ask: Ask) -> None:
    budget(ask, "0.25")
    unknown = {**USAGE, "model": "unheard-of"}

    assert fitting(ask, usage=unknown) == {SMALL: 750}
    ask("PUT", "/v1/token-caps/agent/a", {"max_completion_tokens": 700})
    assert fitting(ask) == {}
    ask("PUT", "/v1/token-caps/agent/a", {"max_completion_tokens": 750})
    assert fitting(ask) == {SMALL: 750}


def test_nothing_is_said_without_usage_or_fallbacks_or_for_a_key_of_one_model(ask: Ask) -> None:
    budget(ask, "1.25")
    bound = {**a_principal("caller"), "subjects": '{"model": "large"}'}
    body = {"subjects": {"agent": "a"}, "usage": USAGE}

    amounts = asked(ask, "/v1/reservations", usage=None, amounts={"usd": "3"})
    of_bound = ask("POST", "/v1/reservations", body, principal=bound)
    ask("PATCH", "/v1/tenant", {"fallback_models": []})
    without = asked(ask, "/v1/reservations")

    for refused in (amounts, of_bound, without):
        assert refused.status == 429 and "alternatives" not in refused.body["error"]
    assert "alternatives" not in asked(ask, "/v1/check").body


@pytest.mark.parametrize(
    "names",
    [
        ["gpt-4o"],
        ["/x"],
        ["openai/"],
        [SMALL] * 2,
        [SMALL, "Acme_AI/small"],
        [f"a/{n}" for n in range(11)],
    ],
)
def test_fallback_models_are_ten_distinct_names_at_most(ask: Ask, names: list[str]) -> None:
    assert ask("PATCH", "/v1/tenant", {"fallback_models": names}).status == 422


def test_the_settings_keep_the_order_and_a_change_of_another_field_keeps_them(ask: Ask) -> None:
    names = ["openai/gpt-4o-mini", SMALL]
    ask("PATCH", "/v1/tenant", {"fallback_models": names})
    ask("PATCH", "/v1/tenant", {"name": "Acme"})

    assert ask("GET", "/v1/tenant").body["fallback_models"] == names


@pytest.mark.parametrize("path", ["/v1/check", "/v1/reservations", "/v1/spend"])
def test_a_price_in_a_currency_that_no_budget_counts_is_a_warning(ask: Ask, path: str) -> None:
    price = {"input_per_million": "1", "output_per_million": "1", "currency": "eur"}
    ask("PUT", "/v1/prices/acme-ai/large", price)
    budget(ask, "10")
    budget(ask, "100000", unit="tokens")
    usage = dict(USAGE)
    if path == "/v1/spend":
        usage["output_tokens"] = usage.pop("max_output_tokens")
    body = {"subjects": {"agent": "a"}, "usage": usage}

    def warnings() -> list[str]:
        return [
            warning
            for warning in ask("POST", path, body).body["warnings"]
            if warning.startswith("the price is in eur, which no budget of this request counts")
        ]

    assert [warning.endswith("there is no rate to usd") for warning in warnings()] == [True]
    ask("PUT", "/v1/rates/eur/usd", {"rate": "1.08"})
    assert warnings() == []
    ask("DELETE", "/v1/rates/eur/usd")
    budget(ask, "10", unit="eur", on="organization:acme")
    assert warnings() == []


def test_an_allowance_for_a_call_has_the_same_alternatives_as_its_check(ask: Ask) -> None:
    budget(ask, "1.25")
    query = {"agent": "a", **{name: str(value) for name, value in USAGE.items()}}

    said = ask("GET", "/v1/allowance", query=query).body
    check = asked(ask, "/v1/check").body

    assert said["alternatives"] == check["alternatives"] != []
    assert "alternatives" not in ask("GET", "/v1/allowance", query={"agent": "a"}).body
    ask("POST", "/v1/spend", {"subjects": {"agent": "a"}, "actual": {"usd": "1.25"}})
    assert ask("GET", "/v1/allowance", query=query).body["alternatives"] == []


def test_an_allowance_for_a_call_counts_the_budget_of_its_model(ask: Ask) -> None:
    budget(ask, "5", on="model:large")
    query = {"agent": "a", **{name: str(value) for name, value in USAGE.items()}}

    assert ask("GET", "/v1/allowance", query=query).body["max_amounts"] == {"usd": "5"}
    for wrong in ({"input_tokens": "many"}, {"provider": ""}, {"max_output_tokens": "-1"}):
        refused = ask("GET", "/v1/allowance", query={**query, **wrong})
        assert (refused.status, refused.body["error"]["param"][:12]) == (422, "query.usage.")
