"""`validate`, `schema`, `plan`, `apply`, `import`: budgets in a file, as code."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from spendgate import Spendgate, SpendgateError
from spendgate._lazy import LazyModule
from spendgate.cli import printing
from spendgate.cli.exits import CommandError, Exit, sentence_of
from spendgate.cli.options import AS_CODE, Yes, command, confirm
from spendgate.cli.session import session

if TYPE_CHECKING:
    from spendgate.cli.code import (
        applying,
        importing,
        model,
        planner,
        reading,
        saved,
        showing,
        state,
        warnings,
    )
else:  # pydantic and ruamel.yaml are loaded for these commands only
    applying, importing, model, planner, reading, saved, showing, state, warnings = (
        LazyModule(f"spendgate.cli.code.{name}")
        for name in (
            "applying",
            "importing",
            "model",
            "planner",
            "reading",
            "saved",
            "showing",
            "state",
            "warnings",
        )
    )

DEFAULT_FILE = Path("budgets.yaml")


class PlanOutput(StrEnum):
    """The form of a plan."""

    TEXT = "text"
    JSON = "json"
    MARKDOWN = "markdown"


File = Annotated[Path, typer.Option("--file", "-f", help="The file of budgets.")]
Prune = Annotated[
    bool, typer.Option("--prune", help="Delete budgets of this stack that the file does not name.")
]
Adopt = Annotated[
    bool, typer.Option("--adopt", help="Take over budgets that no file or another one manages.")
]
Force = Annotated[
    bool, typer.Option("--force", help="Delete also budgets that hold money or have spent it.")
]
MaxDeletes = Annotated[
    int, typer.Option("--max-deletes", min=0, help="Delete and replace so many at most.")
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for name, function, example in (
        ("validate", validate, "spendgate validate -f budgets.yaml"),
        ("schema", schema, "spendgate schema > budgets.schema.json"),
        ("plan", plan, "spendgate plan -f budgets.yaml --detailed-exitcode"),
        ("apply", apply, "spendgate apply -f budgets.yaml --yes"),
        ("import", import_, "spendgate import --stack production > budgets.yaml"),
    ):
        command(app, name, example=example, panel=AS_CODE)(function)


def validate(file: File = DEFAULT_FILE) -> None:
    """Check a file without a service; each mistake has its line and column. Exits with 65."""
    parsed, objects = reading.read_file(file)
    count = len(parsed.budgets)
    printing.say(f"{file} is valid: {count} budgets, {len(objects.fields) - count} other objects.")


def schema() -> None:
    """Print the JSON Schema of a file, for editors."""
    printing.print_json(model.json_schema())


def plan(
    file: File = DEFAULT_FILE,
    *,
    out: Annotated[
        Path | None, typer.Option("--out", help="Save the plan, for apply PLAN.")
    ] = None,
    output: Annotated[
        PlanOutput, typer.Option("--output", "-o", help="The form of the output.")
    ] = PlanOutput.TEXT,
    detailed_exitcode: Annotated[
        bool,
        typer.Option("--detailed-exitcode", help="Exit with 0: no changes, 1: error, 2: changes."),
    ] = False,
    prune: Prune = False,
    adopt: Adopt = False,
    force: Force = False,
    max_deletes: MaxDeletes = 10,
) -> None:
    """Show what apply would change; changes nothing."""
    options = planner.Options(prune, adopt, force, max_deletes)
    try:
        made, target = _plan(file, options)
        if out is not None:
            saved.write(out, made, target)
    except SpendgateError as error:
        if not detailed_exitcode:
            raise
        raise CommandError(sentence_of(error).rstrip(".")) from error  # every error exits with 1
    if output is PlanOutput.JSON:
        printing.print_json(saved.to_json(made, target))
    elif output is PlanOutput.MARKDOWN:
        printing.say(showing.as_markdown(made, f"Budgets: {file}"))
    else:
        showing.draw(made)
    if detailed_exitcode and not made.is_empty:
        raise typer.Exit(Exit.CHANGES)


def apply(
    saved_plan: Annotated[
        Path | None, typer.Argument(help="A plan of plan --out; else the file is planned.")
    ] = None,
    *,
    file: File = DEFAULT_FILE,
    prune: Prune = False,
    adopt: Adopt = False,
    force: Force = False,
    max_deletes: MaxDeletes = 10,
    yes: Yes = False,
) -> None:
    """Make the service what the file says, or exactly what a saved plan says.

    It shows the plan and asks; a saved plan was agreed to before. It stops at the first object that
    is not as it was planned on.
    """
    if saved_plan is not None:
        made, target = saved.read(saved_plan)
    else:
        made, target = _plan(file, planner.Options(prune, adopt, force, max_deletes))
        showing.draw(made)
        if made.is_empty:
            return
        if not made.blocked:
            confirm("Apply these changes?", yes=yes)
    with session.client() as client:
        if saved_plan is not None:
            _check_target(client, target)
        applying.apply_plan(client, made, printing.say)
    count = len(made.changes)
    printing.say(f"Applied: {count} {'change' if count == 1 else 'changes'}.")


def import_(
    stack: Annotated[str, typer.Option("--stack", help="The owner mark of the file.")] = "default",
    out: Annotated[
        Path | None, typer.Option("--out", help="Write to this new file; else print it.")
    ] = None,
) -> None:
    """Write a file of what the service has; apply --adopt then takes the budgets over.

    Of a service without budgets it has an example to begin with.
    """
    with session.client() as client:
        text = importing.file_of(client, stack)
    if out is None:
        sys.stdout.write(text)
        return
    if out.exists():
        raise CommandError(f"{out} exists already")
    out.write_text(text, encoding="utf-8")
    printing.note(f"{out} written: spendgate apply -f {out} --adopt takes the budgets over.")


def _plan(file: Path, options: planner.Options) -> tuple[planner.Plan, saved.Target]:
    parsed, wanted = reading.read_file(file)
    if options.prune and not parsed.budgets:
        raise CommandError(
            f"{file} names no budget, and --prune would delete all of {wanted.stack}", Exit.DATA
        )
    with session.client() as client:
        target = _target(client)
        there = state.read_state(client, wanted)
    made = planner.make_plan(wanted, there, options)
    return warnings.with_warnings(made, wanted, there), target


def _target(client: Spendgate) -> saved.Target:
    return saved.Target(session.credentials().url, client.me().tenant_id or "")


def _check_target(client: Spendgate, planned: saved.Target) -> None:
    here = _target(client)
    if here != planned:
        raise CommandError(
            f"the plan is for {planned.tenant_id} at {planned.url}, and the key for"
            f" {here.tenant_id} at {here.url}"
        )
