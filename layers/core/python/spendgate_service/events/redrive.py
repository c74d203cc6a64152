"""Publishing what the queue of undelivered events has, once the bus takes it again.

A message there is a finished event, alone or, where a target of the bus did not take it, as
EventBridge wraps it; a record of the stream that nobody could read; or what Lambda itself put there
when the function could not run at all: where in the stream the records are, which the stream
remembers for a day. Of an event that the queue itself refused there are only the keys.
"""

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from itertools import batched
from typing import Any, Protocol

from spendgate_service.dead_letters.redrive import DeadLetter, NotTaken, Send
from spendgate_service.events.bus import ENTRIES_MAX, BusEntry, EventBus
from spendgate_service.events.envelope import SOURCE, Record, event_of
from spendgate_service.store.values import UNREADABLE
from spendgate_service.wire.values import json_text

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
    """Publishes messages on the bus.

    Of a message with many events all are published that can be, before it is said of the others
    that they were not taken.
    """

    def send(letter: DeadLetter) -> None:
        try:
            found = list(_entries_of(json.loads(letter.body), streams))
        except UNREADABLE as error:
            raise NotTaken(f"it cannot be read: {error!r}") from error
        complaints = [one for one in found if isinstance(one, str)]
        entries = [one for one in found if isinstance(one, BusEntry)]
        for batch in batched(entries, ENTRIES_MAX, strict=False):
            refusals = [one for one in bus.put(batch) if one is not None]
            complaints += [f"{one.code}: {one.reason}" for one in refusals]
        if complaints:
            raise NotTaken("; ".join(complaints))

    return send


def _entries_of(message: Mapping[str, Any], streams: StreamsClient) -> Iterator[BusEntry | str]:
    """What is to be published, and complaints about what cannot be read."""
    if "DDBStreamBatchInfo" in message:
        for record in _records_at(message["DDBStreamBatchInfo"], streams):
            try:
                yield from _entry_of(record)
            except UNREADABLE as error:
                yield f"record {record.get('eventID')} cannot be read: {error!r}"
    elif "dynamodb" in message:
        yield from _entry_of(message)
    elif "event_id" in message:
        raise LookupError("the queue did not take the event; its keys say where it came from")
    else:
        yield _entry_again(message["detail"] if "detail-type" in message else message)


def _entry_of(record: Record) -> Iterator[BusEntry]:
    event = event_of(record)
    if event is not None:
        yield event.entry


def _entry_again(detail: Mapping[str, Any]) -> BusEntry:
    occurred_at = datetime.fromisoformat(detail["occurred_at"])
    return BusEntry(SOURCE, detail["type"], json_text(detail), int(occurred_at.timestamp() * 1000))


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
