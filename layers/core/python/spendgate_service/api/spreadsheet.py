"""Cells and rows of CSV files that people open in spreadsheets."""

import csv
import io
import json
import re
from collections.abc import Iterable, Mapping

_FORMULA_STARTS = re.compile(r"(?:^|(?<=[;\t\r\n])) *(?=[=+\-@\t\r\n＝＋－＠])")  # noqa: RUF001
"""Where a spreadsheet may see a formula: also after what it may take for the end of a cell, such as
the semicolon where the comma stands in decimals."""


def text_cell(value: object) -> object:
    """Return a text of a caller so that it never becomes a formula: it gets an apostrophe."""
    return _FORMULA_STARTS.sub(r"'\g<0>", value) if isinstance(value, str) else value


def json_cell(value: Mapping[str, object]) -> str:
    """Return an object as JSON without a semicolon, at which a spreadsheet may begin a cell."""
    if not value:
        return ""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).replace(";", "\\u003b")


def csv_row(cells: Iterable[object]) -> str:
    """Return one line of RFC 4180."""
    line = io.StringIO()
    csv.writer(line).writerow(cells)
    return line.getvalue()
