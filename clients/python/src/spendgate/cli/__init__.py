"""The command `spendgate`: budgets in a terminal, in scripts and in git.

It needs the extra `spendgate[cli]` and uses the client's public methods only.

_main           the commands, put together; what an exception exits with
exits           exit codes, and an error as one sentence
session         which service, with which key: profile or environment
profiles        the file of profiles, which only its owner may read
options         the options that several commands take
printing        text for a person, plain text for a program, JSON, CSV
values          amounts, times and bars as text
commands/       one module per group of commands
code/           budgets as code: read a file, compare, plan, apply
"""

from __future__ import annotations

import sys
from importlib.util import find_spec

_NEEDED = ("typer", "rich", "ruamel.yaml")


def main() -> int:
    """Run the command line; returns the exit code."""
    try:
        missing = [name for name in _NEEDED if find_spec(name) is None]
    except ModuleNotFoundError:  # of `ruamel`, the parent of `ruamel.yaml`
        missing = list(_NEEDED)
    if missing:
        print(
            f"spendgate: {', '.join(missing)} is not installed: pip install 'spendgate[cli]'",
            file=sys.stderr,
        )
        return 78
    from spendgate.cli._main import run  # noqa: PLC0415 (what the check above makes possible)

    return run(sys.argv[1:])
