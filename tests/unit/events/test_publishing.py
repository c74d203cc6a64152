"""A batch of changes is published in order, and what the bus does not take is never lost."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from spendgate_service.dead_letters.queue import DeadLetters
from spendgate_service.events.bus import BusEntry, EventBus, Refusal
from spendgate_service.events.publish import publish
from spendgate_service.store.errors import NeverTaken, Unavailable
from spendgate_service.store.messaging import BYTES_MAX, ENTRIES_MAX
from spendgate_service.store.outbox import OutboxEvent
from tests.support.stream_records import CREATED_AT, Record, change, sequence_number

RETRY_SECONDS = 900
AT_ONCE_MS = int(CREATED_AT * 1000) + 1000
TOO_LATE_MS = int(CREATED_AT * 1000) + RETRY_SECONDS * 1000

BUSY = Refusal("ThrottlingException", "slow down", is_final=False)
MALFORMED = Refusal("MalformedDetail", "no JSON", is_final=True)


@dataclass
class Bus(EventBus):
    """Takes everything, but for the refusals that a test orders by the event's number."""

    refusals: dict[int, Refusal] = field(default_factory=dict)
    calls: list[int] = field(default_factory=list)
    taken: list[int] = field(default_factory=list)

    def put(self, entries: Sequence[BusEntry]) -> list[Refusal | None]:
        assert sum(entry.bytes for entry in entries) <= BYTES_MAX
        self.calls.append(len(entries))
        numbers = [int(json.loads(entry.detail)["number"]) for entry in entries]
        self.taken += [number for number in numbers if number not in self.refusals]
        return [self.refusals.get(number) for number in numbers]


@dataclass
class Queue(DeadLetters):
    """The queue of undelivered events: the code and the id of each message."""

    is_down: bool = False
    bytes_max: int = 2**20
    messages: list[tuple[str, str]] = field(default_factory=list)
    bodies: list[Any] = field(default_factory=list)

    def dead_letter(
        self, body: str, *, code: str, reason: str, message_id: str, sent_at_ms: int | None = None
    ) -> None:
        assert sent_at_ms is None, "an event has a time of its own"
        assert reason
        if self.is_down:
            raise Unavailable("the queue does not answer")
        assert body.isascii(), "SQS refuses some characters"
        if len(body) > self.bytes_max:
            raise NeverTaken("the message is too long")
        self.messages.append((code, message_id))
        self.bodies.append(json.loads(body))


def in_the_outbox(number: int, **says: Any) -> Record:
    event = OutboxEvent(
        key=("TENANT#acme#COUNTER#bud_1#agent:a", f"EVENT#balance#exhausted-{number}"),
        event_type="budget.exhausted",
        occurred_at_ms=AT_ONCE_MS,
        detail=json.dumps({"number": number, **says}),
        expires_at=None,
    )
    return change(None, event.item, number=number)


@pytest.fixture
def bus() -> Bus:
    return Bus()


@pytest.fixture
def queue() -> Queue:
    return Queue()


def told(
    records: Sequence[Record], bus: Bus, queue: Queue, *, now_ms: int = AT_ONCE_MS
) -> list[str]:
    """Publish, and answer from which change on Lambda shall try again."""
    answer: Any = publish(
        records,
        bus=bus,
        undelivered=lambda: queue,
        now_ms=now_ms,
        retry_seconds=RETRY_SECONDS,
    )
    return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]


def test_events_are_published_in_their_order_ten_at_a_time(bus: Bus, queue: Queue) -> None:
    assert told([in_the_outbox(number) for number in range(25)], bus, queue) == []

    assert bus.taken == list(range(25))
    assert bus.calls == [ENTRIES_MAX, ENTRIES_MAX, 5]
    assert queue.messages == []


def test_no_more_go_into_a_call_than_the_bus_takes_bytes(bus: Bus, queue: Queue) -> None:
    large = "x" * (BYTES_MAX // 2)

    told([in_the_outbox(number, large=large) for number in range(3)], bus, queue)

    assert bus.calls == [1, 1, 1]


def test_a_batch_without_events_calls_nobody(bus: Bus, queue: Queue) -> None:
    other = change(None, {"pk": {"S": "TENANT#acme#X"}, "sk": {"S": "OTHER"}})

    assert told([other], bus, queue) == []

    assert bus.calls == []


def test_lambda_tries_again_from_the_first_event_that_was_refused_for_now(
    bus: Bus, queue: Queue
) -> None:
    records = [in_the_outbox(number) for number in range(15)]
    bus.refusals = {3: BUSY, 5: BUSY}

    assert told(records, bus, queue) == [sequence_number(records[3])]

    assert bus.calls == [ENTRIES_MAX]
    assert queue.messages == []


def test_an_event_that_is_never_taken_is_put_aside_and_blocks_nobody(
    bus: Bus, queue: Queue
) -> None:
    records = [in_the_outbox(number) for number in range(15)]
    bus.refusals = {3: MALFORMED}

    assert told(records, bus, queue) == []

    assert bus.taken == [number for number in range(15) if number != 3]
    ((code, event_id),) = queue.messages
    assert code == "MalformedDetail"
    assert queue.bodies[0]["id"] == event_id
    assert queue.bodies[0]["number"] == 3


def test_an_event_that_was_tried_long_enough_is_put_aside_as_it_would_have_been_published(
    bus: Bus, queue: Queue
) -> None:
    bus.refusals = dict.fromkeys(range(2), BUSY)

    assert told([in_the_outbox(0), in_the_outbox(1)], bus, queue, now_ms=TOO_LATE_MS) == []

    assert [code for code, _ in queue.messages] == ["ThrottlingException"] * 2
    assert queue.bodies[0] == {
        "version": 1,
        "id": queue.messages[0][1],
        "type": "budget.exhausted",
        "tenant_id": "acme",
        "occurred_at": "2026-03-08T12:00:01.000Z",
        "number": 0,
    }


def test_what_cannot_be_put_aside_either_stays_in_the_stream(bus: Bus, queue: Queue) -> None:
    records = [in_the_outbox(number) for number in range(3)]
    bus.refusals, queue.is_down = {1: MALFORMED}, True

    assert told(records, bus, queue, now_ms=TOO_LATE_MS) == [sequence_number(records[1])]


def test_an_event_too_large_for_any_bus_is_put_aside_without_asking(bus: Bus, queue: Queue) -> None:
    large = in_the_outbox(0, large="x" * BYTES_MAX)

    assert told([large, in_the_outbox(1)], bus, queue) == []

    assert [code for code, _ in queue.messages] == ["too_large"]
    assert bus.taken == [1]


def test_a_change_that_nobody_can_read_is_put_aside_as_it_is(bus: Bus, queue: Queue) -> None:
    broken = in_the_outbox(0)
    del broken["dynamodb"]["NewImage"]["detail"]

    assert told([broken, in_the_outbox(1)], bus, queue) == []

    assert queue.messages == [("unreadable", "record-0")]
    assert queue.bodies == [broken]
    assert bus.taken == [1]


def test_a_change_that_breaks_a_rule_of_the_domain_is_put_aside_as_it_is(
    bus: Bus, queue: Queue
) -> None:
    of_no_length = "STATEMENT#001772971200#2026-03-08T00:00:00Z/0h#000001"
    key = {"pk": {"S": "TENANT#acme#COUNTER#bud_1#agent:a"}, "sk": {"S": of_no_length}}
    broken = change(None, key, number=0)

    assert told([broken, in_the_outbox(1)], bus, queue) == []

    assert queue.messages == [("unreadable", "record-0")]
    assert bus.taken == [1]


def test_an_event_keeps_every_character_and_is_put_aside_in_those_that_a_queue_takes(
    bus: Bus, queue: Queue
) -> None:
    bus.refusals = {0: MALFORMED}

    assert told([in_the_outbox(0, metadata="\ufffe \uffff é")], bus, queue) == []

    assert queue.bodies[0]["metadata"] == "\ufffe \uffff é"


def test_an_event_too_large_for_the_queue_leaves_its_keys_there_and_blocks_nobody(
    bus: Bus, queue: Queue
) -> None:
    queue.bytes_max = 1000
    large = in_the_outbox(0, large="x" * BYTES_MAX)

    assert told([large, in_the_outbox(1)], bus, queue) == []

    assert bus.taken == [1]
    ((code, event_id),) = queue.messages
    assert code == "too_large"
    assert queue.bodies == [
        {
            "event_id": event_id,
            "type": "budget.exhausted",
            "tenant_id": "acme",
            "record_id": "record-0",
            "keys": large["dynamodb"]["Keys"],
            "reason": "the message is too long",
        }
    ]


def test_an_unreadable_change_too_large_for_the_queue_leaves_its_keys_there(
    bus: Bus, queue: Queue
) -> None:
    queue.bytes_max = 1000
    broken = in_the_outbox(0, large="x" * 1000)
    del broken["dynamodb"]["NewImage"]["occurred_at_ms"]

    assert told([broken, in_the_outbox(1)], bus, queue) == []

    assert queue.messages == [("unreadable", "record-0")]
    assert queue.bodies[0]["keys"] == broken["dynamodb"]["Keys"]


def test_a_queue_that_takes_not_even_the_keys_leaves_the_event_in_the_stream(
    bus: Bus, queue: Queue
) -> None:
    queue.bytes_max = 10
    records = [in_the_outbox(0)]
    bus.refusals = {0: MALFORMED}

    assert told(records, bus, queue) == [sequence_number(records[0])]


def test_an_event_has_the_same_id_however_often_it_is_published(bus: Bus, queue: Queue) -> None:
    bus.refusals = {0: MALFORMED}

    told([in_the_outbox(0)], bus, queue)
    told([in_the_outbox(0)], bus, queue)

    assert len({event_id for _, event_id in queue.messages}) == 1
