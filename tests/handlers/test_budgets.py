"""Soft limits, pauses, shadows and periods of budgets, from their making to what they refuse."""

from typing import Any

import pytest

from spendgate_service.app import Spendgate
from tests.support.clock import NOON_MS, FakeClock
from tests.support.handlers import Ask
from tests.support.http_events import a_principal

AGENT = {"agent": "researcher"}


def create(ask: Ask, **fields: Any) -> dict[str, Any]:
    body = {"subject": "agent:researcher", "unit": "usd", "limit": "10", **fields}
    made = ask("POST", "/v1/budgets", body)
    assert made.status == 201, made.body
    return made.body


def reserve(ask: Ask, usd: str) -> int:
    return ask("POST", "/v1/reservations", {"subjects": AGENT, "amounts": {"usd": usd}}).status


def spend(ask: Ask, usd: str) -> None:
    assert ask("POST", "/v1/spend", {"subjects": AGENT, "actual": {"usd": usd}}).status == 201


def switch(ask: Ask, budget: dict[str, Any], action: str) -> dict[str, Any]:
    answer = ask("POST", f"/v1/budgets/{budget['budget_id']}/{action}")
    assert answer.status == 200, answer.body
    return answer.body


def test_a_budget_is_answered_with_all_that_was_laid_down(ask: Ask) -> None:
    laid_down = {
        "soft_limit": "8",
        "on_soft_limit": "pause",
        "mode": "shadow",
        "carry_over": {"unused": True, "max": "5", "debt": True},
    }

    made = create(ask, period={"type": "duration", "window": "5h"}, **laid_down)
    read = ask("GET", f"/v1/budgets/{made['budget_id']}").body

    assert {name: read[name] for name in laid_down} == laid_down
    assert read["period"] == {"type": "duration", "seconds": 18_000, "window": "5h"}
    assert read["balance"]["soft_limit"] == "8"


@pytest.mark.parametrize(
    "period",
    [
        {"type": "none"},
        {"type": "calendar", "unit": "week", "timezone": "Asia/Kathmandu"},
        {"type": "duration", "seconds": 1800},
        {"type": "rolling", "window": "24h"},
    ],
)
def test_a_budget_of_any_period_holds_its_limit(ask: Ask, period: dict[str, Any]) -> None:
    made = create(ask, period=period)
    assert made["balance"]["period"]["type"] == period["type"]

    assert [reserve(ask, "6"), reserve(ask, "6"), reserve(ask, "4")] == [201, 429, 201]


def test_a_paused_budget_refuses_at_once_and_goes_on_when_it_is_resumed(ask: Ask) -> None:
    made = create(ask)
    assert reserve(ask, "1") == 201

    paused = switch(ask, made, "pause")
    refused = ask("POST", "/v1/reservations", {"subjects": AGENT, "amounts": {"usd": "1"}})
    resumed = switch(ask, made, "resume")

    assert (paused["status"], paused["balance"]["status"]) == ("paused", "paused")
    assert (refused.status, refused.code) == (409, "budget_paused")
    assert refused.body["error"]["budget_id"] == made["budget_id"]
    assert resumed["status"] == "active"
    assert reserve(ask, "1") == 201


@pytest.mark.parametrize(
    ("there", "back"), [("pause", "resume"), ("disable", "enable"), ("enable", "disable")]
)
def test_a_switch_that_is_thrown_already_changes_nothing(ask: Ask, there: str, back: str) -> None:
    made = create(ask, soft_limit="8", on_soft_limit="pause")
    switch(ask, made, back)

    first, again = switch(ask, made, there), switch(ask, made, there)
    and_back, back_again = switch(ask, made, back), switch(ask, made, back)

    assert again == first
    assert back_again == and_back
    assert and_back["version"] == first["version"] + 1


def test_a_soft_pause_is_lifted_by_a_resume_for_the_period(ask: Ask) -> None:
    made = create(ask, soft_limit="8", on_soft_limit="pause")
    spend(ask, "8.5")
    check = ask("POST", "/v1/check", {"subjects": AGENT, "amounts": {"usd": "1"}}).body

    assert (check["action"], check["allowed"]) == ("pause", False)
    assert reserve(ask, "1") == 409
    assert switch(ask, made, "resume")["status"] == "warning"
    assert reserve(ask, "1") == 201
    assert reserve(ask, "1") == 429

    ask("PATCH", f"/v1/budgets/{made['budget_id']}", {"soft_limit": "8.2"})
    assert reserve(ask, "0.1") == 409


def test_a_soft_limit_that_warns_lets_pass(ask: Ask) -> None:
    create(ask, soft_limit="5", warn_at_pct=[])
    spend(ask, "5")

    check = ask("POST", "/v1/check", {"subjects": AGENT, "amounts": {"usd": "1"}}).body

    assert (check["action"], check["allowed"]) == ("warn", True)
    assert check["budgets"][0]["status"] == "warning"


def test_a_disabled_budget_neither_refuses_nor_counts(ask: Ask) -> None:
    made = create(ask)

    disabled = switch(ask, made, "disable")
    spend(ask, "50")
    assert (disabled["status"], reserve(ask, "100")) == ("disabled", 201)

    assert switch(ask, made, "enable")["balance"]["spent"] == "0"
    assert reserve(ask, "100") == 429


def test_a_shadow_budget_warns_and_never_refuses(ask: Ask) -> None:
    create(ask, mode="shadow")

    granted = ask("POST", "/v1/reservations", {"subjects": AGENT, "amounts": {"usd": "11"}})

    assert (granted.status, granted.body["action"]) == (201, "warn")
    assert "shadow would have refused" in granted.body["warnings"][-1]


def test_a_shadow_warns_by_the_clock_by_which_a_budget_refuses(ask: Ask, app: Spendgate) -> None:
    """Within the second by which clocks may differ, a hold that has expired still counts."""
    app.clock = clock = FakeClock(NOON_MS)
    create(ask, mode="shadow")
    wish = {"subjects": AGENT, "amounts": {"usd": "7"}}
    assert ask("POST", "/v1/reservations", {**wish, "ttl_seconds": 1}).status == 201
    clock.advance(1)

    check = ask("POST", "/v1/check", wish)
    granted = ask("POST", "/v1/reservations", wish)

    assert "shadow would have refused" in check.body["warnings"][-1]
    assert granted.body["warnings"] == check.body["warnings"]


def test_a_default_is_paused_for_everybody(ask: Ask) -> None:
    made = create(ask, subject="agent:*")

    assert switch(ask, made, "pause")["status"] == "paused"
    assert reserve(ask, "1") == 409
    assert switch(ask, made, "resume")["status"] == "active"
    assert reserve(ask, "1") == 201


def test_a_budget_moves_to_another_period_and_what_is_spent_stays_in_the_old_one(ask: Ask) -> None:
    made = create(ask)
    spend(ask, "9")

    moved = ask(
        "PATCH", f"/v1/budgets/{made['budget_id']}", {"period": {"type": "rolling", "window": "1h"}}
    )

    assert moved.body["balance"]["spent"] == "0"
    assert reserve(ask, "9") == 201
    assert ask("GET", f"/v1/budgets/{made['budget_id']}/audit").body["differences"] == []


def test_a_patch_that_contradicts_what_is_there_is_refused_and_changes_nothing(ask: Ask) -> None:
    made = create(ask, soft_limit="8")

    refused = ask("PATCH", f"/v1/budgets/{made['budget_id']}", {"limit": "7"})

    assert (refused.status, refused.body["error"]["param"]) == (422, "body.soft_limit")
    assert ask("GET", f"/v1/budgets/{made['budget_id']}").body["limit"] == "10"


@pytest.mark.parametrize("action", ["pause", "resume", "disable", "enable", "credits"])
def test_nobody_else_touches_a_budget(ask: Ask, action: str) -> None:
    path = f"/v1/budgets/{create(ask)['budget_id']}/{action}"
    body = {"amount": 1} if action == "credits" else None

    stranger = ask("POST", path, body, principal=a_principal(tenant_id="globex"))
    reader = ask("POST", path, body, principal=a_principal("reader"))

    assert (stranger.status, reader.status) == (404, 403)


def test_a_budget_that_carries_over_and_shall_not_reset_any_more_is_told_how(ask: Ask) -> None:
    day = {"type": "calendar", "unit": "day"}
    made = create(ask, period=day, carry_over={"unused": True})
    path = f"/v1/budgets/{made['budget_id']}"

    refused = ask("PATCH", path, {"period": {"type": "none"}})
    done = ask("PATCH", path, {"period": {"type": "none"}, "carry_over": None})

    assert (refused.status, refused.body["error"]["param"]) == (422, "body.carry_over")
    assert refused.body["error"]["message"].endswith("set it to null")
    assert (done.status, done.body["period"]) == (200, {"type": "none"})


DAY = {"type": "calendar", "unit": "day"}


def test_a_second_equal_budget_is_created_with_a_warning_that_names_the_first(ask: Ask) -> None:
    first = create(ask, period=DAY, name="daily")
    others = [create(ask, period=DAY, unit="eur"), create(ask), create(ask, subject="agent:*")]

    second = create(ask, period=DAY, limit="20")

    (warning,) = second["warnings"]
    assert first["budget_id"] in warning
    assert "daily" in warning
    assert not any("warnings" in made for made in (first, *others))
    assert "warnings" not in ask("GET", f"/v1/budgets/{second['budget_id']}").body


def test_a_change_to_the_period_of_another_budget_warns_as_a_creation_does(ask: Ask) -> None:
    first, other = create(ask, period=DAY), create(ask)
    path = f"/v1/budgets/{other['budget_id']}"

    renamed = ask("PATCH", path, {"name": "other"})
    moved = ask("PATCH", path, {"period": DAY})

    assert "warnings" not in renamed.body
    assert first["budget_id"] in moved.body["warnings"][0]
