"""What a function has from its surroundings: the table and the clock.

Made once in each execution environment, so that a warm call opens no connection.
"""

import time
from functools import cache
from typing import cast

import boto3

from spendgate import settings
from spendgate.store.table import CLIENT_CONFIG, DynamoClient, Table


@cache
def table() -> Table:
    """The table of this stack."""
    client = cast("DynamoClient", boto3.client("dynamodb", config=CLIENT_CONFIG))
    return Table(client, settings.table_name())


def now_ms() -> int:
    """The time, in milliseconds since the epoch."""
    return time.time_ns() // 1_000_000
