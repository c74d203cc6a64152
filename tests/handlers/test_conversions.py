"""Conversions: the books show what was converted, and every way to the same spend counts the same.

A unit that is first named at the settlement counts as in a record.
"""

import csv
import io
from typing import Any

import pytest

from tests.support.handlers import Ask

pytestmark = pytest.mark.usefixtures("acme")

AGENT = {"agent": "a"}
ORIGIN = ("amount", "unit", "original_amount", "original_unit", "rate")


def budget(ask: Ask, unit: str = "usd") -> str:
    body = {"subject": "agent:a", "unit": unit, "limit": "1000"}
    return str(ask("POST", "/v1/budgets", body).body["budget_id"])


def rate(ask: Ask, source: str, target: str, value: str) -> None:
    assert ask("PUT", f"/v1/rates/{source}/{target}", {"rate": value}).status == 200


def record(ask: Ask, **amounts: str) -> Any:
    done = ask("POST", "/v1/spend", {"subjects": AGENT, "actual": amounts})
    assert done.status == 201
    return done.body


def reserve(ask: Ask, **amounts: str) -> str:
    granted = ask("POST", "/v1/reservations", {"subjects": AGENT, "amounts": amounts})
    assert granted.status == 201
    return str(granted.body["reservation_id"])


def settle(ask: Ask, reservation_id: str, **amounts: str) -> Any:
    path = f"/v1/reservations/{reservation_id}/settle"
    done = ask("POST", path, {"actual": amounts})
    assert done.status == 200
    return done.body


def ledger(ask: Ask, budget_id: str) -> list[tuple[str | None, ...]]:
    entries = ask("GET", f"/v1/budgets/{budget_id}/ledger").body["data"]
    return [tuple(entry[name] for name in ORIGIN) for entry in reversed(entries)]


def spent(ask: Ask) -> list[str]:
    budgets = ask("GET", "/v1/spend", query={"agent": "a"}).body["budgets"]
    return [balance["spent"] for balance in budgets]


def test_ledger_and_export_say_what_was_converted_at_which_rate(ask: Ask) -> None:
    rate(ask, "eur", "usd", "1.08")
    budget_id = budget(ask)

    (entry,) = record(ask, eur="100")["entries"]
    settle(ask, reserve(ask, eur="10"), eur="7")
    record(ask, usd="3")

    in_books = [
        ("108", "usd", "100", "eur", "1.08"),
        ("7.56", "usd", "7", "eur", "1.08"),
        ("3", "usd", None, None, None),
    ]
    assert tuple(entry[name] for name in ORIGIN) == in_books[0]
    assert ledger(ask, budget_id) == in_books
    exported = ask("GET", "/v1/export/ledger", query={"format": "csv"}).text
    rows = list(csv.DictReader(io.StringIO(exported)))
    assert [tuple(row[name] or None for name in ORIGIN) for row in rows] == in_books


def test_a_settlement_shows_the_rate_of_its_reservation(ask: Ask) -> None:
    rate(ask, "eur", "usd", "1.08")
    budget_id = budget(ask)
    reservation_id = reserve(ask, eur="10")
    rate(ask, "eur", "usd", "2")

    settle(ask, reservation_id, eur="7")

    assert ledger(ask, budget_id) == [("7.56", "usd", "7", "eur", "1.08")]


def test_a_unit_first_named_at_the_settlement_counts_as_in_a_record(ask: Ask) -> None:
    rate(ask, "usd", "credits", "1")
    rate(ask, "tokens", "credits", "0.01")
    budget_id = budget(ask, "credits")

    reservation_id = reserve(ask, usd="1")
    settled = settle(ask, reservation_id, usd="1", tokens="5000")
    assert settle(ask, reservation_id, usd="1", tokens="5000") == settled
    record(ask, usd="1", tokens="5000")

    assert ledger(ask, budget_id) == [("50", "credits", "5000", "tokens", "0.01")] * 2
    assert spent(ask) == ["100"]
    assert [line["from"] for line in settled["lines"]] == ["usd"]
    audit = ask("GET", f"/v1/budgets/{budget_id}/audit").body
    assert audit["differences"] == []


@pytest.mark.parametrize("held", [{"usd": "0"}, {"usd": "2"}, {"usd": "2", "tokens": "1"}])
def test_0_in_the_budgets_own_unit_leaves_the_count_to_the_other_units(
    ask: Ask, held: dict[str, str]
) -> None:
    rate(ask, "tokens", "usd", "0.000001")
    budget_id = budget(ask)

    settle(ask, reserve(ask, **held), usd="0", tokens="1000000")
    record(ask, usd="0", tokens="1000000")
    settle(ask, reserve(ask, usd="0", tokens="1000000"))

    assert ledger(ask, budget_id) == [("1", "usd", "1000000", "tokens", "0.000001")] * 3


def test_an_amount_in_the_budgets_own_unit_is_not_converted(ask: Ask) -> None:
    rate(ask, "tokens", "usd", "0.000001")
    budget_id = budget(ask)

    settle(ask, reserve(ask, usd="0"), usd="0.25", tokens="1000000")
    record(ask, usd="0.25", tokens="1000000")

    assert ledger(ask, budget_id) == [("0.25", "usd", None, None, None)] * 2
