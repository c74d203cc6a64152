"""An export in parts: what may be asked for, how much fits an answer, how entries are written."""

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import replace

import pytest

from spendgate_service.api import export
from spendgate_service.api.export import CSV_COLUMNS, ExportQuery, ledger_part
from spendgate_service.domain.errors import InvalidValue
from spendgate_service.domain.ledger import LedgerEntry
from spendgate_service.domain.subjects import Subject
from spendgate_service.reports.export import Place, Span, Step
from spendgate_service.wire.ledger import ledger_entry_response
from tests.support.api_requests import NOON_MS
from tests.unit.api.test_answers import ENTRY

BUDGET_ID = "bud_" + "0" * 26
MARCH_MS, APRIL_MS = 1_772_323_200_000, 1_775_001_600_000


def asked(**query: str) -> ExportQuery:
    return ExportQuery.read({"from": "2026-03-01", "to": "2026-04-01", **query}, now_ms=NOON_MS)


def place(number: int) -> Place:
    return Place(BUDGET_ID, after=f"LEDGER#{number:015d}#{'0' * 26}")


def steps(count: int, *entries: LedgerEntry) -> Iterator[Step]:
    return ((place(number), list(entries)) for number in range(count))


@pytest.mark.parametrize(
    ("text", "moment_ms"),
    [
        ("2026-03-01", MARCH_MS),
        ("2026-03-01T00:00:00Z", MARCH_MS),
        ("2026-03-01T01:00:00+01:00", MARCH_MS),
        ("2026-03-01T00:00:00.0001Z", MARCH_MS + 1),
        ("1950-01-01", 0),
    ],
)
def test_a_moment_is_a_date_or_rfc_3339(text: str, moment_ms: int) -> None:
    assert asked(**{"from": text}).span.from_ms == moment_ms


def test_without_a_span_everything_up_to_now_is_exported() -> None:
    assert ExportQuery.read({}, now_ms=NOON_MS) == ExportQuery(Span(0, NOON_MS), "csv")


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ({"from": "yesterday"}, "query.from"),
        ({"from": "2026-02-30"}, "query.from"),
        ({"to": "2026-03-01T00:00:00"}, "query.to"),
        ({"to": "2026-W10-1"}, "query.to"),
        ({"to": "2026-03-01"}, "query.to"),
        ({"format": "xlsx"}, "query.format"),
        ({"cursor": "abc"}, "query.cursor"),
        ({"cursor": "x" * 3000}, "query.cursor"),
    ],
)
def test_a_bad_query_is_refused(query: dict[str, str], param: str) -> None:
    with pytest.raises(InvalidValue) as refused:
        asked(**query)

    assert refused.value.param == param


def test_an_answer_ends_before_it_is_too_large_and_says_where(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(export, "ENTRIES_MAX", 5)

    part = ledger_part(steps(9, ENTRY, ENTRY), asked(format="jsonl"))

    assert part.next_cursor is not None
    assert part.text.count("\n") == 4
    goes_on = ExportQuery.read({"cursor": part.next_cursor}, now_ms=NOON_MS + 1)
    assert (goes_on.span, goes_on.start) == (Span(MARCH_MS, APRIL_MS), place(1))


def test_an_answer_ends_before_it_has_too_many_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    size = len(json.dumps(ledger_part(steps(1, ENTRY), asked(format="jsonl")).text))
    monkeypatch.setattr(export, "BYTES_MAX", 3 * size)

    assert ledger_part(steps(9, ENTRY), asked(format="jsonl")).text.count("\n") == 3


def test_one_item_that_is_too_large_goes_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "BYTES_MAX", 1)

    part = ledger_part(steps(2, ENTRY, ENTRY), asked(format="jsonl"))

    assert part.text.count("\n") == 2
    assert part.next_cursor is not None


def test_an_answer_ends_when_it_has_looked_long_enough_without_finding_anything() -> None:
    part = ledger_part(steps(export.EMPTY_STEPS_MAX + 1), asked(format="jsonl"))

    assert (part.text, part.next_cursor is None) == ("", False)


def test_a_cursor_belongs_to_its_span(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "ENTRIES_MAX", 1)
    cursor = ledger_part(steps(2, ENTRY), asked()).next_cursor
    assert cursor is not None

    assert asked(cursor=cursor).start == place(0)
    with pytest.raises(InvalidValue, match="another from or to"):
        asked(cursor=cursor, to="2026-03-02")


def test_a_line_of_json_is_the_ledger_entry() -> None:
    assert json.loads(
        ledger_part(steps(1, ENTRY), asked(format="jsonl")).text
    ) == ledger_entry_response(ENTRY)


def test_a_row_of_csv_has_all_fields_under_a_header_that_comes_once() -> None:
    text = ledger_part(steps(1, ENTRY), asked()).text
    later = ledger_part(steps(1, ENTRY), replace(asked(), start=place(0))).text

    [row] = csv.DictReader(io.StringIO(text))
    wanted = ledger_entry_response(ENTRY)
    assert set(CSV_COLUMNS) == set(wanted)
    assert row == {name: "" if value is None else value for name, value in wanted.items()}
    assert text == ",".join(CSV_COLUMNS) + "\r\n" + later


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_a_text_of_a_callers_is_no_formula_in_a_spreadsheet(start: str) -> None:
    nasty = f"{start}cmd|'/c calc'!A1"
    entry = replace(ENTRY, description=nasty, session_id=nasty, amount=-3)

    [row] = csv.DictReader(io.StringIO(ledger_part(steps(1, entry), asked()).text, newline=""))

    assert row["description"] == row["session_id"] == f"'{nasty}"
    assert row["amount"] == "-0.000000003"


@pytest.mark.parametrize("separator", [";", "; ", "\t", "\n"])
def test_a_formula_does_not_hide_behind_what_a_spreadsheet_may_take_for_the_end_of_a_cell(
    separator: str,
) -> None:
    before, gap = separator[0], separator[1:]
    nasty = f"a{separator}=1+1{separator}b-c"
    subject = Subject("agent", f"a;=1+1;{'b' * 200}")
    entry = replace(ENTRY, description=nasty, subject=subject)

    [row] = csv.DictReader(io.StringIO(ledger_part(steps(1, entry), asked()).text, newline=""))

    assert row["description"] == f"a{before}'{gap}=1+1{separator}b-c"
    assert row["subject"] == f"agent:a;'=1+1;{'b' * 200}"
