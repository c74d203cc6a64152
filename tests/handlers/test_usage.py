"""Usage over HTTP: every kind of token, provider usage objects, names of models, and defaults.

The kinds behind the cases: a usage narrower than the price; a lenient default beside an exact
override; 0 as the default of an upper bound; two names for one thing that never meet; a report of
money that is refused for its form.
"""

import json
from typing import Any

import pytest

from spendgate_service.app import Spendgate
from tests.support.functions import LambdaContext, load_function
from tests.support.handlers import Ask

pytestmark = pytest.mark.usefixtures("acme")

MILLION = 1_000_000
OWN = {"input_per_million": "100", "output_per_million": "100"}


def spend(ask: Ask, usage: dict[str, Any], **more: Any) -> dict[str, Any]:
    answer = ask("POST", "/v1/spend", {"usage": usage, **more})
    assert answer.status == 201, answer.body
    amounts: dict[str, Any] = answer.body["actual"]
    return amounts


def hold(ask: Ask, usage: dict[str, Any]) -> dict[str, Any]:
    answer = ask("POST", "/v1/reservations", {"usage": usage})
    assert answer.status == 201, answer.body
    return answer.body


def a_budget(ask: Ask, subject: str, limit: str, unit: str = "usd") -> dict[str, Any]:
    period = {"type": "calendar", "unit": "day"}
    made = ask(
        "POST", "/v1/budgets", {"subject": subject, "unit": unit, "limit": limit, "period": period}
    )
    assert made.status == 201, made.body
    return made.body


@pytest.mark.parametrize(
    ("provider", "model", "provider_usage", "usd", "tokens"),
    [
        ("openai", "gpt-4o", {
            "prompt_tokens": 1000, "completion_tokens": 200, "total_tokens": 1200,
            "prompt_tokens_details": {"cached_tokens": 400},
        }, "0.004", "1200"),
        ("openai", "gpt-5", {
            "input_tokens": 1000, "output_tokens": 200, "total_tokens": 1200,
            "input_tokens_details": {"cached_tokens": 400},
        }, "0.0028", "1200"),
        ("anthropic", "claude-3-7-sonnet-20250219", {
            "input_tokens": 3, "cache_creation_input_tokens": 12304,
            "cache_read_input_tokens": 0, "output_tokens": 550,
        }, "0.054399", "12857"),
        ("google", "gemini-2.5-flash", {
            "promptTokenCount": 1000, "cachedContentTokenCount": 200,
            "candidatesTokenCount": 300, "thoughtsTokenCount": 100,
        }, "0.001246", "1400"),
    ],
)  # fmt: skip
def test_a_providers_usage_object_is_recorded_and_settled_as_it_comes(
    ask: Ask,
    provider: str,
    model: str,
    provider_usage: dict[str, Any],
    usd: str,
    tokens: str,
) -> None:
    usage = {"provider": provider, "model": model, "provider_usage": provider_usage}
    held = hold(
        ask,
        {"provider": provider, "model": model, "input_tokens": 13_000, "max_output_tokens": 600},
    )

    recorded = spend(ask, usage)
    path = f"/v1/reservations/{held['reservation_id']}/settle"
    settled = ask("POST", path, {"usage": usage})

    assert recorded == {"usd": usd, "tokens": tokens}
    assert settled.body["actual"] == {"usd": usd, "tokens": tokens}


@pytest.mark.parametrize(
    "usage",
    [
        {"provider_usage": {"prompt_tokens": 1, "completion_tokens": 1}, "input_tokens": 1},
        {"provider_usage": {"prompt_tokens": 1, "completion_tokens": 1}, "cache_write_tokens": 1},
        {"provider_usage": {"tokens": 1}},
        {"provider_usage": {"prompt_tokens": -1, "completion_tokens": 1}},
        {"provider_usage": {"prompt_tokens": "1", "completion_tokens": 1}},
        {},
        {"input_tokens": 5, "cached_input_tokens": 3, "cache_write_tokens": 3},
    ],
)
def test_a_usage_that_contradicts_itself_is_refused(ask: Ask, usage: dict[str, Any]) -> None:
    body = {"usage": {"provider": "openai", "model": "gpt-4o", **usage}}

    answer = ask("POST", "/v1/spend", body)

    assert (answer.status, answer.code) == (422, "invalid_request")


def test_a_kind_of_token_without_a_rate_is_refused_and_the_rate_is_named(ask: Ask) -> None:
    audio = {
        "provider": "openai",
        "model": "gpt-4o-audio-preview",
        "input_tokens": 17,
        "output_tokens": 592,
        "output_audio_tokens": 482,
    }

    refused = ask("POST", "/v1/spend", {"usage": audio})

    assert (refused.status, refused.code) == (422, "unknown_price")
    assert "output_audio_per_million" in refused.body["error"]["message"]

    own = {
        "input_per_million": "2.5",
        "output_per_million": "10",
        "output_audio_per_million": "80",
    }
    assert ask("PUT", "/v1/prices/openai/gpt-4o-audio-preview", own).status == 200
    assert spend(ask, audio)["usd"] == "0.0397025"


@pytest.mark.parametrize(
    ("put", "asked"),
    [
        (("azure", "gpt-4o"), ("Azure", "gpt-4o")),
        (("azure", "gpt-4o"), ("azure", "GPT-4o")),
        (("azure", "gpt-4o"), ("azure_openai", "gpt-4o")),
        (("azure", "gpt-4o"), ("azure-openai", " gpt-4o ")),
        (("azure_openai", "GPT-4o"), ("azure", "gpt-4o")),
        (("openai", "gpt-4o"), ("openai", "openai/gpt-4o")),
        (("openai", "gpt-4o"), ("openai", "gpt-4o-2024-08-06")),
        (("google", "gemini-2.5-flash"), ("google", "models/gemini-2.5-flash")),
        (("vertex_ai", "gemini-2.5-flash"), ("gemini", "google/gemini-2.5-flash")),
    ],
)
def test_an_own_price_is_found_under_every_spelling(
    ask: Ask, put: tuple[str, str], asked: tuple[str, str]
) -> None:
    assert ask("PUT", f"/v1/prices/{put[0]}/{put[1].replace(' ', '%20')}", OWN).status == 200

    usage = {"provider": asked[0], "model": asked[1], "input_tokens": MILLION}
    shown = ask("GET", f"/v1/prices/{asked[0]}/{asked[1].replace(' ', '%20')}")

    assert spend(ask, usage)["usd"] == "100"
    assert (shown.body["source"], shown.body["input_per_million"]) == ("override", "100")


def test_a_price_shows_all_its_rates_its_tiers_and_the_date_of_its_table(ask: Ask) -> None:
    price = ask("GET", "/v1/prices/google/gemini-2.5-pro").body

    assert price["input_per_million"] == "1.25"
    assert price["cached_input_per_million"] == "0.125"
    assert [tier["above_input_tokens"] for tier in price["tiers"]] == [200_000]
    assert price["tiers"][0]["output_per_million"] == "15"
    assert price["service_tiers"]["batch"] == "0.5"
    assert price["table_date"] is not None


def test_an_own_price_may_say_everything_that_a_built_in_one_says(ask: Ask) -> None:
    own = {
        **OWN,
        "cache_write_per_million": "125",
        "per_request": "0.01",
        "per_web_search": "0.02",
        "tiers": [{"above_input_tokens": 1000, "input_per_million": "200"}],
        "service_tiers": {"batch": "0.5"},
    }

    put = ask("PUT", "/v1/prices/me/mine", own)

    assert put.status == 200, put.body
    assert ask("GET", "/v1/prices/me/mine").body == put.body
    usage = {
        "provider": "me",
        "model": "mine",
        "input_tokens": 2000,
        "service_tier": "batch",
        "requests": 2,
        "web_searches": 1,
    }
    assert spend(ask, usage)["usd"] == "0.24"  # 2,000 at 200, half of it; two calls, one search


@pytest.mark.parametrize("tail", ["0.0016150000000000001", "0.00161500000000000009999999999"])
def test_the_tail_of_an_amount_that_is_spent_is_rounded_up(ask: Ask, tail: str) -> None:
    held = ask("POST", "/v1/reservations", {"amounts": {"usd": "1"}}).body["reservation_id"]

    settled = ask("POST", f"/v1/reservations/{held}/settle", {"actual": {"usd": tail}})
    again = ask("POST", f"/v1/reservations/{held}/settle", {"actual": {"usd": tail}})
    recorded = ask("POST", "/v1/spend", {"actual": {"usd": tail}})

    assert settled.body["actual"] == {"usd": "0.001615001"}
    assert (again.status, again.body) == (200, settled.body)
    assert recorded.body["actual"] == {"usd": "0.001615001"}


@pytest.mark.parametrize(
    ("number", "counted"),
    [
        ("0.0016150000000000001", "0.001615001"),
        ("0.30000000000000004", "0.300000001"),
        ("8.333333333333333e-06", "0.000008334"),
        ("1e-10", "0.000000001"),
    ],
)
def test_a_number_with_a_tail_is_rounded_up_wherever_it_is_spent(
    ask: Ask, app: Spendgate, number: str, counted: str
) -> None:
    """As a program writes it, in JSON; from the queue as well."""
    text = f'{{"usd": {number}}}'
    amounts, actual = f'{{"amounts": {text}}}', f'{{"actual": {text}}}'

    checked = ask("POST", "/v1/check", amounts)
    held = ask("POST", "/v1/reservations", amounts)
    lease = f"/v1/reservations/{held.body['reservation_id']}"
    captured = ask("POST", f"{lease}/capture", actual)
    settled = [ask("POST", f"{lease}/settle", actual) for _ in range(2)]
    recorded = ask("POST", "/v1/spend", actual)
    message = {"version": 1, "type": "record", "tenant_id": "acme", "event_id": "e"}
    body = json.dumps({**message, "subjects": {"agent": "queue"}})[:-1] + f', "actual": {text}}}'
    load_function("settle", app).handler(
        {"Records": [{"messageId": "m", "body": body}]}, LambdaContext()
    )

    assert checked.status == 200, checked.body
    assert held.body["amounts"] == captured.body["captured"] == {"usd": counted}
    assert [answer.body["actual"] for answer in (*settled, recorded)] == [{"usd": counted}] * 3
    assert [answer.status for answer in settled] == [200, 200]
    (record,) = ask("GET", "/v1/usage/records", query={"agent": "queue"}).body["data"]
    assert record["amounts"] == {"usd": counted}


def test_a_price_has_its_tail_rounded_up_and_a_limit_with_a_tail_is_refused(ask: Ask) -> None:
    price = ask("PUT", "/v1/prices/me/m", {**OWN, "input_per_million": "3.0000000001"})
    limit = {
        "subject": "user:u",
        "unit": "usd",
        "limit": "3.0000000001",
        "period": {"type": "none"},
    }

    assert price.body["input_per_million"] == "3.000000001"
    assert ask("POST", "/v1/budgets", limit).status == 422


def test_without_a_maximum_the_tenants_default_is_held_with_a_warning(ask: Ask) -> None:
    usage = {"provider": "openai", "model": "gpt-4o", "input_tokens": 100}

    held = hold(ask, usage)
    checked = ask("POST", "/v1/check", {"usage": usage}).body

    assert held["amounts"] == {"usd": "0.04121", "tokens": "4196"}
    assert held["action"] == checked["action"] == "warn"
    assert "4096 output tokens are held" in held["warnings"][0]

    ask("PATCH", "/v1/tenant", {"default_max_output_tokens": 1000})
    assert hold(ask, usage)["amounts"]["usd"] == "0.01025"


def test_two_of_five_calls_without_a_maximum_fit_into_a_limit_of_a_dime(ask: Ask) -> None:
    a_budget(ask, "organization:acme", "0.10")
    usage = {"provider": "openai", "model": "gpt-4o", "input_tokens": 100}

    statuses = [ask("POST", "/v1/reservations", {"usage": usage}).status for _ in range(5)]

    assert sorted(statuses) == [201, 201, 429, 429, 429]


def test_a_model_that_writes_nothing_needs_no_maximum(ask: Ask) -> None:
    usage = {"provider": "openai", "model": "text-embedding-3-small", "input_tokens": 1000}

    held = hold(ask, usage)

    assert held["amounts"] == {"usd": "0.00002", "tokens": "1000"}
    assert not [warning for warning in held["warnings"] if "output" in warning]


@pytest.mark.parametrize("model", ["gpt-4o", "GPT-4o", "openai/gpt-4o", "gpt-4o-2024-08-06"])
def test_a_budget_on_a_model_applies_to_usage_of_it(ask: Ask, model: str) -> None:
    a_budget(ask, "model:gpt-4o", "1")
    usage = {"provider": "openai", "model": model, "input_tokens": MILLION}

    refused = ask("POST", "/v1/reservations", {"usage": {**usage, "max_output_tokens": 0}})
    checked = ask("POST", "/v1/check", {"usage": {**usage, "max_output_tokens": 0}})
    recorded = ask("POST", "/v1/spend", {"usage": usage})

    assert refused.status == 429
    assert refused.body["error"]["violations"][0]["subject"] == "model:gpt-4o"
    assert checked.body["allowed"] is False
    assert [entry["subject"] for entry in recorded.body["entries"]] == ["model:gpt-4o"]


def test_a_model_that_the_request_names_as_a_subject_stays(ask: Ask) -> None:
    a_budget(ask, "model:gpt-4o", "1")
    usage = {"provider": "openai", "model": "gpt-4o", "input_tokens": 10, "max_output_tokens": 1}

    held = ask("POST", "/v1/reservations", {"usage": usage, "subjects": {"model": "mine"}})

    assert held.body["subjects"]["model"] == "mine"
    assert held.body["budgets"] == []
