"""What the demo prints at its end: the budgets as they stand, the checks, and one clear line."""

from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal

from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from local.demo.checks import Check
from local.demo.observed import Balance, Observed
from local.demo.prices import USD
from local.demo.record import Record
from local.demo.tenant import DemoBudget

COLUMNS_MAX = 98
SUBJECTS_MAX = 6
"""How many subjects of one budget have a line of their own; the others share one."""

_FAILURES_MAX = 5
_INDENT = 7


def print_table(
    console: Console, budgets: Sequence[DemoBudget], observed: Observed, record: Record
) -> None:
    """Print every budget with its subjects, those that spent most first."""
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
    balances = [one for one in observed.balances if one.counter.budget_id == budget.budget_id]
    balances.sort(key=lambda one: (-one.spent, one.counter))
    alone = len(balances) if len(balances) <= SUBJECTS_MAX + 1 else SUBJECTS_MAX
    rows = [
        _row(one.counter.subject, _shown(one.limit, one.unit), [one], record)
        for one in balances[:alone]
    ]
    if rest := balances[alone:]:
        kind = budget.plan.subject_type
        rows.append(_row(f"{len(rest)} more of {kind}:*", "", rest, record))
    return rows


def _row(subject: str, limit: str, balances: Sequence[Balance], record: Record) -> list[str | Text]:
    unit = balances[0].unit
    refused = sum(record.refusals_by(*one.counter[:2]) for one in balances)
    overrun = sum((one.overrun for one in balances), Decimal(0))
    return [
        f"  {subject}",
        limit,
        _shown(sum((one.spent for one in balances), Decimal(0)), unit),
        _shown(sum((one.held for one in balances), Decimal(0)), unit),
        Text(str(refused), style="yellow" if refused else "dim"),
        Text(_shown(overrun, unit), style="red" if overrun else "dim"),
    ]


def _shown(amount: Decimal, unit: str) -> str:
    """An amount to a hundredth of a cent; the checks compare all of it."""
    if not amount:
        return "0"
    places = Decimal("0.0001") if unit == USD else Decimal(1)
    return f"{amount.quantize(places, ROUND_HALF_UP):,f}"


def print_checks(console: Console, checks: Sequence[Check]) -> None:
    """Print every check, and what it found untrue."""
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
    """The last line."""
    requests = record.answered
    if failed := sum(not check.holds for check in checks):
        return f"DEMO FAILED: {failed} of {len(checks)} checks found something untrue."
    return (
        f"Demo passed: {requests} requests in {took_seconds:.0f} s, {len(record.grants)} granted, "
        f"{len(record.refusals)} refused; all {len(checks)} checks hold."
    )
