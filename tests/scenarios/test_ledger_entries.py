"""The ledger of everruns: the story of every entry, newest first, page by page."""

from typing import Any

import pytest

from tests.scenarios.service import Body, Party


class TestLedger:
    @pytest.fixture
    def budget(self, agent: Party) -> Body:
        """A budget with seven debits, of 1 to 7, one a second."""
        made = agent.budget("agent:a", 1000)
        for amount in range(1, 8):
            agent.wait(1)
            agent.spend(amount)
        return made

    def test_an_entry_tells_whole_story_of_a_settlement(self, acme: Party) -> None:
        budget = acme.budget("agent:a", 10)
        agent = acme.on(agent="a", session="s-42")
        reservation = agent.reserve(5)
        story: dict[str, Any] = {
            "meter_source": "provider",
            "ref_type": "llm_generation",
            "ref_id": "gen-1",
            "description": "a summary",
        }

        path = f"/v1/reservations/{reservation['reservation_id']}/settle"
        agent.done("POST", path, {"actual": {"usd": "3"}, **story})

        (entry,) = agent.view(budget, "ledger")["data"]
        assert {name: entry[name] for name in story} == story
        assert (entry["amount"], entry["unit"], entry["subject"]) == ("3", "usd", "agent:a")
        assert (entry["session_id"], entry["reservation_id"]) == (
            "s-42",
            reservation["reservation_id"],
        )

    def test_the_newest_entry_comes_first(self, agent: Party, budget: Body) -> None:
        agent.wait(1)
        agent.credit(budget, 50)

        page = agent.view(budget, "ledger", limit="3")

        assert [entry["amount"] for entry in page["data"]] == ["-50", "7", "6"]

    def test_paging_goes_on_where_it_was_though_entries_are_added(
        self, agent: Party, budget: Body
    ) -> None:
        page = agent.view(budget, "ledger", limit="3")
        seen = [entry["amount"] for entry in page["data"]]
        while page["next_cursor"]:
            agent.wait(1)
            agent.spend(100)
            page = agent.view(budget, "ledger", limit="3", cursor=page["next_cursor"])
            seen += [entry["amount"] for entry in page["data"]]

        assert seen == ["7", "6", "5", "4", "3", "2", "1"]

    def test_the_ledger_adds_up_to_the_balance(self, agent: Party, budget: Body) -> None:
        agent.credit(budget, 50)
        reservation = agent.reserve(10)
        agent.settle(reservation, 11)

        entries = agent.view(budget, "ledger", limit="100")["data"]

        assert 1000 - sum(int(entry["amount"]) for entry in entries) == int(
            agent.balance["available"]
        )
        assert agent.view(budget, "audit")["differences"] == []
