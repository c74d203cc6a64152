"""Periods over HTTP: they are the customer's. Billing days, reset hours, usual spellings."""

from typing import Any

import pytest

from tests.support.handlers import Ask

pytestmark = pytest.mark.usefixtures("acme")


def a_budget(ask: Ask, period: dict[str, Any]) -> Any:
    body = {"subject": "user:u", "unit": "usd", "limit": "1", "period": period}
    return ask("POST", "/v1/budgets", body)


@pytest.mark.parametrize(
    "period",
    [
        {"type": "calendar", "unit": "month", "anchor": {"day": 15, "hour": 6}},
        {"type": "calendar", "unit": "month", "anchor": {"day": 31}},
        {"type": "calendar", "unit": "day", "timezone": "Europe/Paris", "anchor": {"hour": 6}},
        {"type": "calendar", "unit": "week", "anchor": {"weekday": "sunday"}},
        {"type": "calendar", "unit": "quarter"},
        {"type": "calendar", "unit": "quarter", "anchor": {"month": 2, "day": 1}},
        {"type": "calendar", "unit": "year", "anchor": {"month": 4, "day": 6}},
    ],
)
def test_a_period_turns_at_its_anchor_and_shows_it(ask: Ask, period: dict[str, Any]) -> None:
    made = a_budget(ask, period)

    assert made.status == 201, made.body
    shown = made.body["period"]
    assert shown["unit"] == period["unit"]
    assert period.get("anchor", {}).items() <= shown.get("anchor", {}).items()
    held = ask("POST", "/v1/reservations", {"subjects": {"user": "u"}, "amounts": {"usd": "1"}})
    again = ask("POST", "/v1/reservations", {"subjects": {"user": "u"}, "amounts": {"usd": "1"}})
    assert (held.status, again.status) == (201, 429)
    key = held.body["budgets"][0]["period"]["key"]
    assert ("@" in key) == ("anchor" in period)


@pytest.mark.parametrize(
    ("unit", "anchor"),
    [
        ("hour", {"hour": 1}),
        ("day", {"day": 1}),
        ("day", {"hour": 24}),
        ("week", {"weekday": "sonntag"}),
        ("month", {"day": 32}),
        ("month", {"day": 0}),
        ("month", {"weekday": "sunday"}),
        ("quarter", {"month": 4}),
        ("year", {"month": 13}),
    ],
)
def test_an_anchor_that_its_unit_does_not_have_is_refused(
    ask: Ask, unit: str, anchor: dict[str, Any]
) -> None:
    refused = a_budget(ask, {"type": "calendar", "unit": unit, "anchor": anchor})

    assert (refused.status, refused.code) == (422, "invalid_request")
    assert refused.body["error"]["param"].startswith("body.period")


@pytest.mark.parametrize("kind", ["duration", "rolling"])
@pytest.mark.parametrize(
    ("window", "seconds"),
    [
        ("30 min", 1800),
        ("7 d", 604_800),
        ("2wks", 1_209_600),
        ("3HRS", 10_800),
        ("45", 45),
        (" 5h ", 18_000),
    ],
)
def test_the_usual_spellings_of_a_window_are_stored_and_shown_as_seconds(
    ask: Ask, kind: str, window: str, seconds: int
) -> None:
    made = a_budget(ask, {"type": kind, "window": window})

    assert made.status == 201, made.body
    assert made.body["period"]["seconds"] == seconds


def test_an_anchor_can_be_changed_and_taken_away(ask: Ask) -> None:
    budget_id = a_budget(ask, {"type": "calendar", "unit": "month"}).body["budget_id"]
    anchored = {"type": "calendar", "unit": "month", "anchor": {"day": 15}}

    changed = ask("PATCH", f"/v1/budgets/{budget_id}", {"period": anchored})
    back = ask(
        "PATCH", f"/v1/budgets/{budget_id}", {"period": {"type": "calendar", "unit": "month"}}
    )

    assert changed.body["period"]["anchor"] == {"day": 15, "hour": 0}
    assert "anchor" not in back.body["period"]
