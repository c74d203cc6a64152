"""Partial authorization: what fits is held where the whole does not, never below the minimum.

A check tells the same as a reservation, with amounts and with usage, on every budget that applies.
"""

from decimal import Decimal
from typing import Any

import pytest

from tests.support.functions import HttpAnswer
from tests.support.handlers import Ask
from tests.support.http_events import a_principal

pytestmark = pytest.mark.usefixtures("acme")

AGENT = {"agent": "a"}
GPT_4O = {"provider": "openai", "model": "gpt-4o", "input_tokens": 1000}
"""2.50 and 10 usd per million tokens: the input costs 0.0025, an output token 0.00001."""


def budget(ask: Ask, limit: str, *, unit: str = "usd", on: str = "agent:a", **more: Any) -> str:
    body = {"subject": on, "unit": unit, "limit": limit, **more}
    return str(ask("POST", "/v1/budgets", body).body["budget_id"])


def reserve(ask: Ask, **body: Any) -> HttpAnswer:
    """Reserve, after a check that has to tell the same."""
    asked = {"subjects": AGENT, **body}
    checked = ask("POST", "/v1/check", asked).body
    answer = ask("POST", "/v1/reservations", asked)
    assert checked["allowed"] is (answer.status == 201), (checked, answer)
    if answer.status == 201:
        assert checked["amounts"] == answer.body["amounts"]
        assert checked.get("usage") == answer.body.get("usage")
    else:
        assert checked["error_code"] == answer.body["error"]["code"]
        assert checked["hint"] == answer.body["error"]["hint"]
    return answer


def held(ask: Ask) -> list[str]:
    return [budget["held"] for budget in ask("GET", "/v1/spend", query=AGENT).body["budgets"]]


@pytest.mark.parametrize(
    ("limits", "amounts", "granted"),
    [
        ({"usd": "3"}, {"usd": "10"}, {"usd": "3"}),
        ({"usd": "30"}, {"usd": "10"}, {"usd": "10"}),
        ({"usd": "3"}, {"usd": "10", "tokens": "1000"}, {"usd": "3", "tokens": "300"}),
        (
            {"usd": "3", "tokens": "100"},
            {"usd": "10", "tokens": "1000", "calls": "7"},
            {"usd": "1", "tokens": "100", "calls": "0.7"},
        ),
        ({"usd": "1"}, {"usd": "3", "tokens": "1"}, {"usd": "1", "tokens": "0.333333333"}),
    ],
)
def test_amounts_shrink_by_one_factor_rounded_down(
    ask: Ask, limits: dict[str, str], amounts: dict[str, str], granted: dict[str, str]
) -> None:
    for unit, limit in limits.items():
        budget(ask, limit, unit=unit)

    answer = reserve(ask, amounts=amounts, min_amounts={"usd": "1"})

    assert (answer.status, answer.body["amounts"]) == (201, granted)
    assert held(ask) == [granted[unit] for unit in limits]
    found = ask("GET", f"/v1/reservations/{answer.body['reservation_id']}").body
    assert found["amounts"] == granted
    assert "usage" not in answer.body


@pytest.mark.parametrize("available", ["0.999999999", "0", "0.5"])
def test_less_than_the_minimum_is_refused_as_the_whole_is(ask: Ask, available: str) -> None:
    budget(ask, available)

    refused = reserve(ask, amounts={"usd": "10"}, min_amounts={"usd": "1"})
    of_the_whole = ask("POST", "/v1/reservations", {"subjects": AGENT, "amounts": {"usd": "10"}})

    assert refused.status == of_the_whole.status == 429
    assert refused.body["error"]["violations"] == of_the_whole.body["error"]["violations"]
    assert held(ask) == ["0"]


def test_a_minimum_of_0_never_grants_nothing(ask: Ask) -> None:
    budget(ask, "0")

    assert reserve(ask, amounts={"usd": "10"}, min_amounts={"usd": "0"}).status == 429


def test_the_tightest_of_many_budgets_decides_and_all_hold_the_same(ask: Ask) -> None:
    for number, limit in enumerate(("9", "4", "6")):
        budget(ask, limit, name=str(number))
    budget(ask, "5", on="organization:acme")
    budget(ask, "1", mode="shadow")

    answer = reserve(ask, amounts={"usd": "8"}, min_amounts={"usd": "2"})

    assert answer.body["amounts"] == {"usd": "4"}
    assert held(ask) == ["4"] * 5


def test_a_budget_in_another_unit_is_not_granted_past_by_its_rate(ask: Ask) -> None:
    assert ask("PUT", "/v1/rates/eur/usd", {"rate": "1.08"}).status == 200
    budget(ask, "1")

    answer = reserve(ask, amounts={"eur": "10"}, min_amounts={"eur": "0.5"})

    assert answer.body["amounts"] == {"eur": "0.925925925"}
    assert held(ask) == ["0.999999999"]


@pytest.mark.parametrize(
    ("limits", "output_tokens", "usd"),
    [
        ({"usd": "0.0105"}, 800, "0.0105"),
        ({"usd": "0.010509999"}, 800, "0.0105"),
        ({"tokens": "1300"}, 300, "0.0055"),
        ({"usd": "0.0105", "tokens": "1100"}, 100, "0.0035"),
        ({"credits": "1.05"}, 800, "0.0105"),
    ],
)
def test_output_tokens_shrink_with_usage(
    ask: Ask, limits: dict[str, str], output_tokens: int, usd: str
) -> None:
    ask("PUT", "/v1/rates/usd/credits", {"rate": "100"})
    for unit, limit in limits.items():
        budget(ask, limit, unit=unit)

    usage = {**GPT_4O, "max_output_tokens": 2000, "min_output_tokens": 100}
    answer = reserve(ask, usage=usage)

    assert (answer.status, answer.body["usage"]) == (201, {"max_output_tokens": output_tokens})
    tokens = str(1000 + output_tokens)
    assert answer.body["amounts"] == {"usd": usd, "tokens": tokens}


def test_fewer_output_tokens_than_the_minimum_are_refused_with_what_would_fit(ask: Ask) -> None:
    budget(ask, "0.0105")

    usage = {**GPT_4O, "max_output_tokens": 2000, "min_output_tokens": 801}
    refused = reserve(ask, usage=usage)

    assert refused.status == 429
    assert "800 output tokens of gpt-4o" in refused.body["error"]["hint"]
    assert refused.body["error"]["violations"][0]["requested"] == "0.0225"


def test_the_whole_usage_is_named_where_it_fits_and_the_default_may_shrink_too(ask: Ask) -> None:
    budget(ask, "0.06")

    whole = reserve(ask, usage={**GPT_4O, "max_output_tokens": 2, "min_output_tokens": 1})
    part = reserve(ask, usage={**GPT_4O, "min_output_tokens": 1})
    rest = reserve(ask, usage={**GPT_4O, "min_output_tokens": 1})

    assert whole.body["usage"] == {"max_output_tokens": 2}
    assert part.body["usage"] == {"max_output_tokens": 4096}
    left = Decimal("0.06") - Decimal("0.00252") - Decimal("0.04346")
    assert rest.body["usage"] == {"max_output_tokens": int((left - Decimal("0.0025")) * 100_000)}


def test_audio_and_reasoning_of_an_estimate_do_not_shrink(ask: Ask) -> None:
    budget(ask, "0.0105")
    usage = {**GPT_4O, "max_output_tokens": 2000, "reasoning_tokens": 801, "min_output_tokens": 1}

    assert reserve(ask, usage=usage).status == 429
    assert reserve(ask, usage={**usage, "reasoning_tokens": 700}).body["usage"] == {
        "max_output_tokens": 800
    }


def test_a_pause_refuses_every_part(ask: Ask) -> None:
    paused = budget(ask, "3")
    assert ask("POST", f"/v1/budgets/{paused}/pause").status == 200

    assert reserve(ask, amounts={"usd": "10"}, min_amounts={"usd": "1"}).status == 409


@pytest.mark.parametrize("period", [{"type": "duration", "window": "5h"}, {"type": "none"}])
def test_a_replay_gets_the_first_part_and_settles_it(ask: Ask, period: dict[str, str]) -> None:
    budget_id = budget(ask, "3", period=period)
    body = {"subjects": AGENT, "amounts": {"usd": "10"}, "min_amounts": {"usd": "1"}}
    key = {"idempotency-key": "k"}

    first = ask("POST", "/v1/reservations", body, headers=key)
    ask("POST", f"/v1/budgets/{budget_id}/credits", {"amount": "100"})
    again = ask("POST", "/v1/reservations", body, headers=key)
    other = ask("POST", "/v1/reservations", {**body, "min_amounts": {"usd": "2"}}, headers=key)

    assert (first.status, again.status, again.body) == (201, 200, first.body)
    assert first.body["amounts"] == {"usd": "3"}
    assert other.body["error"]["code"] == "idempotency_conflict"
    assert held(ask) == ["3"]
    settled = ask("POST", f"/v1/reservations/{first.body['reservation_id']}/settle", {})
    assert settled.body["actual"] == {"usd": "3"}


@pytest.mark.parametrize(
    "body",
    [
        {"amounts": {"usd": "1"}, "min_amounts": {"usd": "1.1"}},
        {"amounts": {"usd": "1"}, "min_amounts": {"eur": "1"}},
        {"usage": {**GPT_4O, "max_output_tokens": 9}, "min_amounts": {"usd": "1"}},
        {"usage": {**GPT_4O, "max_output_tokens": 9, "min_output_tokens": 10}},
        {
            "usage": {**GPT_4O, "max_output_tokens": 9, "min_output_tokens": 8},
            "amounts": {"usd": "1"},
        },
        {
            "usage": {**GPT_4O, "max_output_tokens": 9},
            "amounts": {"usd": "1"},
            "min_amounts": {"usd": "1"},
        },
    ],
)
@pytest.mark.parametrize("path", ["/v1/check", "/v1/reservations"])
def test_a_minimum_that_contradicts_the_request_is_422(
    ask: Ask, path: str, body: dict[str, Any]
) -> None:
    assert ask("POST", path, {"subjects": AGENT, **body}).status == 422


def test_a_token_cap_counts_the_whole(ask: Ask) -> None:
    budget(ask, "0.0105")
    ask("PUT", "/v1/token-caps/agent/a", {"max_completion_tokens": 1000})

    usage = {**GPT_4O, "max_output_tokens": 2000, "min_output_tokens": 1}

    assert reserve(ask, usage=usage).body["error"]["code"] == "token_cap_exceeded"
    assert reserve(ask, usage={**usage, "max_output_tokens": 1000}).status == 201


def test_a_hammered_budget_still_grants_a_part_that_holds_leave(ask: Ask) -> None:
    """The whole is refused from memory after a few times; a part that came back is still found."""
    budget(ask, "1")
    caller = a_principal("caller")
    first = ask("POST", "/v1/reservations", {"subjects": AGENT, "amounts": {"usd": "1"}})
    asked = {"subjects": AGENT, "amounts": {"usd": "2"}, "min_amounts": {"usd": "1"}}
    for _ in range(5):
        assert ask("POST", "/v1/reservations", asked, principal=caller).status == 429
    ask("POST", f"/v1/reservations/{first.body['reservation_id']}/release", {})

    granted = ask("POST", "/v1/reservations", asked, principal=caller)

    assert (granted.status, granted.body["amounts"]) == (201, {"usd": "1"})
