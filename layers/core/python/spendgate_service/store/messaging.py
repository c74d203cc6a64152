"""Calls to SQS, EventBridge and DynamoDB Streams: the clients' types, and what an error means.

boto3 has no types for its clients, so those that the service uses are declared here, each with the
calls that are made.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol

from spendgate_service.store.clients import ErrorAnswer, explain
from spendgate_service.store.errors import Unavailable

ENTRIES_MAX = 10
"""How many entries SQS and EventBridge accept in one call."""

BYTES_MAX = 262_144
"""How large the entries of one call may be together, in every region."""


class SqsClient(Protocol):
    """The calls of boto3's SQS client."""

    def receive_message(self, **arguments: Any) -> dict[str, Any]:
        """ReceiveMessage."""
        ...

    def send_message(self, **arguments: Any) -> dict[str, Any]:
        """SendMessage."""
        ...

    def send_message_batch(self, **arguments: Any) -> dict[str, Any]:
        """SendMessageBatch."""
        ...

    def delete_message(self, **arguments: Any) -> dict[str, Any]:
        """DeleteMessage."""
        ...

    def change_message_visibility_batch(self, **arguments: Any) -> dict[str, Any]:
        """ChangeMessageVisibilityBatch."""
        ...


class EventsClient(Protocol):
    """The call of boto3's EventBridge client."""

    def put_events(self, **arguments: Any) -> dict[str, Any]:
        """PutEvents."""
        ...


class StreamsClient(Protocol):
    """The calls of boto3's client of DynamoDB Streams."""

    def get_shard_iterator(self, **arguments: Any) -> dict[str, Any]:
        """GetShardIterator."""
        ...

    def get_records(self, **arguments: Any) -> dict[str, Any]:
        """GetRecords."""
        ...


class CallFailed(Unavailable):
    """A call failed; `code` is the error code of AWS, empty if there was no response."""

    def __init__(self, message: str, *, code: str) -> None:
        super().__init__(message)
        self.code = code


def call(method: Callable[..., dict[str, Any]], **arguments: Any) -> dict[str, Any]:
    """Call a method of an AWS client. Raises CallFailed."""
    try:
        return method(**arguments)
    except Exception as error:
        failure = explain(error)
        if failure is None:
            raise
        code = failure.code if isinstance(failure, ErrorAnswer) else ""
        raise CallFailed(str(error), code=code) from error


def call_batches[T](entries: Iterable[T], *, size_of: Callable[[T], int]) -> Iterator[list[T]]:
    """Group entries into as few calls as the limits allow; one that is too large is alone."""
    batch: list[T] = []
    room = BYTES_MAX
    for entry in entries:
        size = size_of(entry)
        if batch and (len(batch) == ENTRIES_MAX or size > room):
            yield batch
            batch, room = [], BYTES_MAX
        batch.append(entry)
        room -= size
    if batch:
        yield batch
