"""Reads a trace: the times of LLM requests and their input and output tokens."""

import csv
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TextIO

from local.console import LocalStackError

COLUMNS = ("TIMESTAMP", "ContextTokens", "GeneratedTokens")
SHIPPED_TRACE = Path(__file__).with_name("trace.csv")


@dataclass(frozen=True, slots=True)
class TraceRequest:
    """One request of a trace; `at_seconds` counts from the trace's first request."""

    at_seconds: float
    context_tokens: int
    generated_tokens: int


def read_trace(path: Path, *, requests_max: int | None = None) -> list[TraceRequest]:
    """Return the first requests of a trace, ordered by time.

    Raises LocalStackError with the line for a file that is not a trace.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            return _relative_to_first(_rows(path, file, requests_max))
    except OSError as error:
        raise LocalStackError(f"Cannot read the trace {path}: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise LocalStackError(f"The trace {path} is not a text file.") from None
    except csv.Error as error:  # a field of more than 128 KB, a NUL byte
        raise LocalStackError(f"The trace {path} is not a CSV file: {error}.") from None


def _rows(path: Path, file: TextIO, requests_max: int | None) -> list[tuple[datetime, int, int]]:
    reader = csv.DictReader(file)
    if missing := [name for name in COLUMNS if name not in (reader.fieldnames or ())]:
        raise LocalStackError(f"The trace {path} has no column {missing[0]}.")
    rows: list[tuple[datetime, int, int]] = []
    for row in reader:
        if requests_max is not None and len(rows) == requests_max:
            break
        try:
            at = datetime.fromisoformat(row["TIMESTAMP"])
            context, generated = int(row["ContextTokens"]), int(row["GeneratedTokens"])
        except (TypeError, ValueError):
            raise LocalStackError(
                f"Line {reader.line_num} of the trace {path} is not a request."
            ) from None
        if rows and (at.tzinfo is None) != (rows[0][0].tzinfo is None):
            raise LocalStackError(
                f"Line {reader.line_num} of the trace {path} and its first request do not both "
                "have a UTC offset; write all times with one, or none."
            )
        if context < 0 or generated < 0:
            raise LocalStackError(f"Line {reader.line_num} of the trace {path} is below zero.")
        rows.append((at, context, generated))
    if not rows:
        raise LocalStackError(f"The trace {path} has no requests.")
    return rows


def _relative_to_first(rows: list[tuple[datetime, int, int]]) -> list[TraceRequest]:
    rows.sort(key=lambda row: row[0])
    first = rows[0][0]
    return [
        TraceRequest((at - first).total_seconds(), context, generated)
        for at, context, generated in rows
    ]
