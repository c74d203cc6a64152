"""A budget that starts in mid-period: with what was spent under what it replaces, or telling it."""

from typing import Any

import pytest

from tests.scenarios.service import DAY, HOUR, Body, Party, calendar, duration, rolling

PERIODS = [{"type": "none"}, calendar("day"), duration("5h"), rolling("5h")]


def by_type(period: Body) -> str:
    return str(period["type"])


def spent_and_left(agent: Party) -> tuple[str, str]:
    balance = agent.balance
    return balance["spent"], balance["available"]


def is_consistent(agent: Party, *budgets: Body) -> bool:
    queries = [{"subject": "agent:a"} if "*" in budget["subject"] else {} for budget in budgets]
    return not any(
        agent.view(budget, "audit", **query)["differences"]
        for budget, query in zip(budgets, queries, strict=True)
    )


def own(agent: Party, limit: object, period: Body, **more: Any) -> Body:
    """An own budget, which every function knows."""
    made = agent.budget("agent:a", limit, period=period, **more)
    agent.wait(1)
    return made


@pytest.mark.parametrize("period", PERIODS, ids=by_type)
class TestAnOwnBudget:
    def test_starts_at_0_and_says_what_it_leaves_behind(self, agent: Party, period: Body) -> None:
        default = agent.budget("agent:*", 5, period=period, name="all agents")
        agent.spend("4.4")
        held = agent.reserve("0.5")

        made = own(agent, 6, period)

        (replaced,) = made["replaces"]
        assert (replaced["budget_id"], replaced["name"]) == (default["budget_id"], "all agents")
        assert (replaced["subject"], replaced["unit"]) == ("agent:*", "usd")
        assert (replaced["spent"], replaced["held"]) == ("4.4", "0.5")
        assert spent_and_left(agent) == ("0", "6")
        agent.settle(held, "0.5")
        assert spent_and_left(agent) == ("0", "6")
        assert is_consistent(agent, default, made)

    def test_inherits_what_was_spent_under_the_default(self, agent: Party, period: Body) -> None:
        default = agent.budget("agent:*", 5, period=period)
        agent.spend("4.9")
        ends_at = agent.balance["period"]["ends_at"]
        agent.wait(HOUR)

        made = own(agent, 6, period, opening_spent="inherit")

        assert "replaces" not in made
        assert (made["balance"]["spent"], made["balance"]["available"]) == ("4.9", "1.1")
        assert made["balance"]["status"] == "warning"
        assert spent_and_left(agent) == ("4.9", "1.1")
        assert agent.balance["period"]["ends_at"] == ends_at
        assert agent.try_reserve("1.100000001").status == 429
        agent.settle(agent.reserve("1.1"), 1)
        (spend, opening) = agent.view(made, "ledger")["data"]
        assert (spend["kind"], opening["kind"]) == ("spend", "opening")
        assert (opening["amount"], opening["ref_id"]) == ("4.9", default["budget_id"])
        assert is_consistent(agent, default, made)

    def test_starts_with_an_amount(self, agent: Party, period: Body) -> None:
        agent.budget("agent:*", 5, period=period)
        agent.spend("4.9")

        made = own(agent, 6, period, opening_spent="7.5")

        assert "replaces" not in made
        assert (made["balance"]["available"], made["balance"]["overrun"]) == ("-1.5", "1.5")
        assert spent_and_left(agent) == ("7.5", "-1.5")
        assert agent.try_reserve("0.1").status == 429
        assert is_consistent(agent, made)

    def test_inherits_nothing_where_there_is_nothing(self, agent: Party, period: Body) -> None:
        made = own(agent, 6, period, opening_spent="inherit")

        assert "replaces" not in made
        assert made["balance"]["spent"] == "0"
        assert agent.view(made, "ledger")["data"] == []

    def test_takes_nothing_over_from_a_default_that_it_does_not_replace(
        self, agent: Party, period: Body
    ) -> None:
        agent.budget("agent:*", 5, period=period)
        agent.budget("user:*", 5, period=period)
        agent.on(user="u").spend(3)
        own(agent, 6, period)

        second = agent.budget("agent:a", 9, period=period, opening_spent="inherit")

        assert "replaces" not in second
        assert second["balance"]["spent"] == "0"


def test_what_is_inherited_leaves_a_rolling_window_when_it_would_have(agent: Party) -> None:
    agent.budget("agent:*", 5, period=rolling("5h"))
    agent.spend(2)
    agent.wait(3 * HOUR)
    agent.spend(1)
    made = own(agent, 6, rolling("5h"), opening_spent="inherit")
    assert spent_and_left(agent) == ("3", "3")

    agent.wait(2.5 * HOUR)
    assert spent_and_left(agent) == ("1", "5")
    agent.release(agent.reserve(5))
    agent.wait(3 * HOUR)
    assert spent_and_left(agent) == ("0", "6")
    assert is_consistent(agent, made)


def test_what_is_inherited_from_another_period_counts_in_the_current_one(agent: Party) -> None:
    agent.budget("agent:*", 5, period=calendar("day"))
    agent.budget("agent:*", 9, period=calendar("month"))
    agent.spend(1)
    agent.wait(DAY)
    agent.spend(2)

    made = own(agent, 6, calendar("month"), opening_spent="inherit")
    assert spent_and_left(agent) == ("3", "3")
    agent.delete(made)
    agent.wait(6)
    made = own(agent, 6, rolling("1h"), opening_spent="inherit")

    assert spent_and_left(agent) == ("3", "3")
    agent.wait(1.1 * HOUR)
    assert spent_and_left(agent) == ("0", "6")


def test_each_unit_is_inherited_by_its_own_budget(agent: Party) -> None:
    agent.budget("agent:*", 5)
    tokens = agent.budget("agent:*", 1000, unit="tokens")
    agent.spend(1)
    agent.spend(70, unit="tokens")

    made = own(agent, 6, {"type": "none"}, opening_spent="inherit")

    (replaced,) = made["replaces"]
    assert (replaced["budget_id"], replaced["spent"]) == (tokens["budget_id"], "70")
    assert made["balance"]["spent"] == "1"


@pytest.mark.parametrize("before", PERIODS, ids=by_type)
@pytest.mark.parametrize("after", PERIODS, ids=by_type)
def test_another_period_starts_with_what_was_spent_in_the_one_before(
    agent: Party, before: Body, after: Body
) -> None:
    if before == after:
        after = calendar("month")
    made = agent.budget("agent:a", 6, period=before)
    agent.spend(2)
    agent.wait(60)

    left = agent.patch(made, period=after)
    agent.spend("0.5")
    agent.wait(60)
    back = agent.patch(made, period=before, opening_spent="inherit")
    again = agent.patch(made, period=after, opening_spent="inherit")

    assert [(entry["budget_id"], entry["spent"]) for entry in left["replaces"]] == [
        (made["budget_id"], "2")
    ]
    assert left["balance"]["spent"] == "0"
    assert back["balance"]["spent"] == "2"
    assert again["balance"]["spent"] == "2"
    assert "replaces" not in {**back, **again}
    assert spent_and_left(agent) == ("2", "4")
    assert agent.patch(made, period=after, opening_spent="5")["balance"]["spent"] == "2"
    assert is_consistent(agent, made)


def test_a_put_inherits_when_it_creates_and_when_it_changes_the_period(agent: Party) -> None:
    agent.budget("agent:*", 5, period=calendar("day"))
    agent.spend("4.9")
    body = {"subject": "agent:a", "unit": "usd", "limit": "6", "opening_spent": "inherit"}

    def put(period: Body) -> Body:
        return agent.done("PUT", "/v1/budgets/by-slug/mine", {**body, "period": period})

    assert put(calendar("day"))["balance"]["spent"] == "4.9"
    agent.wait(1)
    agent.spend(1)
    assert put(calendar("day"))["balance"]["spent"] == "5.9"
    moved = put(calendar("month"))
    assert (moved["balance"]["spent"], "replaces" in moved) == ("5.9", False)
    assert is_consistent(agent, moved)


def test_a_repeated_creation_says_again_what_it_left_behind(agent: Party) -> None:
    agent.budget("agent:*", 5)
    agent.spend(4)
    body = {"subject": "agent:a", "unit": "usd", "limit": "6"}
    headers = {"Idempotency-Key": "k"}

    first = agent.ask("POST", "/v1/budgets", body, headers=headers)
    again = agent.ask("POST", "/v1/budgets", body, headers=headers)

    assert first.body["replaces"][0]["spent"] == "4"
    assert (again.status, again.body) == (200, first.body)
    with_opening = agent.ask(
        "POST", "/v1/budgets", {**body, "opening_spent": "inherit"}, headers=headers
    )
    assert with_opening.code == "idempotency_conflict"


@pytest.mark.parametrize("opening_spent", ["-1", "0.0000000001", "all", True, {}])
def test_an_opening_amount_is_an_amount_or_inherit(agent: Party, opening_spent: object) -> None:
    body = {"subject": "agent:a", "unit": "usd", "limit": "6", "opening_spent": opening_spent}
    refused = agent.ask("POST", "/v1/budgets", body)

    assert (refused.status, refused.body["error"]["param"]) == (422, "body.opening_spent")


def test_a_default_and_a_change_of_something_else_have_no_opening_amount(agent: Party) -> None:
    body = {"subject": "agent:*", "unit": "usd", "limit": "6", "opening_spent": "1"}
    made, default = agent.budget("agent:a", 6), agent.budget("agent:*", 6)

    for method, path, change in (
        ("POST", "/v1/budgets", body),
        ("PUT", "/v1/budgets/by-slug/new", body),
        ("PATCH", f"/v1/budgets/{made['budget_id']}", {"limit": "7", "opening_spent": "1"}),
        (
            "PATCH",
            f"/v1/budgets/{default['budget_id']}",
            {"period": calendar("day"), "opening_spent": "1"},
        ),
    ):
        assert agent.ask(method, path, change).status == 422


def test_the_change_log_says_what_a_budget_started_with(agent: Party) -> None:
    agent.budget("agent:*", 5)
    agent.spend(4)
    made = own(agent, 6, {"type": "none"}, opening_spent="inherit")
    agent.patch(made, period=calendar("month"), opening_spent="1.5")

    changes = agent.done("GET", "/v1/changes", query={"object": made["budget_id"]})["data"]

    assert [
        (field["from"], field["to"])
        for change in changes
        for field in change["changes"]
        if field["field"] == "opening_spent"
    ] == [(None, "1.5"), (None, "4")]
