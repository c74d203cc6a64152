"""`budgets ...`: list, show, create, change, pause, credit and delete budgets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any

import typer

from spendgate.cli import values
from spendgate.cli.balance_rows import WIDE, WIDEST, bar_of, style_of
from spendgate.cli.code.periods import period_of
from spendgate.cli.exits import CommandError, Exit
from spendgate.cli.options import (
    CHANGE,
    Limit,
    OfSubject,
    Out,
    Yes,
    command,
    confirm,
    decimal_of,
    group,
)
from spendgate.cli.printing import Column, Output, print_object, print_rows, say, warn
from spendgate.cli.session import session

if TYPE_CHECKING:
    from spendgate import Spendgate, models

OfBudget = Annotated[str, typer.Argument(help="The id or the slug of a budget.", metavar="BUDGET")]
LimitOf = Annotated[str | None, typer.Option("--limit", help="What may be spent in one period.")]
SoftLimit = Annotated[
    str | None, typer.Option("--soft-limit", help="From where on it warns; 'none' removes it.")
]
PeriodOption = Annotated[
    str | None,
    typer.Option(
        "--period", help="none, hour, day, week, month, quarter, year, or a window: 5h, rolling:5h."
    ),
]
Timezone = Annotated[str | None, typer.Option("--timezone", help="Time zone of the calendar.")]
Name = Annotated[str | None, typer.Option("--name", help="A name for people.")]
Mode = Annotated[str | None, typer.Option("--mode", help="enforce, or shadow: never refuses.")]


def _period(budget: models.Budget) -> str:
    return values.period_text(budget.period.model_dump(exclude_none=True))


COLUMNS = (
    Column("budget_id", lambda budget: budget.budget_id, from_width=WIDE),
    Column("slug", lambda budget: budget.slug, from_width=WIDEST),
    Column("subject", lambda budget: budget.subject, wraps=True),
    Column("unit", lambda budget: budget.unit),
    Column("limit", lambda budget: budget.limit, is_number=True),
    Column("period", _period, from_width=WIDE),
    Column("status", lambda budget: budget.status, style=lambda budget: style_of(budget.status)),
    Column("spent", lambda budget: budget.balance and budget.balance.spent, is_number=True),
    Column("held", lambda budget: budget.balance and budget.balance.held, is_number=True),
    Column("used", lambda budget: bar_of(budget.balance), for_people=True),
)


def register(app: typer.Typer) -> None:
    """Add the group."""
    budgets = group("List, show, create, change, pause, credit and delete budgets.")
    app.add_typer(budgets, name="budgets", rich_help_panel=CHANGE)
    command(budgets, "list", example="spendgate budgets list --subject agent:researcher")(list_all)
    command(budgets, "show", example="spendgate budgets show bud_123")(show)
    command(
        budgets,
        "create",
        example="spendgate budgets create agent:researcher --unit usd --limit 50 --period month",
    )(create)
    command(budgets, "update", example="spendgate budgets update bud_123 --limit 80")(update)
    command(budgets, "credit", example="spendgate budgets credit bud_123 25")(credit)
    command(budgets, "delete", example="spendgate budgets delete bud_123")(delete)
    for change, does in _CHANGES.items():
        command(budgets, change, example=f"spendgate budgets {change} bud_123", help=does)(
            _changer(change)
        )


def id_of(client: Spendgate, budget: str) -> str:
    """The id of a budget that is named by its id or its slug."""
    if budget.startswith("bud_"):
        return budget
    for listed in client.budgets.list(limit=100):
        if listed.slug == budget:
            return listed.budget_id
    raise CommandError(f"there is no budget with the slug {budget}: spendgate budgets list")


def list_all(subject: OfSubject = None, limit: Limit = None, output: Out = Output.TEXT) -> None:
    """List the budgets with what is spent and held now."""
    with session.client() as client:
        listed = islice(client.budgets.list(subject=subject), limit)
        rows = [client.budgets.retrieve(budget.budget_id) for budget in listed]
    print_rows(rows, COLUMNS, output, empty="There is no budget: spendgate budgets create --help")


def show(budget: OfBudget, output: Out = Output.TEXT) -> None:
    """Show a budget with its balance."""
    with session.client() as client:
        _print(client.budgets.retrieve(id_of(client, budget)), output)


def create(
    subject: Annotated[str, typer.Argument(help="type:id; type:* is the default of the type.")],
    *,
    unit: Annotated[str, typer.Option("--unit", help="What is counted, as usd or tokens.")],
    limit: Annotated[str, typer.Option("--limit", help="What may be spent in one period.")],
    period: PeriodOption = None,
    timezone: Timezone = None,
    soft_limit: SoftLimit = None,
    name: Name = None,
    mode: Mode = None,
    output: Out = Output.TEXT,
) -> None:
    """Create a budget."""
    fields = _fields(limit, soft_limit, period, timezone, name, mode)
    body: Any = {"subject": subject, "unit": unit, **fields}
    with session.client() as client:
        made = client.budgets.create(**body)
    warn(made.warnings)
    _print(made, output)


def update(
    budget: OfBudget,
    *,
    limit: LimitOf = None,
    soft_limit: SoftLimit = None,
    period: PeriodOption = None,
    timezone: Timezone = None,
    name: Name = None,
    mode: Mode = None,
    output: Out = Output.TEXT,
) -> None:
    """Change the fields that are named; what is spent stays."""
    body: Any = _fields(limit, soft_limit, period, timezone, name, mode)
    if not body:
        raise CommandError("name at least one field to change, such as --limit", Exit.USAGE)
    with session.client() as client:
        changed = client.budgets.update(id_of(client, budget), **body)
    warn(changed.warnings)
    _print(changed, output)


def credit(
    budget: OfBudget,
    amount: Annotated[str, typer.Argument(help="How much more may be spent in this period.")],
    subject: OfSubject = None,
    description: Annotated[str | None, typer.Option("--description", help="Why.")] = None,
    output: Out = Output.TEXT,
) -> None:
    """Add to what may be spent in the current period; after `--`, a negative amount corrects."""
    body: Any = {"amount": decimal_of(amount), "subject": subject, "description": description}
    with session.client() as client:
        made = client.budgets.credit(id_of(client, budget), **body)
    fields = {
        "id": made.id,
        "budget_id": made.budget_id,
        "subject": made.subject,
        "amount": -made.amount,
        "unit": made.unit,
        "available": made.balance.available,
    }
    print_object(made, fields, output)


def delete(budget: OfBudget, yes: Yes = False) -> None:
    """Delete a budget; its ledger stays for the retention."""
    with session.client() as client:
        found = client.budgets.retrieve(id_of(client, budget))
        confirm(f"Delete the budget of {found.subject} in {found.unit}?", yes=yes)
        client.budgets.delete(found.budget_id)
    say(f"Deleted {budget}.")


_CHANGES: Mapping[str, str] = {
    "pause": "Refuse new holds until the budget is resumed.",
    "resume": "End a pause.",
    "disable": "Neither enforce nor count.",
    "enable": "Enforce and count again.",
}


def _changer(change: str) -> Callable[..., None]:
    def run(budget: OfBudget, output: Out = Output.TEXT) -> None:
        with session.client() as client:
            _print(getattr(client.budgets, change)(id_of(client, budget)), output)

    return run


def _print(budget: models.Budget, output: Output) -> None:
    balance = budget.balance
    fields: dict[str, object] = {
        "budget_id": budget.budget_id,
        "slug": budget.slug,
        "name": budget.name,
        "subject": budget.subject,
        "unit": budget.unit,
        "limit": budget.limit,
        "soft_limit": budget.soft_limit,
        "period": _period(budget),
        "mode": budget.mode,
        "status": budget.status,
    }
    if balance is not None:
        resets = balance.resets_in_seconds
        fields |= {
            "credits": balance.credits,
            "carried_in": balance.carried_in,
            "spent": balance.spent,
            "held": balance.held,
            "available": balance.available,
            "resets": f"in about {values.until(resets)}" if resets else "never",
        }
    print_object(budget, fields, output)


def _fields(
    limit: str | None,
    soft_limit: str | None,
    period: str | None,
    timezone: str | None,
    name: str | None,
    mode: str | None,
) -> dict[str, Any]:
    """The fields of a body that were named."""
    fields: dict[str, Any] = {}
    if limit is not None:
        fields["limit"] = decimal_of(limit)
    if soft_limit is not None:
        fields["soft_limit"] = None if soft_limit == "none" else decimal_of(soft_limit)
    if period is not None:
        try:
            fields["period"] = period_of(period, timezone)
        except ValueError as error:
            raise typer.BadParameter(f"--period: {error}") from error
    elif timezone is not None:
        raise typer.BadParameter("--timezone needs --period")
    if name is not None:
        fields["name"] = name
    if mode is not None:
        fields["mode"] = mode
    return fields
