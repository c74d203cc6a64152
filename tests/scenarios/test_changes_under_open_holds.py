"""Budgets of everruns that are changed while holds are open: what is spent stays spent."""

import pytest

from tests.scenarios.service import (
    DAY,
    HOUR,
    RULES_SECONDS_MAX,
    Body,
    Party,
    calendar,
    duration,
    rolling,
)


@pytest.fixture
def budget(acme: Party) -> Body:
    return acme.budget("agent:a", 10)


def money(party: Party) -> tuple[str, str, str, str]:
    balance = party.balance
    return balance["spent"], balance["held"], balance["available"], balance["overrun"]


def test_a_lowered_limit_counts_at_once_against_what_is_spent_and_held(
    agent: Party, budget: Body
) -> None:
    agent.spend(2)
    agent.reserve(3)

    agent.patch(budget, limit="6")

    assert money(agent) == ("2", "3", "1", "0")
    assert (agent.try_reserve(2).status, agent.try_reserve(1).status) == (429, 201)


def test_a_limit_below_what_is_spent_refuses_and_shows_the_overrun(
    agent: Party, budget: Body
) -> None:
    agent.spend(8)

    patched = agent.patch(budget, limit="5")

    assert (patched["balance"]["overrun"], patched["balance"]["status"]) == ("3", "exhausted")
    assert money(agent) == ("8", "0", "-3", "3")
    refused = agent.try_reserve("0.01")
    assert refused.body["error"]["violations"][0]["available"] == "-3"


def test_a_hold_that_a_lowered_limit_no_longer_covers_is_settled_all_the_same(
    agent: Party, budget: Body
) -> None:
    reservation = agent.reserve(9)
    agent.patch(budget, limit="5")
    assert money(agent) == ("0", "9", "-4", "0")

    agent.settle(reservation, 8)

    assert money(agent) == ("8", "0", "-3", "3")


def test_a_raised_limit_grants_at_once(agent: Party, budget: Body) -> None:
    agent.reserve(10)
    assert agent.try_reserve(5).status == 429

    agent.patch(budget, limit="15")

    assert agent.try_reserve(5).status == 201
    assert money(agent) == ("0", "15", "0", "0")


def test_a_limit_that_comes_back_finds_what_was_spent_meanwhile(agent: Party, budget: Body) -> None:
    agent.patch(budget, limit="100")
    agent.spend(40)
    agent.patch(budget, limit="10")

    assert money(agent) == ("40", "0", "-30", "30")


@pytest.mark.parametrize(
    "period", [calendar("day"), duration("5h"), rolling("1h")], ids=lambda case: case["type"]
)
def test_a_budget_that_moves_to_another_period_starts_it_empty_and_keeps_its_ledger(
    agent: Party, budget: Body, period: dict[str, str]
) -> None:
    agent.spend(9)
    reservation = agent.reserve(1)

    moved = agent.patch(budget, period=period)

    assert moved["balance"]["period"]["type"] == period["type"]
    assert money(agent) == ("0", "0", "10", "0")
    agent.wait(1)
    agent.settle(reservation, 1)
    assert money(agent) == ("0", "0", "10", "0")
    entries = agent.view(budget, "ledger")["data"]
    assert [(entry["amount"], entry["period_key"]) for entry in entries] == [
        ("1", "balance"),
        ("9", "balance"),
    ]
    assert agent.view(budget, "audit")["differences"] == []


def test_a_budget_that_moves_back_finds_what_it_had_spent_there(agent: Party, budget: Body) -> None:
    agent.spend(9)
    agent.patch(budget, period=calendar("day"))
    agent.wait(RULES_SECONDS_MAX)
    agent.spend(4)

    agent.patch(budget, period={"type": "none"}, limit="12")

    assert money(agent) == ("9", "0", "3", "0")
    assert (agent.try_reserve(4).status, agent.try_reserve(3).status) == (429, 201)


def test_what_is_held_on_a_deleted_budget_is_settled_into_its_ledger(
    agent: Party, budget: Body
) -> None:
    agent.spend(2)
    reservation = agent.reserve(5)
    agent.wait(1)

    agent.delete(budget)
    agent.settle(reservation, 4)

    entries = agent.view(budget, "ledger")["data"]
    assert [entry["amount"] for entry in entries] == ["4", "2"]
    agent.wait(1)
    assert [entry["amount"] for entry in agent.exported()] == ["2", "4"]
    assert agent.balances() == []


def test_what_is_held_on_a_deleted_budget_can_be_released(agent: Party, budget: Body) -> None:
    reservation = agent.reserve(5)

    agent.delete(budget)

    assert agent.release(reservation)["state"] == "released"
    assert agent.view(budget, "ledger")["data"] == []


def test_a_deleted_override_gives_way_to_the_default_and_what_was_spent_under_it(
    acme: Party, agent: Party
) -> None:
    acme.budget("agent:*", 5)
    agent.spend(3)
    override = acme.budget("agent:a", 100)
    acme.wait(2)
    agent.spend(50)

    acme.delete(override)

    assert money(agent) == ("3", "0", "2", "0")
    assert (agent.try_reserve(3).status, agent.try_reserve(2).status) == (429, 201)


def test_a_default_that_is_lowered_binds_all_its_subjects_within_five_seconds(
    acme: Party,
) -> None:
    default = acme.budget("agent:*", 10)
    for name in ("a", "b"):
        acme.on(agent=name).reserve(6)

    acme.patch(default, limit="7")
    acme.wait(RULES_SECONDS_MAX)

    for name in ("a", "b"):
        assert acme.on(agent=name).try_reserve(2).status == 429
        assert acme.on(agent=name).try_reserve(1).status == 201


def test_credits_survive_a_change_of_the_limit(agent: Party, budget: Body) -> None:
    agent.credit(budget, 5)
    agent.patch(budget, limit="2")

    assert money(agent) == ("0", "0", "7", "0")
    assert agent.try_reserve(7).status == 201


def test_a_period_in_another_time_zone_takes_over_with_the_next_request(
    agent: Party, acme: Party
) -> None:
    budget = acme.budget("agent:a", 10, period=calendar("day"))
    agent.spend(10)

    agent.patch(budget, period=calendar("day", "Asia/Tokyo"))

    assert agent.balance["period"]["key"] == "2026-03-08[Asia/Tokyo]"
    assert agent.balance["resets_in_seconds"] == 3 * HOUR
    assert agent.try_reserve(10).status == 201


def test_a_hold_of_an_ended_period_does_not_follow_into_the_next(acme: Party, agent: Party) -> None:
    budget = acme.budget("agent:a", 10, period=calendar("day"))
    reservation = agent.reserve(10, ttl_seconds=DAY)
    agent.wait(12 * HOUR)
    agent.patch(budget, limit="4")

    agent.settle(reservation, 10)

    assert money(agent) == ("0", "0", "4", "0")
    assert (agent.try_reserve(5).status, agent.try_reserve(4).status) == (429, 201)
