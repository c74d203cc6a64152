"""Subjects as people write them: `org`, a default agent, and no `*` inside an id."""

import json
from typing import Any

import pytest

from spendgate_service.app import Spendgate
from tests.support.functions import LambdaContext, load_function
from tests.support.handlers import Ask

pytestmark = pytest.mark.usefixtures("acme")

SPENDING = ("/v1/reservations", "/v1/check", "/v1/spend")
LIMIT = {"unit": "usd", "limit": "10"}


def spend(ask: Ask, path: str, subjects: dict[str, str]) -> Any:
    field = "actual" if path == "/v1/spend" else "amounts"
    return ask("POST", path, {"subjects": subjects, field: {"usd": "1"}})


def budgets_of(answered: Any) -> list[str]:
    assert answered.status in {200, 201}, answered.body
    return [budget["subject"] for budget in answered.body["budgets"]]


def test_org_is_a_spelling_of_organization(ask: Ask) -> None:
    made = ask("POST", "/v1/budgets", {"subject": "org:acme", **LIMIT})
    path = f"/v1/budgets/{made.body['budget_id']}/ledger"

    assert (made.status, made.body["subject"]) == (201, "organization:acme")
    assert ask("GET", path, query={"subject": "org:acme"}).status == 200
    assert ask("PUT", "/v1/token-caps/org/acme", {"max_total_tokens": 5}).status == 200
    assert ask("GET", "/v1/token-caps/organization/acme").body["max_total_tokens"] == 5
    assert budgets_of(ask("GET", "/v1/spend", query={"org": "acme"})) == ["organization:acme"]


@pytest.mark.parametrize("path", SPENDING)
@pytest.mark.parametrize("spelling", ["org", "organization"])
def test_a_request_may_name_its_own_organization(ask: Ask, path: str, spelling: str) -> None:
    ask("POST", "/v1/budgets", {"subject": "org:acme", **LIMIT})

    assert budgets_of(spend(ask, path, {spelling: "acme"})) == ["organization:acme"]

    refused = spend(ask, path, {spelling: "globex"})
    assert (refused.status, refused.body["error"]["param"]) == (422, f"body.subjects.{spelling}")


@pytest.mark.parametrize("spelling", ["org", "organization"])
def test_another_organization_is_refused(ask: Ask, spelling: str) -> None:
    made = ask("POST", "/v1/budgets", {"subject": "organization:*", **LIMIT})
    path = f"/v1/budgets/{made.body['budget_id']}"
    other = f"{spelling}:globex"

    refused = [
        ask("POST", "/v1/budgets", {"subject": other, **LIMIT}),
        ask("GET", f"{path}/ledger", query={"subject": other}),
        ask("POST", f"{path}/credits", {"amount": "1", "subject": other}),
        ask("GET", f"/v1/token-caps/{spelling}/globex"),
        ask("PUT", f"/v1/token-caps/{spelling}/globex", {"max_total_tokens": 5}),
        ask("DELETE", f"/v1/token-caps/{spelling}/globex"),
        ask("GET", "/v1/spend", query={spelling: "globex"}),
    ]

    assert [answered.status for answered in refused] == [422] * len(refused)


@pytest.mark.parametrize("subject_id", ["claude-opus-*", "team-a/*", "*x", "**", "a*b"])
def test_a_star_is_the_whole_id_or_no_part_of_it(ask: Ask, subject_id: str) -> None:
    made = ask("POST", "/v1/budgets", {"subject": "model:*", **LIMIT})
    ledger = f"/v1/budgets/{made.body['budget_id']}/ledger"
    usage = {"provider": "openai", "model": subject_id, "input_tokens": 1, "output_tokens": 1}
    named = {"agent": subject_id}

    refused = [
        ask("POST", "/v1/budgets", {"subject": f"agent:{subject_id}", **LIMIT}),
        ask("PUT", f"/v1/token-caps/agent/{subject_id}", {"max_total_tokens": 5}),
        ask("GET", ledger, query={"subject": f"model:{subject_id}"}),
        ask("GET", "/v1/spend", query=named),
        *(spend(ask, path, named) for path in SPENDING),
        ask("POST", "/v1/spend", {"usage": usage}),
    ]

    assert made.status == 201
    assert [answered.status for answered in refused] == [422] * len(refused)


@pytest.mark.parametrize("path", SPENDING)
def test_a_request_without_an_agent_counts_for_the_default_one(ask: Ask, path: str) -> None:
    ask("POST", "/v1/budgets", {"subject": "agent:*", **LIMIT})
    assert ask("PATCH", "/v1/tenant", {"default_agent": "main"}).body["default_agent"] == "main"

    assert budgets_of(spend(ask, path, {})) == ["agent:main"]
    assert budgets_of(spend(ask, path, {"agent": "other"})) == ["agent:other"]

    assert ask("PATCH", "/v1/tenant", {"name": "Acme"}).body["default_agent"] == "main"
    assert ask("PATCH", "/v1/tenant", {"default_agent": None}).body["default_agent"] is None
    assert budgets_of(spend(ask, path, {})) == []


def test_a_message_without_an_agent_counts_for_the_default_one(ask: Ask, app: Spendgate) -> None:
    ask("POST", "/v1/budgets", {"subject": "agent:*", **LIMIT})
    ask("PATCH", "/v1/tenant", {"default_agent": "main"})
    message = {"version": 1, "type": "record", "tenant_id": "acme", "event_id": "e"}
    body = json.dumps({**message, "actual": {"usd": "4"}})

    load_function("settle", app).handler(
        {"Records": [{"messageId": "m", "body": body}]}, LambdaContext()
    )

    (budget,) = ask("GET", "/v1/spend", query={"agent": "main"}).body["budgets"]
    assert budget["spent"] == "4"


@pytest.mark.parametrize("agent", ["*", "a*", ""])
def test_a_default_agent_is_one_agent(ask: Ask, agent: str) -> None:
    assert ask("PATCH", "/v1/tenant", {"default_agent": agent}).status == 422
