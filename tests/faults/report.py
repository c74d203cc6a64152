"""The table of operation, call, fault and outcome, written to docs/testing.md.

`python -m tests.faults.report` tries everything and writes it.
"""

import io
import logging
from collections.abc import Sequence
from contextlib import redirect_stdout
from itertools import takewhile

from tests.faults.catalogue import OPERATIONS
from tests.faults.every_call import COLUMNS, tried
from tests.support.generated_blocks import part, write_part

PART = "faults"


def fault_table() -> str:
    """The table, with what it adds up to."""
    rows = [row for operation in OPERATIONS for row in rows_of(operation.name)]
    cases = sum(cell != "" for row in rows for cell in row[2:])
    heads = ["operation", "call", *COLUMNS]
    lines = [f"{cases} faults at {len(rows)} calls of {len(OPERATIONS)} operations.", ""]
    lines += [f"| {' | '.join(heads)} |", "| --- " * len(heads) + "|"]
    lines += [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join(lines)


def rows_of(name: str, columns: Sequence[str] = COLUMNS) -> list[list[str]]:
    """The rows of one operation: its name at the first call, then an outcome for each fault."""
    return [
        [
            name if call.number == 1 else "",
            f"{call.number} {call.operation}",
            *(call.outcomes.get(column, "") for column in columns),
        ]
        for call in tried(name, tuple(columns))
    ]


def documented_rows(name: str, columns: Sequence[str] = COLUMNS) -> list[list[str]]:
    """The same, as the document has them."""
    heads, _, *lines = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in part(PART).splitlines()
        if line.startswith("|")
    ]
    places = [0, 1, *(heads.index(column) for column in columns)]
    first = next(place for place, line in enumerate(lines) if line[0] == name)
    rest = takewhile(lambda line: line[0] == "", lines[first + 1 :])
    return [[line[place] for place in places] for line in (lines[first], *rest)]


def main() -> None:
    """Write it."""
    logging.disable(logging.CRITICAL)
    with redirect_stdout(io.StringIO()):
        table = fault_table()
    write_part(PART, table)


if __name__ == "__main__":
    main()
