"""`refusals`: who was refused, by which budget, how often and since when."""

from __future__ import annotations

from itertools import islice
from typing import Annotated

import typer

from spendgate.cli.options import SEE, Limit, OfSubject, Out, command
from spendgate.cli.printing import Column, Output, print_rows
from spendgate.cli.session import session


def register(app: typer.Typer) -> None:
    """Add the command."""
    example = "spendgate refusals --subject agent:researcher"
    command(app, "refusals", example=example, panel=SEE)(refusals)


COLUMNS = (
    Column("last_at", lambda refused: refused.last_at),
    Column("subject", lambda refused: refused.subject, wraps=True),
    Column("budget_id", lambda refused: refused.budget_id, from_width=120),
    Column("code", lambda refused: refused.code),
    Column("count", lambda refused: refused.count, is_number=True),
    Column("requested_max", lambda refused: refused.requested_max, is_number=True),
    Column("unit", lambda refused: refused.unit),
    Column("message", lambda refused: refused.message, wraps=True),
)


def refusals(
    subject: OfSubject = None,
    start: Annotated[
        str | None, typer.Option("--from", help="From this day or moment; default: a day ago.")
    ] = None,
    end: Annotated[str | None, typer.Option("--to", help="Before this day or moment.")] = None,
    limit: Limit = 20,
    output: Out = Output.TEXT,
) -> None:
    """List refused reservations by minute, the newest first.

    The service writes them once a minute, so the counts are a lower bound.
    """
    with session.client() as client:
        listed = client.refusals.list(subject=subject, start=start, end=end)
        rows = list(islice(listed, limit))
    print_rows(rows, COLUMNS, output, empty="Nothing was refused.")
