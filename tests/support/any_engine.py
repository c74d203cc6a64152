"""Empty tables for suites that ask what the service does, and not what an engine does.

They are in the engine in memory, or in DynamoDB Local where `SPENDGATE_ENGINE` is `dynamodb_local`,
as in `make test-long`.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, cast

import pytest

from spendgate_service.store.client import Table
from spendgate_service.store.clients import DynamoClient
from tests.support.engines import table_at
from tests.support.exact_table import ExactTable

type NewTable = Callable[[], Table]

ON_DYNAMODB_LOCAL = os.environ.get("SPENDGATE_ENGINE") == "dynamodb_local"


@dataclass(frozen=True, slots=True)
class OneCallAtATime:
    """The engine in memory for threads."""

    engine: ExactTable = field(default_factory=ExactTable)
    lock: Lock = field(default_factory=Lock)

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        def call(**arguments: Any) -> Any:
            with self.lock:
                return getattr(self.engine, operation)(**arguments)

        return call


def table_in_memory() -> Table:
    """An empty table that threads may share."""
    client = cast("DynamoClient", OneCallAtATime())
    return Table(client, "spendgate-memory", sleep=lambda _seconds: None)


@pytest.fixture(scope="session")
def new_table(request: pytest.FixtureRequest) -> NewTable:
    """Make an empty table, each time another one."""
    if ON_DYNAMODB_LOCAL:
        url: str = request.getfixturevalue("dynamodb_local_url")
        return lambda: table_at(url)
    return table_in_memory
