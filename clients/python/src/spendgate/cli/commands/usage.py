"""`usage`: what was spent, by group and over time."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from functools import partial
from typing import Annotated, Any

import typer

from spendgate import Spendgate
from spendgate.cli import printing, values
from spendgate.cli.balance_rows import WIDE, bar_width
from spendgate.cli.options import SEE, Limit, Out, command
from spendgate.cli.printing import Column, Output, print_json, print_rows, say
from spendgate.cli.session import session
from spendgate.cli.usage_rows import (
    Group,
    Row,
    groups_of,
    intervals_of,
    line,
    total_of,
    units_of,
)

_PAGE = 1000
_LINE_WIDTH = 31


def register(app: typer.Typer) -> None:
    """Add the command."""
    command(app, "usage", example="spendgate usage --by model,agent --interval day", panel=SEE)(
        usage
    )


def usage(
    by: Annotated[
        str, typer.Option("--by", help="Group by these: agent, model, team, session, ...")
    ] = "agent",
    *,
    interval: Annotated[
        str | None, typer.Option("--interval", help="hour, day, week, month, quarter or year.")
    ] = None,
    start: Annotated[
        str | None, typer.Option("--from", help="A day or a moment; default: 30 days ago.")
    ] = None,
    end: Annotated[str | None, typer.Option("--to", help="The first moment after it.")] = None,
    timezone: Annotated[
        str | None, typer.Option("--timezone", help="The time zone of days; default: UTC.")
    ] = None,
    where: Annotated[
        list[str] | None,
        typer.Option("--where", help="Only what has name=value, as agent=nightly; repeatable."),
    ] = None,
    unit: Annotated[
        str | None, typer.Option("--unit", help="The unit of the bars; default: usd first.")
    ] = None,
    limit: Limit = None,
    output: Out = Output.TEXT,
) -> None:
    """Show what was spent: a bar per group and, with an interval, a line over time."""
    names = [name.strip() for name in by.split(",") if name.strip()]
    query = {
        "group_by": ",".join(names) or None,
        "interval": interval,
        "from": start,
        "to": end,
        "timezone": timezone,
        **dict(_filter_of(text) for text in where or ()),
    }
    with session.client() as client:
        shown = _all_pages(client, query)
    if output is Output.JSON:
        print_json(shown)
        return
    rows = [Row.of(row) for row in shown]
    if output is Output.CSV:
        print_rows(rows, _csv_columns(names, rows), output, empty="")
    elif not rows:
        printing.note("Nothing was spent in this time.")
    else:
        _draw(rows, names, unit or units_of(rows)[0], limit, interval)


def _all_pages(client: Spendgate, query: dict[str, str | None]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    cursor: str | None = None
    while True:
        page = client.request("GET", "usage", query={**query, "limit": _PAGE, "cursor": cursor})
        rows += page["data"]
        cursor = page["next_cursor"]
        if cursor is None:
            return rows


def _filter_of(text: str) -> tuple[str, str]:
    name, separator, value = text.partition("=")
    if not separator or not name:
        raise typer.BadParameter(f"{text!r} is no filter: write name=value, such as agent=nightly")
    return name, value


def _csv_columns(names: Sequence[str], rows: Sequence[Row]) -> list[Column]:
    return [
        Column("from", lambda row: row.starts_at),
        Column("to", lambda row: row.ends_at),
        *(Column(name, partial(Row.group_value, name=name)) for name in names),
        *(Column(unit, partial(Row.amount_in, unit=unit)) for unit in units_of(rows)),
        Column("calls", lambda row: row.calls),
        Column("input_tokens", lambda row: row.tokens.get("input", 0)),
        Column("output_tokens", lambda row: row.tokens.get("output", 0)),
    ]


def _draw(
    rows: Sequence[Row], names: Sequence[str], unit: str, limit: int | None, interval: str | None
) -> None:
    """Draw a bar per group, as long as its share of the group that spent most."""
    groups = groups_of(rows, names, unit)
    whole = total_of(rows, len(names), unit)
    shown = [*groups[:limit], whole] if names else [whole]
    starts = intervals_of(rows)
    columns = _columns(names, unit, whole, groups[0].amount)
    if interval is not None:
        columns.append(
            Column(
                "over_time",
                lambda group: line(group.series(starts), width=_LINE_WIDTH),
                for_people=True,
                from_width=WIDE,
            )
        )
    print_rows(shown, columns, Output.TEXT, empty="")
    first, last = min(row.starts_at for row in rows), max(row.ends_at for row in rows)
    say(f"{values.moment(first)} to {values.moment(last)}, in {unit}")
    if interval is not None:
        series = whole.series(starts)
        highest = max(series)
        when = values.moment(starts[series.index(highest)])
        say(f"by {interval}: {line(series, width=_LINE_WIDTH)}  highest {values.amount(highest)}")
        say(f"the highest begins at {when}")


def _columns(names: Sequence[str], unit: str, whole: Group, most: Decimal) -> list[Column]:
    width = bar_width()

    def bar(group: Group) -> str:
        part = values.share(group.amount, most)
        return "" if group is whole and names else values.bar(part, width=width)

    labels = [
        Column(name, partial(Group.label, at=at), wraps=True) for at, name in enumerate(names)
    ]
    return [
        *labels,
        Column(unit, lambda group: group.amount, is_number=True),
        Column("share", lambda group: _share(group, whole), is_number=True),
        Column("calls", lambda group: group.calls, is_number=True),
        Column("input", lambda group: group.input_tokens, is_number=True, from_width=WIDE),
        Column("output", lambda group: group.output_tokens, is_number=True, from_width=WIDE),
        Column("bar", bar, for_people=True),
    ]


def _share(group: Group, whole: Group) -> str:
    return values.percent(values.share(group.amount, whole.amount)) if whole.amount else "-"
