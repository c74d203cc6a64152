"""`balance`: what is spent, held and left."""

from __future__ import annotations

from itertools import islice
from typing import Annotated

import typer

from spendgate.cli.balance_rows import COLUMNS
from spendgate.cli.options import SEE, Limit, OfSubject, Out, command, subjects_of
from spendgate.cli.printing import Output, print_rows, warn
from spendgate.cli.session import session


def register(app: typer.Typer) -> None:
    """Add the command."""
    command(app, "balance", example="spendgate balance agent:researcher", panel=SEE)(balance)


def balance(
    of: Annotated[
        list[str] | None,
        typer.Argument(
            help="Subjects as type:id, or ids of budgets; without one, everything.",
            metavar="SUBJECT...",
        ),
    ] = None,
    *,
    subject: OfSubject = None,
    status: Annotated[
        str | None, typer.Option("--status", help="Of everything only these, as exhausted.")
    ] = None,
    limit: Limit = None,
    output: Out = Output.TEXT,
) -> None:
    """Show the balances of the budgets that apply to subjects, of budgets, or of everything."""
    with session.client() as client:
        if not of:
            rows = list(islice(client.balances(status=status), limit))
        elif ":" not in of[0]:
            rows = [client.budgets.balance(name, subject=subject) for name in of]
        else:
            spend = client.spend(**subjects_of(None, of))
            rows = spend.budgets
            warn(spend.warnings)
    print_rows(rows, COLUMNS, output, empty=f"No balance of {' and '.join(of or ['any budget'])}.")
