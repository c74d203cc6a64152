"""`changes`: who changed what, when and why."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Annotated

import typer

from spendgate.cli.options import SEE, Limit, Out, command
from spendgate.cli.printing import Column, Output, print_rows
from spendgate.cli.session import session
from spendgate.cli.values import shown

if TYPE_CHECKING:
    from spendgate import models


def register(app: typer.Typer) -> None:
    """Add the command."""
    command(app, "changes", example="spendgate changes --object bud_123", panel=SEE)(changes)


_TELLING = ("subject", "unit", "limit", "rate", "role", "amount", "input_per_million")
"""The fields by which a new object is known; JSON has all."""


def _fields(change: models.Change) -> str:
    """What changed; of a new object the fields by which it is known."""
    if all(part.from_ is None for part in change.changes):
        named = {part.field: part.to for part in change.changes}
        return ", ".join(f"{name} {shown(name, named[name])}" for name in _TELLING if name in named)
    return "; ".join(
        f"{part.field}: {shown(part.field, part.from_)} -> {shown(part.field, part.to)}"
        for part in change.changes
    )


COLUMNS = (
    Column("at", lambda change: change.at),
    Column(
        "who",
        lambda change: change.actor or change.key_name or change.key_id or change.role,
        wraps=True,
    ),
    Column("action", lambda change: change.action),
    Column("object", lambda change: change.object, wraps=True),
    Column("changes", _fields, wraps=True),
    Column("reason", lambda change: change.reason, wraps=True),
)


def changes(
    about: Annotated[
        str | None,
        typer.Option("--object", help="An id, price:openai/gpt-4o, rate:eur/usd, tenant, ..."),
    ] = None,
    actor: Annotated[
        str | None, typer.Option("--actor", help="Only by this key, or for this actor.")
    ] = None,
    start: Annotated[str | None, typer.Option("--from", help="From this day or moment.")] = None,
    end: Annotated[str | None, typer.Option("--to", help="Before this day or moment.")] = None,
    limit: Limit = 20,
    output: Out = Output.TEXT,
) -> None:
    """List what admins and operators changed, the newest first."""
    with session.client() as client:
        listed = client.changes.list(object=about, actor=actor, start=start, end=end)
        rows = list(islice(listed, limit))
    print_rows(rows, COLUMNS, output, empty="Nothing was changed.")
