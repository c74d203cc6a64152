"""The suites that may notice a broken condition, and how one runs with a mutant.

Each run is a process forked from one that has everything imported, and ends at the first test that
fails.
"""

import multiprocessing
import os
import re
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext, redirect_stdout
from importlib import import_module
from io import StringIO
from pathlib import Path

import pytest

from local.dynamodb_local import dynamodb_local
from tests.mutants.mutants import Mutant
from tests.support.shared_engines import ENGINES

_STORE = "tests/store"
_ALONE = f"{_STORE}/single_engine"
_IN_MEMORY = ("--engine", "memory")


def _files(folder: str, *names: str) -> list[str]:
    return [f"{folder}/test_{name}.py" for name in names]


_SUITES: tuple[tuple[str, Sequence[str]], ...] = (
    ("conditions", _files(_STORE, "conditions", "interleavings")),
    ("creation races", _files(_STORE, "creation_races")),
    ("settling", _files(_STORE, "settling", "extending", "recording", "policy_changes")),
    (
        "leases",
        _files(_STORE, "growing_conditions", "growing", "captures", "charges", "lease_periods"),
    ),
    ("closing", _files(_STORE, "closing_conditions", "rollover", "carry_over")),
    ("reversals", _files(_STORE, "reversals", "occurred_at", "rearmed_thresholds", "batches")),
    ("grant paths", _files("tests/unit", "grant_paths")),
    (
        "credits",
        [
            *_files(_STORE, "credit_conditions"),
            *_files("tests/scenarios", "expiring_credits", "opening_spent"),
        ],
    ),
    ("handlers", _files("tests/handlers", "increase_requests", "credits", "slugs_and_tags")),
    ("contract", [_STORE, "--ignore", _ALONE]),
    ("interleavings", ["tests/interleavings/test_scenarios.py"]),
    ("scenarios", ["tests/scenarios"]),
    ("budgets", _files(_ALONE, "budgets", "opening_spent", "expiring_credits", "roll_ups")),
    ("rules", ["tests/property/test_rules_and_expressions.py"]),
    ("faults", ["tests/faults/test_queue.py", "tests/faults/test_unknown_outcomes.py"]),
    ("year", ["tests/simulation"]),
    ("model", ["tests/model"]),
)
"""The quickest first: which suite is named is the first that notices, not the only one."""

_LIKELY = (
    (re.compile(r"credit_ends_at"), "conditions"),
    (re.compile(r"credit_ends_at"), "grant paths"),
    (re.compile(r"credits_not_carried|ENDS|CORRECT|#end "), "credits"),
    (re.compile(r"MOVE|THERE|LEASED|revision|held_until|#from"), "leases"),
    (re.compile(r"DUE|WINDOW|WAITS|periods|windows"), "closing"),
    (re.compile(r"#slice"), "reversals"),
    (re.compile(r"PENDING|EXPIRED|NOTHING"), "handlers"),
    (re.compile(r"IS_NEW in|EVER_IS_AS_READ|HAS_EXPIRED"), "creation races"),
)
"""Which suite most likely notices a mutant whose name has such a text: it is tried first."""

_OPTIONS = (
    "-q", "-x", "--tb=no", "-p", "no:cacheprovider",
    "-W", "ignore::pytest.PytestAssertRewriteWarning",
)  # fmt: skip
_IMPORTED_BEFORE = (
    _STORE, "tests/scenarios", "tests/interleavings", "tests/model", "tests/simulation",
    "tests/handlers/test_credits.py", "tests/handlers/test_increase_requests.py",
)  # fmt: skip
_FORKED = multiprocessing.get_context("fork")
_PASSED, _FAILED = 0, 1
_SECONDS_MAX = 1800
_SECONDS_TO_STOP_MAX = 60


@contextmanager
def warm() -> Iterator[None]:
    """Import what the suites import, fix what is random, and run one engine for all of them."""
    os.environ.setdefault("SPENDGATE_SEED", "1")
    os.environ.setdefault("SPENDGATE_LONGER", "3")
    for name in ("boto3", "hypothesis", "moto", "tests.conftest", "spendgate_service.app"):
        import_module(name)
    with redirect_stdout(StringIO()):
        collected = pytest.main([*_OPTIONS, "--collect-only", *_IMPORTED_BEFORE])
    assert collected == _PASSED
    with dynamodb_local() as url:
        ENGINES["dynamodb_local"] = lambda: nullcontext(url)
        yield


def killer_of(mutant: Mutant | None) -> str | None:
    """The first suite that fails, or None if all of them pass, as without a mutant they must."""
    for suite, arguments in _in_order_for(mutant.name if mutant else ""):
        run = _FORKED.Process(target=_run, args=(mutant, arguments))
        run.start()
        run.join(_SECONDS_MAX)
        if run.exitcode is None and run.pid is not None:
            os.kill(run.pid, signal.SIGINT)
            run.join(_SECONDS_TO_STOP_MAX)
            run.kill()
            return f"{suite} (hangs)"
        if run.exitcode == _FAILED:
            return suite
        assert run.exitcode == _PASSED, f"{suite} could not be run: {run.exitcode}"
    return None


def _in_order_for(name: str) -> Iterator[tuple[str, list[str]]]:
    """The suites, the likely one first, without the files that an earlier one has run."""
    likely = {suite for text, suite in _LIKELY if text.search(name)}
    done: list[str] = []
    for suite, paths in sorted(_SUITES, key=lambda named: named[0] not in likely):
        in_folder = [f"--ignore={file}" for file in done if file.startswith(f"{paths[0]}/")]
        engine = _IN_MEMORY if paths[0].startswith(f"{_STORE}") else ()
        yield suite, [*paths, *in_folder, *engine]
        done += [path for path in paths if path.endswith(".py")]


def _run(mutant: Mutant | None, arguments: Sequence[str]) -> None:
    """Run a suite with the mutant; a process of its own, but with everything imported already."""
    with Path(os.devnull).open("w") as nowhere:
        os.dup2(nowhere.fileno(), sys.stdout.fileno())
        os.dup2(nowhere.fileno(), sys.stderr.fileno())
        if mutant is not None:
            mutant.apply()
        os._exit(pytest.main([*_OPTIONS, *arguments]))
