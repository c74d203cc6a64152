"""A refusal says which budget, of how much, until when, what is in the way and what would do.

The kinds behind the cases: contention told as exhaustion; a header that machines obey; a comparison
that does not know that nothing was asked for; a refusal that hides the others.
"""

from datetime import datetime
from typing import Any

import pytest

from tests.scenarios.service import CLOCKS_DIFFER_SECONDS, Body, Party, calendar, duration, rolling
from tests.support.functions import HttpAnswer

BILLIONTH = "0.000000001"
PERIODS = [{"type": "none"}, calendar("month"), duration("7d"), rolling("7d")]
GPT_4O = {"provider": "openai", "model": "gpt-4o"}


def violations(refused: HttpAnswer) -> list[Body]:
    found: list[Body] = refused.body["error"]["violations"]
    return found


def codes_and_reasons(refused: HttpAnswer) -> tuple[str | None, list[str]]:
    return refused.code, [violation["blocked_by"] for violation in violations(refused)]


class TestHeld:
    @pytest.mark.parametrize("period", PERIODS)
    def test_held_is_contention_with_a_time_of_its_own(
        self, agent: Party, period: dict[str, Any]
    ) -> None:
        agent.budget("agent:a", 1, period=period)
        held = agent.reserve(1, ttl_seconds=40)

        refused, check = agent.try_reserve("0.5"), agent.check("0.5")

        assert codes_and_reasons(refused) == ("rate_limit_exceeded", ["held"])
        assert refused.status == 429 and "x-should-retry" not in refused.headers
        assert refused.headers["Retry-After"] == "5"
        assert violations(refused)[0]["held_until"][:19] == held["expires_at"][:19]
        assert check["error_code"] == "rate_limit_exceeded"
        assert check["hint"] == refused.body["error"]["hint"]

    @pytest.mark.parametrize("period", PERIODS)
    def test_what_fits_beside_what_is_spent_is_held_and_the_rest_is_spent(
        self, agent: Party, period: dict[str, Any]
    ) -> None:
        agent.budget("agent:a", 1, period=period)
        agent.spend("0.6")
        agent.reserve("0.4", ttl_seconds=40)

        by_holds, by_spending = agent.try_reserve("0.3"), agent.try_reserve("0.5")

        assert violations(by_holds)[0]["blocked_by"] == "held"
        (violation,) = violations(by_spending)
        assert (violation["blocked_by"], violation["held_until"]) == ("spent", None)

    def test_of_two_holds_the_one_that_is_enough_counts(self, agent: Party) -> None:
        agent.budget("agent:a", 1)
        first = agent.reserve("0.5", ttl_seconds=20)
        second = agent.reserve("0.5", ttl_seconds=40)

        assert violations(agent.try_reserve("0.5"))[0]["held_until"] == first["expires_at"]
        assert violations(agent.try_reserve("0.6"))[0]["held_until"] == second["expires_at"]

    def test_the_wait_includes_the_second_by_which_clocks_may_differ(self, agent: Party) -> None:
        agent.budget("agent:a", 1)
        agent.reserve(1, ttl_seconds=20)
        agent.wait(18)

        wait = int(agent.try_reserve(1).headers["Retry-After"])

        assert wait == 2 + CLOCKS_DIFFER_SECONDS
        agent.wait(wait)
        assert agent.try_reserve(1).status == 201

    def test_the_end_of_the_period_may_come_before_that_of_the_hold(self, agent: Party) -> None:
        agent.budget("agent:a", 1, period=calendar("hour"))
        agent.wait(3598)
        agent.reserve(1, ttl_seconds=40)

        assert agent.try_reserve(1).headers["Retry-After"] == "2"

    def test_the_longest_wait_counts_where_one_is_held_and_another_spent(self, acme: Party) -> None:
        acme.budget("agent:a", 1)
        acme.budget("session:s", 1, period=calendar("hour"))
        acme.on(agent="a").reserve(1)
        acme.on(session="s").spend(1)
        both = acme.on(agent="a", session="s")

        assert codes_and_reasons(both.try_reserve(1)) == ("rate_limit_exceeded", ["held", "spent"])
        assert both.try_reserve(1).headers["Retry-After"] == "3600"

    def test_a_spent_budget_that_never_resets_decides_over_one_that_is_held(
        self, acme: Party
    ) -> None:
        acme.budget("agent:a", 1, period=calendar("hour"))
        acme.budget("session:s", 1)
        acme.on(agent="a").reserve(1)
        acme.on(session="s").spend(1)

        refused = acme.on(agent="a", session="s").try_reserve(1)

        assert codes_and_reasons(refused) == ("insufficient_quota", ["held", "spent"])
        assert "Retry-After" not in refused.headers


@pytest.mark.parametrize(
    ("period", "is_long"),
    [(calendar("year"), True), (rolling("30d"), True), (rolling("30s"), False)],
)
def test_a_wait_above_a_minute_is_not_one_for_sdks(
    agent: Party, period: dict[str, Any], is_long: bool
) -> None:
    agent.budget("agent:a", 1, period=period)
    agent.spend(1)

    refused = agent.try_reserve(1)

    headers = refused.headers
    assert (int(headers["Retry-After"]) > 60) == is_long
    (violation,) = violations(refused)
    comes_back = datetime.fromisoformat(violation["period"]["resets_at"]).timestamp()
    wait = comes_back - agent.service.clock.now_ms() / 1000
    assert 0 <= int(headers["Retry-After"]) - wait <= CLOCKS_DIFFER_SECONDS
    assert headers.get("x-should-retry") == ("false" if is_long else None)


class TestNothing:
    @pytest.mark.parametrize("period", PERIODS)
    @pytest.mark.parametrize(("limit", "spent"), [("0.01", "0.05"), ("0", "0"), ("0", "0.05")])
    def test_a_request_for_0_is_granted_whatever_is_left(
        self, agent: Party, period: dict[str, Any], limit: str, spent: str
    ) -> None:
        agent.budget("agent:a", limit, period=period)
        agent.spend(spent)

        granted, check = agent.reserve(0), agent.check(0)

        assert granted["amounts"] == {"usd": "0"}
        assert check["allowed"] is True
        assert agent.try_reserve(BILLIONTH).status == 429
        assert agent.check(BILLIONTH)["allowed"] is False
        assert agent.settle(granted, 0)["state"] == "settled"

    def test_the_first_use_of_a_limit_of_0_too(self, agent: Party) -> None:
        agent.budget("agent:a", 0, period=duration("1h"))

        assert agent.try_reserve(BILLIONTH).status == 429
        assert agent.try_reserve(0).status == 201

    def test_a_free_model_is_granted(self, agent: Party) -> None:
        free = {"input_per_million": "0", "output_per_million": "0"}
        agent.done("PUT", "/v1/prices/mine/free", free)
        agent.budget("agent:*", "0.01")
        agent.spend("0.05")
        usage = {"provider": "mine", "model": "free", "input_tokens": 9, "max_output_tokens": 9}

        assert agent.reserve(usage=usage)["amounts"]["usd"] == "0"

    def test_a_pause_refuses_it_all_the_same(self, agent: Party) -> None:
        budget = agent.budget("agent:a", 10, soft_limit="1", on_soft_limit="pause")
        agent.spend(1)
        assert agent.try_reserve(0).code == "budget_paused"
        agent.switch(budget, "resume")
        assert agent.try_reserve(0).status == 201
        agent.switch(budget, "pause")
        assert agent.try_reserve(0).code == "budget_paused"

    def test_a_trial_budget_does_not_warn_of_it(self, agent: Party) -> None:
        agent.budget("agent:a", 1, mode="shadow", warn_at_pct=[])
        agent.spend(2)

        assert agent.check(0)["warnings"] == agent.reserve(0)["warnings"] == []


class TestPauses:
    @pytest.mark.parametrize("pause", ["admin", "soft limit"])
    def test_a_pause_does_not_hide_a_stop(self, acme: Party, pause: str) -> None:
        agent, session = acme.on(agent="a"), acme.on(session="s")
        soft = {"soft_limit": "1", "on_soft_limit": "pause"} if pause == "soft limit" else {}
        budget = acme.budget("agent:a", 10, **soft)
        acme.budget("session:s", 1)
        agent.spend(1)
        session.spend(1)
        if not soft:
            acme.switch(budget, "pause")
        both = acme.on(agent="a", session="s")

        refused, check = both.try_reserve(1), both.check(1)

        assert codes_and_reasons(refused) == ("insufficient_quota", ["pause", "spent"])
        assert (check["action"], check["hint"]) == ("stop", refused.body["error"]["hint"])
        assert [balance["held"] for balance in both.balances()] == ["0", "0"]

    def test_a_pause_alone_lists_its_balance_and_stays(self, agent: Party) -> None:
        budget = agent.budget("agent:a", 10, name="research")
        held = agent.reserve(2)
        agent.spend(3)
        agent.switch(budget, "pause")

        refused, check = agent.try_reserve(1), agent.check(1)

        assert (refused.status, codes_and_reasons(refused)) == (409, ("budget_paused", ["pause"]))
        assert refused.headers["x-should-retry"] == "false"
        (violation,) = violations(refused)
        assert (violation["spent"], violation["held"], violation["available"]) == ("3", "2", "5")
        assert (check["action"], check["hint"]) == ("pause", refused.body["error"]["hint"])
        assert agent.settle(held, 2)["state"] == "settled"


class TestWords:
    def test_a_refusal_names_the_budget_its_period_and_all_that_may_be_spent(
        self, acme: Party
    ) -> None:
        user = acme.on(user="u")
        for name, window in (("burst", "5h"), ("weekly", "7d"), ("monthly", "30d")):
            budget = acme.budget("user:u", 250, name=name, period=rolling(window))
            acme.credit(budget, 50)
        user.spend(260)

        refused = user.try_reserve(45)

        assert [violation["name"] for violation in violations(refused)] == [
            "burst",
            "weekly",
            "monthly",
        ]
        assert [violation["credits"] for violation in violations(refused)] == ["50"] * 3
        period = violations(refused)[0]["period"]
        assert (period["type"], period["key"]) == ("rolling", "rolling-5h")
        message = refused.body["error"]["message"]
        assert 'user:u usd rolling 5h budget "burst" has 40 of 250 + 50 credits left' in message

    def test_a_hint_counts_in_output_tokens_of_the_model_and_in_hours(self, agent: Party) -> None:
        agent.budget("agent:a", "0.0105", period=calendar("day"))
        agent.wait(-3600)
        usage = {**GPT_4O, "input_tokens": 1000, "max_output_tokens": 4000}

        hint = agent.try_reserve(usage=usage).body["error"]["hint"]

        assert hint == agent.check(usage=usage)["hint"]
        assert hint == (
            "Ask for at most 800 output tokens of gpt-4o (0.0105 usd); a whole period allows less "
            "than was asked for: ask for more with POST /v1/increase-requests."
        )
        agent.reserve(usage={**usage, "max_output_tokens": 800})
        assert agent.try_reserve(usage={**usage, "max_output_tokens": 1}).status == 429

    def test_a_hint_says_about_how_long_to_wait(self, agent: Party) -> None:
        agent.budget("agent:a", 10, period=calendar("day"))
        agent.wait(-3600)
        agent.spend("9.9895")
        usage = {**GPT_4O, "input_tokens": 1000, "max_output_tokens": 4000}

        assert agent.check(usage=usage)["hint"] == (
            "Ask for at most 800 output tokens of gpt-4o (0.0105 usd), "
            "or try again in about 13 hours."
        )

    def test_warnings_count_what_is_held_and_asked_for_and_events_what_is_spent(
        self, agent: Party
    ) -> None:
        agent.budget("agent:a", 10, soft_limit="8", period=calendar("hour"))
        agent.spend(5)
        agent.reserve(2)

        quiet, checked, granted = agent.check("0.5"), agent.check("1.5"), agent.reserve("1.5")

        assert (quiet["action"], quiet["warnings"]) == ("continue", [])
        sentence = "agent:a usd hour soft limit exceeded: 8.50 of 8 (limit 10)"
        assert (checked["action"], checked["warnings"]) == ("warn", [sentence])
        assert (granted["action"], granted["warnings"]) == ("warn", [sentence])
        assert granted["budgets"][0]["status"] == "active"

    def test_a_token_cap_says_its_numbers(self, agent: Party) -> None:
        agent.done("PUT", "/v1/token-caps/agent/a", {"max_completion_tokens": 10})
        usage = {**GPT_4O, "input_tokens": 5, "max_output_tokens": 11}

        refused, check = agent.try_reserve(usage=usage), agent.check(usage=usage)

        error = refused.body["error"]
        assert (error["kind"], error["requested"], error["cap"]) == ("completion", 11, 10)
        assert error["hint"] == check["hint"]
