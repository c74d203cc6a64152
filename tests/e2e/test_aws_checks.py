"""The checks for AWS run on the local stack, and say what the emulator cannot answer."""

from local.bootstrap import StackFile
from tests.aws.__main__ import local_stack, run_all
from tests.aws.checks import CHECKS, Check, run_check
from tests.aws.stack import Stack

_WITHOUT_AN_OPTION = {
    "the custom domain serves the API, and the default endpoint as chosen",
}
"""Checks of what the local stack was deployed without."""


def test_every_check_runs_on_the_local_stack_or_says_why_it_cannot(stack: StackFile) -> None:
    with local_stack(stack) as checked:
        results = {result.name: result for result in run_all(checked, quiet=True)}

    assert len(results) == len(CHECKS) >= 30
    assert not {name: found.detail for name, found in results.items() if found.outcome == "failed"}
    unanswered = {name for name, found in results.items() if found.outcome == "unanswered"}
    assert unanswered - _WITHOUT_AN_OPTION == {check.name for check in CHECKS if check.emulator}
    assert all(found.detail for found in results.values())


def test_a_check_that_finds_something_else_fails_and_says_what(stack: StackFile) -> None:
    def find(_stack: Stack) -> str:
        raise AssertionError("503 instead of 200")

    with local_stack(stack) as checked:
        result = run_check(Check("a check", find, ""), checked)

    assert (result.outcome, result.detail) == ("failed", "AssertionError: 503 instead of 200")
