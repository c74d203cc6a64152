"""The export of a ledger: which part is requested, and how it is written.

A part has as many entries as fit one response of a function. It may have none and still go on: the
export is complete when no next cursor is given.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NoReturn, Self
from urllib.parse import urlencode

from spendgate_service.api.http import Response
from spendgate_service.api.moments import check_order, moment_ms
from spendgate_service.api.query import CURSOR_LENGTH_MAX, refuse
from spendgate_service.api.spreadsheet import csv_row, text_cell
from spendgate_service.domain.ledger import LedgerEntry
from spendgate_service.reports.export import Place, Span, Step
from spendgate_service.store.paging import PageRequest, cursor_after
from spendgate_service.wire.ledger import ledger_entry_response
from spendgate_service.wire.values import json_text

type ExportFormat = Literal["csv", "jsonl"]

EXPORT_FORMATS: Mapping[ExportFormat, str] = {
    "csv": "text/csv; charset=utf-8",
    "jsonl": "application/jsonl",
}
"""The content type of each."""

ENTRIES_MAX = 5_000
BYTES_MAX = 4_000_000
"""A function answers with 6 MB at most; an item of the ledger that is larger goes alone."""

EMPTY_STEPS_MAX = 200
"""How many budgets and subjects without entries are looked at for one answer: some seconds."""

CSV_COLUMNS = (
    "id", "created_at", "budget_id", "subject", "period_key", "amount", "unit", "meter_source",
    "ref_type", "ref_id", "session_id", "reservation_id", "description", "kind",
    "original_amount", "original_unit", "rate",
    "expires_at",
)  # fmt: skip

_CALLERS_TEXTS = frozenset(
    {"subject", "meter_source", "ref_type", "ref_id", "session_id", "description"}
)

_POSITION = re.compile(r"(?P<from_ms>\d{1,15}) (?P<to_ms>\d{1,15}) (?P<place>.+)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class ExportQuery:
    """Which part of which export is asked for; `start` is where the part before ended."""

    span: Span
    format: ExportFormat
    start: Place | None = None

    @classmethod
    def read(cls, query: Mapping[str, str], *, now_ms: int) -> Self:
        """Read a query: without `from` from the first entry on, without `to` up to now.

        A cursor knows the span; one that is sent besides has to be the same. Raises InvalidValue.
        """
        named = query.get("format", "csv")
        if named not in EXPORT_FORMATS:
            refuse("query.format", "send csv or jsonl")
        known_format: ExportFormat = "csv" if named == "csv" else "jsonl"
        from_ms = moment_ms(query, "from", default=None)
        to_ms = moment_ms(query, "to", default=None)
        if position := position_in(query, _POSITION):
            start = Place.read(position["place"])
            if start is None:
                _refuse_cursor()
            span = span_of(position, from_ms=from_ms, to_ms=to_ms, now_ms=now_ms)
            return cls(span, known_format, start)
        span = Span(from_ms or 0, now_ms if to_ms is None else to_ms, now_ms)
        check_order(from_ms=span.from_ms, to_ms=span.to_ms)
        return cls(span, known_format)


def position_in(query: Mapping[str, str], pattern: re.Pattern[str]) -> re.Match[str] | None:
    """Read where the part of an export begins; None: at its start. Raises InvalidValue."""
    cursor = query.get("cursor")
    if not cursor:
        return None
    if len(cursor) > CURSOR_LENGTH_MAX:
        _refuse_cursor()
    return PageRequest(cursor=cursor).position(pattern)


def span_of(
    position: re.Match[str], *, from_ms: int | None, to_ms: int | None, now_ms: int
) -> Span:
    """Return the span of an export that continues.

    Raises InvalidValue if one that is sent besides is not the same.
    """
    span = Span(int(position["from_ms"]), int(position["to_ms"]), now_ms)
    if from_ms not in {None, span.from_ms} or to_ms not in {None, span.to_ms}:
        refuse("query.cursor", "it belongs to an export with another from or to")
    return span


def _refuse_cursor() -> NoReturn:
    refuse("query.cursor", "send the X-Next-Cursor of the part before, as it was")


@dataclass(frozen=True, slots=True)
class Part:
    """A part of an export; there may be more at `next_cursor`."""

    text: str
    next_cursor: str | None

    def response(self, path: str, query: Mapping[str, str], content_type: str) -> Response:
        """Respond with the part; the next one is at the path, with the query and a new cursor."""
        headers: dict[str, str] = {}
        if self.next_cursor is not None:
            rest = urlencode({**query, "cursor": self.next_cursor})
            headers["X-Next-Cursor"] = self.next_cursor
            headers["Link"] = f'<{path}?{rest}>; rel="next"'
        return Response(200, self.text, headers, content_type)


def part_of[T](
    steps: Iterable[tuple[str, Sequence[T]]],
    write: Callable[[T], str],
    *,
    head: str,
    span: Span,
) -> Part:
    """Write as many entries as fit one response.

    Each step has the place up to which its entries go, as text for the cursor. `head` is the first
    line of a whole export.
    """
    lines = [head] if head else []
    entries_written, size, empty_steps = 0, 0, 0
    reached: str | None = None
    for place, entries in steps:
        new = [write(entry) for entry in entries]
        size += sum(len(json.dumps(line)) for line in new)
        is_full = entries_written + len(new) > ENTRIES_MAX or size > BYTES_MAX
        if (entries_written and new and is_full) or empty_steps >= EMPTY_STEPS_MAX:
            assert reached is not None
            return Part("".join(lines), cursor_after(f"{span.from_ms} {span.to_ms} {reached}"))
        lines += new
        entries_written += len(new)
        empty_steps += not new
        reached = place
    return Part("".join(lines), None)


def ledger_part(steps: Iterable[Step], asked: ExportQuery) -> Part:
    """Write a part of the export of a ledger."""
    is_csv = asked.format == "csv"
    head = csv_row(CSV_COLUMNS) if is_csv and asked.start is None else ""
    placed = ((place.text, entries) for place, entries in steps)
    return part_of(placed, _csv_line if is_csv else _json_line, head=head, span=asked.span)


def _json_line(entry: LedgerEntry) -> str:
    return json_text(ledger_entry_response(entry)) + "\n"


def _csv_line(entry: LedgerEntry) -> str:
    fields: Mapping[str, object] = ledger_entry_response(entry)
    return csv_row(
        [
            text_cell(fields[name]) if name in _CALLERS_TEXTS else fields[name]
            for name in CSV_COLUMNS
        ]
    )
