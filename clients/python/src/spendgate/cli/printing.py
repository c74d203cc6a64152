"""What a command prints: text for a person, plain text for a program, JSON or CSV."""

from __future__ import annotations

import csv
import json
import shutil
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from spendgate.cli import values

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

PLAIN_WIDTH = 10_000  # a program gets every column whole
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


class Output(StrEnum):
    """The form of the output."""

    TEXT = "text"
    JSON = "json"
    CSV = "csv"


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its name in CSV and as a title, and its value."""

    name: str
    value: Callable[[Any], object]
    is_number: bool = False
    style: Callable[[Any], str] | None = None
    for_people: bool = False
    """Whether only a person at a terminal sees it."""
    wraps: bool = False
    from_width: int = 0
    """How wide a person's terminal must be to show it; a program gets every column."""


def is_terminal() -> bool:
    """Whether a person looks."""
    return sys.stdout.isatty()


def terminal_width() -> int:
    """How many columns the terminal has."""
    return shutil.get_terminal_size().columns


def console() -> Console:
    """Where text goes; colours only in a terminal, and not with NO_COLOR."""
    from rich.console import Console  # noqa: PLC0415 (only where text is drawn)

    width = None if is_terminal() else PLAIN_WIDTH
    return Console(file=sys.stdout, width=width, highlight=False, markup=False, emoji=False)


def say(text: str = "") -> None:
    """Print a line of text."""
    sys.stdout.write(f"{text}\n")


def note(text: str) -> None:
    """Print a remark beside the output."""
    sys.stderr.write(f"{text}\n")


def warn(warnings: Iterable[str] | None) -> None:
    """Print the warnings of the service beside the output."""
    for warning in warnings or ():
        note(f"warning: {warning}")


def print_json(item: object) -> None:
    """Print an object or a list as JSON."""
    shown = [_dumped(part) for part in item] if isinstance(item, list) else _dumped(item)
    say(json.dumps(shown, indent=2, ensure_ascii=False, default=_plain))


def print_rows(
    rows: Iterable[Any], columns: Sequence[Column], output: Output, *, empty: str
) -> None:
    """Print rows in the form that was asked for; `empty` is what a person reads without any."""
    if output is Output.JSON:
        print_json(list(rows))
    elif output is Output.CSV:
        _print_csv(rows, columns)
    else:
        listed = list(rows)
        if not listed:
            note(empty)
            return
        draw(table_of(listed, columns))


def fields_of(item: object, columns: Iterable[Column]) -> dict[str, object]:
    """The fields of one object by the columns of its table."""
    return {column.name: column.value(item) for column in columns}


def print_object(item: object, fields: Mapping[str, object], output: Output) -> None:
    """Print one object: its fields for people and CSV, the whole of it as JSON."""
    if output is Output.JSON:
        print_json(item)
    elif output is Output.CSV:
        _write_csv([list(fields), [_plain(value) for value in fields.values()]])
    else:
        width = max(len(name) for name in fields)
        for name, value in fields.items():
            say(f"{name.ljust(width)}  {_shown(value)}".rstrip())


def table_of(rows: Sequence[Any], columns: Sequence[Column]) -> Table:
    """A table for a terminal, or with plain columns where a program reads."""
    from rich import box  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    person = is_terminal()
    width = terminal_width()
    shown = [
        column
        for column in columns
        if (width >= column.from_width if person else not column.for_people)
    ]
    table = Table(
        box=box.SIMPLE_HEAD if person else None,
        pad_edge=False,
        show_edge=False,
        padding=(0, 1, 0, 0),
    )
    for column in shown:
        table.add_column(
            column.name.replace("_", " "),
            justify="right" if column.is_number else "left",
            no_wrap=not column.wraps,
            overflow="fold" if column.wraps else "ellipsis",
        )
    for row in rows:
        cells = [
            Text(_shown(column.value(row)), style=column.style(row) if column.style else "")
            for column in shown
        ]
        table.add_row(*cells)
    return table


def draw(renderable: object) -> None:
    """Draw something of rich, without blanks at the end of lines where a program reads."""
    target = console()
    if is_terminal():
        target.print(renderable)
        return
    with target.capture() as captured:
        target.print(renderable)
    for line in captured.get().splitlines():
        say(line.rstrip())


def _dumped(item: object) -> Any:
    """What the API sent, by its names of fields."""
    dump = getattr(item, "model_dump", None)
    return dump(by_alias=True) if callable(dump) else item


def _print_csv(rows: Iterable[Any], columns: Sequence[Column]) -> None:
    chosen = [column for column in columns if not column.for_people]
    lines = [[column.name for column in chosen]]
    lines += [[_plain(column.value(row)) for column in chosen] for row in rows]
    _write_csv(lines)


def _write_csv(lines: Iterable[Sequence[str]]) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    for line in lines:
        writer.writerow([_guarded(cell) for cell in line])


def _guarded(cell: str) -> str:
    """A text that a spreadsheet does not take for a formula; numbers stay numbers."""
    if not cell.startswith(FORMULA_STARTS):
        return cell
    try:
        float(cell)
    except ValueError:
        return f"'{cell}"
    return cell


def _plain(value: object) -> str:
    """A value for programs."""
    if value is None:
        return ""
    if isinstance(value, Decimal):
        return values.amount(value)
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, Mapping | list):
        return json.dumps(value, default=str, ensure_ascii=False)
    return str(value).lower() if isinstance(value, bool) else str(value)


def _shown(value: object) -> str:
    """A value for people."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return values.moment(value)
    if isinstance(value, Mapping):
        return ", ".join(f"{name}={_shown(part)}" for name, part in value.items()) or "-"
    if isinstance(value, list):
        return ", ".join(map(_shown, value)) or "-"
    return printable(values.amount(value))


def printable(text: str) -> str:
    """A text of another caller without control characters, which could steer a terminal."""
    return "".join(
        character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text
    )
