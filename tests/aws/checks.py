"""The list of checks, and how one runs: `ok`, `failed`, or `unanswered` with the reason."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from tests.aws.stack import Stack

type Run = Callable[[Stack], str]


class Unanswered(Exception):
    """Says why this stack cannot answer a check."""


@dataclass(frozen=True, slots=True)
class Check:
    """One assumption about AWS."""

    name: str
    run: Run
    emulator: str
    """Why the emulator cannot answer it; empty if it can."""


@dataclass(frozen=True, slots=True)
class Result:
    """What a check found, in one sentence."""

    name: str
    outcome: Literal["ok", "failed", "unanswered"]
    detail: str


CHECKS: list[Check] = []


def check(name: str, *, emulator: str = "") -> Callable[[Run], Run]:
    """Add a function to the list of checks; it returns what it found, or raises."""

    def add(run: Run) -> Run:
        CHECKS.append(Check(name, run, emulator))
        return run

    return add


def run_check(one: Check, stack: Stack) -> Result:
    """Run one check; an exception of any kind is a failed check."""
    if stack.emulated and one.emulator:
        return Result(one.name, "unanswered", one.emulator)
    try:
        return Result(one.name, "ok", one.run(stack))
    except Unanswered as reason:
        return Result(one.name, "unanswered", str(reason))
    except Exception as error:  # noqa: BLE001  # the others shall run
        text = " ".join(f"{type(error).__name__}: {error}".split())
        return Result(one.name, "failed", text[:300])


def expect(condition: object, found: str) -> None:
    """Fail the check with what was found, unless the condition holds."""
    if not condition:
        raise AssertionError(found)
