"""Token caps: laid down, shown, taken away, and held before anything else."""

from typing import Any

import pytest

from tests.support.handlers import Ask
from tests.support.http_events import a_principal

CAP = {"max_prompt_tokens": None, "max_completion_tokens": 100, "max_total_tokens": 1000}


def ask_for(ask: Ask, agent: str, *, prompt: int, completion: int) -> Any:
    usage = {
        "provider": "openai",
        "model": "gpt-4o",
        "input_tokens": prompt,
        "max_output_tokens": completion,
    }
    return ask("POST", "/v1/reservations", {"subjects": {"agent": agent}, "usage": usage})


def test_a_cap_is_laid_down_shown_and_taken_away(ask: Ask) -> None:
    path = "/v1/token-caps/agent/researcher"

    put = ask("PUT", path, {"max_completion_tokens": 100, "max_total_tokens": 1000})

    assert (put.status, put.body) == (200, {"subject": "agent:researcher", **CAP})
    assert ask("GET", path).body == put.body
    assert ask("DELETE", path).body == put.body
    assert (ask("GET", path).status, ask("DELETE", path).status) == (404, 404)


def test_a_put_replaces_the_whole_cap(ask: Ask) -> None:
    ask("PUT", "/v1/token-caps/agent/a", CAP)

    ask("PUT", "/v1/token-caps/agent/a", {"max_prompt_tokens": 5})

    assert ask("GET", "/v1/token-caps/agent/a").body["max_total_tokens"] is None


def test_a_request_over_a_cap_is_refused_and_holds_nothing(ask: Ask) -> None:
    budget = ask("POST", "/v1/budgets", {"subject": "agent:a", "unit": "usd", "limit": 10}).body
    ask("PUT", "/v1/token-caps/agent/a", {"max_completion_tokens": 100})

    refused = ask_for(ask, "a", prompt=10, completion=101)

    assert (refused.status, refused.code) == (400, "token_cap_exceeded")
    assert "101 completion tokens" in refused.body["error"]["message"]
    assert "100" in refused.body["error"]["message"]
    balance = ask("GET", f"/v1/budgets/{budget['budget_id']}/balance").body
    assert (balance["held"], balance["available"]) == ("0", "10")
    assert ask_for(ask, "a", prompt=10, completion=100).status == 201


def test_the_cap_of_a_type_is_for_who_has_no_own(ask: Ask) -> None:
    ask("PUT", "/v1/token-caps/agent/*", {"max_total_tokens": 10})
    ask("PUT", "/v1/token-caps/agent/big", {"max_total_tokens": 1000})

    assert ask_for(ask, "small", prompt=10, completion=1).status == 400
    assert ask_for(ask, "big", prompt=10, completion=1).status == 201


def test_a_cap_and_the_budgets_of_a_subject_leave_each_other_alone(ask: Ask) -> None:
    made = ask("POST", "/v1/budgets", {"subject": "agent:a", "unit": "usd", "limit": 10}).body
    ask("PUT", "/v1/token-caps/agent/a", {"max_total_tokens": 10})

    changed = ask("PATCH", f"/v1/budgets/{made['budget_id']}", {"limit": 20})

    assert changed.body["version"] == made["version"] + 2
    assert ask("GET", "/v1/token-caps/agent/a").body["max_total_tokens"] == 10


def test_a_cap_that_is_there_already_is_no_change(ask: Ask) -> None:
    made = ask("POST", "/v1/budgets", {"subject": "agent:a", "unit": "usd", "limit": 10}).body
    ask("PUT", "/v1/token-caps/agent/a", {"max_total_tokens": 10})
    ask("PUT", "/v1/token-caps/agent/a", {"max_total_tokens": 10})

    read = ask("GET", f"/v1/budgets/{made['budget_id']}").body
    assert read["version"] == made["version"] + 1


@pytest.mark.parametrize(
    ("path", "subject"),
    [
        ("tool/search%3Aweb", "tool:search:web"),
        ("tool/search:web", "tool:search:web"),
        ("model/openai%2Fgpt-4o", "model:openai/gpt-4o"),
        ("model/openai/gpt-4o", "model:openai/gpt-4o"),
        ("user/J%C3%BCrgen%20%2B", "user:Jürgen +"),
        ("app/100%25", "app:100%"),
        ("app/a%252Fb", "app:a%2Fb"),
        ("agent/%2A", "agent:*"),
    ],
)
def test_an_id_in_a_path_is_decoded_once(ask: Ask, path: str, subject: str) -> None:
    put = ask("PUT", f"/v1/token-caps/{path}", {"max_total_tokens": 10})

    assert put.body["subject"] == subject
    assert ask("GET", f"/v1/token-caps/{path}").body == put.body


@pytest.mark.parametrize(
    "path", ["Agent/a", "agent/" + "x" * 257, "agent/a%00", "organization/globex"]
)
def test_a_subject_that_cannot_be_is_refused(ask: Ask, path: str) -> None:
    refused = ask("PUT", f"/v1/token-caps/{path}", {"max_total_tokens": 10})

    assert (refused.status, refused.code) == (422, "invalid_request")


def test_caps_of_another_tenant_are_not_seen(ask: Ask) -> None:
    ask("PUT", "/v1/token-caps/agent/a", {"max_total_tokens": 10})

    stranger = ask("GET", "/v1/token-caps/agent/a", principal=a_principal(tenant_id="globex"))
    reader = a_principal("reader")

    assert stranger.status == 404
    assert ask("GET", "/v1/token-caps/agent/a", principal=reader).status == 200
    assert ask("DELETE", "/v1/token-caps/agent/a", principal=reader).status == 403
