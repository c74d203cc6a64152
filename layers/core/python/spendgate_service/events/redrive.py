"""Publish the messages of the queue of undelivered events once the bus accepts them again.

A message there is one of four things: a finished event, by itself or, if a target of the bus
refused it, wrapped by EventBridge; a record of the stream that could not be read; the position of
records in the stream, sent by Lambda when the function could not run (the stream keeps records for
a day); or the keys of an event that the queue itself refused.
"""

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from itertools import batched
from typing import Any

from spendgate_service.dead_letters.redrive import DeadLetter, Send, SendRefused
from spendgate_service.events.bus import BusEntry, EventBus
from spendgate_service.events.envelope import SOURCE, Record, event_of
from spendgate_service.store.messaging import ENTRIES_MAX, StreamsClient
from spendgate_service.store.values import UNREADABLE
from spendgate_service.wire.values import json_text

_EMPTY_PAGES_MAX = 50
"""DynamoDB may return empty pages before the pages with records."""


def to_bus(bus: EventBus, streams: StreamsClient) -> Send:
    """Return a sender that publishes messages on the bus.

    Of a message with several events, all that can be published are published before the message is
    reported as refused.
    """

    def send(letter: DeadLetter) -> None:
        try:
            found = list(_entries_of(json.loads(letter.body), streams))
        except UNREADABLE as error:
            raise SendRefused(f"the message cannot be read: {error!r}") from error
        problems = [entry for entry in found if isinstance(entry, str)]
        entries = [entry for entry in found if isinstance(entry, BusEntry)]
        for batch in batched(entries, ENTRIES_MAX, strict=False):
            refusals = [refusal for refusal in bus.put(batch) if refusal is not None]
            problems += [f"{refusal.code}: {refusal.reason}" for refusal in refusals]
        if problems:
            raise SendRefused("; ".join(problems))

    return send


def _entries_of(message: Mapping[str, Any], streams: StreamsClient) -> Iterator[BusEntry | str]:
    """Return the entries to publish, and a text for each record that cannot be read."""
    if "DDBStreamBatchInfo" in message:
        for record in _records_at(message["DDBStreamBatchInfo"], streams):
            try:
                yield from _entry_of(record)
            except UNREADABLE as error:
                yield f"record {record.get('eventID')} cannot be read: {error!r}"
    elif "dynamodb" in message:
        yield from _entry_of(message)
    elif "event_id" in message:
        raise LookupError("the queue refused the event; its keys say where it came from")
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
    """Read the stream from one sequence number to another, in the form that Lambda gets.

    Raises LookupError if the stream no longer has all the records.
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
