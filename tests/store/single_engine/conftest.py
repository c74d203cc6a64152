"""What one engine shows well enough: calls and write units, pages, caches, audits."""

import pytest

from spendgate_service.store.client import Table
from tests.support.world import World


@pytest.fixture
def world(local_table: Table) -> World:
    """A tenant without budgets, in DynamoDB Local."""
    return World(local_table)
