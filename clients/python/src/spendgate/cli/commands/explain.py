"""`explain`: which budgets apply, which is tightest, and whether a call would be refused now."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Annotated

import typer

from spendgate.cli import options, values
from spendgate.cli.balance_rows import COLUMNS, WIDE, entitlement, left_of
from spendgate.cli.exits import Exit
from spendgate.cli.options import SEE, Out, amounts_of, command, subjects_of, usage_of
from spendgate.cli.printing import Column, Output, print_json, print_rows, say, warn
from spendgate.cli.session import session

if TYPE_CHECKING:
    from spendgate import models

SMALLEST = Decimal("0.000000001")


def register(app: typer.Typer) -> None:
    """Add the command."""
    command(app, "explain", example="spendgate explain agent:researcher --usd 0.05", panel=SEE)(
        explain
    )


def explain(
    subjects: Annotated[
        list[str],
        typer.Argument(help="The subjects of a call, as type:id.", metavar="SUBJECT..."),
    ],
    usd: options.Usd = None,
    amount: options.AmountsOption = None,
    model: options.Model = None,
    input_tokens: options.InputTokens = 0,
    max_output_tokens: options.MaxOutputTokens = None,
    output: Out = Output.TEXT,
) -> None:
    """Show which budgets apply to a call, which is tightest, and whether it would be refused now.

    Without a size it asks about the smallest call. Exits with 75 if the call would be refused.
    """
    named = subjects_of(None, subjects)
    amounts = amounts_of(usd, amount)
    usage = usage_of(model, input_tokens=input_tokens, max_output_tokens=max_output_tokens)
    with session.client() as client:
        spend = client.spend(**named)
        if amounts is None and usage is None:
            amounts = {balance.unit: SMALLEST for balance in spend.budgets} or {"usd": SMALLEST}
            size = "the smallest call"
        else:
            size = "a call of this size"
        verdict = client.check(amounts=amounts, usage=usage, **named)
    _print(spend, verdict, size, output)
    if not verdict.allowed:
        raise typer.Exit(Exit.REFUSED)


def tightest(balances: list[models.Balance]) -> models.Balance | None:
    """The budget of which the least share is available."""
    return min(balances, key=left_of, default=None)


def _print(spend: models.Spend, verdict: models.Check, size: str, output: Output) -> None:
    tight = tightest(spend.budgets)
    if output is Output.JSON:
        print_json(
            {
                "budgets": [budget.model_dump(mode="json") for budget in spend.budgets],
                "tightest": tight and tight.budget_id,
                "check": verdict.model_dump(mode="json"),
            }
        )
        return
    mark = Column("tightest", lambda balance: "<" if balance is tight else "", from_width=WIDE)
    print_rows(spend.budgets, (*COLUMNS, mark), output, empty="No budget applies.")
    if output is Output.CSV:
        return
    warn([*spend.warnings, *verdict.warnings])
    if tight is not None:
        say(
            f"Tightest: {tight.subject} {tight.unit}, {values.amount(tight.available)} of"
            f" {values.amount(entitlement(tight))} available."
        )
    say(_sentence(verdict, size))


def _sentence(verdict: models.Check, size: str) -> str:
    if not verdict.allowed:
        hint = f"\nhint: {verdict.hint}" if verdict.hint else ""
        return (
            f"Refused: {size} would be refused now ({verdict.error_code}): {verdict.message}{hint}"
        )
    if verdict.unbudgeted:
        return f"Allowed: {size} would be granted now; no budget limits it."
    return f"Allowed: {size} would be granted now."
