"""`admin ...`: the operators' commands that work on the table or the queues themselves."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec

import typer

from spendgate.cli.exits import CommandError, Exit
from spendgate.cli.options import SET_UP, command, group

_COMMANDS: Mapping[str, tuple[str, tuple[str, ...], str, str]] = {
    "audit": (
        "spendgate_service.audit.__main__",
        (),
        "Compare every counter of the table with its ledger.",
        "spendgate admin audit --help",
    ),
    "dead-letters": (
        "spendgate_service.dead_letters.__main__",
        (),
        "Show, redrive or drop messages of the dead-letter queue.",
        "spendgate admin dead-letters --help",
    ),
    "operator-key": (
        "spendgate_service.tenants.__main__",
        ("operator-key",),
        "Create or revoke an operator key, on the table.",
        "spendgate admin operator-key --table NAME",
    ),
    "tenant-key": (
        "spendgate_service.tenants.__main__",
        ("tenant-key",),
        "Create a key of a tenant whose admin keys are lost, on the table.",
        "spendgate admin tenant-key --table NAME --tenant ID",
    ),
}
_PASS_EVERYTHING = {
    "allow_extra_args": True,
    "ignore_unknown_options": True,
    "help_option_names": [],
}


def register(app: typer.Typer) -> None:
    """Add the group."""
    admin = group(
        "Operators' commands on the table and the queues; they need AWS credentials, boto3 and the"
        " service's package."
    )
    app.add_typer(admin, name="admin", rich_help_panel=SET_UP)
    for name, (module, before, help_text, example) in _COMMANDS.items():
        command(admin, name, example=example, help=help_text, context_settings=_PASS_EVERYTHING)(
            _passing_to(module, before)
        )


def _passing_to(module: str, before: Sequence[str]) -> Callable[[typer.Context], None]:
    def run(context: typer.Context) -> None:
        missing = [name for name in ("boto3", "spendgate_service") if find_spec(name) is None]
        if missing:
            raise CommandError(
                f"{' and '.join(missing)} cannot be imported: run this where boto3 is installed and"
                " PYTHONPATH names layers/core/python of the service's repository",
                Exit.CONFIG,
            )
        main = importlib.import_module(module).main
        raise typer.Exit(int(main([*before, *context.args])))

    return run
