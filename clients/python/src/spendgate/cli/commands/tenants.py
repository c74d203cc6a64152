"""`tenants ...`: list and create tenants, with the operator's key."""

from __future__ import annotations

from itertools import islice
from typing import Annotated

import typer

from spendgate.cli.options import SET_UP, Limit, Out, command, given, group
from spendgate.cli.printing import Column, Output, fields_of, print_object, print_rows
from spendgate.cli.session import session

COLUMNS = (
    Column("tenant_id", lambda tenant: tenant.tenant_id),
    Column("name", lambda tenant: tenant.name, wraps=True),
    Column("require_budget", lambda tenant: tenant.require_budget),
    Column("created_at", lambda tenant: tenant.created_at),
)


def register(app: typer.Typer) -> None:
    """Add the group."""
    tenants = group("List and create tenants, with the operator's key.")
    app.add_typer(tenants, name="tenants", rich_help_panel=SET_UP)
    command(tenants, "list", example="spendgate tenants list")(list_all)
    command(tenants, "create", example="spendgate tenants create acme --name Acme")(create)


def list_all(limit: Limit = 50, output: Out = Output.TEXT) -> None:
    """List the tenants."""
    with session.client() as client:
        rows = list(islice(client.tenants.list(), limit))
    print_rows(rows, COLUMNS, output, empty="There is no tenant: spendgate tenants create --help")


def create(
    tenant_id: Annotated[str, typer.Argument(help="The id of the tenant.", metavar="TENANT")],
    *,
    name: Annotated[str | None, typer.Option("--name", help="A name for people.")] = None,
    require_budget: Annotated[
        bool, typer.Option("--require-budget", help="Refuse what no budget applies to.")
    ] = False,
    output: Out = Output.TEXT,
) -> None:
    """Create a tenant. The secret of its first admin key is shown once."""
    body = given(tenant_id=tenant_id, name=name, require_budget=require_budget)
    with session.client() as client:
        made = client.tenants.create(**body)
    print_object(made, {**fields_of(made, COLUMNS), "admin_key": made.admin_key}, output)
