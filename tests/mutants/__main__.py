"""Break every condition in turn and let the suites find out: `python -m tests.mutants`.

Takes some twenty minutes. Writes the list to docs/testing.md, and fails if one survives. With
`--only TEXT` it tries those whose name has that text, and writes nothing.
"""

import argparse
import multiprocessing
import os
import sys
from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path

import pytest

from tests.mutants.mutants import Mutant, all_mutants
from tests.support.generated_blocks import write_part

PART = "mutants"
_CONTRACT = "tests/store"
_AT_ONCE = [
    f"{_CONTRACT}/test_{name}.py"
    for name in ("settling", "extending", "recording", "policy_changes", "reserving")
]
_IN_MEMORY = ("--engine", "memory")
SUITES = (
    (
        "conditions",
        [f"{_CONTRACT}/test_conditions.py", f"{_CONTRACT}/test_interleavings.py", *_IN_MEMORY],
    ),
    ("rules", ["tests/property/test_rules_and_expressions.py"]),
    ("settling", [*_AT_ONCE, *_IN_MEMORY]),
    ("closing", [f"{_CONTRACT}/test_closing_conditions.py", *_IN_MEMORY]),
    ("rollover", [f"{_CONTRACT}/test_rollover.py", f"{_CONTRACT}/test_carry_over.py", *_IN_MEMORY]),
    ("contract", [_CONTRACT, "--ignore", f"{_CONTRACT}/single_engine", *_IN_MEMORY]),
    ("budgets", ["tests/store/single_engine/test_budgets.py"]),
    ("model", ["tests/model"]),
    ("faults", ["tests/faults", "--deselect", "tests/faults/test_every_call.py"]),
    ("year", ["tests/simulation"]),
    ("interleavings", ["tests/interleavings/test_scenarios.py"]),
)
"""The quickest first: which suite is named is the first that notices, not the only one."""

HARMLESS = {
    ("IS_AS_SEEN", "limit_amount = :seen_limit"): "a version never stands for two limits",
}
"""Clauses without which nothing changes, and why; they are kept, and not tried."""


_FAILED = 1
_OPTIONS = (
    "-q", "-x", "--tb=no", "-p", "no:cacheprovider",
    "-W", "ignore::pytest.PytestAssertRewriteWarning",
)  # fmt: skip
_FORKED = multiprocessing.get_context("fork")
_SECONDS_MAX = 900


def killer_of(mutant: Mutant | None) -> str | None:
    """The first suite that fails, or None if all of them pass, as without a mutant they must."""
    for suite, arguments in SUITES:
        run = _FORKED.Process(target=_run, args=(mutant, arguments))
        run.start()
        run.join(_SECONDS_MAX)
        if run.exitcode == _FAILED:
            return suite
        assert run.exitcode == 0, f"{suite} could not be run: {run.exitcode}"
    return None


def _run(mutant: Mutant | None, arguments: Sequence[str]) -> None:
    """Run a suite with the mutant; a process of its own, but with everything imported already."""
    with Path(os.devnull).open("w") as nowhere:
        os.dup2(nowhere.fileno(), sys.stdout.fileno())
        os.dup2(nowhere.fileno(), sys.stderr.fileno())
        if mutant is not None:
            mutant.apply()
        os._exit(pytest.main([*_OPTIONS, *arguments]))


def _is_harmless(mutant: Mutant) -> bool:
    return (mutant.constant, mutant.clause) in HARMLESS


def tried(only: str) -> Iterator[tuple[Mutant, str | None]]:
    """Every mutant with its killer, told as they are found."""
    for mutant in all_mutants():
        if only in mutant.name and not _is_harmless(mutant):
            killer = killer_of(mutant)
            sys.stdout.write(f"{killer or 'SURVIVED':10} {mutant.name}\n")
            sys.stdout.flush()
            yield mutant, killer


def main() -> int:
    """Try them; 1 if any survives."""
    os.environ.setdefault("SPENDGATE_SEED", "1")
    os.environ.setdefault("SPENDGATE_LONGER", "3")
    for warm in ("boto3", "hypothesis", "tests.conftest"):
        import_module(warm)
    parser = argparse.ArgumentParser(prog="python -m tests.mutants")
    parser.add_argument("--only", default="")
    only = parser.parse_args().only
    sound = killer_of(None)
    assert sound is None, f"the suite {sound} fails by itself"
    found = list(tried(only))
    killed = sum(killer is not None for _, killer in found)
    if not only:
        write_part(PART, table_of(found))
    return int(killed < len(found))


def table_of(found: Sequence[tuple[Mutant, str | None]]) -> str:
    """The list for the documents."""
    killed = sum(killer is not None for _, killer in found)
    rows = [
        f"| `{one.constant}` | `{one.clause}` | {_said(one.what)} | {killer or '**none**'} |"
        for one, killer in found
    ]
    rows += [
        f"| `{constant}` | `{clause}` | left out | not tried: {why} |"
        for (constant, clause), why in HARMLESS.items()
    ]
    head = [f"{killed} of {len(found)} are killed.", "", "| condition | clause | broken | by |"]
    return "\n".join([*head, "| --- | --- | --- | --- |", *rows])


def _said(what: str) -> str:
    return what if what == "left out" else f"`{what}`"


if __name__ == "__main__":
    sys.exit(main())
