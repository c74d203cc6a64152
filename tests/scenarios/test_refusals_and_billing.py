"""The budget enforcer of chio: who refuses first, other currencies, billing, very large amounts."""

import csv
import io

import pytest

from spendgate_service.api import export
from tests.scenarios.service import DAY, HOUR, Party, calendar, scopes

EXPENSIVE = "s1:expensive"
HUGE = "999999999999999999.999999999"


@pytest.fixture
def enforcer(acme: Party) -> Party:
    """10000 in all, 5000 per session, 3000 per agent and 500 for one tool; all three take part."""
    acme.budget("organization:acme", 10_000)
    acme.budget("session:*", 5000)
    acme.budget("agent:*", 3000)
    acme.budget(f"tool:{EXPENSIVE}", 500)
    return acme.on(session="s", agent="a", tool=EXPENSIVE)


@pytest.mark.parametrize(
    ("amount", "who"),
    [
        (501, ["tool"]),
        (3001, ["agent", "tool"]),
        (5001, ["agent", "session", "tool"]),
        (10_001, ["organization", "agent", "session", "tool"]),
    ],
)
def test_everybody_whose_limit_is_passed_refuses_the_widest_first(
    enforcer: Party, amount: int, who: list[str]
) -> None:
    assert scopes(enforcer.try_reserve(amount)) == who


def test_what_every_limit_allows_is_held_on_all_of_them(enforcer: Party) -> None:
    granted = enforcer.reserve(500)

    assert [(budget["subject"], budget["held"]) for budget in granted["budgets"]] == [
        ("organization:acme", "500"),
        ("agent:a", "500"),
        ("session:s", "500"),
        (f"tool:{EXPENSIVE}", "500"),
    ]


def test_a_refusal_by_one_leaves_no_hold_on_the_others(enforcer: Party) -> None:
    enforcer.try_reserve(501)

    assert {balance["held"] for balance in enforcer.balances()} == {"0"}


def test_another_tool_is_not_bound_by_the_limit_of_the_expensive_one(enforcer: Party) -> None:
    assert enforcer.on(tool="s1:cheap").try_reserve(3000).status == 201


def test_agents_of_one_session_share_its_limit(enforcer: Party) -> None:
    enforcer.on(agent="a", tool="t").reserve(3000)
    second = enforcer.on(agent="b", tool="t")

    assert scopes(second.try_reserve(2001)) == ["session"]
    assert second.try_reserve(2000).status == 201


def test_an_agent_takes_its_limit_along_into_the_next_session(enforcer: Party) -> None:
    enforcer.on(session="one", tool="t").reserve(2500)

    assert scopes(enforcer.on(session="two", tool="t").try_reserve(501)) == ["agent"]


def test_sessions_together_stay_within_the_total(enforcer: Party) -> None:
    for number in range(4):
        enforcer.on(session=f"s{number}", agent=f"a{number}", tool="t").reserve(2500)

    fresh = enforcer.on(session="fresh", agent="fresh", tool="t")
    assert scopes(fresh.try_reserve(1)) == ["organization"]


def test_a_budget_with_too_little_left_decides_before_one_that_is_paused(acme: Party) -> None:
    total = acme.budget("organization:acme", 10)
    agent = acme.budget("agent:a", 10)
    both = acme.on(agent="a")

    acme.switch(agent, "pause")
    assert both.try_reserve(11).code == "insufficient_quota"
    acme.switch(agent, "resume")
    acme.switch(total, "pause")
    refused, paused = both.try_reserve(11), both.try_reserve(1)

    assert refused.code == "insufficient_quota"
    assert [violation["blocked_by"] for violation in refused.body["error"]["violations"]] == [
        "pause",
        "spent",
    ]
    assert (paused.status, paused.code) == (409, "budget_paused")
    assert paused.body["error"]["budget_id"] == total["budget_id"]


class TestCrossCurrency:
    @pytest.fixture
    def agent(self, acme: Party) -> Party:
        """An agent with 100 usd, whose tenant counts a euro as 1.1 of them for an hour."""
        acme.budget("agent:a", 100)
        acme.done("PUT", "/v1/rates/eur/usd", {"rate": "1.1", "max_age_seconds": HOUR})
        return acme.on(agent="a")

    def test_a_foreign_amount_counts_at_the_tenants_rate(self, agent: Party) -> None:
        reservation = agent.reserve(50, "eur")
        assert agent.balance["held"] == "55"

        agent.settle(reservation, 40, "eur")

        assert (agent.balance["spent"], agent.balance["held"]) == ("44", "0")

    def test_a_foreign_amount_that_converts_to_more_than_is_left_is_refused(
        self, agent: Party
    ) -> None:
        refused = agent.try_reserve(91, "eur")

        assert refused.body["error"]["violations"][0]["requested"] == "100.1"
        assert agent.try_reserve("90.909090909", "eur").status == 201

    def test_a_conversion_is_rounded_up_to_the_next_billionth(self, agent: Party) -> None:
        agent.spend("0.000000001", "eur")

        assert agent.balance["spent"] == "0.000000002"

    def test_a_settlement_uses_the_rate_of_its_reservation(self, acme: Party, agent: Party) -> None:
        reservation = agent.reserve(10, "eur")
        acme.done("PUT", "/v1/rates/eur/usd", {"rate": "2"})
        agent.wait(10)

        agent.settle(reservation, 10, "eur")
        assert agent.balance["spent"] == "11"
        agent.spend(1, "eur")
        assert agent.balance["spent"] == "13"

    def test_what_costs_in_both_units_counts_once_as_named_in_the_budgets_own(
        self, agent: Party
    ) -> None:
        named_both = agent.reserve(5, "usd")
        agent.done(
            "POST",
            f"/v1/reservations/{named_both['reservation_id']}/settle",
            {"actual": {"usd": 5, "eur": 3}},
        )
        assert agent.balance["spent"] == "5"

        converted = agent.reserve(10, "eur")
        agent.done(
            "POST", f"/v1/reservations/{converted['reservation_id']}/settle", {"actual": {"usd": 7}}
        )
        assert (agent.balance["spent"], agent.balance["held"]) == ("12", "0")

    def test_a_rate_that_is_too_old_is_no_rate(self, agent: Party) -> None:
        agent.wait(HOUR - 1)
        assert agent.try_reserve(1, "eur").status == 201

        agent.wait(1)
        refused = agent.try_reserve(1, "eur")

        assert (refused.status, refused.code) == (422, "unknown_rate")
        assert agent.try_reserve(1, "usd").status == 201

    def test_a_reservation_is_settled_though_its_rate_has_grown_too_old(self, agent: Party) -> None:
        reservation = agent.reserve(10, "eur", ttl_seconds=2 * HOUR)
        agent.wait(HOUR + 60)

        agent.settle(reservation, 10, "eur")

        assert agent.balance["spent"] == "11"

    def test_a_unit_without_a_rate_does_not_touch_the_budget(self, agent: Party) -> None:
        granted = agent.reserve(1_000_000, "gbp")

        assert granted["budgets"] == []
        assert agent.balance["held"] == "0"

    def test_a_request_that_names_the_budgets_own_unit_needs_no_rate(self, agent: Party) -> None:
        agent.done(
            "POST",
            "/v1/reservations",
            {"subjects": {"agent": "a"}, "amounts": {"usd": 3, "eur": 100}},
        )

        assert agent.balance["held"] == "3"


class TestBillingExport:
    @pytest.fixture
    def billed(self, acme: Party) -> Party:
        """Three days of an agent: a debit of 1, 2 and 3, and a credit of 5 on the second."""
        budget = acme.budget("agent:a", 10, period=calendar("day"))
        agent = acme.on(agent="a", session="s")
        for day in range(3):
            agent.spend(1 + day, ref_type="llm_generation", ref_id=f"gen-{day}")
            if day == 1:
                acme.wait(1)
                acme.credit(budget, 5, description="refund")
            acme.wait(DAY)
        return acme

    def test_json_lines_have_every_entry_with_where_it_came_from(self, billed: Party) -> None:
        entries = billed.exported()

        assert [entry["amount"] for entry in entries] == ["1", "2", "-5", "3"]
        assert [entry["ref_id"] for entry in entries] == ["gen-0", "gen-1", None, "gen-2"]
        assert [entry["session_id"] for entry in entries] == ["s", "s", None, "s"]
        assert entries[0]["period_key"] == "2026-03-08"

    def test_csv_says_the_same_as_json_lines(self, billed: Party) -> None:
        (part,) = billed.export(format="csv")

        rows = list(csv.DictReader(io.StringIO(part.text, newline="")))

        assert part.headers["Content-Type"].startswith("text/csv")
        wanted = [
            {name: value or "" for name, value in entry.items()} for entry in billed.exported()
        ]
        assert [dict(sorted(row.items())) for row in rows] == [
            dict(sorted(row.items())) for row in wanted
        ]

    @pytest.mark.parametrize(
        ("span", "amounts"),
        [
            ({"from": "2026-03-09", "to": "2026-03-10"}, ["2", "-5"]),
            ({"from": "2026-03-09"}, ["2", "-5", "3"]),
            ({"to": "2026-03-09T12:00:00Z"}, ["1"]),
            ({"from": "2026-03-09T12:00:00Z", "to": "2026-03-09T12:00:01Z"}, ["2"]),
            ({"from": "2026-03-11", "to": "2026-03-12"}, []),
        ],
    )
    def test_a_range_has_its_start_and_not_its_end(
        self, billed: Party, span: dict[str, str], amounts: list[str]
    ) -> None:
        assert [entry["amount"] for entry in billed.exported(**span)] == amounts

    def test_a_large_export_goes_on_until_everything_was_given_out_once(
        self, billed: Party, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        whole = billed.exported()
        monkeypatch.setattr(export, "ENTRIES_MAX", 1)

        parts = billed.export(format="csv")

        rows = csv.DictReader(io.StringIO("".join(part.text for part in parts), newline=""))
        assert [row["id"] for row in rows] == [entry["id"] for entry in whole]
        assert len(parts) >= len(whole)

    def test_an_export_that_goes_on_leaves_out_what_came_after_it_began(
        self, billed: Party, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(export, "ENTRIES_MAX", 1)
        first = billed.ask("GET", "/v1/export/ledger", query={"format": "jsonl"})
        billed.wait(1)
        billed.on(agent="a").spend(9)

        rest = billed.exported(cursor=first.headers["X-Next-Cursor"])

        assert [entry["amount"] for entry in rest] == ["2", "-5", "3"]


class TestVeryLargeAmounts:
    def test_no_digit_is_lost_between_the_largest_limit_and_the_smallest_rest(
        self, acme: Party
    ) -> None:
        acme.budget("agent:a", HUGE)
        agent = acme.on(agent="a")

        agent.reserve("999999999999999999.999999998")

        assert agent.balance["available"] == "0.000000001"
        assert agent.try_reserve("0.000000002").status == 429
        assert agent.try_reserve("0.000000001").status == 201
        assert agent.balance["available"] == "0"

    def test_the_largest_amounts_add_up_past_the_largest_limit(self, acme: Party) -> None:
        acme.budget("agent:a", HUGE)
        agent = acme.on(agent="a")

        for _ in range(3):
            agent.spend(HUGE)

        assert agent.balance["spent"] == "2999999999999999999.999999997"
        assert agent.balance["overrun"] == "1999999999999999999.999999998"
        assert agent.try_reserve("0.000000001").status == 429

    def test_a_larger_amount_than_the_largest_is_refused_and_not_cut(self, acme: Party) -> None:
        acme.budget("agent:a", HUGE)

        refused = acme.on(agent="a").try_reserve("1000000000000000000")

        assert (refused.status, refused.body["error"]["param"]) == (422, "body.amounts.usd")

    def test_a_conversion_past_the_largest_amount_is_refused(self, acme: Party) -> None:
        acme.budget("agent:a", HUGE)
        acme.done("PUT", "/v1/rates/eur/usd", {"rate": "1000000"})

        assert acme.on(agent="a").try_reserve(HUGE, "eur").status == 422
        assert acme.on(agent="a").balance["held"] == "0"
