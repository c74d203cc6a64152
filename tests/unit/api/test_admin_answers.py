"""The answers about budgets, tenants and what is set for them have exactly their fields."""

from dataclasses import replace

import pytest

from spendgate_service.domain.amounts import ONE
from spendgate_service.domain.budgets import CarryOver, TokenCap
from spendgate_service.domain.periods import DurationPeriod
from spendgate_service.domain.rates import Rate
from spendgate_service.domain.subjects import Subject
from spendgate_service.domain.tenants import ApiKey, Tenant
from spendgate_service.wire.balances import balance_response
from spendgate_service.wire.budgets import budget_response
from spendgate_service.wire.credits import credit_response
from spendgate_service.wire.keys import key_created, key_response
from spendgate_service.wire.ledger import ledger_entry_response
from spendgate_service.wire.pages import page_response
from spendgate_service.wire.prices import price_response
from spendgate_service.wire.rates import rate_response
from spendgate_service.wire.statements import statement_response
from spendgate_service.wire.tenants import tenant_response
from spendgate_service.wire.token_caps import token_cap_response
from spendgate_service.wire.values import time_on_wire
from tests.support.api_requests import NOON_MS, STATEMENT, balance
from tests.support.prices import a_price
from tests.unit.api.test_answers import ENTRY


def test_a_budget_with_and_without_its_balance() -> None:
    one = balance("10", "10")

    alone = budget_response(one.budget, version=3)
    full = budget_response(one.budget, version=3, balance=one)

    assert alone == {
        "budget_id": "bud_1",
        "subject": "agent:researcher",
        "unit": "usd",
        "limit": "10",
        "soft_limit": None,
        "on_soft_limit": "warn",
        "warn_at_pct": [80],
        "period": {"type": "calendar", "unit": "day", "timezone": "UTC"},
        "carry_over": None,
        "mode": "enforce",
        "name": None,
        "slug": None,
        "metadata": {},
        "status": "active",
        "version": 3,
        "revision": 0,
        "created_at": "2026-03-01T12:00:00.250Z",
        "updated_at": "2026-03-01T12:00:00.250Z",
    }
    assert full == {**alone, "status": "exhausted", "balance": balance_response(one)}


def test_a_budget_shows_all_that_was_laid_down() -> None:
    budget = replace(
        balance().budget,
        soft_limit=8 * ONE,
        on_soft_limit="pause",
        mode="shadow",
        carry_over=CarryOver(unused=True, max=5 * ONE),
        period=DurationPeriod(18_000),
    )

    answer = budget_response(budget, version=1)

    assert (answer["soft_limit"], answer["on_soft_limit"], answer["mode"]) == (
        "8",
        "pause",
        "shadow",
    )
    assert answer["carry_over"] == {"unused": True, "max": "5", "debt": False}
    assert answer["period"] == {"type": "duration", "seconds": 18_000, "window": "5h"}


@pytest.mark.parametrize(
    ("paused", "disabled", "status"),
    [
        (False, False, "active"),
        (True, False, "paused"),
        (False, True, "disabled"),
        (True, True, "disabled"),
    ],
)
def test_a_default_is_active_paused_or_disabled(paused: bool, disabled: bool, status: str) -> None:
    budget = replace(balance().budget, paused=paused, disabled=disabled)

    assert budget_response(budget, version=1)["status"] == status


def test_a_credit_is_its_ledger_entry_with_the_balance_after_it() -> None:
    one = balance()

    answer = credit_response(ENTRY, one)

    assert answer == {**ledger_entry_response(ENTRY), "balance": balance_response(one)}


def test_a_statement_tells_what_a_period_came_to() -> None:
    assert statement_response(STATEMENT) == {
        "id": "stm_2",
        "budget_id": "bud_1",
        "subject": "agent:researcher",
        "unit": "usd",
        "period_key": "2026-02-28",
        "starts_at": "2026-02-28T00:00:00.000Z",
        "ends_at": "2026-03-01T00:00:00.000Z",
        "limit": "10",
        "credits": "3",
        "carried_in": "-1",
        "spent": "13",
        "held": "0",
        "unused": "-1",
        "overrun": "1",
        "carried_out": "-1",
        "closed_at": "2026-03-01T12:00:00.250Z",
        "revision": 2,
        "corrects": "stm_1",
        "is_current": True,
        "is_final": True,
    }


def test_a_token_cap_shows_what_is_not_capped_as_null() -> None:
    assert token_cap_response(Subject("agent", "*"), TokenCap(max_total_tokens=9)) == {
        "subject": "agent:*",
        "max_prompt_tokens": None,
        "max_completion_tokens": None,
        "max_total_tokens": 9,
    }


def test_a_price_says_where_it_comes_from() -> None:
    price = a_price("p", "a/m", written=2 * ONE, cached=ONE // 2, updated_at_ms=NOON_MS)

    own = price_response(price, table_date="2026-11-10")
    builtin = price_response(replace(price, source="builtin"), table_date="2026-11-10")

    assert {name: value for name, value in own.items() if value not in (None, [], {})} == {
        "provider": "p",
        "model": "a/m",
        "currency": "usd",
        "input_per_million": "1",
        "output_per_million": "2",
        "cached_input_per_million": "0.5",
        "source": "override",
        "updated_at": "2026-03-01T12:00:00.250Z",
    }
    assert builtin == {
        **own,
        "source": "builtin",
        "table_date": "2026-11-10",
        "updated_at": None,
    }


def test_a_rate_goes_from_one_unit_to_another() -> None:
    assert rate_response(Rate("eur", "usd", 11 * ONE // 10, NOON_MS, 60)) == {
        "from": "eur",
        "to": "usd",
        "rate": "1.1",
        "max_age_seconds": 60,
        "updated_at": "2026-03-01T12:00:00.250Z",
    }


def test_the_secret_of_a_key_is_in_the_response_to_its_creation_alone() -> None:
    key = ApiKey("key_1", "acme", "caller", "CI", NOON_MS)

    assert "secret" not in key_response(key)
    assert key_created(key, secret="s3") == {**key_response(key), "secret": "s3"}
    assert key_created(key, secret=None) == {**key_response(key), "secret": None}


def test_a_tenant_and_a_page() -> None:
    answer = tenant_response(Tenant("acme", created_at_ms=NOON_MS, updated_at_ms=NOON_MS))

    assert (answer["require_budget"], answer["unpriced_model"]) == (False, "reject")
    assert page_response([answer], next_cursor=None) == {"data": [answer], "next_cursor": None}


@pytest.mark.parametrize(
    ("moment_ms", "text"),
    [(0, "1970-01-01T00:00:00.000Z"), (253_402_300_799_999, "9999-12-31T23:59:59.999Z")],
)
def test_times_are_exact_to_the_millisecond(moment_ms: int, text: str) -> None:
    assert time_on_wire(moment_ms) == text
