"""`keys ...`: list, create, rotate and revoke API keys."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Annotated

import typer

from spendgate.cli.options import (
    SET_UP,
    Limit,
    Out,
    Yes,
    command,
    confirm,
    decimal_of,
    given,
    group,
    subject_of,
)
from spendgate.cli.printing import Column, Output, fields_of, print_object, print_rows
from spendgate.cli.session import session

if TYPE_CHECKING:
    from spendgate import models

KeyId = Annotated[str, typer.Argument(help="The id of a key.", metavar="KEY")]

COLUMNS = (
    Column("key_id", lambda key: key.key_id),
    Column("role", lambda key: key.role),
    Column("name", lambda key: key.name, wraps=True),
    Column("subjects", lambda key: key.subjects, wraps=True),
    Column("max_amount", lambda key: key.max_amount, is_number=True),
    Column("created_at", lambda key: key.created_at),
    Column("expires_at", lambda key: key.expires_at),
)


def register(app: typer.Typer) -> None:
    """Add the group."""
    keys = group("List, create, rotate and revoke the API keys of the tenant.")
    app.add_typer(keys, name="keys", rich_help_panel=SET_UP)
    command(keys, "list", example="spendgate keys list")(list_all)
    command(keys, "create", example="spendgate keys create --role approver --max-amount 50")(create)
    command(keys, "rotate", example="spendgate keys rotate key_123 --grace-seconds 86400")(rotate)
    command(keys, "revoke", example="spendgate keys revoke key_123")(revoke)


def list_all(limit: Limit = 50, output: Out = Output.TEXT) -> None:
    """List the keys, without their secrets."""
    with session.client() as client:
        rows = list(islice(client.keys.list(), limit))
    print_rows(rows, COLUMNS, output, empty="There is no key.")


def create(
    *,
    role: Annotated[str, typer.Option("--role", help="admin, approver, caller or reader.")],
    name: Annotated[str | None, typer.Option("--name", help="A name for people.")] = None,
    subjects: Annotated[
        list[str] | None,
        typer.Option("--subject", help="What a caller's key is bound to, as type:id; repeatable."),
    ] = None,
    expires_at: Annotated[
        str | None, typer.Option("--expires-at", help="When it ends, as 2026-12-24T18:00:00Z.")
    ] = None,
    max_amount: Annotated[
        str | None, typer.Option("--max-amount", help="The most that an approver's key approves.")
    ] = None,
    output: Out = Output.TEXT,
) -> None:
    """Create a key. Its secret is shown once."""
    body = given(
        role=role,
        name=name,
        subjects=dict(map(subject_of, subjects)) if subjects else None,
        expires_at=expires_at,
        max_amount=max_amount and decimal_of(max_amount),
    )
    with session.client() as client:
        _print(client.keys.create(**body), output)


def rotate(
    key: KeyId,
    *,
    grace_seconds: Annotated[
        int, typer.Option("--grace-seconds", min=0, help="How long the old secret stays valid.")
    ] = 0,
    output: Out = Output.TEXT,
) -> None:
    """Give a key a new secret, shown once; its id and budgets stay."""
    with session.client() as client:
        _print(client.keys.rotate(key, grace_seconds=grace_seconds), output)


def revoke(key: KeyId, *, yes: Yes = False, output: Out = Output.TEXT) -> None:
    """Make a key invalid."""
    confirm(f"Revoke {key}?", yes=yes)
    with session.client() as client:
        _print(client.keys.revoke(key), output)


def _print(key: models.Key, output: Output) -> None:
    fields = fields_of(key, COLUMNS)
    if key.secret is not None:
        fields["secret"] = key.secret
    print_object(key, fields, output)
