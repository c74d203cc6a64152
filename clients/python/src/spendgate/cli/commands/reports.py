"""`ledger`, `statements`: what was spent, entry by entry and period by period."""

from __future__ import annotations

from itertools import islice

import typer

from spendgate.cli.commands.budgets import OfBudget, id_of
from spendgate.cli.options import SEE, Limit, OfSubject, Out, command
from spendgate.cli.printing import Column, Output, print_rows
from spendgate.cli.session import session

LEDGER = (
    Column("created_at", lambda entry: entry.created_at),
    Column("kind", lambda entry: entry.kind),
    Column("amount", lambda entry: entry.amount, is_number=True),
    Column("unit", lambda entry: entry.unit),
    Column("subject", lambda entry: entry.subject),
    Column("period_key", lambda entry: entry.period_key),
    Column("reservation_id", lambda entry: entry.reservation_id),
    Column("description", lambda entry: entry.description, wraps=True),
)

STATEMENTS = (
    Column("starts_at", lambda statement: statement.starts_at),
    Column("ends_at", lambda statement: statement.ends_at),
    Column("subject", lambda statement: statement.subject),
    Column("limit", lambda statement: statement.limit, is_number=True),
    Column("credits", lambda statement: statement.credits, is_number=True),
    Column("carried_in", lambda statement: statement.carried_in, is_number=True),
    Column("spent", lambda statement: statement.spent, is_number=True),
    Column("unused", lambda statement: statement.unused, is_number=True),
    Column("carried_out", lambda statement: statement.carried_out, is_number=True),
    Column("unit", lambda statement: statement.unit),
    Column("is_final", lambda statement: statement.is_final),
)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    command(app, "ledger", example="spendgate ledger bud_123 --limit 20", panel=SEE)(ledger)
    command(app, "statements", example="spendgate statements bud_123 --output csv", panel=SEE)(
        statements
    )


def ledger(
    budget: OfBudget, subject: OfSubject = None, limit: Limit = 50, output: Out = Output.TEXT
) -> None:
    """List the debits and credits of a budget, the newest first."""
    with session.client() as client:
        rows = list(islice(client.budgets.ledger(id_of(client, budget), subject=subject), limit))
    print_rows(rows, LEDGER, output, empty="Nothing was spent or credited yet.")


def statements(
    budget: OfBudget, subject: OfSubject = None, limit: Limit = 50, output: Out = Output.TEXT
) -> None:
    """List the statements of the closed periods of a budget."""
    with session.client() as client:
        rows = list(
            islice(client.budgets.statements(id_of(client, budget), subject=subject), limit)
        )
    print_rows(rows, STATEMENTS, output, empty="No period has been closed yet.")
