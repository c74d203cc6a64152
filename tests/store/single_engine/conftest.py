"""What one engine shows well enough: calls and write units, pages, caches, audits."""

from collections.abc import Iterator
from typing import cast

import boto3
import pytest
from moto import mock_aws

from spendgate_service.store.client import Table
from spendgate_service.store.clients import DynamoClient
from spendgate_service.store.clients.boto import CLIENT_CONFIG
from tests.conftest import TABLE_NAME
from tests.support.engines import REGION, create_table
from tests.support.world import World


@pytest.fixture
def world(local_table: Table) -> World:
    """A tenant without budgets, in DynamoDB Local."""
    return World(local_table)


@pytest.fixture
def account_table() -> Iterator[Table]:
    """An empty table in moto, for commands that make their own client."""
    with mock_aws():
        client = boto3.client("dynamodb", region_name=REGION, config=CLIENT_CONFIG)
        create_table(client, TABLE_NAME)
        yield Table(cast("DynamoClient", client), TABLE_NAME, sleep=lambda _seconds: None)
