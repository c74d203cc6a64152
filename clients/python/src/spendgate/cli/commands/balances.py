"""`balance`: what is spent, held and left."""

from __future__ import annotations

from typing import Annotated

import typer

from spendgate.cli.balance_rows import COLUMNS
from spendgate.cli.options import SEE, OfSubject, Out, command, subjects_of
from spendgate.cli.printing import Output, note, print_rows
from spendgate.cli.session import session


def register(app: typer.Typer) -> None:
    """Add the command."""
    command(app, "balance", example="spendgate balance agent:researcher", panel=SEE)(balance)


def balance(
    of: Annotated[
        list[str],
        typer.Argument(help="Subjects as type:id, or the id of one budget.", metavar="SUBJECT..."),
    ],
    subject: OfSubject = None,
    output: Out = Output.TEXT,
) -> None:
    """Show the balances of the budgets that apply to subjects, or of one budget."""
    with session.client() as client:
        if ":" not in of[0]:
            rows = [client.budgets.balance(name, subject=subject) for name in of]
        else:
            spend = client.spend(**subjects_of(None, of))
            rows = spend.budgets
            for warning in spend.warnings:
                note(f"warning: {warning}")
    print_rows(rows, COLUMNS, output, empty=f"No budget applies to {' and '.join(of)}.")
