"""Breaks one condition for a whole run of pytest: `-p tests.mutants.plugin` and its name."""

import os

import pytest

from tests.mutants.mutants import named

VARIABLE = "SPENDGATE_MUTANT"


@pytest.hookimpl(tryfirst=True)
def pytest_configure() -> None:
    """Before the first test is collected."""
    named(os.environ[VARIABLE]).apply()
