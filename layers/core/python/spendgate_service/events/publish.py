"""Publish the events of a batch of table changes: the consumer of the table's stream.

An event that the bus refuses for good, or has refused for `retry_seconds`, goes to a queue as the
finished event, with the reason: the stream keeps a record for a day, the queue a message for two
weeks. So the stream is never blocked for longer, and no event is lost. Of an event that is too
large for the queue, the queue gets the keys: the item itself may still be in the table.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from spendgate_service.dead_letters.queue import DeadLetters
from spendgate_service.events.bus import BusEntry, EventBus, Refusal
from spendgate_service.events.envelope import Event, Record, event_of
from spendgate_service.observability import count, logger
from spendgate_service.store.errors import NeverTaken, Unavailable
from spendgate_service.store.messaging import BYTES_MAX, call_batches
from spendgate_service.store.values import UNREADABLE


@dataclass(frozen=True, slots=True)
class _Change:
    """A change of the table with its event; without one if the change cannot be read."""

    record: Record
    event: Event | None
    refusal: Refusal | None = None

    @property
    def entry(self) -> BusEntry:
        assert self.event is not None
        return self.event.entry

    @property
    def size(self) -> int:
        """How much of a call it takes: nothing if it is not published."""
        return 0 if self.refusal else self.entry.bytes

    def age_seconds(self, now_ms: int) -> float:
        return now_ms / 1000 - float(self.record["dynamodb"]["ApproximateCreationDateTime"])


def publish(
    records: Sequence[Record],
    *,
    bus: EventBus,
    undelivered: Callable[[], DeadLetters],
    now_ms: int,
    retry_seconds: int,
) -> dict[str, object]:
    """Publish the events of changes; return the first change that Lambda shall deliver again.

    Lambda delivers that change and all that follow it, so an event may be published twice.
    `undelivered` is called only if an event needs the queue.
    """
    for changes in call_batches(_changes(records), size_of=lambda change: change.size):
        refusals = _put(changes, bus)
        for change, refusal in zip(changes, refusals, strict=True):
            if refusal is None:
                count("events_published")
                continue
            has_time = change.age_seconds(now_ms) < retry_seconds
            if (has_time and not refusal.is_final) or not _dead_letter(
                change, refusal, undelivered
            ):
                _log_retry(change, refusal)
                sequence_number = change.record["dynamodb"]["SequenceNumber"]
                return {"batchItemFailures": [{"itemIdentifier": sequence_number}]}
    return {"batchItemFailures": []}


def _changes(records: Sequence[Record]) -> Iterator[_Change]:
    for record in records:
        try:
            event = event_of(record)
        except UNREADABLE as error:
            # Our bug: the records behind it shall not wait until it is fixed.
            yield _Change(record, None, Refusal("unreadable", repr(error), is_final=True))
            continue
        if event is None:
            continue
        change = _Change(record, event)
        size = change.entry.bytes
        if size > BYTES_MAX:
            refusal = Refusal("too_large", f"{size} bytes are too many for a bus", is_final=True)
            change = _Change(record, event, refusal)
        yield change


def _put(changes: Sequence[_Change], bus: EventBus) -> list[Refusal | None]:
    refusals = iter(bus.put([change.entry for change in changes if change.refusal is None]))
    return [change.refusal or next(refusals) for change in changes]


def _dead_letter(change: _Change, refusal: Refusal, undelivered: Callable[[], DeadLetters]) -> bool:
    """Send an event to the queue; return whether the queue accepted it."""
    try:
        _send(change, refusal, undelivered())
    except Unavailable:
        logger.error("an event could not be dead-lettered", extra=_log_fields(change, refusal))
        return False
    logger.error("an event was dead-lettered", extra=_log_fields(change, refusal))
    count("events_dead_lettered")
    return True


def _send(change: _Change, refusal: Refusal, queue: DeadLetters) -> None:
    event = change.event
    message_id = event.event_id if event else str(change.record.get("eventID"))
    send = partial(
        queue.dead_letter, code=refusal.code, reason=refusal.reason, message_id=message_id
    )
    # SQS refuses U+FFFE and U+FFFF, which metadata may contain: JSON escapes them.
    content = json.loads(event.detail) if event else change.record
    try:
        send(json.dumps(content, default=str))
    except NeverTaken as error:
        send(json.dumps(_keys_only(change, error), default=str))


def _keys_only(change: _Change, error: NeverTaken) -> Mapping[str, object]:
    """Build the message for an event that the queue refuses; its reason is the queue's."""
    event = change.event
    return {
        "event_id": event.event_id if event else None,
        "type": event.event_type if event else None,
        "tenant_id": event.tenant_id if event else None,
        "record_id": change.record.get("eventID"),
        "keys": change.record["dynamodb"].get("Keys"),
        "reason": str(error),
    }


def _log_retry(change: _Change, refusal: Refusal) -> None:
    logger.warning("an event will be retried", extra=_log_fields(change, refusal))
    count("events_retried")


def _log_fields(change: _Change, refusal: Refusal) -> Mapping[str, Any]:
    event = change.event
    about = {} if event is None else {"tenant_id": event.tenant_id, "type": event.event_type}
    correlation_id = event.event_id if event else change.record.get("eventID")
    return {
        **about,
        "correlation_id": correlation_id,
        "code": refusal.code,
        "reason": refusal.reason,
    }
