"""The contract of the store holds on every engine, and the books balance after every test.

It runs by the lean client on DynamoDB Local and on the engine in memory, which stands for it
elsewhere. The conditions run by boto3's client as well. `make test-long` runs everything by boto3's
client on DynamoDB Local and on the emulator.
"""

from collections.abc import Iterator

import pytest

from spendgate_service.store.client import Table
from tests.support.any_engine import table_in_memory
from tests.support.engines import CLIENT_KIND, temporary_table_at
from tests.support.ledger_invariants import assert_books_balance
from tests.support.world import World

ENGINES = ("memory", "dynamodb_local")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test on each engine in turn, or on those that `--engine` names."""
    if "engine_table" in metafunc.fixturenames:
        engines = metafunc.config.getoption("engine") or ENGINES
        if engines is ENGINES and metafunc.module.__name__.endswith("test_conditions"):
            engines = (*ENGINES, "boto3")
        metafunc.parametrize("engine_table", engines, indirect=True)


@pytest.fixture
def engine_table(request: pytest.FixtureRequest) -> Iterator[Table]:
    """An empty table in an engine; an engine that does not start fails the test."""
    if request.param == "memory":
        yield table_in_memory()  # some tests write from several threads
        return
    engine = "dynamodb_local" if request.param == "boto3" else request.param
    kind = CLIENT_KIND if request.param == "dynamodb_local" else "boto3"
    with temporary_table_at(request.getfixturevalue(f"{engine}_url"), kind=kind) as table:
        yield table


@pytest.fixture
def world(engine_table: Table) -> Iterator[World]:
    world = World(engine_table)
    yield world
    assert_books_balance(engine_table, now_ms=world.clock.now_ms())
