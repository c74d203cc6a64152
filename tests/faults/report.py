"""The table of operation, call, fault and outcome, written to docs/testing.md.

`python -m tests.faults.report` tries everything and writes it.
"""

import io
import logging
from collections.abc import Iterator
from contextlib import redirect_stdout

from tests.faults.every_call import COLUMNS, tried
from tests.faults.operations import OPERATIONS
from tests.support.generated_blocks import write_part

PART = "faults"


def fault_table() -> str:
    """The table, with what it adds up to."""
    rows = list(_rows())
    cases = sum(cell != "" for row in rows for cell in row[2:])
    heads = ["operation", "call", *COLUMNS]
    lines = [f"{cases} faults at {len(rows)} calls of {len(OPERATIONS)} operations.", ""]
    lines += [f"| {' | '.join(heads)} |", "| --- " * len(heads) + "|"]
    lines += [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join(lines)


def _rows() -> Iterator[list[str]]:
    for operation in OPERATIONS:
        for call in tried(operation.name):
            name = operation.name if call.number == 1 else ""
            cells = [call.outcomes.get(column, "") for column in COLUMNS]
            yield [name, f"{call.number} {call.operation}", *cells]


def main() -> None:
    """Write it."""
    logging.disable(logging.CRITICAL)
    with redirect_stdout(io.StringIO()):
        table = fault_table()
    write_part(PART, table)


if __name__ == "__main__":
    main()
