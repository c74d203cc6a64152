"""Prints the result of the demo: the balances, the checks and a verdict."""

from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal

from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from local.demo.checks import Check
from local.demo.observed import Balance, Observed, Usage
from local.demo.prices import USD
from local.demo.record import Record
from local.demo.tenant import DemoBudget

COLUMNS_MAX = 98
SUBJECTS_MAX = 6
"""Subjects of one budget with their own row; the others share a row."""

_FAILURES_MAX = 5
_INDENT = 7
_BAR_COLUMNS = 40


def print_table(
    console: Console, budgets: Sequence[DemoBudget], observed: Observed, record: Record
) -> None:
    """Print every budget with its subjects, the highest spent amount first."""
    table = Table(box=None, padding=(0, 1), header_style="bold", pad_edge=False)
    table.add_column("Budget", no_wrap=True)
    for name in ("Limit", "Spent", "Held", "Refused", "Overrun"):
        table.add_column(name, justify="right")
    for budget in budgets:
        table.add_row(f"{budget.plan.name}, {budget.plan.unit}", style="bold")
        for row in _rows(budget, observed, record):
            table.add_row(*row)
    console.print()
    console.print(table)
    console.print()


def _rows(budget: DemoBudget, observed: Observed, record: Record) -> list[list[str | Text]]:
    balances = [
        balance for balance in observed.balances if balance.counter.budget_id == budget.budget_id
    ]
    balances.sort(key=lambda balance: (-balance.spent, balance.counter))
    alone = len(balances) if len(balances) <= SUBJECTS_MAX + 1 else SUBJECTS_MAX
    rows = [
        _row(balance.counter.subject, _shown(balance.limit, balance.unit), [balance], record)
        for balance in balances[:alone]
    ]
    if rest := balances[alone:]:
        kind = budget.plan.subject_type
        rows.append(_row(f"{len(rest)} more of {kind}:*", "", rest, record))
    return rows


def _row(subject: str, limit: str, balances: Sequence[Balance], record: Record) -> list[str | Text]:
    unit = balances[0].unit
    refused = sum(record.refusals_by(*balance.counter[:2]) for balance in balances)
    overrun = sum((balance.overrun for balance in balances), Decimal(0))
    return [
        f"  {subject}",
        limit,
        _shown(sum((balance.spent for balance in balances), Decimal(0)), unit),
        _shown(sum((balance.held for balance in balances), Decimal(0)), unit),
        Text(str(refused), style="yellow" if refused else "dim"),
        Text(_shown(overrun, unit), style="red" if overrun else "dim"),
    ]


def _shown(amount: Decimal, unit: str) -> str:
    """Round to a hundredth of a cent for the display; the checks compare the exact amount."""
    if not amount:
        return "0"
    places = Decimal("0.0001") if unit == USD else Decimal(1)
    return f"{amount.quantize(places, ROUND_HALF_UP):,f}"


def print_usage(console: Console, usage: Usage) -> None:
    """Print what was spent by each group of the usage log, as bars, the largest first."""
    for group, totals in usage.items():
        spent = {value: amounts.get(USD, Decimal(0)) for value, amounts in totals.items()}
        largest = max(spent.values(), default=Decimal(0))
        table = Table(box=None, padding=(0, 1), header_style="bold", pad_edge=False)
        table.add_column(f"Spent by {group}", no_wrap=True)
        table.add_column("usd", justify="right")
        table.add_column("", no_wrap=True)
        for value in sorted(spent, key=lambda value: (-spent[value], value)):
            length = int(_BAR_COLUMNS * spent[value] / largest) if largest else 0
            table.add_row(f"  {value}", _shown(spent[value], USD), Text("█" * length, style="cyan"))
        table.add_row("  total", _shown(sum(spent.values(), Decimal(0)), USD), style="bold")
        console.print(table)
        console.print()


def print_checks(console: Console, checks: Sequence[Check]) -> None:
    """Print every check and its failures."""
    width = max(len(check.promise) for check in checks)
    for check in checks:
        mark = "[green]ok  [/]" if check.holds else "[bold red]FAIL[/]"
        line = f"{mark} {escape(check.promise):<{width}}  [dim]{escape(check.looked_at)}[/]"
        console.print(line, soft_wrap=True)
        for failure in check.failures[:_FAILURES_MAX]:
            console.print(Padding(Text(failure, style="red"), (0, 0, 0, _INDENT)))
        if (more := len(check.failures) - _FAILURES_MAX) > 0:
            console.print(f"{' ' * _INDENT}and {more} more", style="red")


def verdict(checks: Sequence[Check], record: Record, *, took_seconds: float) -> str:
    """Return the last line."""
    requests = record.answered
    if failed := sum(not check.holds for check in checks):
        return f"DEMO FAILED: {failed} of {len(checks)} checks failed."
    return (
        f"Demo passed: {requests} requests in {took_seconds:.0f} s, {len(record.grants)} granted, "
        f"{len(record.refusals)} refused; all {len(checks)} checks hold."
    )
