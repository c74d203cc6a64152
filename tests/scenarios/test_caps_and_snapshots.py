"""The cost caps of llmtrace: windows with soft caps, overrides by agent, token caps, snapshots."""

from typing import Any

import pytest

from tests.scenarios.service import DAY, HOUR, Body, Party, calendar

PREMIUM_LIMIT = "500"


@pytest.fixture
def caps(acme: Party) -> None:
    """10 an hour (soft 8) and 100 a day for every agent, but 500 a day for the premium one."""
    acme.budget("agent:*", 10, soft_limit="8", period=calendar("hour"), name="hourly")
    acme.budget("agent:*", 100, period=calendar("day"), name="daily")
    acme.budget("agent:premium", PREMIUM_LIMIT, period=calendar("day"), name="premium")


@pytest.mark.usefixtures("caps")
class TestCostCaps:
    def test_below_the_soft_cap_nothing_is_said(self, acme: Party) -> None:
        agent = acme.on(agent="plain")
        agent.spend("5")

        checked = agent.check("0.5")

        assert (checked["action"], checked["allowed"], checked["warnings"]) == (
            "continue",
            True,
            [],
        )

    def test_spending_8_50_of_10_is_a_soft_warning_and_still_allowed(self, acme: Party) -> None:
        agent = acme.on(agent="plain")
        agent.spend("8.5")

        checked, granted = agent.check("0.5"), agent.reserve("0.5")

        sentence = "agent:plain usd hour soft limit exceeded: 9 of 8 (limit 10)"
        assert (checked["action"], checked["allowed"]) == ("warn", True)
        assert checked["warnings"] == granted["warnings"] == [sentence]
        assert granted["action"] == "warn"
        assert granted["budgets"][0]["status"] == "warning"

    def test_spending_10_50_of_10_is_a_hard_refusal_until_the_next_hour(self, acme: Party) -> None:
        agent = acme.on(agent="plain")
        agent.wait(600)
        agent.spend("10.5")

        refused = agent.try_reserve("0.01")

        (violation,) = refused.body["error"]["violations"]
        assert (refused.status, refused.code) == (429, "rate_limit_exceeded")
        assert refused.headers["Retry-After"] == "3000"
        assert (violation["scope"], violation["limit"], violation["spent"]) == (
            "agent",
            "10",
            "10.5",
        )

    def test_whoever_waits_as_long_as_told_is_served(self, acme: Party) -> None:
        agent = acme.on(agent="plain")
        agent.spend("10.5")
        retry_after = int(agent.try_reserve("1").headers["Retry-After"])

        agent.wait(retry_after - 1)
        assert agent.try_reserve("1").status == 429
        agent.wait(1)
        assert agent.try_reserve("1").status == 201

    def test_an_estimate_that_would_pass_the_cap_is_refused_before_it_is_spent(
        self, acme: Party
    ) -> None:
        agent = acme.on(agent="plain")
        agent.spend("8.5")

        assert agent.try_reserve("2").status == 429
        assert agent.try_reserve("1.5").status == 201

    def test_the_daily_cap_holds_over_many_hours(self, acme: Party) -> None:
        agent = acme.on(agent="plain")
        for _ in range(10):
            agent.spend("10")
            agent.wait(HOUR)

        refused = agent.try_reserve("1")

        assert refused.body["error"]["violations"][0]["limit"] == "100"
        assert refused.headers["Retry-After"] == str(2 * HOUR)

    def test_the_override_spends_beyond_the_default_caps(self, acme: Party) -> None:
        premium = acme.on(agent="premium")
        premium.spend("150")

        assert premium.check("100")["action"] == "continue"
        assert premium.try_reserve("350.01").status == 429

    def test_the_snapshot_of_the_override_has_its_single_window(self, acme: Party) -> None:
        premium = acme.on(agent="premium")
        premium.spend("125")

        window = premium.balance

        assert (window["name"], window["limit"], window["spent"]) == ("premium", "500", "125")
        assert window["period"]["key"] == "2026-03-08"

    def test_the_snapshot_shows_current_limit_soft_utilization_and_reset(self, acme: Party) -> None:
        agent = acme.on(agent="plain")
        agent.wait(60)
        agent.spend("8.5")

        hourly, daily = agent.balances()

        assert (hourly["spent"], hourly["limit"], hourly["soft_limit"]) == ("8.5", "10", "8")
        assert (hourly["utilization_pct"], hourly["percent_remaining"]) == (85.0, 15.0)
        assert (hourly["resets_in_seconds"], hourly["resets_at"]) == (
            3540,
            "2026-03-08T13:00:00.000Z",
        )
        assert (daily["utilization_pct"], daily["soft_limit"]) == (8.5, None)
        assert daily["resets_in_seconds"] == 12 * HOUR - 60

    def test_a_snapshot_before_the_first_use_is_all_zero(self, acme: Party) -> None:
        hourly, daily = acme.on(agent="new").balances()

        assert {balance["spent"] for balance in (hourly, daily)} == {"0"}
        assert (hourly["available"], daily["available"]) == ("10", "100")

    def test_agents_do_not_share_a_window(self, acme: Party) -> None:
        acme.on(agent="one").spend("10")

        assert acme.on(agent="one").try_reserve("1").status == 429
        assert acme.on(agent="two").try_reserve("10").status == 201

    def test_tenants_do_not_share_an_agent(self, acme: Party, globex: Party) -> None:
        globex.budget("agent:*", 10, period=calendar("hour"))
        acme.on(agent="same").spend("10")

        assert acme.on(agent="same").try_reserve("1").status == 429
        assert globex.on(agent="same").try_reserve("10").status == 201
        assert globex.on(agent="same").balance["spent"] == "0"

    def test_a_tenant_without_caps_is_not_capped(self, globex: Party) -> None:
        assert globex.on(agent="plain").reserve("1000000")["budgets"] == []


@pytest.mark.parametrize(
    ("unit", "length_seconds"),
    [("hour", HOUR), ("day", 12 * HOUR), ("week", 12 * HOUR), ("month", 12 * HOUR + 23 * DAY)],
)
def test_every_window_resets_at_its_own_boundary(
    acme: Party, unit: str, length_seconds: int
) -> None:
    """From Sunday noon it is an hour, half a day, half a day and 23.5 days."""
    acme.budget("agent:*", 10, period=calendar(unit))
    agent = acme.on(agent="a")
    agent.spend("10")

    assert agent.try_reserve("1").headers["Retry-After"] == str(length_seconds)
    agent.wait(length_seconds - 1)
    assert agent.try_reserve("1").status == 429
    agent.wait(1)
    assert agent.try_reserve("10").status == 201
    assert agent.balance["spent"] == "0"


CAP = {"max_prompt_tokens": 4000, "max_completion_tokens": 1000, "max_total_tokens": 4500}


def usage(prompt: int, completion: int) -> dict[str, Any]:
    one: Body = {"provider": "openai", "model": "gpt-4o"}
    return {"usage": {**one, "input_tokens": prompt, "max_output_tokens": completion}}


@pytest.mark.parametrize(
    ("prompt", "completion", "kind", "count", "cap"),
    [
        (4001, 0, "prompt", 4001, 4000),
        (0, 1001, "completion", 1001, 1000),
        (3900, 601, "total", 4501, 4500),
    ],
)
def test_each_token_cap_refuses_what_is_above_it_and_says_which(
    acme: Party, prompt: int, completion: int, kind: str, count: int, cap: int
) -> None:
    acme.done("PUT", "/v1/token-caps/agent/*", CAP)

    refused = acme.on(agent="a").try_reserve(**usage(prompt, completion))

    message = refused.body["error"]["message"]
    assert (refused.status, refused.code) == (400, "token_cap_exceeded")
    assert all(str(word) in message for word in (kind, count, cap))


def test_a_request_right_at_its_token_caps_is_served(acme: Party) -> None:
    acme.done("PUT", "/v1/token-caps/agent/*", CAP)

    assert acme.on(agent="a").try_reserve(**usage(4000, 500)).status == 201
    assert acme.on(agent="a").try_reserve(**usage(3500, 1000)).status == 201


def test_an_agents_own_token_cap_replaces_that_of_all_agents(acme: Party) -> None:
    acme.done("PUT", "/v1/token-caps/agent/*", CAP)
    acme.done("PUT", "/v1/token-caps/agent/big", {"max_total_tokens": 100_000})

    assert acme.on(agent="big").try_reserve(**usage(90_000, 10_000)).status == 201
    assert acme.on(agent="big").try_reserve(**usage(90_000, 10_001)).status == 400
    assert acme.on(agent="small").try_reserve(**usage(90_000, 10_000)).status == 400


def test_a_request_above_its_token_cap_leaves_no_hold(acme: Party) -> None:
    acme.budget("agent:a", 10)
    acme.done("PUT", "/v1/token-caps/agent/a", CAP)

    acme.on(agent="a").try_reserve(**usage(5000, 0))

    assert (acme.on(agent="a").balance["held"], acme.on(agent="a").balance["available"]) == (
        "0",
        "10",
    )
