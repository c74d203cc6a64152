"""`holds`: what open reservations hold, the oldest first."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, Annotated

import typer

from spendgate.cli import values
from spendgate.cli.code.periods import window_seconds
from spendgate.cli.options import SEE, Limit, OfSubject, Out, command
from spendgate.cli.printing import Column, Output, print_rows
from spendgate.cli.session import session

if TYPE_CHECKING:
    from spendgate import models


def register(app: typer.Typer) -> None:
    """Add the command."""
    command(app, "holds", example="spendgate holds --older-than 1h", panel=SEE)(holds)


def _age(hold: models.Reservation) -> str:
    return values.until((datetime.now(UTC) - hold.created_at).total_seconds())


COLUMNS = (
    Column("reservation_id", lambda hold: hold.reservation_id),
    Column("held", lambda hold: hold.amounts),
    Column("subjects", lambda hold: hold.subjects, wraps=True),
    Column("age", _age, for_people=True),
    Column("created_at", lambda hold: hold.created_at, from_width=120),
    Column("expires_at", lambda hold: hold.expires_at),
)


def holds(
    subject: OfSubject = None,
    older_than: Annotated[
        str | None, typer.Option("--older-than", help="Only older ones, as 15m or 2h.")
    ] = None,
    limit: Limit = 50,
    output: Out = Output.TEXT,
) -> None:
    """List open holds that last longer than 10 minutes or were extended, the oldest first.

    Shorter ones end by themselves. `spendgate release` gives one back, if nothing was spent.
    """
    try:
        seconds = None if older_than is None else window_seconds(older_than)
    except ValueError as error:
        raise typer.BadParameter(f"--older-than: {error}") from error
    with session.client() as client:
        listed = client.reservations.list(subject=subject, older_than_seconds=seconds)
        rows = list(islice(listed, limit))
    print_rows(rows, COLUMNS, output, empty="No long hold is open.")
