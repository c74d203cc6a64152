"""What no budget counts is said: in reserve, check, record and the query of what was spent.

A type or a unit that no budget of the tenant ever had limits nothing, so the response names it.
"""

from typing import Any

import pytest

from spendgate_service.app import Spendgate
from spendgate_service.domain.tenants import BUDGETED_WORDS_MAX
from spendgate_service.store.tenants import find_tenant
from tests.support.handlers import Ask

pytestmark = pytest.mark.usefixtures("acme")

SPENDING = ("/v1/reservations", "/v1/check", "/v1/spend")


def a_budget(ask: Ask, subject: str = "user:u", unit: str = "usd") -> Any:
    made = ask("POST", "/v1/budgets", {"subject": subject, "unit": unit, "limit": "10"})
    assert made.status == 201
    return made.body


def said(ask: Ask, path: str, subjects: dict[str, str], **amounts: str) -> Any:
    field = "actual" if path == "/v1/spend" else "amounts"
    answered = ask("POST", path, {"subjects": subjects, field: amounts or {"usd": "1"}})
    assert answered.status in {200, 201}
    return answered.body


@pytest.mark.parametrize("path", SPENDING)
def test_a_misspelt_type_is_named(ask: Ask, path: str) -> None:
    a_budget(ask)

    answered = said(ask, path, {"users": "u"})

    assert answered["unbudgeted"] is True
    assert any("on users:" in sentence for sentence in answered["warnings"])
    assert any(sentence.startswith("no budget applies") for sentence in answered["warnings"])


@pytest.mark.parametrize("path", SPENDING)
def test_a_misspelt_unit_is_named(ask: Ask, path: str) -> None:
    a_budget(ask)

    answered = said(ask, path, {"user": "u"}, usd_cents="1")

    assert answered["unbudgeted"] is True
    assert any("in usd_cents:" in sentence for sentence in answered["warnings"])


@pytest.mark.parametrize("unit", ["tokens", "requests"])
@pytest.mark.parametrize("path", SPENDING)
def test_the_price_of_a_usage_needs_no_budget_of_its_own(ask: Ask, path: str, unit: str) -> None:
    a_budget(ask, unit=unit)
    usage = {"provider": "openai", "model": "gpt-4o", "input_tokens": 1, "max_output_tokens": 1}
    if path == "/v1/spend":
        usage["output_tokens"] = usage.pop("max_output_tokens")

    answered = ask("POST", path, {"subjects": {"user": "u"}, "usage": usage}).body

    assert not any("has ever been in" in sentence for sentence in answered.get("warnings", ()))


@pytest.mark.parametrize("path", SPENDING)
def test_a_standard_type_without_a_budget_is_only_unbudgeted(ask: Ask, path: str) -> None:
    a_budget(ask)

    answered = said(ask, path, {"agent": "a"})

    assert answered["unbudgeted"] is True
    assert len(answered["warnings"]) == 1


@pytest.mark.parametrize("path", SPENDING)
@pytest.mark.parametrize("subject", ["team:red", "team:*"])
def test_what_a_budget_counts_is_not_warned_of(ask: Ask, path: str, subject: str) -> None:
    a_budget(ask, subject)

    answered = said(ask, path, {"team": "red"})

    assert (answered["unbudgeted"], answered["warnings"]) == (False, [])


@pytest.mark.parametrize("path", SPENDING)
def test_one_that_is_known_and_one_that_is_not(ask: Ask, path: str) -> None:
    a_budget(ask)

    answered = said(ask, path, {"user": "u", "squad": "p"})

    assert answered["unbudgeted"] is False
    (sentence,) = answered["warnings"]
    assert "on squad:" in sentence


def test_a_type_stays_known_when_its_budget_is_deleted(ask: Ask) -> None:
    made = a_budget(ask, "team:red")
    assert ask("DELETE", f"/v1/budgets/{made['budget_id']}").status == 200

    answered = said(ask, "/v1/check", {"team": "red"})

    assert answered["unbudgeted"] is True
    assert len(answered["warnings"]) == 1


def test_a_unit_with_a_conversion_rate_is_known(ask: Ask) -> None:
    a_budget(ask)
    assert ask("PUT", "/v1/rates/eur/usd", {"rate": "1.08"}).status == 200

    answered = said(ask, "/v1/check", {"agent": "a"}, eur="1")

    assert len(answered["warnings"]) == 1


def test_the_tokens_of_a_usage_need_no_budget_of_their_own(ask: Ask) -> None:
    a_budget(ask)
    usage = {"provider": "openai", "model": "gpt-4o", "input_tokens": 9, "max_output_tokens": 1}

    answered = ask("POST", "/v1/check", {"subjects": {"user": "u"}, "usage": usage}).body

    assert (answered["unbudgeted"], answered["warnings"]) == (False, [])


def test_a_refused_check_is_not_unbudgeted(ask: Ask) -> None:
    assert ask("PATCH", "/v1/tenant", {"require_budget": True}).status == 200

    answered = said(ask, "/v1/check", {"agent": "a"})

    assert (answered["allowed"], answered["unbudgeted"]) == (False, False)


def test_the_query_of_what_was_spent_names_it_too(ask: Ask) -> None:
    a_budget(ask)

    wrong = ask("GET", "/v1/spend", query={"users": "u"})
    right = ask("GET", "/v1/spend", query={"user": "u", "agent": "a"})

    (sentence,) = wrong.body["warnings"]
    assert "on users:" in sentence
    assert right.body["warnings"] == []


def test_a_change_of_settings_keeps_what_budgets_were_about(ask: Ask, app: Spendgate) -> None:
    a_budget(ask, "team:red", "credits")
    assert ask("PATCH", "/v1/tenant", {"name": "Acme"}).status == 200
    a_budget(ask, "squad:blue")
    assert ask("PATCH", "/v1/tenant", {"name": "Acme 2"}).status == 200

    tenant = find_tenant(app.table, "acme")

    assert tenant.budgeted_types == {"team", "squad"}
    assert tenant.budgeted_units == {"credits", "usd"}


def test_too_many_types_to_remember_are_not_warned_of(ask: Ask, app: Spendgate) -> None:
    for number in range(BUDGETED_WORDS_MAX + 1):
        a_budget(ask, f"kind{number}:x")

    assert len(find_tenant(app.table, "acme").budgeted_types) == BUDGETED_WORDS_MAX
    answered = said(ask, "/v1/check", {f"kind{BUDGETED_WORDS_MAX}": "x", "user": "u"})
    assert answered["warnings"] == []


def settled(ask: Ask, held: dict[str, str], **settlement: Any) -> Any:
    made = ask("POST", "/v1/reservations", {"subjects": {"user": "u"}, "amounts": held})
    path = f"/v1/reservations/{made.body['reservation_id']}/settle"
    return ask("POST", path, settlement)


@pytest.mark.parametrize(
    ("actual", "units"),
    [
        ({"usd": "1"}, []),
        ({"usd": "1", "tokens": "9"}, ["tokens"]),
        ({"usd": "1", "tokens": "0"}, []),
        ({"usd": "1", "eur": "1"}, []),
        ({"usd": "1", "pages": "2", "calls": "1"}, ["calls", "pages"]),
        ({"seconds": "5"}, ["seconds"]),
        ({"credits": "5"}, []),
    ],
)
def test_a_settled_unit_that_was_not_held_and_that_nothing_counts_is_named(
    ask: Ask, actual: dict[str, str], units: list[str]
) -> None:
    a_budget(ask)
    a_budget(ask, unit="credits")
    assert ask("PUT", "/v1/rates/eur/usd", {"rate": "1.08"}).status == 200

    answered = settled(ask, {"usd": "2"}, actual=actual)

    assert answered.status == 200
    warnings = answered.body.get("warnings", [])
    assert [sentence.split()[4] for sentence in warnings] == units


def test_the_tokens_of_a_settled_usage_need_no_budget_of_their_own(ask: Ask) -> None:
    a_budget(ask)
    usage = {"provider": "openai", "model": "gpt-4o", "input_tokens": 9, "output_tokens": 1}

    assert "warnings" not in settled(ask, {"usd": "2"}, usage=usage).body
