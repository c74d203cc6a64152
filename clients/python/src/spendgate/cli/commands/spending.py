"""`check`, `reserve`, `settle`, `release`, `record`: what an application does, by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from spendgate.cli import options
from spendgate.cli.balance_rows import COLUMNS
from spendgate.cli.exits import Exit
from spendgate.cli.options import SPEND, Out, amounts_of, command, subjects_of, usage_of
from spendgate.cli.printing import Output, print_json, print_object, print_rows, say, warn
from spendgate.cli.session import session

if TYPE_CHECKING:
    from spendgate import models

Reservation = Annotated[str, typer.Argument(help="The id of a reservation.")]
Description = Annotated[str | None, typer.Option("--description", help="A sentence for people.")]
RefId = Annotated[str | None, typer.Option("--ref-id", help="What it was spent on, by your id.")]
Key = Annotated[
    str | None,
    typer.Option("--idempotency-key", help="The same key, the same request: done once."),
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    command(app, "check", example="spendgate check --agent researcher --usd 0.05", panel=SPEND)(
        check
    )
    command(
        app,
        "reserve",
        example="spendgate reserve --agent researcher --model openai/gpt-4o --input-tokens 900",
        panel=SPEND,
    )(reserve)
    command(app, "settle", example="spendgate settle rsv_123 --usd 0.031", panel=SPEND)(settle)
    command(app, "release", example="spendgate release rsv_123", panel=SPEND)(release)
    command(app, "record", example="spendgate record --agent researcher --usd 1.20", panel=SPEND)(
        record
    )


def check(
    *,
    agent: options.Agent = None,
    subject: options.Subjects = None,
    usd: options.Usd = None,
    amount: options.AmountsOption = None,
    model: options.Model = None,
    input_tokens: options.InputTokens = 0,
    max_output_tokens: options.MaxOutputTokens = None,
    output: Out = Output.TEXT,
) -> None:
    """Ask whether a reservation would be granted now; holds nothing. Exits with 75 if not."""
    with session.client() as client:
        result = client.check(
            amounts=amounts_of(usd, amount),
            usage=usage_of(model, input_tokens=input_tokens, max_output_tokens=max_output_tokens),
            **subjects_of(agent, subject),
        )
    print_check(result, output)
    if not result.allowed:
        raise typer.Exit(Exit.REFUSED)


def print_check(result: models.Check, output: Output) -> None:
    """Print what a reservation would meet."""
    if output is Output.JSON:
        print_json(result)
        return
    if output is Output.TEXT:
        say(f"{'allowed' if result.allowed else 'refused'}: {result.message or result.hint}")
        if result.message and result.hint:
            say(f"hint: {result.hint}")
        warn(result.warnings)
    print_rows(result.budgets, COLUMNS, output, empty="No budget applies.")


def reserve(
    *,
    agent: options.Agent = None,
    subject: options.Subjects = None,
    usd: options.Usd = None,
    amount: options.AmountsOption = None,
    model: options.Model = None,
    input_tokens: options.InputTokens = 0,
    max_output_tokens: options.MaxOutputTokens = None,
    ttl: options.Ttl = 300,
    idempotency_key: Key = None,
    output: Out = Output.TEXT,
) -> None:
    """Hold an estimate before a call. Exits with 75 if a budget refuses."""
    with session.client() as client:
        hold = client.reserve(
            amounts=amounts_of(usd, amount),
            usage=usage_of(model, input_tokens=input_tokens, max_output_tokens=max_output_tokens),
            ttl_seconds=ttl,
            idempotency_key=idempotency_key,
            heartbeat=False,
            **subjects_of(agent, subject),
        )
        granted = hold.reservation
    assert granted is not None, "only a local cap grants without the service"
    warn(granted.warnings)
    fields = {
        "reservation_id": granted.reservation_id,
        "held": granted.amounts,
        "expires_at": granted.expires_at,
    }
    print_object(granted, fields, output)


def settle(
    reservation: Reservation,
    *,
    usd: options.Usd = None,
    amount: options.AmountsOption = None,
    model: options.Model = None,
    input_tokens: options.InputTokens = 0,
    output_tokens: options.OutputTokens = 0,
    description: Description = None,
    output: Out = Output.TEXT,
) -> None:
    """Report what was spent; without an amount, what was held."""
    with session.client() as client:
        settled = client.reservations.settle(
            reservation,
            actual=amounts_of(usd, amount),
            usage=usage_of(model, input_tokens=input_tokens, output_tokens=output_tokens),
            description=description,
        )
    _print_reservation(settled, output)


def release(reservation: Reservation, output: Out = Output.TEXT) -> None:
    """Give a hold back; only if it is certain that nothing was spent."""
    with session.client() as client:
        _print_reservation(client.reservations.release(reservation), output)


def record(
    *,
    agent: options.Agent = None,
    subject: options.Subjects = None,
    usd: options.Usd = None,
    amount: options.AmountsOption = None,
    model: options.Model = None,
    input_tokens: options.InputTokens = 0,
    output_tokens: options.OutputTokens = 0,
    occurred_at: Annotated[
        str | None, typer.Option("--occurred-at", help="When it was spent, as RFC 3339.")
    ] = None,
    description: Description = None,
    ref_id: RefId = None,
    idempotency_key: Key = None,
    output: Out = Output.TEXT,
) -> None:
    """Record spend that was not reserved; it is never refused for lack of budget."""
    with session.client() as client:
        recorded = client.record(
            actual=amounts_of(usd, amount),
            usage=usage_of(model, input_tokens=input_tokens, output_tokens=output_tokens),
            description=description,
            ref_id=ref_id,
            idempotency_key=idempotency_key,
            extra_body={"occurred_at": occurred_at} if occurred_at else None,
            **subjects_of(agent, subject),
        )
    warn(recorded.warnings)
    fields = {
        "spent": recorded.actual,
        "occurred_at": recorded.occurred_at,
        "budgets": [
            f"{share.subject} {share.unit}" + ("" if share.counted else " (not counted)")
            for share in recorded.budgets
        ],
    }
    print_object(recorded, fields, output)


def _print_reservation(reservation: models.Reservation, output: Output) -> None:
    fields = {
        "reservation_id": reservation.reservation_id,
        "state": reservation.state,
        "held": reservation.amounts,
        "spent": reservation.actual,
        "late": reservation.late,
        "overrun": reservation.overrun,
    }
    print_object(reservation, fields, output)
