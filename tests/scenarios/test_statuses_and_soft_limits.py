"""The statuses of everruns, its soft pauses, and what a check tells an agent to do."""

import pytest

from tests.scenarios.service import HOUR, RULES_SECONDS_MAX, Body, Party, calendar

NEVER_RESETS = (
    "Ask for at most 2 usd; this balance does not reset by itself: ask for more with POST "
    "/v1/increase-requests."
)


class TestStatuses:
    @pytest.fixture
    def budget(self, acme: Party) -> Body:
        return acme.budget("agent:a", 10, soft_limit="6", warn_at_pct=[90, 75])

    @pytest.mark.parametrize(
        ("spent", "status"),
        [("5.9", "active"), ("6", "warning"), ("9.9", "warning"), ("10", "exhausted")],
    )
    @pytest.mark.usefixtures("budget")
    def test_a_budget_grows_from_active_over_warning_to_exhausted(
        self, agent: Party, spent: str, status: str
    ) -> None:
        agent.spend(spent)

        assert agent.balance["status"] == status

    @pytest.mark.parametrize(("spent", "status"), [("7.4", "active"), ("7.5", "warning")])
    def test_the_lowest_threshold_warns_where_there_is_no_soft_limit(
        self, agent: Party, spent: str, status: str
    ) -> None:
        agent.budget("agent:a", 10, warn_at_pct=[90, 75])
        agent.spend(spent)

        assert agent.balance["status"] == status

    def test_a_paused_budget_refuses_until_it_is_resumed(self, agent: Party, budget: Body) -> None:
        assert agent.switch(budget, "pause")["status"] == "paused"
        refused = agent.try_reserve(1)

        assert (refused.status, refused.code) == (409, "budget_paused")
        assert agent.switch(budget, "resume")["status"] == "active"
        assert agent.try_reserve(1).status == 201

    def test_what_was_held_before_a_pause_is_settled_in_it(
        self, agent: Party, budget: Body
    ) -> None:
        reservation = agent.reserve(4)
        agent.switch(budget, "pause")

        agent.settle(reservation, 3)

        assert agent.balance["spent"] == "3"

    def test_a_disabled_budget_is_neither_enforced_nor_counted_until_it_is_enabled(
        self, agent: Party, budget: Body
    ) -> None:
        assert agent.switch(budget, "disable")["status"] == "disabled"
        agent.spend(50)
        assert agent.try_reserve(100).status == 201

        enabled = agent.switch(budget, "enable")
        agent.wait(RULES_SECONDS_MAX)

        assert (enabled["status"], enabled["balance"]["spent"]) == ("active", "0")
        assert agent.try_reserve(11).status == 429

    def test_a_top_up_reactivates_an_exhausted_budget(self, agent: Party, budget: Body) -> None:
        agent.spend(12)
        assert (agent.balance["status"], agent.try_reserve(1).status) == ("exhausted", 429)

        topped_up = agent.credit(budget, 15, description="top-up")

        assert (topped_up["amount"], topped_up["balance"]["available"]) == ("-15", "13")
        assert agent.balance["status"] == "warning"
        assert agent.try_reserve(13).status == 201


class TestSoftPause:
    @pytest.fixture
    def budget(self, acme: Party) -> Body:
        """It pauses at 8 of 10 a day."""
        return acme.budget(
            "agent:a", 10, soft_limit="8", on_soft_limit="pause", period=calendar("day")
        )

    def test_a_budget_pauses_itself_at_its_soft_limit(self, agent: Party, budget: Body) -> None:
        agent.spend("7.9")
        assert agent.try_reserve("0.1").status == 201

        agent.spend("0.1")
        refused = agent.try_reserve("0.1")

        assert (refused.status, refused.code) == (409, "budget_paused")
        assert refused.body["error"]["budget_id"] == budget["budget_id"]
        assert agent.balance["status"] == "paused"

    def test_a_resume_lifts_the_pause_up_to_the_limit_until_the_period_ends(
        self, agent: Party, budget: Body
    ) -> None:
        agent.spend(8)
        agent.switch(budget, "resume")
        assert (agent.try_reserve(1).status, agent.try_reserve(2).status) == (201, 429)

        agent.wait(12 * HOUR)
        assert agent.try_reserve(1).status == 201
        agent.spend(8)

        assert agent.try_reserve(1).status == 409

    def test_the_next_period_starts_unpaused(self, agent: Party, budget: Body) -> None:
        agent.spend(9)
        assert agent.view(budget)["status"] == "paused"

        agent.wait(12 * HOUR)

        assert (agent.view(budget)["status"], agent.try_reserve(1).status) == ("active", 201)


class TestActions:
    def test_nothing_restricts_an_action_of_continue(self, agent: Party) -> None:
        agent.budget("agent:a", 10)

        answer = agent.check(1)

        middle = ("message", "error_code", "budget_id", "balance", "currency")
        assert (answer["action"], answer["allowed"], answer["hint"]) == ("continue", True, "Go on.")
        assert {answer[name] for name in middle} == {None}

    def test_a_warning_names_the_budget_its_balance_and_currency(self, agent: Party) -> None:
        agent.budget("agent:a", 100, "credits")
        tight = agent.budget("agent:a", 10, period=calendar("day"))
        agent.spend("8.5")
        agent.spend(10, "credits")

        answer = agent.check(amounts={"usd": "1", "credits": "1"})

        assert (answer["action"], answer["allowed"]) == ("warn", True)
        assert (answer["budget_id"], answer["balance"], answer["currency"]) == (
            tight["budget_id"],
            "1.5",
            "usd",
        )
        assert answer["hint"] == (
            "Go on, but save: agent:a has 1.5 usd left until 2026-03-09T00:00:00.000Z."
        )

    def test_a_pause_asks_for_people(self, agent: Party) -> None:
        budget = agent.budget("agent:a", 10)
        agent.switch(budget, "pause")

        answer = agent.check(1)

        assert (answer["action"], answer["allowed"]) == ("pause", False)
        assert (answer["error_code"], answer["budget_id"]) == (
            "budget_paused",
            budget["budget_id"],
        )
        assert "resume" in answer["hint"]

    @pytest.mark.parametrize(
        ("period", "hint"),
        [
            (calendar("hour"), "Ask for at most 2 usd, or try again in about 60 minutes."),
            (
                {"type": "none"},
                NEVER_RESETS,
            ),
        ],
    )
    def test_a_stop_says_what_an_agent_can_do(
        self, agent: Party, period: dict[str, str], hint: str
    ) -> None:
        agent.budget("agent:a", 10, period=period)
        agent.spend(8)

        answer = agent.check(3)

        assert (answer["action"], answer["allowed"], answer["balance"]) == ("stop", False, "2")
        assert answer["hint"] == hint

    def test_the_most_restrictive_of_several_budgets_is_described(self, acme: Party) -> None:
        acme.budget("organization:acme", 100)
        acme.budget("agent:a", 10)
        stopping = acme.budget("session:s", 5)
        everything = acme.on(agent="a", session="s")
        everything.spend("4.5")

        answer = everything.check(1)

        assert (answer["action"], answer["budget_id"]) == ("stop", stopping["budget_id"])

    def test_a_check_holds_nothing(self, agent: Party) -> None:
        agent.budget("agent:a", 10)

        assert [agent.check(10)["allowed"] for _ in range(3)] == [True] * 3
        assert agent.balance["held"] == "0"
