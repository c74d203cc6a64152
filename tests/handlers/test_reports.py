"""Statements, the ledgers of deleted budgets, and the export of everything, part by part."""

import csv
import io
import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from spendgate_service.api import export
from spendgate_service.api.handlers import reports
from spendgate_service.audit import books
from spendgate_service.domain.amounts import ONE
from spendgate_service.domain.requests import Record
from spendgate_service.domain.subjects import parse_subject
from spendgate_service.periods.run import close_due_periods
from spendgate_service.settlements.apply import Settlements
from spendgate_service.store import keys, values
from spendgate_service.store.client import Table
from spendgate_service.store.policy_cache import PolicyCache
from tests.handlers.test_budgets import create, spend
from tests.support.functions import HttpAnswer
from tests.support.handlers import Ask
from tests.support.http_events import a_principal
from tests.support.ledger_invariants import scan

MARCH_MS = 1_772_323_200_000
DAY_MS = 86_400_000


def spent_at(table: Table, moment_ms: int, subject: str = "agent:researcher", usd: int = 1) -> None:
    settlements = Settlements(table, PolicyCache(table), now_ms=lambda: moment_ms)
    settlements.apply_one(
        Record("acme", (parse_subject(subject),), {"usd": usd * ONE}, fingerprint="f")
    )


def exported(ask: Ask, **query: str) -> list[dict[str, Any]]:
    """All entries of an export, part by part."""
    entries: list[dict[str, Any]] = []
    asked = {"format": "jsonl", **query}
    while True:
        part = ask("GET", "/v1/export/ledger", query=asked)
        assert part.status == 200, part.body
        entries += [json.loads(line) for line in part.text.splitlines()]
        if "X-Next-Cursor" not in part.headers:
            return entries
        asked = {**asked, "cursor": part.headers["X-Next-Cursor"]}


@pytest.mark.parametrize("subject", ["agent:researcher", "agent:*"])
def test_an_audit_reads_no_more_entries_than_one_request_may(
    ask: Ask, memory_table: Table, monkeypatch: pytest.MonkeyPatch, subject: str
) -> None:
    monkeypatch.setattr(reports, "AUDITED_ENTRIES_MAX", 3)
    audit = f"/v1/budgets/{create(ask, subject=subject)['budget_id']}/audit"
    for agent in ("researcher", "writer" if subject == "agent:*" else "researcher"):
        spent_at(memory_table, MARCH_MS, f"agent:{agent}")
        spent_at(memory_table, MARCH_MS, f"agent:{agent}")
    if subject == "agent:*":
        assert ask("GET", audit, query={"limit": "1"}).body["entries"] == 2

    refused = ask("GET", audit)

    assert refused.status == 422
    assert "at most 3 entries" in refused.body["error"]["message"]


@pytest.mark.parametrize("period", [{"type": "none"}, {"type": "calendar", "unit": "month"}])
@pytest.mark.parametrize("subject", ["agent:researcher", "agent:*"])
def test_an_audit_compares_the_ledger_with_the_usage_log(
    ask: Ask, memory_table: Table, subject: str, period: dict[str, str]
) -> None:
    """A lost or repeated usage item is a difference; other budgets and tenants are none."""
    budget_id = create(ask, subject=subject, period=period)["budget_id"]
    create(ask, subject="organization:acme")
    for number in range(3):
        spent_at(memory_table, MARCH_MS + number * 1000, "agent:researcher", usd=number + 1)
    spent_at(memory_table, MARCH_MS, "agent:writer")
    lines = [item for item in scan(memory_table) if "usage_lines" in item]
    second = keys.usage_moment(MARCH_MS + 1000)
    lost = next(item for item in lines if item["sk"]["S"].startswith(second))

    def audit() -> dict[str, Any]:
        return ask("GET", f"/v1/budgets/{budget_id}/audit").body

    sound = audit()
    assert (sound["differences"], sound["records"]) == ([], 3 + (subject == "agent:*"))
    memory_table.delete({name: lost[name] for name in ("pk", "sk")})
    (difference,) = audit()["differences"]
    assert (difference["balance"], difference["subject"]) == ("usage_log", "agent:researcher")
    assert (difference["expected"], difference["found"]) == ("6", "4")
    for batch in ("0" * 26, "1" * 26):
        again = values.text(f"{lost['sk']['S'][:-26]}{batch}")
        memory_table.put({**lost, "sk": again})
    assert audit()["differences"][0]["found"] == "8"


def test_an_audit_says_where_the_usage_log_is_too_long_for_a_request(
    ask: Ask, memory_table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The counters are compared all the same."""
    budget_id = create(ask)["budget_id"]
    spent_at(memory_table, MARCH_MS)
    spent_at(memory_table, MARCH_MS)
    monkeypatch.setattr(books, "RECORDS_MAX", 1)

    answer = ask("GET", f"/v1/budgets/{budget_id}/audit").body

    assert (answer["records"], answer["entries"], answer["differences"]) == (None, 2, [])


def test_statements_are_listed_newest_first_and_page_by_page(ask: Ask, memory_table: Table) -> None:
    made = create(ask, period={"type": "calendar", "unit": "day"})
    for day in range(3):
        spent_at(memory_table, MARCH_MS + day * DAY_MS, usd=11 + day)
    close_due_periods(memory_table, now_ms=MARCH_MS + 4 * DAY_MS, has_time=lambda: True)
    path = f"/v1/budgets/{made['budget_id']}/statements"

    first = ask("GET", path, query={"limit": "2"})
    second = ask("GET", path, query={"limit": "2", "cursor": first.body["next_cursor"]})

    listed = [*first.body["data"], *second.body["data"]]
    assert [entry["period_key"] for entry in listed] == ["2026-03-03", "2026-03-02", "2026-03-01"]
    assert [entry["spent"] for entry in listed] == ["13", "12", "11"]
    assert (listed[2]["overrun"], listed[2]["unused"], listed[2]["credits"]) == ("1", "-1", "0")
    assert len({entry["id"] for entry in listed}) == 3
    assert second.body["next_cursor"] is None


def test_statements_stay_in_the_order_of_time_when_the_period_changes(
    ask: Ask, memory_table: Table
) -> None:
    made = create(ask, period={"type": "calendar", "unit": "month"})
    path = f"/v1/budgets/{made['budget_id']}"
    spent_at(memory_table, MARCH_MS)
    ask("PATCH", path, {"period": {"type": "calendar", "unit": "day"}})
    spent_at(memory_table, MARCH_MS + DAY_MS)
    close_due_periods(memory_table, now_ms=MARCH_MS + 40 * DAY_MS, has_time=lambda: True)

    listed = ask("GET", f"{path}/statements").body["data"]

    assert [entry["period_key"] for entry in listed] == ["2026-03", "2026-03-02"]


def test_the_statements_of_a_default_are_asked_for_by_subject(
    ask: Ask, memory_table: Table
) -> None:
    made = create(ask, subject="agent:*", period={"type": "calendar", "unit": "day"})
    spent_at(memory_table, MARCH_MS, "agent:a")
    spent_at(memory_table, MARCH_MS, "agent:b")
    close_due_periods(memory_table, now_ms=MARCH_MS + 2 * DAY_MS, has_time=lambda: True)
    path = f"/v1/budgets/{made['budget_id']}/statements"

    listed = ask("GET", path, query={"subject": "agent:a"}).body["data"]

    assert [entry["subject"] for entry in listed] == ["agent:a"]
    assert ask("GET", path).body["error"]["param"] == "query.subject"


def test_what_a_deleted_budget_leaves_stays_readable(ask: Ask, memory_table: Table) -> None:
    made = create(ask, period={"type": "calendar", "unit": "day"})
    spent_at(memory_table, MARCH_MS, usd=3)
    close_due_periods(memory_table, now_ms=MARCH_MS + 2 * DAY_MS, has_time=lambda: True)
    path = f"/v1/budgets/{made['budget_id']}"
    before = ask("GET", f"{path}/ledger").body

    ask("DELETE", path)

    assert [ask("GET", f"{path}{view}").status for view in ("", "/balance", "/audit")] == [404] * 3
    assert ask("GET", f"{path}/ledger").body == before
    assert ask("GET", f"{path}/statements").body["data"][0]["unit"] == "usd"
    assert ask("GET", "/v1/budgets").body["data"] == []
    assert [entry["amount"] for entry in exported(ask)] == ["3"]
    stranger = a_principal(tenant_id="globex")
    assert ask("GET", f"{path}/ledger", principal=stranger).status == 404


def test_an_export_has_every_entry_of_the_tenant_in_its_span_once(
    ask: Ask, memory_table: Table
) -> None:
    one = create(ask, period={"type": "calendar", "unit": "day"})
    every = create(ask, subject="session:*", period={"type": "calendar", "unit": "day"})
    create(ask, subject="tool:*")
    for day in range(3):
        spent_at(memory_table, MARCH_MS + day * DAY_MS, usd=1 + day)
        for session in ("s1", "s2"):
            spent_at(memory_table, MARCH_MS + day * DAY_MS, f"session:{session}", usd=1 + day)

    entries = exported(ask, **{"from": "2026-03-02", "to": "2026-03-03T00:00:00.001Z"})

    assert [(entry["budget_id"], entry["amount"]) for entry in entries] == [
        (budget["budget_id"], amount)
        for budget, amounts in ((one, "23"), (every, "2323"))
        for amount in amounts
    ]
    assert [e["subject"] for e in entries[2:]] == ["session:s1"] * 2 + ["session:s2"] * 2
    assert exported(ask, to="2026-03-02", **{"from": "2026-03-01"})[0]["created_at"] == (
        "2026-03-01T00:00:00.000Z"
    )


@pytest.mark.parametrize("entries_max", [1, 2, 3])
def test_an_export_in_parts_is_the_same_as_in_one(
    ask: Ask, memory_table: Table, monkeypatch: pytest.MonkeyPatch, entries_max: int
) -> None:
    gone = create(ask)
    create(ask, subject="session:*", period={"type": "calendar", "unit": "day"})
    for day in range(2):
        for subject in ("agent:researcher", "session:s1", "session:s/2"):
            spent_at(memory_table, MARCH_MS + day * DAY_MS, subject)
    ask("DELETE", f"/v1/budgets/{gone['budget_id']}")
    create(ask)
    spent_at(memory_table, MARCH_MS)
    whole = exported(ask)

    monkeypatch.setattr(export, "ENTRIES_MAX", entries_max)
    monkeypatch.setattr(export, "EMPTY_STEPS_MAX", 1)

    assert exported(ask) == whole
    assert len(whole) == 7


def test_a_csv_says_where_it_goes_on(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "ENTRIES_MAX", 1)
    create(ask)
    spend(ask, "1")
    spend(ask, "2")

    first = ask("GET", "/v1/export/ledger", query={"from": "2026-01-01"})
    link, _, relation = first.headers["Link"].partition("; ")
    following = parse_qs(urlsplit(link.strip("<>")).query)
    second = ask("GET", "/v1/export/ledger", query={name: one for name, [one] in following.items()})

    assert relation == 'rel="next"'
    assert first.headers["Content-Type"] == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(first.text + second.text, newline="")))
    assert sorted(row["amount"] for row in rows) == ["1", "2"]


def test_an_export_shows_credits_and_nothing_of_other_tenants(ask: Ask) -> None:
    made = create(ask)
    ask("POST", f"/v1/budgets/{made['budget_id']}/credits", {"amount": 5, "description": "=1+1"})
    stranger, caller = a_principal(tenant_id="globex"), a_principal("caller")

    part = ask("GET", "/v1/export/ledger", principal=a_principal("reader"))

    assert ",-5,usd," in part.text
    assert "'=1+1" in part.text
    assert body_rows(ask("GET", "/v1/export/ledger", principal=stranger)) == []
    assert ask("GET", "/v1/export/ledger", principal=caller).status == 403


def body_rows(part: HttpAnswer) -> list[str]:
    return part.text.splitlines()[1:]


def test_the_cursor_of_another_tenant_leads_nowhere(
    ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "ENTRIES_MAX", 1)
    create(ask)
    spend(ask, "1")
    spend(ask, "2")
    cursor = ask("GET", "/v1/export/ledger").headers["X-Next-Cursor"]

    stranger = a_principal(tenant_id="globex")
    refused = ask("GET", "/v1/export/ledger", query={"cursor": cursor}, principal=stranger)

    assert refused.status == 404
