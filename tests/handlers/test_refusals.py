"""Refusals are folded by minute, cheap where a budget is hammered, and listed newest first."""

from typing import Any

import pytest

from spendgate_service.app import Spendgate
from spendgate_service.store.client import Table
from spendgate_service.store.errors import Throttled
from tests.handlers.test_budgets import create
from tests.support.app import spendgate_over
from tests.support.clock import FakeClock
from tests.support.counting_client import counting
from tests.support.functions import HttpAnswer, answer_of, load_function
from tests.support.handlers import Ask, all_entries
from tests.support.http_events import a_principal, http_event

CALLER = a_principal("caller")


class Refusing:
    """A reserve function of one environment, whose calls are counted."""

    def __init__(self, table: Table, clock: FakeClock) -> None:
        self.table, self.client = counting(table)
        self.app: Spendgate = spendgate_over(self.table, clock)
        self._function = load_function("reserve", self.app)

    def refuse(self, usd: int, agent: str = "a") -> HttpAnswer:
        body = {"subjects": {"agent": agent}, "amounts": {"usd": usd}}
        event = http_event("POST", "/v1/reservations", body=body, principal=CALLER)
        answer = answer_of(self._function, event)
        assert answer.status == 429, answer.body
        return answer

    @property
    def puts(self) -> int:
        return self.client.calls["put_item"]


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def app(memory_table: Table, clock: FakeClock) -> Spendgate:
    """The service by the clock of the test."""
    return spendgate_over(memory_table, clock)


def listed(ask: Ask, **query: str) -> list[dict[str, Any]]:
    return all_entries(ask, "/v1/refusals", **query)


def test_a_hammered_budget_is_written_once_a_minute_by_each_environment(
    ask: Ask, memory_table: Table, clock: FakeClock
) -> None:
    """Fifty refusals take one write unit, and the next minute's write brings the others."""
    budget_id = create(ask, subject="agent:*", limit="1")["budget_id"]
    one, other = Refusing(memory_table, clock), Refusing(memory_table, clock)
    one.refuse(5)
    before = one.puts
    for usd in range(2, 51):
        one.refuse(usd)
    assert one.puts == before
    other.refuse(99)

    (row,) = listed(ask)
    assert (row["count"], row["requested_max"]) == (2, "99")

    clock.advance(61)
    last = one.refuse(3)

    newest, oldest = listed(ask, subject="agent:a", limit="1")
    assert oldest["count"] == 2
    assert (newest["count"], newest["requested_max"], newest["unit"]) == (50, "50", "usd")
    assert newest["first_at"] < newest["last_at"]
    assert newest["budget_id"] == budget_id
    assert newest["code"] == last.body["error"]["code"] == "insufficient_quota"
    assert newest["count_is"] == "a lower bound"
    assert "agent:a" in newest["message"]
    assert listed(ask, subject="agent:b") == []


def test_each_subject_and_each_budget_has_its_own_row(
    ask: Ask, memory_table: Table, clock: FakeClock
) -> None:
    """However the pages are cut, over several minutes."""
    for subject in ("agent:*", "organization:acme"):
        create(ask, subject=subject, limit="1")
    refusing = Refusing(memory_table, clock)
    for _minute in range(2):
        for agent in ("a", "b"):
            refusing.refuse(5, agent)
        clock.advance(61)

    rows = listed(ask)

    assert listed(ask, limit="1") == rows == listed(ask, limit="2")
    assert len(rows) == len({(row["minute"], row["subject"], row["budget_id"]) for row in rows})
    assert {row["subject"] for row in rows} == {"agent:a", "agent:b", "organization:acme"}
    assert [row["minute"] for row in rows] == sorted((row["minute"] for row in rows), reverse=True)
    assert listed(ask, to="2020-01-01") == []


def test_a_page_whose_place_is_older_than_the_span_is_by_now_is_the_last(
    ask: Ask, memory_table: Table, clock: FakeClock
) -> None:
    """The span without `from` moves with the clock, past the cursor of the page before."""
    create(ask, subject="agent:*", limit="1")
    refusing = Refusing(memory_table, clock)
    for agent in ("a", "b"):
        refusing.refuse(5, agent)
    page = ask("GET", "/v1/refusals", query={"limit": "1"}).body

    clock.advance(86_400 + 60)
    rest = ask("GET", "/v1/refusals", query={"limit": "1", "cursor": page["next_cursor"]})

    assert (rest.status, rest.body) == (200, {"data": [], "next_cursor": None})


def test_a_log_that_cannot_be_written_does_not_change_the_answer(
    ask: Ask, memory_table: Table, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    create(ask, subject="agent:*", limit="1")
    refusing = Refusing(memory_table, clock)

    def fail(*_arguments: object) -> None:
        raise Throttled("not now")

    monkeypatch.setattr("spendgate_service.reservations.refusal_log.put_refusals", fail)
    refusing.refuse(5)

    assert listed(ask) == []


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ({"cursor": "W10"}, "query.cursor"),
        ({"from": "yesterday"}, "query.from"),
        ({"from": "2026-03-02", "to": "2026-03-01"}, "query.to"),
        ({"subject": "nobody"}, "query.subject"),
    ],
)
def test_a_query_that_makes_no_sense_is_refused_by_name(
    ask: Ask, query: dict[str, str], param: str
) -> None:
    answer = ask("GET", "/v1/refusals", query=query)

    assert (answer.status, answer.body["error"]["param"]) == (422, param)
