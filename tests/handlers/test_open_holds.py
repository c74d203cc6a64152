"""Open holds of workers that died: long and extended ones, oldest first (case 26)."""

from typing import Any

import pytest

from spendgate_service.app import Spendgate
from spendgate_service.store.reservations import LONG_HOLD_SECONDS
from tests.support.app import spendgate_over
from tests.support.clock import FakeClock
from tests.support.functions import HttpAnswer, answer_of, load_function
from tests.support.handlers import Ask, all_entries
from tests.support.http_events import a_principal, http_event

pytestmark = pytest.mark.usefixtures("acme")

DAY = 86_400


def reserve(ask: Ask, agent: str, ttl_seconds: int) -> str:
    body = {"subjects": {"agent": agent}, "amounts": {"usd": 1}, "ttl_seconds": ttl_seconds}
    made = ask("POST", "/v1/reservations", body)
    assert made.status == 201, made
    reservation_id: str = made.body["reservation_id"]
    return reservation_id


def held(ask: Ask, **query: str) -> list[str]:
    holds = all_entries(ask, "/v1/reservations", state="held", **query)
    return [hold["reservation_id"] for hold in holds]


def test_long_and_extended_holds_are_listed_and_short_ones_are_not(ask: Ask) -> None:
    ask("POST", "/v1/budgets", {"subject": "agent:*", "unit": "usd", "limit": 100})
    long = reserve(ask, "a", DAY)
    short = reserve(ask, "a", LONG_HOLD_SECONDS)
    other = reserve(ask, "b", LONG_HOLD_SECONDS + 1)

    assert sorted(held(ask)) == sorted([long, other])
    assert sorted(held(ask, limit="1")) == sorted([long, other])
    assert held(ask, subject="agent:a", limit="1") == [long]

    ask("POST", f"/v1/reservations/{short}/extend", {"ttl_seconds": 60})
    assert sorted(held(ask, subject="agent:a")) == sorted([long, short])


@pytest.mark.parametrize("end", ["settle", "release"])
def test_an_admin_ends_any_of_them_and_it_leaves_the_list(ask: Ask, end: str) -> None:
    hold = reserve(ask, "a", DAY)

    ended = ask(
        "POST", f"/v1/reservations/{hold}/{end}", {} if end == "release" else {"actual": {}}
    )

    assert ended.status == 200, ended
    assert not held(ask)


def test_holds_are_found_by_their_age_oldest_first_until_they_expire(app: Spendgate) -> None:
    clock = FakeClock(1_772_971_200_000)
    made = []
    for agent in "abc":
        made.append(reserve(asking(app, clock), agent, DAY))
        clock.advance(3600)
    ask = asking(app, clock)

    assert held(ask) == made
    assert held(ask, older_than_seconds="3601", limit="1") == made[:2]
    assert held(ask, older_than_seconds="10800") == made[:1]
    clock.advance(DAY - 2 * 3600)
    assert held(asking(app, clock)) == made[2:], "two have expired"


def asking(app: Spendgate, clock: FakeClock) -> Ask:
    service = spendgate_over(app.table, clock)

    def ask(method: str, path: str, body: object = None, **more: Any) -> HttpAnswer:
        function = "reserve" if method == "POST" else "admin"
        event = http_event(method, path, body=body, principal=a_principal("admin"), **more)
        return answer_of(load_function(function, service), event)

    return ask


def test_another_tenant_sees_none_of_them(ask: Ask) -> None:
    reserve(ask, "a", DAY)

    page = ask("GET", "/v1/reservations", principal=a_principal("admin", tenant_id="beta"))
    assert page.body["data"] == []


def test_a_wrong_state_or_age_is_422(ask: Ask) -> None:
    for name, value in (("state", "settled"), ("older_than_seconds", "-1"), ("cursor", "eA")):
        refused = ask("GET", "/v1/reservations", query={name: value})
        assert (refused.status, refused.body["error"]["param"]) == (422, f"query.{name}")
