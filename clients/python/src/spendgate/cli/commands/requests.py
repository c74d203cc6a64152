"""`requests ...`: ask for more on a budget, and decide what others ask for."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Annotated

import typer

from spendgate.cli.commands.budgets import id_of
from spendgate.cli.exits import CommandError, Exit
from spendgate.cli.options import CHANGE, Limit, Out, command, decimal_of, given, group
from spendgate.cli.printing import Column, Output, fields_of, print_object, print_rows
from spendgate.cli.session import session

if TYPE_CHECKING:
    from spendgate import models

RequestId = Annotated[str, typer.Argument(help="The id of a request.", metavar="REQUEST")]
Until = Annotated[
    str | None,
    typer.Option("--until", help="When the credit ends, as 2026-12-24T18:00:00Z."),
]
Note = Annotated[str | None, typer.Option("--note", help="What to tell who asked.")]


def _asker(asked: models.IncreaseRequest) -> str:
    return asked.key_name or asked.key_id


COLUMNS = (
    Column("id", lambda asked: asked.id),
    Column("state", lambda asked: asked.state),
    Column("subject", lambda asked: asked.subject, wraps=True),
    Column("amount", lambda asked: asked.amount, is_number=True),
    Column("unit", lambda asked: asked.unit),
    Column("until", lambda asked: asked.until),
    Column("asked_by", _asker, wraps=True),
    Column("reason", lambda asked: asked.reason, wraps=True),
)


def register(app: typer.Typer) -> None:
    """Add the group."""
    requests = group("Ask for more on a budget; list, show, approve and deny what others ask for.")
    app.add_typer(requests, name="requests", rich_help_panel=CHANGE)
    command(requests, "list", example="spendgate requests list --state pending")(list_all)
    command(requests, "show", example="spendgate requests show req_123")(show)
    command(
        requests,
        "ask",
        example="spendgate requests ask agent:researcher 20 --unit usd --reason 'A longer study'",
    )(ask)
    command(
        requests, "approve", example="spendgate requests approve req_123 --amount 10 --note 'Half'"
    )(approve)
    command(requests, "deny", example="spendgate requests deny req_123 --note 'Next month'")(deny)


def list_all(
    state: Annotated[
        str | None,
        typer.Option("--state", help="pending, approved, denied or expired; without it all."),
    ] = None,
    limit: Limit = 50,
    output: Out = Output.TEXT,
) -> None:
    """List increase requests, the newest first; with a caller's key its own."""
    with session.client() as client:
        rows = list(islice(client.increase_requests.list(state=state), limit))
    print_rows(rows, COLUMNS, output, empty="There is no such request.")


def show(request: RequestId, output: Out = Output.TEXT) -> None:
    """Show a request and what was decided."""
    with session.client() as client:
        _print(client.increase_requests.retrieve(request), output)


def ask(
    subject: Annotated[str, typer.Argument(help="Who wants to spend more, as type:id.")],
    amount: Annotated[str, typer.Argument(help="How much more.")],
    *,
    reason: Annotated[str, typer.Option("--reason", help="Why, for who decides.")],
    unit: Annotated[
        str | None, typer.Option("--unit", help="In which unit: the tightest budget is meant.")
    ] = None,
    budget: Annotated[
        str | None, typer.Option("--budget", help="The id or the slug of the budget.")
    ] = None,
    until: Until = None,
    output: Out = Output.TEXT,
) -> None:
    """Ask for more on a budget. An admin or approver decides."""
    if (unit is None) == (budget is None):
        raise CommandError("pass --unit, or --budget", Exit.USAGE)
    body = given(subject=subject, unit=unit, amount=decimal_of(amount), reason=reason, until=until)
    with session.client() as client:
        if budget is not None:
            body["budget_id"] = id_of(client, budget)
        _print(client.increase_requests.create(**body), output)


def approve(
    request: RequestId,
    *,
    amount: Annotated[
        str | None, typer.Option("--amount", help="How much; without it what was asked for.")
    ] = None,
    until: Until = None,
    note: Note = None,
    output: Out = Output.TEXT,
) -> None:
    """Credit the budget, with the end that was asked for or is given."""
    body = given(amount=amount and decimal_of(amount), until=until, note=note)
    with session.client() as client:
        _print(client.increase_requests.approve(request, **body), output)


def deny(request: RequestId, *, note: Note = None, output: Out = Output.TEXT) -> None:
    """Close a request without a credit."""
    with session.client() as client:
        _print(client.increase_requests.deny(request, **given(note=note)), output)


def _print(asked: models.IncreaseRequest, output: Output) -> None:
    fields = fields_of(asked, COLUMNS)
    fields |= {"budget_id": asked.budget_id, "expires_at": asked.expires_at}
    if asked.decision is not None:
        decision = asked.decision
        fields |= {
            "decided_at": decision.at,
            "decided_by": decision.key_name or decision.key_id,
            "granted": decision.amount,
            "granted_until": decision.until,
            "note": decision.note,
        }
    print_object(asked, fields, output)
