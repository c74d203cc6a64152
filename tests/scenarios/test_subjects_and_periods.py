"""The budgets of everruns: for every kind of subject, in any unit, over every kind of period."""

import pytest

from tests.scenarios.service import (
    CLOCKS_DIFFER_SECONDS,
    DAY,
    HOUR,
    RULES_SECONDS_MAX,
    Body,
    Party,
    calendar,
    duration,
    rolling,
)

SUBJECTS = {
    "app": "shop",
    "app_channel": "shop/web",
    "user": "u",
    "agent": "a",
    "session": "s-1",
    "tool": "search:web",
    "model": "gpt-4o",
    "team": "research",
}


class TestSubjects:
    @pytest.mark.parametrize(("subject_type", "subject_id"), SUBJECTS.items())
    def test_every_kind_of_subject_has_budgets_of_its_own(
        self, acme: Party, subject_type: str, subject_id: str
    ) -> None:
        acme.budget(f"{subject_type}:{subject_id}", 10)
        one, other = (acme.on(**{subject_type: name}) for name in (subject_id, "other"))

        assert [one.try_reserve(11).status, other.try_reserve(11).status] == [429, 201]

    def test_the_organization_and_the_key_take_part_unnamed(self, acme: Party) -> None:
        acme.budget("organization:acme", 10)
        acme.budget("api_key:*", 5)

        refused = acme.try_reserve(11)

        assert [violation["subject"] for violation in refused.body["error"]["violations"]] == [
            "organization:acme",
            "api_key:key_acme",
        ]

    def test_subjects_that_no_budget_limits_are_allowed_unless_a_budget_is_required(
        self, acme: Party, agent: Party
    ) -> None:
        assert agent.try_reserve(1).status == 201
        acme.done("PATCH", "/v1/tenant", {"require_budget": True})
        acme.wait(6)

        refused = agent.try_reserve(1)

        assert (refused.status, refused.code) == (403, "no_budget")
        assert (agent.check(1)["action"], agent.check(1)["error_code"]) == ("stop", "no_budget")


class TestUnits:
    @pytest.mark.parametrize("unit", ["usd", "eur", "tokens", "credits", "gpu_seconds"])
    def test_a_budget_counts_its_own_unit_and_no_other(self, agent: Party, unit: str) -> None:
        agent.budget("agent:a", 10, unit)

        assert agent.try_reserve(11, unit).status == 429
        assert agent.try_reserve(11, "apples").status == 201

    def test_budgets_in_several_units_must_all_grant(self, agent: Party) -> None:
        agent.budget("agent:a", 10)
        agent.budget("agent:a", 1000, "tokens")
        both: Body = {"amounts": {"usd": "1", "tokens": "1001"}}

        refused = agent.try_reserve(**both)

        assert [violation["unit"] for violation in refused.body["error"]["violations"]] == [
            "tokens"
        ]
        assert {balance["held"] for balance in agent.balances()} == {"0"}

    def test_usage_counts_on_a_budget_of_tokens_and_on_one_of_money(self, agent: Party) -> None:
        agent.budget("agent:a", 10)
        agent.budget("agent:a", 10_000, "tokens")
        usage = {"provider": "openai", "model": "gpt-4o", "input_tokens": 1000}

        agent.reserve(usage={**usage, "max_output_tokens": 1000})

        held = {balance["unit"]: balance["held"] for balance in agent.balances()}
        assert held == {"usd": "0.0125", "tokens": "2000"}


class TestPeriods:
    def test_a_period_of_5h_starts_at_its_first_use_and_not_at_its_making(
        self, agent: Party
    ) -> None:
        agent.budget("agent:a", 10, period=duration("5h"))
        agent.wait(2 * HOUR)
        agent.spend(10)

        assert agent.balance["resets_at"] == "2026-03-08T19:00:00.000Z"
        agent.wait(5 * HOUR - 1)
        assert agent.try_reserve(1).headers["Retry-After"] == "1"
        agent.wait(1)
        assert agent.try_reserve(10).status == 201

    def test_a_period_restarts_at_its_next_use_however_long_that_takes(self, agent: Party) -> None:
        agent.budget("agent:a", 10, period=duration("5h"))
        agent.spend(1)
        agent.wait(8 * HOUR)

        agent.spend(2)

        assert (agent.balance["spent"], agent.balance["resets_at"]) == (
            "2",
            "2026-03-09T01:00:00.000Z",
        )

    def test_a_refused_request_is_no_use_whoever_refuses_it(
        self, acme: Party, agent: Party
    ) -> None:
        budget = agent.budget("agent:a", 10, period=duration("30d"))
        agent.switch(budget, "pause")
        assert agent.try_reserve(1).status == 409
        agent.switch(budget, "resume")
        assert agent.try_reserve(11).status == 429
        organization = acme.budget("organization:acme", 0)
        agent.wait(RULES_SECONDS_MAX)
        assert agent.try_reserve(1).status == 429
        acme.delete(organization)
        agent.wait(29 * DAY)

        agent.reserve(1)

        assert agent.balance["resets_in_seconds"] == 30 * DAY

    def test_a_period_of_30d_has_thirty_days_whatever_the_month(self, agent: Party) -> None:
        agent.budget("agent:a", 10, period=duration("30d"))
        agent.spend(10)

        assert agent.balance["resets_in_seconds"] == 30 * DAY
        assert agent.balance["resets_at"] == "2026-04-07T12:00:00.000Z"

    def test_every_subject_under_a_default_starts_its_own_duration(self, acme: Party) -> None:
        acme.budget("agent:*", 10, period=duration("5h"))
        acme.on(agent="early").spend(10)
        acme.wait(3 * HOUR)
        acme.on(agent="late").spend(10)

        acme.wait(2 * HOUR)

        assert acme.on(agent="early").try_reserve(1).status == 201
        assert acme.on(agent="late").try_reserve(1).status == 429

    def test_a_calendar_period_follows_the_clocks_of_its_time_zone(self, agent: Party) -> None:
        agent.budget("agent:a", 10, period=calendar("day", "America/New_York"))
        agent.spend(10)

        assert agent.balance["period"]["key"] == "2026-03-08[America/New_York]"
        assert agent.balance["resets_in_seconds"] == 16 * HOUR

    def test_a_rolling_period_gives_back_what_has_left_it(self, agent: Party) -> None:
        agent.budget("agent:a", 10, period=rolling("24h"))
        agent.spend(10)

        agent.wait(25 * HOUR + CLOCKS_DIFFER_SECONDS)

        assert (agent.balance["spent"], agent.try_reserve(10).status) == ("0", 201)

    def test_a_balance_without_a_period_never_resets(self, agent: Party) -> None:
        agent.budget("agent:a", 10)
        agent.spend(10)

        agent.wait(1000 * DAY)

        assert agent.try_reserve(1).code == "insufficient_quota"
        assert agent.balance["resets_at"] is None

    def test_a_settlement_belongs_to_the_period_of_its_reservation(self, agent: Party) -> None:
        budget = agent.budget("agent:a", 10, period=calendar("hour"))
        reservation = agent.reserve(10, ttl_seconds=2 * HOUR)
        agent.wait(HOUR)

        agent.settle(reservation, 10)

        (entry,) = agent.view(budget, "ledger")["data"]
        assert entry["period_key"] == "2026-03-08T12"
        assert agent.balance["available"] == "10"

    def test_budgets_of_several_periods_on_one_subject_must_all_grant(self, agent: Party) -> None:
        for limit, period in (
            (3, rolling("1h")),
            (5, calendar("day")),
            (7, duration("30d")),
            (9, {"type": "none"}),
        ):
            agent.budget("agent:a", limit, period=period)

        def limits_that_refuse(amount: int) -> list[str]:
            violations = agent.try_reserve(amount).body["error"]["violations"]
            return [violation["limit"] for violation in violations]

        assert limits_that_refuse(4) == ["3"]
        assert limits_that_refuse(6) == ["3", "5"]
        assert limits_that_refuse(10) == ["3", "5", "7", "9"]
        agent.spend(3)
        agent.wait(2 * HOUR)
        assert limits_that_refuse(3) == ["5"]
        agent.wait(DAY)
        agent.spend(3)
        agent.wait(2 * HOUR)
        assert limits_that_refuse(2) == ["7"]
