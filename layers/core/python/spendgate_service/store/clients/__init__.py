"""The two adapters of DynamoDB's port, and what a failed call means in either of them.

Model
    `DynamoClient` is the port: the calls that the store makes, with the arguments and responses of
    boto3's client. A call that fails raises a `Failure` (the lean client) or an exception of
    botocore (boto3's client, and the engines of tests); `explain` turns the latter into the former.

    boto        botocore's client: the reference, and what the commands use
    lean        the same calls over sockets, at a third of the CPU and of the cold start
    connections its connections: kept alive, dropped after a pause, never used when closed
    responses   HTTP responses, read whole
    signing     Signature Version 4
    selection   which of the two a function gets (ADR 33)

Invariants
    - A call is sent once. What is repeated is decided in `store.client`, alike for both.
    - `NotSent` means that DynamoDB certainly did not apply the call; anything else without a
      response is `NoAnswer`.
    - What the lean client cannot do (proxies, rotating credentials, partitions with other names)
      is not attempted: the function gets botocore's client, and a metric counts it.
"""

import sys
from collections.abc import Mapping
from typing import Any, Protocol


class DynamoClient(Protocol):
    """The calls of boto3's DynamoDB client that the store uses."""

    def get_item(self, **arguments: Any) -> dict[str, Any]:
        """GetItem."""

    def batch_get_item(self, **arguments: Any) -> dict[str, Any]:
        """BatchGetItem."""

    def query(self, **arguments: Any) -> dict[str, Any]:
        """Query."""

    def scan(self, **arguments: Any) -> dict[str, Any]:
        """Scan."""

    def put_item(self, **arguments: Any) -> dict[str, Any]:
        """PutItem."""

    def update_item(self, **arguments: Any) -> dict[str, Any]:
        """UpdateItem."""

    def delete_item(self, **arguments: Any) -> dict[str, Any]:
        """DeleteItem."""

    def transact_write_items(self, **arguments: Any) -> dict[str, Any]:
        """TransactWriteItems."""


class Failure(Exception):
    """Why a call has no result."""


class NotSent(Failure):
    """DynamoDB never got the call: there was no connection."""


class NoAnswer(Failure):
    """The call was sent, and no valid response came: DynamoDB may have applied it."""


class ErrorAnswer(Failure):
    """DynamoDB responded with an error.

    `answer` has what comes with it: `Item`, `CancellationReasons`.
    """

    def __init__(self, code: str, message: str, status: int, answer: Mapping[str, Any]) -> None:
        super().__init__(f"DynamoDB responded with {status} {code}: {message}")
        self.code = code
        self.message = message
        self.status = status
        self.answer = answer


def explain(error: Exception) -> Failure | None:
    """Return what an exception of either client means; None if it is another's."""
    if isinstance(error, Failure):
        return error
    if "botocore.exceptions" not in sys.modules:
        return None
    from spendgate_service.store.clients.boto import explain_botocore  # noqa: PLC0415

    return explain_botocore(error)
