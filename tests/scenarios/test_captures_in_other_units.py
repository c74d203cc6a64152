"""What a capture names in a unit that was not reserved counts as in a record or a settlement.

The kind: two ways to report the same spend that count differently.
"""

from collections.abc import Callable
from typing import Any

import pytest

from tests.scenarios.service import Body, Party, Service, calendar, duration, rolling
from tests.support.ledger_invariants import assert_books_balance
from tests.support.settlement_queue import capturing, send

pytestmark = pytest.mark.usefixtures("acme")

RATES = {"usd/credits": "1", "tokens/credits": "0.01", "tokens/usd": "0.000001", "eur/usd": "2"}
PERIODS = [{"type": "none"}, calendar("hour"), rolling("1h"), duration("1h")]

type Send = Callable[[Party, Body, Body], None]


def by_http(party: Party, lease: Body, captured: Body) -> None:
    party.done("POST", f"/v1/reservations/{lease['reservation_id']}/capture", {"actual": captured})


def by_queue(party: Party, lease: Body, captured: Body) -> None:
    send(party.service, [capturing(lease["reservation_id"], captured, {})])


@pytest.fixture
def rated(acme: Party) -> Party:
    for units, rate in RATES.items():
        acme.done("PUT", f"/v1/rates/{units}", {"rate": rate})
    return acme.on(user="u")


def spent(party: Party) -> str:
    return str(party.balance["spent"])


# The unit of the budget, what is held, what is captured, and what that comes to.
CASES = [
    pytest.param("credits", {"usd": "1"}, {"usd": "1", "tokens": "9900"}, "99", id="more"),
    pytest.param("credits", {"usd": "1"}, {"usd": "1", "tokens": "50"}, "1", id="less"),
    pytest.param("credits", {"usd": "5"}, {"tokens": "1000"}, "10", id="only another"),
    pytest.param("usd", {"usd": "0"}, {"usd": "0", "tokens": "1000000"}, "1", id="nothing held"),
    pytest.param("usd", {"tokens": "1000000"}, {"usd": "2"}, "2", id="the budget's own unit"),
    pytest.param("usd", {"usd": "9"}, {"eur": "3"}, "6", id="another currency"),
]


@pytest.mark.parametrize("subject", ["user:u", "user:*"])
@pytest.mark.parametrize("capture", [by_http, by_queue])
@pytest.mark.parametrize(("unit", "held", "captured", "comes_to"), CASES)
def test_a_capture_counts_what_a_settlement_would(
    rated: Party,
    subject: str,
    capture: Send,
    unit: str,
    held: Body,
    captured: Body,
    comes_to: str,
) -> None:
    rated.budget(subject, 100, unit)
    lease = rated.reserve(amounts=held)

    capture(rated, lease, captured)
    first = spent(rated)
    capture(rated, lease, captured)

    assert (first, spent(rated)) == (comes_to, comes_to)
    rated.release(lease)
    assert spent(rated) == comes_to
    assert rated.balance["held"] == "0"
    service = rated.service
    assert_books_balance(service.table, now_ms=service.clock.now_ms())


@pytest.mark.parametrize("period", PERIODS)
def test_parts_by_entry_come_to_the_whole_and_the_settlement_adds_what_is_missing(
    service: Service, rated: Party, period: dict[str, Any]
) -> None:
    rated.budget("user:u", 1000, "credits", period=period)
    lease = rated.reserve(amounts={"usd": "5"})
    by_http(rated, lease, {"usd": "1", "tokens": "50"})
    by_http(rated, lease, {"usd": "2", "tokens": "1000"})
    assert spent(rated) == "10"

    path = f"/v1/reservations/{lease['reservation_id']}"
    rated.done("POST", f"{path}/settle", {"actual": {"usd": "3", "tokens": "2000"}})

    assert spent(rated) == "20"
    logged = rated.done("GET", "/v1/usage/records", query={"user": "u"})["data"]
    assert sum(float(share["amount"]) for record in logged for share in record["budgets"]) == 20
    assert_books_balance(service.table, now_ms=service.clock.now_ms())


def test_a_rate_of_later_counts_what_it_adds_and_a_changed_one_stays_as_it_was(
    service: Service, acme: Party
) -> None:
    user = acme.on(user="u")
    acme.done("PUT", "/v1/rates/usd/credits", {"rate": "1"})
    user.budget("user:u", 1000, "credits")
    lease = user.reserve(amounts={"usd": "5"})
    by_http(user, lease, {"usd": "1", "tokens": "5000"})
    assert spent(user) == "1"  # nothing says what a token is worth

    acme.done("PUT", "/v1/rates/tokens/credits", {"rate": "0.01"})
    user.wait(6)
    by_http(user, lease, {"usd": "1", "tokens": "6000"})
    assert spent(user) == "60"

    acme.done("PUT", "/v1/rates/tokens/credits", {"rate": "1"})
    user.wait(6)
    by_http(user, lease, {"usd": "1", "tokens": "7000"})
    assert spent(user) == "70"
    user.done(
        "POST",
        f"/v1/reservations/{lease['reservation_id']}/settle",
        {"actual": {"usd": "1", "tokens": "8000"}},
    )
    assert spent(user) == "80"
    assert_books_balance(service.table, now_ms=service.clock.now_ms())


def test_what_was_captured_stays_spent_after_the_expiry(service: Service, rated: Party) -> None:
    rated.budget("user:u", 100, "credits")
    lease = rated.reserve(amounts={"usd": "5"}, ttl_seconds=60)
    by_http(rated, lease, {"usd": "1", "tokens": "5000"})
    rated.wait(120)

    assert spent(rated) == "50"
    by_http(rated, lease, {"usd": "1", "tokens": "6000"})
    assert spent(rated) == "60"
    assert rated.find(lease)["late"] is True
    assert_books_balance(service.table, now_ms=service.clock.now_ms())


def test_nothing_in_a_unit_that_was_not_reserved_starts_no_window(acme: Party) -> None:
    user = acme.on(user="u")
    user.budget("user:u", 9, period=duration("30m"))
    lease = user.reserve(5, "tokens")
    user.wait(60)
    settled = user.settle(lease, 0)
    user.wait(60)

    assert settled["actual"] == {"tokens": "5", "usd": "0"}
    assert user.balance["resets_in_seconds"] == 1800
