"""The usage log over HTTP: totals, records and exports, equal to a plain sum."""

import csv
import io
import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest

from spendgate_service.api import export
from spendgate_service.api.usage_query import read_report_query
from spendgate_service.domain.errors import InvalidValue
from spendgate_service.store.paging import cursor_after
from spendgate_service.usage import records
from spendgate_service.wire.values import time_on_wire
from tests.handlers.test_budgets import create
from tests.support.functions import HttpAnswer
from tests.support.handlers import Ask, all_entries
from tests.support.http_events import a_principal

AGENTS = ("researcher", "writer")
MODELS = ("gpt-4o", "gpt-4o-mini")
CALLER = a_principal("caller", key_id="key_caller")


@pytest.fixture
def spends(ask: Ask, acme: None) -> list[dict[str, Any]]:  # noqa: ARG001
    """A day of calls of two agents to two models, each on three budgets, and what they cost."""
    for subject in ("agent:*", "organization:acme", "user:u-1"):
        create(ask, subject=subject, limit="1000")
    made = []
    for number in range(12):
        agent, model = AGENTS[number % 2], MODELS[number // 2 % 2]
        body = {
            "subjects": {"agent": agent, "user": "u-1", "session": f"s-{number % 3}"},
            "usage": {"provider": "openai", "model": model, "input_tokens": 1000 + number,
                      "output_tokens": 50, "cached_input_tokens": 10},
            "metadata": {"team": f"t-{number % 4}"},
        }  # fmt: skip
        answer = ask("POST", "/v1/spend", body, principal=CALLER)
        assert answer.status == 201, answer.body
        made.append({**body, "agent": agent, "model": model, **answer.body})
    return made


def get(ask: Ask, path: str, **query: str) -> HttpAnswer:
    answer = ask("GET", path, query=query)
    assert answer.status == 200, answer.body
    return answer


def summed(rows: list[dict[str, Any]]) -> Decimal:
    return sum((Decimal(row["amounts"]["usd"]) for row in rows), Decimal(0))


@pytest.mark.parametrize(
    ("group_by", "value_of"),
    [
        ("agent", lambda spend: (spend["agent"],)),
        ("model,agent", lambda spend: (spend["model"], spend["agent"])),
        ("session", lambda spend: (spend["subjects"]["session"],)),
        ("metadata.team", lambda spend: (spend["metadata"]["team"],)),
        ("provider", lambda _spend: ("openai",)),
        ("api_key", lambda _spend: ("key_caller",)),
        ("tool", lambda _spend: (None,)),
        ("", lambda _spend: ()),
    ],
)
@pytest.mark.parametrize("limit", ["1", "1000"])
def test_totals_by_any_group_are_the_sum_of_the_calls_each_counted_once(
    ask: Ask, spends: list[dict[str, Any]], group_by: str, value_of: Any, limit: str
) -> None:
    """However many budgets they touched, and however the pages are cut."""
    query = {"group_by": group_by} if group_by else {}

    rows = all_entries(ask, "/v1/usage", limit=limit, **query)

    usd: Counter[tuple[Any, ...]] = Counter()
    tokens: Counter[tuple[Any, ...]] = Counter()
    calls: Counter[tuple[Any, ...]] = Counter()
    for spend in spends:
        group = value_of(spend)
        usd[group] += Decimal(spend["actual"]["usd"])  # type: ignore[assignment]
        tokens[group] += spend["usage"]["input_tokens"]
        calls[group] += 1
    groups = [tuple(row["group"].values()) for row in rows]
    assert sorted(groups, key=str) == groups == list(dict.fromkeys(groups))
    assert {
        group: Decimal(row["amounts"]["usd"]) for group, row in zip(groups, rows, strict=True)
    } == usd
    by_group = dict(zip(groups, rows, strict=True))
    assert {group: row["tokens"]["input"] for group, row in by_group.items()} == tokens
    assert {group: row["calls"] for group, row in by_group.items()} == calls


def test_the_log_has_what_no_budget_counts(ask: Ask, acme: None) -> None:  # noqa: ARG001
    """A unit and a user that nothing limits (nothing may be spent unknown)."""
    body = {"subjects": {"user": "u"}, "actual": {"usd_cents": 500}}

    assert ask("POST", "/v1/spend", body, principal=CALLER).body["unbudgeted"] is True

    (row,) = get(ask, "/v1/usage", user="u").body["data"]
    assert row["amounts"] == {"usd_cents": "500"}
    (record,) = get(ask, "/v1/usage/records", user="u").body["data"]
    assert record["budgets"] == []


@pytest.mark.parametrize(
    ("only", "count"),
    [
        ({"agent": "writer"}, 6),
        ({"agent": "writer", "model": "gpt-4o"}, 3),
        ({"session": "s-0"}, 4),
        ({"metadata.team": "t-1"}, 3),
        ({"key_id": "key_caller"}, 12),
        ({"api_key": "key_other"}, 0),
        ({"org": "acme"}, 12),
        ({"provider": "openai", "user": "u-2"}, 0),
    ],
)
@pytest.mark.usefixtures("spends")
def test_filters_hold_for_totals_and_records_alike(
    ask: Ask, only: dict[str, str], count: int
) -> None:
    rows = all_entries(ask, "/v1/usage", **only)
    found = all_entries(ask, "/v1/usage/records", limit="5", **only)

    lines = exported(ask, format="jsonl", **only)[0].splitlines()
    assert sum(row["calls"] for row in rows) == len(found) == len(lines) == count
    assert summed(rows) == summed(found)


def test_records_are_listed_newest_first_also_where_one_page_reads_little(
    ask: Ask, spends: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Short pages, and pages that stop because enough was read, continue at the same place."""
    whole = all_entries(ask, "/v1/usage/records", limit="100")
    monkeypatch.setattr(records, "RECORDS_READ_MAX", 2)
    monkeypatch.setattr(records, "DAYS_READ_MAX", 7)

    assert all_entries(ask, "/v1/usage/records", limit="3") == whole

    assert {record["id"] for record in whole} == {spend["usage_id"] for spend in spends}
    assert all(one["recorded_at"] >= other["recorded_at"] for one, other in pairwise(whole))
    newest = whole[0]
    assert newest["usage"]["cached_input_tokens"] == 10
    assert (newest["key_id"], newest["priced_by"]) == ("key_caller", "builtin")
    assert len(newest["budgets"]) == 3


@pytest.mark.usefixtures("spends")
def test_a_record_is_found_by_its_reservation(ask: Ask) -> None:
    """It occurred when it was reserved, and has the metadata of the reservation."""
    body = {"subjects": {"agent": "a"}, "amounts": {"usd": "2"}, "metadata": {"trace": "x"}}
    held = ask("POST", "/v1/reservations", body, principal=CALLER).body
    settled = {"actual": {"usd": "1"}, "ref_id": "gen-1"}
    ask("POST", f"/v1/reservations/{held['reservation_id']}/settle", settled, principal=CALLER)

    (record,) = get(ask, "/v1/usage/records", reservation_id=held["reservation_id"]).body["data"]

    assert record["occurred_at"] == held["created_at"]
    assert (record["amounts"], record["ref_id"]) == ({"usd": "1"}, "gen-1")
    assert record["metadata"] == {"trace": "x"}


@pytest.mark.usefixtures("spends")
def test_records_are_found_between_any_two_moments(ask: Ask) -> None:
    """To the millisecond, as an export has them; a page that continues knows the span."""
    body = {"subjects": {"agent": "early"}, "actual": {"usd": 1}}
    day_ago = datetime.now(UTC) - timedelta(days=1)
    before, moment, after = (f"{day_ago:%Y-%m-%dT%H}:07:03.{number}Z" for number in (216, 217, 218))
    made = ask("POST", "/v1/spend", {**body, "occurred_at": moment}, principal=CALLER)
    assert made.status == 201, made
    (record,) = get(ask, "/v1/usage/records", agent="early").body["data"]
    assert record["occurred_at"] == moment

    for since, until in ((moment, after), (before, after)):
        span = {"from": since, "to": until, "agent": "early"}
        assert all_entries(ask, "/v1/usage/records", **span) == [record]
        assert exported(ask, format="jsonl", **span)[0].count("\n") == 1
    assert not all_entries(ask, "/v1/usage/records", **{"from": before, "to": moment})
    later = all_entries(ask, "/v1/usage/records", limit="5", **{"from": after})
    assert len(later) == 12


@pytest.mark.parametrize("seconds", [0, 1, 899, 900])
def test_a_report_up_to_now_may_have_the_longest_span(seconds: int) -> None:
    """The quarter of an hour that has begun does not count against the 31 days."""
    now_ms = (1_772_971_200 + seconds) * 1000
    first_ms = now_ms // 900_000 * 900_000 - 31 * 86_400_000
    query = {"from": time_on_wire(first_ms), "group_by": "session"}

    asked, *_ = read_report_query(query, tenant_id="acme", now_ms=now_ms)

    assert asked.span.starts_at * 1000 == first_ms
    assert asked.span.ends_at * 1000 > now_ms
    query["from"] = time_on_wire(first_ms - 900_000)
    with pytest.raises(InvalidValue):
        read_report_query(query, tenant_id="acme", now_ms=now_ms)


@pytest.mark.parametrize(
    ("path", "query", "param"),
    [
        ("/v1/usage", {"interval": "minute"}, "query.interval"),
        ("/v1/usage", {"group_by": "agent,agent"}, "query.group_by"),
        ("/v1/usage", {"group_by": "Agent"}, "query.group_by"),
        ("/v1/usage", {"group_by": "organization"}, "query.group_by"),
        ("/v1/usage", {"group_by": "a,b,c,d,e,f"}, "query.group_by"),
        ("/v1/usage", {"from": "2026-03-01T00:07:00Z"}, "query.from"),
        ("/v1/usage", {"to": "2026-03-01T00:15:00.001Z"}, "query.to"),
        ("/v1/usage", {"from": "2026-13-01"}, "query.from"),
        ("/v1/usage", {"from": "2026-03-02", "to": "2026-03-01"}, "query.to"),
        ("/v1/usage", {"from": "2026-01-01", "group_by": "session"}, "query.from"),
        ("/v1/usage", {"from": "2026-01-01", "metadata.team": "x"}, "query.from"),
        ("/v1/usage", {"timezone": "Mars/Olympus"}, "query.timezone"),
        ("/v1/usage", {"limit": "1001"}, "query.limit"),
        ("/v1/usage", {"cursor": "W10"}, "query.cursor"),
        ("/v1/usage", {"org": "other"}, "query.org"),
        ("/v1/usage", {"Agent": "a"}, "query.Agent"),
        ("/v1/usage/records", {"cursor": "W10"}, "query.cursor"),
        ("/v1/usage/records", {"agent": ""}, "query.agent"),
        ("/v1/export/usage", {"format": "xlsx"}, "query.format"),
        ("/v1/export/usage", {"from": "yesterday"}, "query.from"),
        ("/v1/export/usage", {"cursor": "W10"}, "query.cursor"),
        ("/v1/export/usage", {"cursor": cursor_after(f"0 {10**14 * 9} 99991231 ~")}, "query.to"),
        *(
            (path, {"to": "9999-12-31T23:45:00Z", "timezone": "Pacific/Kiritimati"}, "query.to")
            for path in ("/v1/usage", "/v1/usage/records")
        ),
    ],
)
def test_a_query_that_makes_no_sense_is_refused_by_name(
    ask: Ask, path: str, query: dict[str, str], param: str
) -> None:
    answer = ask("GET", path, query=query)

    assert (answer.status, answer.body["error"]["param"]) == (422, param)


def exported(ask: Ask, **query: str) -> tuple[str, int]:
    """The whole export, and in how many parts it came."""
    text, parts = "", 0
    while True:
        part = get(ask, "/v1/export/usage", **query)
        text, parts = text + part.text, parts + 1
        if "X-Next-Cursor" not in part.headers:
            return text, parts
        query = {**query, "cursor": part.headers["X-Next-Cursor"]}


@pytest.mark.parametrize("format_", ["csv", "jsonl", "focus"])
def test_an_export_has_each_spend_once_and_continues_where_a_part_ended(
    ask: Ask, spends: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch, format_: str
) -> None:
    """Its sum is the true spend, although each call touched three budgets."""
    monkeypatch.setattr(export, "ENTRIES_MAX", 5)
    monkeypatch.setattr(export, "EMPTY_STEPS_MAX", 3)

    text, parts = exported(ask, format=format_)

    true = sum(Decimal(spend["actual"]["usd"]) for spend in spends)
    assert parts > 3
    if format_ == "jsonl":
        lines = [json.loads(line) for line in text.splitlines()]
        assert summed(lines) == true
        assert {line["id"] for line in lines} == {spend["usage_id"] for spend in spends}
        return
    rows = list(csv.DictReader(io.StringIO(text)))
    cost = "cost" if format_ == "csv" else "BilledCost"
    currency = "currency" if format_ == "csv" else "BillingCurrency"
    assert len(rows) == len(spends)
    assert sum(Decimal(row[cost]) for row in rows) == true
    assert {row[currency] for row in rows} == {"USD"}
    if format_ == "csv":
        assert {row["input_tokens"] for row in rows} == {str(1000 + n) for n in range(12)}
        assert json.loads(rows[0]["other_amounts"]).keys() == {"tokens"}
        assert json.loads(rows[0]["metadata"]).keys() == {"team"}
    else:
        assert {row["ServiceName"] for row in rows} == set(MODELS)
        assert json.loads(rows[0]["Tags"])["agent"] in AGENTS


@pytest.mark.parametrize("text", ["=1+1", "@SUM(A1)", "+1", "-2+3", "x;=1+1", " =1", "＝1"])  # noqa: RUF001
@pytest.mark.parametrize("format_", ["csv", "focus"])
def test_no_text_of_a_caller_becomes_a_formula(
    ask: Ask,
    acme: None,  # noqa: ARG001
    text: str,
    format_: str,
) -> None:
    """In every cell with a caller's text, also where a semicolon or a tab begins a cell."""
    body = {
        "subjects": {"agent": text, "team": text}, "actual": {"usd": 1}, "description": text,
        "ref_id": text, "metadata": {"note": text, text: "x"},
    }  # fmt: skip
    assert ask("POST", "/v1/spend", body, principal=CALLER).status == 201

    (row,) = csv.DictReader(io.StringIO(exported(ask, format=format_)[0]))

    cells = [part.lstrip(" ") for cell in row.values() for part in cell.split(";")]
    assert not [cell for cell in cells if cell[:1] in set("=+@\t＝") or cell[:2] == "-2"]  # noqa: RUF001
    kept = json.loads(row["metadata" if format_ == "csv" else "Tags"])
    assert kept["note"] == text


@pytest.mark.usefixtures("acme")
def test_what_a_balance_says_follows_a_reversal(ask: Ask) -> None:
    """Spent, overrun, status, and a forecast of the limit that is no longer reached."""
    period = {"type": "calendar", "unit": "year"}
    made = create(ask, subject="agent:researcher", limit="10", period=period)
    spend = {"subjects": {"agent": "researcher"}, "actual": {"usd": "12"}}
    usage_id = ask("POST", "/v1/spend", spend, principal=CALLER).body["usage_id"]
    path = f"/v1/budgets/{made['budget_id']}/balance"
    before = get(ask, path).body

    assert reverse(ask, usage_id).status == 201
    after = get(ask, path).body

    assert (before["spent"], before["overrun"], before["status"]) == ("12", "2", "exhausted")
    assert before["forecast"]["limit_reached_at"] is not None
    assert (after["spent"], after["overrun"], after["status"]) == ("0", "0", "active")
    assert after["forecast"] == {"burn_rate_per_hour": "0", "limit_reached_at": None}


@pytest.fixture
def usage_id(ask: Ask, acme: None) -> str:  # noqa: ARG001
    """A spend that can be reversed."""
    body = {"subjects": {"agent": "a"}, "actual": {"usd": "1"}}
    return str(ask("POST", "/v1/spend", body, principal=CALLER).body["usage_id"])


def reverse(ask: Ask, usage_id: str, **headers: str) -> HttpAnswer:
    path = f"/v1/usage/{usage_id}/reverse"
    return ask("POST", path, {"reason": "by mistake"}, headers=headers)


def test_a_reversal_that_is_repeated_says_so(ask: Ask, usage_id: str) -> None:
    first, again = (reverse(ask, usage_id, **{"Idempotency-Key": "k"}) for _ in range(2))

    assert (first.status, again.status, first.body) == (201, 200, again.body)
    assert "Idempotency-Replayed" not in first.headers
    assert again.headers["Idempotency-Replayed"] == "true"


@pytest.mark.parametrize(
    ("headers", "reason"),
    [({}, "by mistake"), ({"Spendgate-Reason": "a wrong model"}, "a wrong model")],
)
def test_the_change_log_has_why_a_spend_was_reversed(
    ask: Ask, usage_id: str, headers: dict[str, str], reason: str
) -> None:
    """The header says it; without one, the reason of the body."""
    assert reverse(ask, usage_id, **headers).status == 201

    (entry,) = get(ask, "/v1/changes", object=usage_id).body["data"]
    assert entry["reason"] == reason
