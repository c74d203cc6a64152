"""The commands, put together, and what an exception exits with."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import cache
from typing import Annotated

import typer
from typer.core import TyperGroup

from spendgate import __version__
from spendgate.cli import options, printing
from spendgate.cli.commands import (
    admin,
    as_code,
    balances,
    budgets,
    changes,
    doctor,
    explain,
    holds,
    identity,
    keys,
    notifications,
    refusals,
    reports,
    requests,
    running,
    spending,
    tenants,
    usage,
    watch,
)
from spendgate.cli.exits import Exit, code_of, sentence_of
from spendgate.cli.session import session
from spendgate.errors import APIStatusError, SpendgateError

_INTERRUPTED = 130

app = options.group("Budgets of LLM applications and agents: see, change, explain, keep in git.")
for module in (
    identity,
    doctor,
    budgets,
    balances,
    explain,
    watch,
    holds,
    usage,
    reports,
    changes,
    refusals,
    requests,
    keys,
    notifications,
    tenants,
    spending,
    running,
    as_code,
    admin,
):
    module.register(app)


def _show_version(wanted: bool) -> None:
    if wanted:
        printing.say(f"spendgate {__version__}")
        raise typer.Exit


@app.callback(
    epilog="Exit codes: 0 done, 1 failed, 64 wrong command line, 65 wrong file, 69 service"
    " unavailable, 75 refused by a budget, 77 key not allowed, 78 not configured."
)
def _options(
    profile: Annotated[
        str | None,
        typer.Option(
            "--profile", envvar="SPENDGATE_PROFILE", help="The profile that `login` saved."
        ),
    ] = None,
    reason: Annotated[
        str | None,
        typer.Option(
            "--reason", envvar="SPENDGATE_REASON", help="Why, for the log of what admins change."
        ),
    ] = None,
    _version: Annotated[
        bool,
        typer.Option("--version", help="Show the version.", callback=_show_version, is_eager=True),
    ] = False,
) -> None:
    """Budgets of LLM applications and agents: see, change, explain, keep in git."""
    session.start(profile=profile, reason=reason)


@cache
def root() -> TyperGroup:
    """Every command, built once."""
    group = typer.main.get_command(app)
    assert isinstance(group, TyperGroup)
    return group


def run(arguments: Sequence[str]) -> int:
    """Run one command; returns its exit code and never raises."""
    try:
        code = root().main(args=list(arguments), prog_name="spendgate", standalone_mode=False)
        sys.stdout.flush()
    except (typer.TyperException, typer.Abort, SpendgateError, OSError, KeyboardInterrupt) as error:
        return _ended_by(error)
    return code if isinstance(code, int) else Exit.OK


def _ended_by(error: BaseException) -> int:
    """Say what went wrong in a sentence; returns the exit code."""
    match error:
        case typer.TyperException():
            return _usage_error(error)
        case SpendgateError():
            code = _fail(sentence_of(error), code_of(error))
            if isinstance(error, APIStatusError) and error.hint:
                printing.note(f"hint: {error.hint}")
        case BrokenPipeError():
            sys.stderr.close()  # what reads the output has ended, as `head` does
            code = Exit.OK
        case OSError():
            where = error.filename or "system"
            code = _fail(f"{where}: {error.strerror or error}.", Exit.FAILED)
        case _:
            code = _fail("stopped.", _INTERRUPTED)
    return code


def _usage_error(error: typer.TyperException) -> int:
    context = getattr(error, "ctx", None)
    message = " ".join(error.format_message().split())
    if not message:  # no command was given: the help has been shown
        return Exit.USAGE
    path = context.command_path if context is not None else "spendgate"
    return _fail(f"{message.rstrip('.')}. See {path} --help.", Exit.USAGE)


def _fail(sentence: str, code: int) -> int:
    printing.note(f"spendgate: {sentence}")
    return int(code)
