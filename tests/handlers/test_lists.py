"""What is there can be listed: balances by status and utilization, and token caps (case 26)."""

from collections.abc import Iterator
from typing import Any, get_origin

import pytest

from spendgate_service.api.routes import ROUTES
from spendgate_service.wire.pages import PageResponse
from tests.handlers.test_access import as_role, new_objects, send
from tests.support.handlers import Ask, all_entries, pages

pytestmark = pytest.mark.usefixtures("acme")

PERIODS: list[dict[str, Any]] = [
    {"type": "none"},
    {"type": "calendar", "unit": "year"},
    {"type": "duration", "window": "30d"},
    {"type": "rolling", "window": "30d"},
]


def default(ask: Ask, period: dict[str, Any], **fields: Any) -> str:
    body = {"subject": "user:*", "unit": "usd", "limit": 10, "period": period, **fields}
    budget_id: str = ask("POST", "/v1/budgets", body).body["budget_id"]
    return budget_id


def spend(ask: Ask, user: str, usd: str) -> None:
    body = {"subjects": {"user": user}, "actual": {"usd": usd}}
    assert ask("POST", "/v1/spend", body).status == 201


def subjects(found: Iterator[list[dict[str, Any]]]) -> list[str]:
    return [balance["subject"].partition(":")[2] for page in found for balance in page]


@pytest.mark.parametrize("period", PERIODS, ids=lambda period: period["type"])
def test_who_of_five_users_under_a_default_is_over(ask: Ask, period: dict[str, Any]) -> None:
    path = f"/v1/budgets/{default(ask, period)}/balances"
    for place, user in enumerate("abcde"):
        spend(ask, user, str(3 * place + 1))  # 1, 4, 7, 10, 13 of 10

    by_utilization = pages(ask, path, sort="-utilization", limit="2")
    assert subjects(by_utilization) == ["e", "d", "c", "b", "a"]
    assert sorted(subjects(pages(ask, path, limit="2"))) == ["a", "b", "c", "d", "e"]
    assert sorted(subjects(pages(ask, path, status="exhausted", limit="1"))) == ["d", "e"]
    assert subjects(pages(ask, path, status="exhausted", sort="-utilization")) == ["e", "d"]
    assert not subjects(pages(ask, path, status="paused"))
    (top,) = next(pages(ask, path, sort="-utilization", limit="1"))
    alone = ask("GET", path.removesuffix("s"), query={"subject": "user:e"}).body
    assert {**top, "resets_in_seconds": 0, "forecast": 0} == {
        **alone,
        "resets_in_seconds": 0,
        "forecast": 0,
    }


def test_a_budget_of_one_subject_lists_its_balance(ask: Ask) -> None:
    made = ask("POST", "/v1/budgets", {"subject": "user:a", "unit": "usd", "limit": 1}).body

    path = f"/v1/budgets/{made['budget_id']}/balances"
    assert subjects(pages(ask, path, limit="1")) == ["a"]
    assert subjects(pages(ask, path, sort="-utilization")) == ["a"]


def test_a_period_that_is_over_is_not_listed(ask: Ask) -> None:
    """The counters of earlier periods stay in the index, and are not balances of now."""
    budget_id = default(ask, {"type": "calendar", "unit": "day"})
    spend(ask, "a", "1")
    ask("PATCH", f"/v1/budgets/{budget_id}", {"period": {"type": "calendar", "unit": "year"}})

    assert not subjects(pages(ask, f"/v1/budgets/{budget_id}/balances"))


def test_the_tenants_balances_are_those_of_every_budget(ask: Ask) -> None:
    default(ask, {"type": "none"})
    default(ask, {"type": "calendar", "unit": "year"}, limit=5)
    ask("POST", "/v1/budgets", {"subject": "organization:acme", "unit": "usd", "limit": 100})
    deleted = ask("POST", "/v1/budgets", {"subject": "user:z", "unit": "usd", "limit": 1}).body
    ask("DELETE", f"/v1/budgets/{deleted['budget_id']}")
    for user in "abc":
        spend(ask, user, "6")

    everything = subjects(pages(ask, "/v1/balances", limit="2"))

    assert sorted(everything) == ["a", "a", "acme", "b", "b", "c", "c"]
    assert sorted(subjects(pages(ask, "/v1/balances", status="exhausted"))) == ["a", "b", "c"]


def test_a_wrong_status_sort_or_cursor_is_422(ask: Ask) -> None:
    path = f"/v1/budgets/{default(ask, {'type': 'none'})}/balances"

    for name, value in (("status", "over"), ("sort", "limit"), ("cursor", "eA")):
        refused = ask("GET", path, query={name: value})
        assert (refused.status, refused.body["error"]["param"]) == (422, f"query.{name}")


@pytest.mark.parametrize(
    "query", [{"limit": "0"}, {"limit": "x"}, {"limit": "1001"}, {"cursor": "W10"}, {"No": "1"}]
)
def test_every_list_refuses_a_limit_a_cursor_or_a_parameter_that_it_does_not_know(
    ask: Ask, query: dict[str, str]
) -> None:
    objects, (name,) = new_objects(ask, "acme"), query
    lists = [route for route in ROUTES if get_origin(route.response) is PageResponse]
    answers = {
        route.key: send(ask, route, objects, as_role(route.roles[0], "acme"), query=query)
        for route in lists
    }

    assert len(lists) >= 15
    assert {(answer.status, answer.body["error"]["param"]) for answer in answers.values()} == {
        (422, f"query.{name}")
    }, answers


def test_token_caps_are_listed_while_they_are_there(ask: Ask) -> None:
    for place, subject in enumerate(("agent/*", "agent/b", "model/gpt-4o", "agent/b")):
        ask("PUT", f"/v1/token-caps/{subject}", {"max_total_tokens": place + 1})
    ask("PUT", "/v1/token-caps/user/gone", {"max_total_tokens": 9})
    ask("DELETE", "/v1/token-caps/user/gone")

    caps = all_entries(ask, "/v1/token-caps", limit="1")

    assert [(cap["subject"], cap["max_total_tokens"]) for cap in caps] == [
        ("agent:*", 1),
        ("agent:b", 4),
        ("model:gpt-4o", 3),
    ]


def test_caps_of_subjects_of_any_length_are_listed(ask: Ask) -> None:
    long = ["é" * 255 + end for end in "ab"]
    for subject_id in long:
        assert (
            ask("PUT", f"/v1/token-caps/agent/{subject_id}", {"max_total_tokens": 1}).status == 200
        )

    caps = [cap["subject"] for cap in all_entries(ask, "/v1/token-caps")]
    assert sorted(caps) == [f"agent:{subject_id}" for subject_id in long]
