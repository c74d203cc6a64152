"""Break every condition in turn and let the suites find out: `python -m tests.mutants`.

Takes some twenty minutes. Writes the list to docs/testing.md, and fails if one survives. With
`--only TEXT` it tries those whose name has that text, and writes nothing.
"""

import argparse
import os
import subprocess
import sys
from collections.abc import Iterator

from tests.engines import ROOT
from tests.generated import write_part
from tests.mutants.mutants import Mutant, all_mutants
from tests.mutants.plugin import VARIABLE

PART = "mutants"
SUITES = (
    ("contract", ["tests/integration/contract", "-k", "moto"]),
    ("rules", ["tests/property/test_rules_and_expressions.py"]),
    ("model", ["tests/model"]),
    ("faults", ["tests/faults", "--deselect", "tests/faults/test_every_call.py"]),
    ("every call", ["tests/faults/test_every_call.py"]),
    ("races", ["tests/concurrency"]),
    ("store", ["tests/integration", "--ignore", "tests/integration/contract"]),
)
"""The quickest first: which suite is named is the first that notices, not the only one."""

_FAILED = 1
_SECONDS_MAX = 900


def killer_of(mutant: Mutant) -> str | None:
    """The first suite that fails, or None if all of them pass."""
    for suite, arguments in SUITES:
        command = [
            sys.executable, "-m", "pytest", "-q", "-x", "-p", "tests.mutants.plugin",
            "--no-header", "--tb=no", *arguments,
        ]  # fmt: skip
        environment = {**os.environ, VARIABLE: mutant.name, "SPENDGATE_SEED": "1"}
        run = subprocess.run(
            command,
            cwd=ROOT,
            env=environment,
            capture_output=True,
            timeout=_SECONDS_MAX,
            check=False,
        )
        if run.returncode == _FAILED:
            return suite
        assert run.returncode == 0, run.stdout.decode() + run.stderr.decode()
    return None


def tried(only: str) -> Iterator[tuple[Mutant, str | None]]:
    """Every mutant with its killer, told as they are found."""
    for mutant in all_mutants():
        if only in mutant.name:
            killer = killer_of(mutant)
            sys.stdout.write(f"{killer or 'SURVIVED':10} {mutant.name}\n")
            sys.stdout.flush()
            yield mutant, killer


def main() -> int:
    """Try them; 1 if any survives."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants")
    parser.add_argument("--only", default="")
    only = parser.parse_args().only
    found = list(tried(only))
    killed = sum(killer is not None for _, killer in found)
    if not only:
        rows = [
            f"| `{one.constant}` | `{one.clause}` | {_said(one.what)} | {killer or '**none**'} |"
            for one, killer in found
        ]
        head = [f"{killed} of {len(found)} are killed.", "", "| condition | clause | broken | by |"]
        write_part(PART, "\n".join([*head, "| --- | --- | --- | --- |", *rows]))
    return int(killed < len(found))


def _said(what: str) -> str:
    return what if what == "left out" else f"`{what}`"


if __name__ == "__main__":
    sys.exit(main())
