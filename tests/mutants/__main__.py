"""Break every condition in turn and let the suites find out: `python -m tests.mutants`.

Prints a line per mutant as it is found and keeps it in `.local/mutants.jsonl`, so that an
interrupted run loses nothing: `--resume` tries only those that are missing or survived. Writes the
list to docs/testing.md once every mutant was tried, and fails if one survives. `--only TEXT` tries
those whose name has that text.
"""

import argparse
import json
import multiprocessing
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed

from spendgate_service.store.keys import IS_NEW
from tests.mutants.mutants import Mutant, all_mutants
from tests.mutants.suites import killer_of, warm
from tests.support.engines import ROOT
from tests.support.generated_blocks import write_part

type Killers = dict[str, str | None]

PART = "mutants"
FOUND = ROOT / ".local" / "mutants.jsonl"

_NEW_ULID = "the key has a new ULID for each try"

HARMLESS = {
    ("IS_AS_SEEN", "limit_amount = :seen_limit"): "a version never stands for two limits",
    ("IS_BELOW_PAUSE", "version = :version"): "used for a soft limit of 0: nothing is below it",
    ("HAS_LEFT_WINDOW", "attribute_exists(pk)"): "the counter of a rolling window is kept for ever",
    ("HAS_LEFT_WINDOW", "attribute_not_exists(#slice)"): "a reclaimed slice never comes back",
    ("SPENT_EVER_IS_AS_READ", "spent = :read_spent"): "what alone lowers it is a slice that has "
    "left the window, which is not inherited",
    ("IS_NEW in budgets.change", IS_NEW): "the key names the policy's new version, which one "
    "transaction writes",
    ("IS_NEW in store.ledger", IS_NEW): _NEW_ULID,
    ("IS_NEW in store.changes", IS_NEW): _NEW_ULID,
    ("IS_NEW in store.increase_requests", IS_NEW): _NEW_ULID,
}
"""Clauses without which nothing changes, by condition, and why; they are kept, and not tried."""


def main() -> int:
    """Try them; 1 if any survives."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants")
    parser.add_argument("--only", default="", help="those whose name has this text")
    parser.add_argument("--resume", action="store_true", help="keep what was found before")
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    if not (arguments.resume or arguments.only):
        FOUND.unlink(missing_ok=True)
    killers = found_before()
    wanted = [
        mutant
        for mutant in tried_mutants()
        if arguments.only in mutant.name and not (arguments.resume and killers.get(mutant.name))
    ]
    with warm():
        for mutant, killer in tried(wanted, workers=arguments.workers):
            killers[mutant.name] = killer
    if all(mutant.name in killers for mutant in tried_mutants()):
        write_part(PART, table_of(killers))
    return int(not all(killers[mutant.name] for mutant in wanted))


def tried_mutants() -> list[Mutant]:
    """Every mutant but the harmless ones."""
    return [one for one in all_mutants() if (one.condition, one.clause) not in HARMLESS]


def found_before() -> Killers:
    """What earlier runs found, by the mutant's name."""
    if not FOUND.exists():
        return {}
    lines = map(json.loads, FOUND.read_text(encoding="utf-8").splitlines())
    return {line["mutant"]: line["killer"] for line in lines}


def tried(wanted: Iterable[Mutant], *, workers: int) -> Iterator[tuple[Mutant, str | None]]:
    """Each mutant with its killer, printed and kept as it is found; last that all suites pass."""
    forked = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(workers, mp_context=forked) as pool:
        running = {pool.submit(_timed_killer_of, mutant): mutant for mutant in wanted}
        sound = pool.submit(_timed_killer_of, None)
        for run in as_completed(running):
            (killer, seconds), mutant = run.result(), running[run]
            _keep(mutant, killer, seconds)
            yield mutant, killer
        failing, seconds = sound.result()
        print(f"without a mutant: {failing or 'all pass'}, {seconds:.0f} s", flush=True)
        assert failing is None, f"the suite {failing} fails by itself"


def _timed_killer_of(mutant: Mutant | None) -> tuple[str | None, float]:
    began = time.monotonic()
    return killer_of(mutant), time.monotonic() - began


def _keep(mutant: Mutant, killer: str | None, seconds: float) -> None:
    print(f"{killer or 'SURVIVED':14} {seconds:5.0f} s  {mutant.name}", flush=True)
    FOUND.parent.mkdir(exist_ok=True)
    with FOUND.open("a", encoding="utf-8") as lines:
        lines.write(json.dumps({"mutant": mutant.name, "killer": killer}) + "\n")


def table_of(killers: Killers) -> str:
    """The list for the documents."""
    mutants = tried_mutants()
    killed = sum(killers[one.name] is not None for one in mutants)
    rows = [
        f"| `{one.condition}` | `{one.clause}` | {_said(one.what)} | "
        f"{killers[one.name] or '**none**'} |"
        for one in mutants
    ]
    rows += _rows_of_harmless()
    head = [f"{killed} of {len(mutants)} are killed.", "", "| condition | clause | broken | by |"]
    return "\n".join([*head, "| --- | --- | --- | --- |", *rows])


def _rows_of_harmless() -> Sequence[str]:
    return [
        f"| `{condition}` | `{clause}` | left out | not tried: {why} |"
        for (condition, clause), why in HARMLESS.items()
    ]


def _said(what: str) -> str:
    return what if what == "left out" else f"`{what}`"


if __name__ == "__main__":
    sys.exit(main())
