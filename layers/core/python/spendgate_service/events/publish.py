"""The consumer of the table's stream: a batch of changes in, the first to be tried again out.

What the bus takes is published. What it will never take, or has not taken for `retry_seconds`, goes
to a queue as the finished event, with the reason: the stream forgets after a day, the queue after
two weeks. So the stream is never blocked for longer, and nothing is lost. Of an event that the
queue refuses as well, as too large, it gets the keys: the item itself may still be in the table.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from spendgate_service.events.bus import BYTES_MAX, ENTRIES_MAX, BusEntry, Refusal
from spendgate_service.events.envelope import Event, Record, event_of
from spendgate_service.observability import count, logger
from spendgate_service.store.errors import NeverTaken, Unavailable
from spendgate_service.store.values import UNREADABLE


class TakesEvents(Protocol):
    """What the consumer wants of `events.bus.EventBus`."""

    def put(self, entries: Sequence[BusEntry]) -> Sequence[Refusal | None]:
        """Put events on the bus: what was refused, in their order."""
        ...


class PutsAside(Protocol):
    """What the consumer wants of `dead_letters.queue.DeadLetters`."""

    def dead_letter(self, body: str, *, code: str, reason: str, message_id: str) -> None:
        """Send a message to the queue of what was not delivered. Raises Unavailable, NeverTaken."""
        ...


@dataclass(frozen=True, slots=True)
class _Change:
    """A change of the table that means an event, or that nobody can read."""

    record: Record
    event: Event | None
    refusal: Refusal | None = None

    @property
    def entry(self) -> BusEntry:
        assert self.event is not None
        return self.event.entry

    def age_seconds(self, now_ms: int) -> float:
        return now_ms / 1000 - float(self.record["dynamodb"]["ApproximateCreationDateTime"])


def publish(
    records: Sequence[Record],
    *,
    bus: TakesEvents,
    undelivered: Callable[[], PutsAside],
    now_ms: int,
    retry_seconds: int,
) -> dict[str, object]:
    """Publish what the changes mean; names the first change that Lambda shall deliver again.

    Lambda delivers that one and all that follow it, so an event may be published twice.
    `undelivered` is asked for the queue only when an event needs it.
    """
    for changes in _together(_changes(records)):
        refusals = _put(changes, bus)
        for change, refusal in zip(changes, refusals, strict=True):
            if refusal is None:
                count("events_published")
                continue
            has_time = change.age_seconds(now_ms) < retry_seconds
            if (has_time and not refusal.is_final) or not _put_aside(change, refusal, undelivered):
                _tried_again(change, refusal)
                sequence_number = change.record["dynamodb"]["SequenceNumber"]
                return {"batchItemFailures": [{"itemIdentifier": sequence_number}]}
    return {"batchItemFailures": []}


def _changes(records: Sequence[Record]) -> Iterator[_Change]:
    for record in records:
        try:
            event = event_of(record)
        except UNREADABLE as error:
            # A mistake of ours: the others of the stream shall not wait until it is mended.
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


def _together(changes: Iterator[_Change]) -> Iterator[list[_Change]]:
    """As many as fit one call."""
    batch: list[_Change] = []
    room = BYTES_MAX
    for change in changes:
        size = 0 if change.refusal else change.entry.bytes
        if batch and (len(batch) == ENTRIES_MAX or size > room):
            yield batch
            batch, room = [], BYTES_MAX
        batch.append(change)
        room -= size
    if batch:
        yield batch


def _put(changes: Sequence[_Change], bus: TakesEvents) -> list[Refusal | None]:
    answers = iter(bus.put([one.entry for one in changes if one.refusal is None]))
    return [one.refusal or next(answers) for one in changes]


def _put_aside(change: _Change, refusal: Refusal, undelivered: Callable[[], PutsAside]) -> bool:
    try:
        _send(change, refusal, undelivered())
    except Unavailable:
        logger.error("an event could not be put aside", extra=_told(change, refusal))
        return False
    logger.error("an event was put aside", extra=_told(change, refusal))
    count("events_dead_lettered")
    return True


def _send(change: _Change, refusal: Refusal, queue: PutsAside) -> None:
    event = change.event
    message_id = event.event_id if event else str(change.record.get("eventID"))
    send = partial(
        queue.dead_letter, code=refusal.code, reason=refusal.reason, message_id=message_id
    )
    # SQS takes no U+FFFE and no U+FFFF, which metadata may have: JSON escapes them.
    content = json.loads(event.detail) if event else change.record
    try:
        send(json.dumps(content, default=str))
    except NeverTaken as error:
        send(json.dumps(_in_brief(change, error), default=str))


def _in_brief(change: _Change, error: NeverTaken) -> Mapping[str, object]:
    """What is kept of an event that the queue does not take; its reason is that of the queue."""
    event = change.event
    return {
        "event_id": event.event_id if event else None,
        "type": event.event_type if event else None,
        "tenant_id": event.tenant_id if event else None,
        "record_id": change.record.get("eventID"),
        "keys": change.record["dynamodb"].get("Keys"),
        "reason": str(error),
    }


def _tried_again(change: _Change, refusal: Refusal) -> None:
    logger.warning("an event is tried again", extra=_told(change, refusal))
    count("events_retried")


def _told(change: _Change, refusal: Refusal) -> Mapping[str, Any]:
    event = change.event
    about = {} if event is None else {"tenant_id": event.tenant_id, "type": event.event_type}
    correlation_id = event.event_id if event else change.record.get("eventID")
    return {
        **about,
        "correlation_id": correlation_id,
        "code": refusal.code,
        "reason": refusal.reason,
    }
