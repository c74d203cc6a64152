"""Fixtures for every suite."""

import os
from collections.abc import Callable, Iterator
from typing import cast

import boto3
import pytest
from moto import mock_aws

from local.dynamodb_local import dynamodb_local
from local.emulator.account import isolate_from_aws
from spendgate_service.app import Spendgate
from spendgate_service.store.client import CLIENT_CONFIG, DynamoClient, Table
from tests.support import secret_scan
from tests.support.app import spendgate_over
from tests.support.engines import REGION, create_table, table_at
from tests.support.ministack import ministack
from tests.support.world import World

pytest_plugins = ["pytester", "tests.support.handlers"]

TABLE_NAME = "spendgate-test"

_FIGURES = pytest.StashKey[list[str]]()


@pytest.fixture
def tell(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Say something that the end of the run shows, passed or failed: a seed, how much was done."""
    return request.config.stash.setdefault(_FIGURES, []).append


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Show what the tests have told."""
    told = config.stash.get(_FIGURES, [])
    if told:
        terminalreporter.section("figures")
    for line in told:
        terminalreporter.line(line)


def pytest_configure(config: pytest.Config) -> None:
    """No log of the run may hold a secret, and nothing that the caller has set may matter."""
    config.pluginmanager.register(secret_scan)
    isolate_from_aws()
    for name in [name for name in os.environ if name.startswith("POWERTOOLS_")]:
        del os.environ[name]


@pytest.fixture
def moto_table() -> Iterator[Table]:
    """An empty table in moto."""
    with mock_aws():
        client = boto3.client("dynamodb", region_name=REGION, config=CLIENT_CONFIG)
        create_table(client, TABLE_NAME)
        yield Table(cast("DynamoClient", client), TABLE_NAME, sleep=lambda _seconds: None)


@pytest.fixture
def app(moto_table: Table) -> Spendgate:
    """The service over an empty table in moto."""
    return spendgate_over(moto_table)


@pytest.fixture(scope="session")
def dynamodb_local_url() -> Iterator[str]:
    """Amazon's own engine, one for the whole session."""
    with dynamodb_local() as url:
        yield url


@pytest.fixture(scope="session")
def ministack_url() -> Iterator[str]:
    """The AWS emulator, one for the whole session and apart from the local stack."""
    with ministack() as url:
        yield url


@pytest.fixture
def local_table(dynamodb_local_url: str) -> Table:
    """An empty table in DynamoDB Local."""
    return table_at(dynamodb_local_url)


@pytest.fixture
def world(local_table: Table) -> World:
    """A tenant without budgets, in DynamoDB Local."""
    return World(local_table)
