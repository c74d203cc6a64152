"""Publishing what the queue of undelivered events has, once the bus takes it again.

A message there is a finished event; a record of the stream that nobody could read; or what Lambda
itself put there when the function could not run at all: where in the stream the records are, which
the stream remembers for a day.
"""

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from itertools import batched
from typing import Any, Protocol

from spendgate.events.envelope import SOURCE, Record, event_of
from spendgate.store.event_bus import ENTRIES_MAX, BusEntry, EventBus
from spendgate.store.redrive import DeadLetter, NotTaken, Send

_EMPTY_PAGES_MAX = 50
"""DynamoDB may answer pages without records before it comes to those that are there."""


class StreamsClient(Protocol):
    """The calls of boto3's client of DynamoDB Streams that are used here."""

    def get_shard_iterator(self, **arguments: Any) -> dict[str, Any]:
        """GetShardIterator."""
        ...

    def get_records(self, **arguments: Any) -> dict[str, Any]:
        """GetRecords."""
        ...


def to_bus(bus: EventBus, streams: StreamsClient) -> Send:
    """Publishes messages on the bus."""

    def send(letter: DeadLetter) -> None:
        try:
            entries = list(_entries_of(json.loads(letter.body), letter.body, streams))
        except (AssertionError, LookupError, TypeError, ValueError) as error:
            raise NotTaken(f"it cannot be read: {error!r}") from error
        for batch in batched(entries, ENTRIES_MAX, strict=False):
            for refusal in bus.put(batch):
                if refusal is not None:
                    raise NotTaken(f"{refusal.code}: {refusal.reason}")

    return send


def _entries_of(
    message: Mapping[str, Any], body: str, streams: StreamsClient
) -> Iterator[BusEntry]:
    if "DDBStreamBatchInfo" in message:
        for record in _records_at(message["DDBStreamBatchInfo"], streams):
            yield from _entry_of(record)
    elif "dynamodb" in message:
        yield from _entry_of(message)
    else:
        occurred_at = datetime.fromisoformat(message["occurred_at"])
        yield BusEntry(SOURCE, message["type"], body, int(occurred_at.timestamp() * 1000))


def _entry_of(record: Record) -> Iterator[BusEntry]:
    event = event_of(record)
    if event is not None:
        yield event.entry


def _records_at(position: Mapping[str, Any], streams: StreamsClient) -> Iterator[Record]:
    """The records of the stream from one sequence number to another, as Lambda would get them.

    Raises LookupError where the stream does not have them all any more.
    """
    last = int(position["endSequenceNumber"])
    iterator = streams.get_shard_iterator(
        StreamArn=position["streamArn"],
        ShardId=position["shardId"],
        ShardIteratorType="AT_SEQUENCE_NUMBER",
        SequenceNumber=position["startSequenceNumber"],
    )["ShardIterator"]
    empty_pages = 0
    while iterator and empty_pages < _EMPTY_PAGES_MAX:
        page = streams.get_records(ShardIterator=iterator)
        for record in page["Records"]:
            yield _as_lambda_gets_it(record)
            if int(record["dynamodb"]["SequenceNumber"]) >= last:
                return
        empty_pages = 0 if page["Records"] else empty_pages + 1
        iterator = page.get("NextShardIterator")
    raise LookupError(f"the stream has nothing at {last}")


def _as_lambda_gets_it(record: Mapping[str, Any]) -> Record:
    identity = record.get("userIdentity") or {}
    return {
        **record,
        "userIdentity": {
            "type": identity.get("Type"),
            "principalId": identity.get("PrincipalId"),
        },
    }
