"""`GET /v1/metrics`: every current balance as gauges in the text format of OpenMetrics."""

import re
from typing import Any

import pytest

from spendgate_service.app import Spendgate
from spendgate_service.budgets.balances import current_balances
from tests.support.handlers import Ask
from tests.support.http_events import a_principal

_SERIES = re.compile(
    r'(?P<name>spendgate_budget_\w+)\{(?P<labels>(?:\w+="(?:[^"\\]|\\.)*",?)+)\} (?P<value>\S+)'
)
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')

TENANT_ID = str(a_principal()["tenant_id"])

type Series = dict[tuple[str, str, str], str]


def _scraped(ask: Ask) -> tuple[Series, str]:
    """Scrape as a reader: the value of each metric by its subject and budget."""
    answer = ask("GET", "/v1/metrics", principal=a_principal("reader"))
    assert answer.status == 200
    series = {}
    for line in answer.text.splitlines():
        if found := _SERIES.fullmatch(line):
            labels = dict(_LABEL.findall(found["labels"]))
            subject = f"{labels['subject_type']}:{labels['subject']}"
            series[found["name"], subject, labels["budget"]] = found["value"]
    return series, answer.text


def _budget(ask: Ask, subject: str, name: str = "", **more: Any) -> None:
    body = {"subject": subject, "unit": "usd", "limit": "10", **more}
    answer = ask("POST", "/v1/budgets", body | ({"name": name} if name else {}))
    assert answer.status == 201


def _spend(ask: Ask, agent: str, amount: str, key: str) -> None:
    sent = {"subjects": {"agent": agent}, "actual": {"usd": amount}}
    assert ask("POST", "/v1/spend", sent, headers={"idempotency-key": key}).status == 201


def test_limit_spent_held_and_available_of_a_budget(ask: Ask) -> None:
    _budget(ask, "agent:a", "mine")
    _spend(ask, "a", "2.5", "one")
    held = {"subjects": {"agent": "a"}, "amounts": {"usd": "1"}}
    assert ask("POST", "/v1/reservations", held).status == 201

    series, text = _scraped(ask)

    assert series == {
        ("spendgate_budget_limit", "agent:a", "mine"): "10",
        ("spendgate_budget_spent", "agent:a", "mine"): "2.5",
        ("spendgate_budget_held", "agent:a", "mine"): "1",
        ("spendgate_budget_available", "agent:a", "mine"): "6.5",
    }
    assert text.endswith("spendgate_metrics_complete 1\n# EOF\n")


def test_the_text_is_what_a_scraper_reads(ask: Ask) -> None:
    """A family's lines follow its own two; a label's quotes and backslashes are escaped."""
    _budget(ask, "agent:a", 'the "first" \\ budget')
    _budget(ask, "agent:b", "second")

    answer = ask("GET", "/v1/metrics", principal=a_principal("reader"))

    assert answer.headers["Content-Type"] == (
        "application/openmetrics-text; version=1.0.0; charset=utf-8"
    )
    family = ""
    for line in answer.text.splitlines()[:-1]:
        if declared := re.fullmatch(r"# TYPE (\w+) gauge", line):
            family = declared[1]
        else:
            assert line.startswith((f"# HELP {family} ", f"{family} ", f"{family}{{"))
    assert r'budget="the \"first\" \\ budget"' in answer.text


@pytest.mark.parametrize(
    "period",
    [
        None,
        {"type": "calendar", "unit": "day"},
        {"type": "rolling", "seconds": 3600},
        {"type": "duration", "seconds": 3600},
    ],
    ids=["balance", "calendar", "rolling", "duration"],
)
def test_each_subject_of_a_default_has_its_own_gauges(
    ask: Ask, period: dict[str, Any] | None
) -> None:
    _budget(ask, "agent:*", "each", **({"period": period} if period else {}))
    _spend(ask, "a", "1", "one")
    _spend(ask, "b", "2", "two")

    series, _ = _scraped(ask)

    spent = {subject: value for (name, subject, _), value in series.items() if "spent" in name}
    assert spent == {"agent:a": "1", "agent:b": "2"}


@pytest.mark.parametrize(
    "period", [{"type": "calendar", "unit": "hour"}, {"type": "duration", "seconds": 60}]
)
def test_a_subject_of_an_earlier_period_is_left_out(
    ask: Ask, app: Spendgate, period: dict[str, Any]
) -> None:
    _budget(ask, "agent:*", period=period)
    before_ms = app.clock.now_ms()
    _spend(ask, "a", "1", "one")
    after_ms = app.clock.now_ms()

    def subjects(now_ms: int) -> set[str]:
        found = current_balances(app.table, TENANT_ID, now_ms=now_ms)
        return {str(balance.subject) for balance in found.balances}

    assert subjects(before_ms) | subjects(after_ms) == {"agent:a"}  # an hour may end in between
    assert subjects(after_ms + 7_200_000) == set()


def test_more_balances_than_one_response_has_are_said_to_be_missing(
    ask: Ask, app: Spendgate
) -> None:
    _budget(ask, "agent:*")
    for agent in ("a", "b", "c"):
        _spend(ask, agent, "1", agent)

    found = current_balances(app.table, TENANT_ID, now_ms=app.clock.now_ms(), most=2)

    assert (len(found.balances), found.complete) == (2, False)


def test_a_caller_and_another_tenant_see_none(ask: Ask) -> None:
    _budget(ask, "agent:a", "mine")

    refused = ask("GET", "/v1/metrics", principal=a_principal("caller"))
    others = ask("GET", "/v1/metrics", principal=a_principal("reader", tenant_id="another"))

    assert refused.status == 403
    assert "mine" not in others.text


def test_what_was_spent_today_by_model_each_spend_once(ask: Ask, acme: None) -> None:  # noqa: ARG001
    """However many budgets it touched, also what no budget counts."""
    _budget(ask, "agent:a")
    _budget(ask, "organization:acme")
    for number, model in enumerate(("gpt-4o", "gpt-4o", 'odd "name"')):
        sent = {
            "subjects": {"agent": "a", "model": model},
            "actual": {"usd": "0.5", "credits": "1"},
        }
        answer = ask("POST", "/v1/spend", sent, headers={"idempotency-key": f"{number}"})
        assert answer.status == 201

    _, text = _scraped(ask)

    series = [line for line in text.splitlines() if line.startswith("spendgate_usage_today{")]
    assert series == [
        'spendgate_usage_today{provider="",model="gpt-4o",unit="credits"} 2',
        'spendgate_usage_today{provider="",model="gpt-4o",unit="usd"} 1',
        'spendgate_usage_today{provider="",model="odd \\"name\\"",unit="credits"} 1',
        'spendgate_usage_today{provider="",model="odd \\"name\\"",unit="usd"} 0.5',
    ]
