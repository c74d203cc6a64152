"""The contract of the store holds on every engine, and the books balance after every test."""

from collections.abc import Iterator

import pytest

from spendgate_service.store.client import Table
from tests.support.engines import table_at
from tests.support.ledger_invariants import assert_books_balance
from tests.support.world import World

ENGINES = ("moto", "dynamodb_local", "ministack")


@pytest.fixture(params=ENGINES)
def engine_table(request: pytest.FixtureRequest) -> Table:
    """An empty table in each engine in turn; an engine that does not start fails the test."""
    if request.param == "moto":
        table: Table = request.getfixturevalue("moto_table")
        return table
    return table_at(request.getfixturevalue(f"{request.param}_url"))


@pytest.fixture
def world(engine_table: Table) -> Iterator[World]:
    world = World(engine_table)
    yield world
    assert_books_balance(engine_table, now_ms=world.clock.now_ms())
