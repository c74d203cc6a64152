"""A plan as text for a terminal and as Markdown for a pull request."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from spendgate.cli import printing
from spendgate.cli.code.objects import BUDGET_DEFAULTS
from spendgate.cli.code.planner import SIGNS, Action, Change, Plan
from spendgate.cli.values import shown

_STYLES: Mapping[Action, str] = {
    "create": "green",
    "update": "yellow",
    "delete": "red",
    "replace": "red",
}
_VERBS: tuple[tuple[Action, str], ...] = (
    ("create", "to add"),
    ("update", "to change"),
    ("replace", "to replace"),
    ("delete", "to delete"),
)


def summary(plan: Plan) -> str:
    """The plan in one line."""
    if plan.is_empty:
        return "No changes: the service is what the file says."
    counts = ", ".join(f"{plan.count(action)} {verb}" for action, verb in _VERBS)
    blocked = f" ({len(plan.blocked)} blocked)" if plan.blocked else ""
    return f"Plan: {counts}{blocked}."


def as_text(plan: Plan) -> Iterator[tuple[str, str]]:
    """The lines of a plan, each with its style."""
    for change in plan.changes:
        style = _STYLES[change.action]
        yield f"{SIGNS[change.action]:>3} {change.key}", style
        for line in _lines(change):
            yield f"      {line}", ""
        for warning in change.warnings:
            yield f"      warning: {warning}", "yellow"
        if change.needs:
            yield f"      blocked: needs {' '.join(change.needs)}", "red"
    for note in plan.notes:
        yield f"note: {note}", "dim"
    yield summary(plan), "bold"


def draw(plan: Plan) -> None:
    """Print a plan for a terminal."""
    from rich.text import Text  # noqa: PLC0415 (only where text is drawn)

    for line, style in as_text(plan):
        printing.draw(Text(printing.printable(line), style=style))


def as_markdown(plan: Plan, title: str) -> str:
    """A plan for a pull request."""
    lines = [f"### {title}", "", summary(plan)]
    if plan.changes:
        lines += ["", "```diff"]
        for change in plan.changes:
            lines += _diff(change)
        lines += ["```"]
    warnings = [
        f"- **{change.key}**: {text}" for change in plan.changes for text in _remarks(change)
    ]
    if warnings:
        lines += ["", *warnings]
    lines += [f"\nNote: {note}." for note in plan.notes]
    return "\n".join(lines)


def _remarks(change: Change) -> list[str]:
    blocked = [f"blocked, needs `{need}`" for need in change.needs]
    return [*change.warnings, *blocked]


def _lines(change: Change) -> Iterator[str]:
    if change.opening is not None:
        yield f"opening_spent: {change.opening}"
    for name, before, after in change.differences:
        if change.action == "create":
            if after != BUDGET_DEFAULTS.get(name, ...):
                yield f"{name}: {shown(name, after)}"
        elif change.action == "delete":
            if name in ("subject", "unit", "limit"):
                yield f"{name}: {shown(name, before)}"
        else:
            yield f"{name}: {shown(name, before)} -> {shown(name, after)}"


def _diff(change: Change) -> Iterator[str]:
    yield f"@@ {SIGNS[change.action]} {change.key} @@"
    for name, before, after in change.differences:
        if before is not None and before != BUDGET_DEFAULTS.get(name, ...):
            yield f"- {name}: {shown(name, before)}"
        if after is not None and after != BUDGET_DEFAULTS.get(name, ...):
            yield f"+ {name}: {shown(name, after)}"
