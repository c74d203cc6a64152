"""Faults are injected between the store and DynamoDB Local."""

import pytest

from spendgate_service.store.client import Table
from tests.support.faulty_client import FaultyClient, faulty
from tests.support.world import World


@pytest.fixture
def waits() -> list[float]:
    """How long the faulty table waited between its tries, in seconds."""
    return []


@pytest.fixture
def through(local_table: Table, waits: list[float]) -> tuple[Table, FaultyClient]:
    return faulty(local_table, waits)


@pytest.fixture
def faults(through: tuple[Table, FaultyClient]) -> FaultyClient:
    """Where a test orders what goes wrong."""
    return through[1]


@pytest.fixture
def shaky(world: World, through: tuple[Table, FaultyClient]) -> World:
    """The tenant of `world`, through the client that fails, with rules of its own."""
    return world.on(through[0])
