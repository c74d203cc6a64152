"""Fixtures for every suite."""

import os
from collections.abc import Iterator

import pytest
from hypothesis import settings

from local.emulator.account import isolate_from_aws
from spendgate_service.app import Spendgate
from spendgate_service.store.client import Table
from tests.support.app import spendgate_over
from tests.support.clock import OnwardClock
from tests.support.engines import temporary_table_at
from tests.support.exact_table import ExactTable
from tests.support.world import World

pytest_plugins = [
    "pytester",
    "tests.support.any_engine",
    "tests.support.handlers",
    "tests.support.secret_scan",
    "tests.support.local_stack",
    "tests.support.shared_engines",
    "tests.support.summary",
]

TABLE_NAME = "spendgate-test"

# No random test fails for the time that an example takes, nor by what an earlier run has found.
settings.register_profile("spendgate", deadline=None, database=None)
settings.load_profile("spendgate")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Choose the engines that the contract of the store is tested on."""
    parser.addoption("--engine", action="append", choices=["memory", "dynamodb_local", "ministack"])


def pytest_configure() -> None:
    """Keep the caller's account and settings out of the run."""
    isolate_from_aws()
    for name in [name for name in os.environ if name.startswith("POWERTOOLS_")]:
        del os.environ[name]


@pytest.fixture
def memory_table() -> Table:
    """An empty table in the engine in memory, whose calls take no time."""
    return Table(ExactTable(), TABLE_NAME, sleep=lambda _seconds: None)


@pytest.fixture
def app(memory_table: Table) -> Spendgate:
    """The service over an empty table in memory."""
    return spendgate_over(memory_table, OnwardClock())


@pytest.fixture
def local_table(dynamodb_local_url: str) -> Iterator[Table]:
    """An empty table in DynamoDB Local."""
    with temporary_table_at(dynamodb_local_url) as table:
        yield table


@pytest.fixture
def world(local_table: Table) -> World:
    """A tenant without budgets, in DynamoDB Local."""
    return World(local_table)
