"""Two bare updates with boto3 for `bench.leases`: hold and settle on one item, nothing else.

Started as `python -m bench.peers_boto3 URL TABLE NUMBER`; each line on its input is a turn.
"""

import sys
from collections.abc import Iterator
from typing import Any

from bench.peers_client import Turns
from tests.support.engines import patient_client_at

_KEY = {"pk": {"S": "bare"}, "sk": {"S": "counter"}}
_LIMIT = 10**12


def pairs(client: Any, table: str) -> Iterator[None]:
    """Hold and settle forever, yielding after each pair."""
    while True:
        client.update_item(
            TableName=table,
            Key=_KEY,
            UpdateExpression="ADD committed :estimate",
            ConditionExpression="attribute_not_exists(committed) OR committed <= :most",
            ExpressionAttributeValues={":estimate": {"N": "50"}, ":most": {"N": str(_LIMIT - 50)}},
        )
        client.update_item(
            TableName=table,
            Key=_KEY,
            UpdateExpression="ADD committed :less",
            ExpressionAttributeValues={":less": {"N": "-19"}},
        )
        yield


if __name__ == "__main__":
    url, table, _ = sys.argv[1:]
    Turns(sys.stdout).take(pairs(patient_client_at(url, kind="boto3"), table))
