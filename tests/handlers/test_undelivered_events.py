"""Events that the bus did not take are shown with their reason, and published when it does."""

import json
from argparse import Namespace
from typing import Any

import pytest

from spendgate_service.dead_letters.__main__ import Queues, list_letters, redrive
from spendgate_service.dead_letters.queue import DeadLetters
from spendgate_service.events.bus import EventBus
from spendgate_service.events.envelope import event_of
from spendgate_service.events.redrive import to_bus
from spendgate_service.store.outbox import OutboxEvent
from tests.support.engines import REGION
from tests.support.stream_records import Record, change

OPTIONS = Namespace(
    code=None, reason=None, id=None, json=True, max=1000, events=True, notifications=False
)
STREAM = "arn:aws:dynamodb:us-east-1:123456789012:table/t/stream/2026-03-08T12:00:00.000"


class Bus:
    """EventBridge as its client sees it; refuses the types that a test names."""

    def __init__(self, *refused: str) -> None:
        self.refused = refused
        self.details: list[dict[str, Any]] = []

    def put_events(self, **arguments: Any) -> dict[str, Any]:
        answers = []
        for entry in arguments["Entries"]:
            is_refused = entry["DetailType"] in self.refused
            answers.append({"ErrorCode": "InternalFailure"} if is_refused else {})
            if not is_refused:
                assert entry["Source"] == "spendgate"
                assert entry["Time"] == 1_772_971_200
                self.details.append(json.loads(entry["Detail"]))
        failed = sum(1 for answer in answers if answer)
        return {"FailedEntryCount": failed, "Entries": answers}


class Stream:
    """The stream of a table as the client of DynamoDB Streams sees it, a page for each record."""

    def __init__(self, *records: Record) -> None:
        self.records = list(records)

    def get_shard_iterator(self, **arguments: Any) -> dict[str, Any]:
        assert (arguments["StreamArn"], arguments["ShardId"]) == (STREAM, "shard-1")
        numbers = [record["dynamodb"]["SequenceNumber"] for record in self.records]
        return {"ShardIterator": str(numbers.index(arguments["SequenceNumber"]))}

    def get_records(self, **arguments: Any) -> dict[str, Any]:
        place = int(arguments["ShardIterator"])
        page = {
            "Records": [_spelled_by_streams(record) for record in self.records[place : place + 1]]
        }
        is_last = place + 1 >= len(self.records)
        return page if is_last else {**page, "NextShardIterator": str(place + 1)}


def _spelled_by_streams(record: Record) -> Record:
    identity = record.get("userIdentity")
    if identity is None:
        return record
    spelled = {"Type": identity["type"], "PrincipalId": identity["principalId"]}
    return {**record, "userIdentity": spelled}


def happening(number: int, event_type: str = "budget.exhausted") -> Record:
    event = OutboxEvent(
        key=("TENANT#acme#COUNTER#bud_1#agent:a", f"EVENT#balance#{number}"),
        event_type=event_type,
        occurred_at_ms=1_772_971_200_000,
        detail=json.dumps({"number": number}),
        expires_at=None,
    )
    return change(None, event.item, number=number)


def dead_letter(sqs: Any, queues: Queues, record: Record, code: str = "InternalFailure") -> None:
    event = event_of(record)
    assert event is not None
    DeadLetters(sqs, queues.undelivered_events).dead_letter(
        event.detail, code=code, reason="no", message_id=event.event_id
    )


def redriven(sqs: Any, queues: Queues, bus: Bus, stream: Stream | None = None) -> int:
    return redrive(sqs, queues, OPTIONS, send=to_bus(EventBus(bus, "bus"), stream or Stream()))


def numbers(bus: Bus) -> list[int]:
    return [detail["number"] for detail in bus.details]


def left(sqs: Any, queues: Queues) -> int:
    asked = sqs.get_queue_attributes(
        QueueUrl=queues.undelivered_events, AttributeNames=["ApproximateNumberOfMessages"]
    )
    return int(asked["Attributes"]["ApproximateNumberOfMessages"])


def test_an_event_is_listed_with_its_reason_type_and_tenant(
    sqs: Any, queues: Queues, capsys: pytest.CaptureFixture[str]
) -> None:
    dead_letter(sqs, queues, happening(1))

    list_letters(sqs, queues, OPTIONS)

    (shown,) = json.loads(capsys.readouterr().out)
    assert (shown["code"], shown["tenant_id"]) == ("InternalFailure", "acme")
    assert shown["type"] == "budget.exhausted"
    assert shown["source_message_id"] == json.loads(shown["body"])["id"]


def it_is_published_as_it_would_have_been(sqs: Any, queues: Queues, change: Record) -> None:
    event = event_of(change)
    bus = Bus()

    assert redriven(sqs, queues, bus) == 0

    assert event is not None
    assert bus.details == [json.loads(event.detail)]
    assert left(sqs, queues) == 0


def test_an_event_is_published_as_it_would_have_been(sqs: Any, queues: Queues) -> None:
    dead_letter(sqs, queues, happening(1))

    it_is_published_as_it_would_have_been(sqs, queues, happening(1))


def test_an_event_that_is_refused_once_more_stays_and_the_others_go(
    sqs: Any, queues: Queues, capsys: pytest.CaptureFixture[str]
) -> None:
    dead_letter(sqs, queues, happening(1, "budget.paused"))
    dead_letter(sqs, queues, happening(2))
    bus = Bus("budget.paused")

    assert redriven(sqs, queues, bus) == 1

    assert numbers(bus) == [2]
    assert left(sqs, queues) == 1
    assert "InternalFailure" in capsys.readouterr().err


def test_an_event_of_which_only_the_keys_were_kept_stays_and_says_so(
    sqs: Any, queues: Queues, capsys: pytest.CaptureFixture[str]
) -> None:
    brief = {"event_id": "evt_1", "type": "budget.exhausted", "keys": {}, "reason": "too long"}
    DeadLetters(sqs, queues.undelivered_events).dead_letter(
        json.dumps(brief), code="too_large", reason="no", message_id="evt_1"
    )

    assert redriven(sqs, queues, Bus()) == 1

    assert left(sqs, queues) == 1
    assert "its keys say" in capsys.readouterr().err


def test_a_change_that_was_unreadable_is_read_again(sqs: Any, queues: Queues) -> None:
    body = json.dumps(happening(1))
    DeadLetters(sqs, queues.undelivered_events).dead_letter(
        body, code="unreadable", reason="KeyError", message_id="record-1"
    )
    bus = Bus()

    assert redriven(sqs, queues, bus) == 0

    assert numbers(bus) == [1]


def beside_the_topic(sqs: Any, queues: Queues, record: Record) -> None:
    """What EventBridge puts into the queue when the topic does not take an event."""
    event = event_of(record)
    assert event is not None
    envelope = {
        "version": "0",
        "id": "6a7e8feb-b491-4cf7-a9f1-bf3703467718",
        "detail-type": event.event_type,
        "source": "spendgate",
        "account": "123456789012",
        "time": "2026-03-08T12:00:00Z",
        "region": REGION,
        "resources": [],
        "detail": json.loads(event.detail),
    }
    reasons = {"ERROR_CODE": "NO_PERMISSIONS", "ERROR_MESSAGE": "the topic lets nobody in"}
    sqs.send_message(
        QueueUrl=queues.undelivered_events,
        MessageBody=json.dumps(envelope),
        MessageAttributes={
            name: {"DataType": "String", "StringValue": text} for name, text in reasons.items()
        },
    )


def test_what_a_target_of_the_bus_did_not_take_is_published_once_more(
    sqs: Any, queues: Queues
) -> None:
    beside_the_topic(sqs, queues, happening(1))

    it_is_published_as_it_would_have_been(sqs, queues, happening(1))


def test_what_a_target_of_the_bus_did_not_take_is_listed_with_the_reason_of_the_bus(
    sqs: Any, queues: Queues, capsys: pytest.CaptureFixture[str]
) -> None:
    beside_the_topic(sqs, queues, happening(1))

    list_letters(sqs, queues, OPTIONS)

    (shown,) = json.loads(capsys.readouterr().out)
    assert (shown["code"], shown["reason"]) == ("NO_PERMISSIONS", "the topic lets nobody in")
    assert (shown["tenant_id"], shown["type"]) == ("acme", "budget.exhausted")


def at_position(sqs: Any, queues: Queues, first: int, last: int) -> None:
    """What Lambda puts into the queue when a function could not run."""
    position = {
        "streamArn": STREAM,
        "shardId": "shard-1",
        "startSequenceNumber": str(first),
        "endSequenceNumber": str(last),
        "batchSize": last - first + 1,
    }
    body = {
        "requestContext": {"condition": "RetryAttemptsExhausted"},
        "DDBStreamBatchInfo": position,
    }
    sqs.send_message(QueueUrl=queues.undelivered_events, MessageBody=json.dumps(body))


def test_what_lambda_gave_up_is_read_from_the_stream(sqs: Any, queues: Queues) -> None:
    other = change(None, {"pk": {"S": "TENANT#acme#X"}, "sk": {"S": "OTHER"}}, number=3)
    stream = Stream(happening(1), happening(2), other, happening(4), happening(5))
    at_position(sqs, queues, 2, 4)
    bus = Bus()

    assert redriven(sqs, queues, bus, stream) == 0

    assert numbers(bus) == [2, 4]
    assert left(sqs, queues) == 0


def test_one_unreadable_change_keeps_none_of_the_others_back_and_is_named(
    sqs: Any, queues: Queues, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = happening(2)
    del broken["dynamodb"]["NewImage"]["detail"]
    refused = happening(3, "budget.paused")
    at_position(sqs, queues, 1, 4)
    bus = Bus("budget.paused")

    assert redriven(sqs, queues, bus, Stream(happening(1), broken, refused, happening(4))) == 1

    assert numbers(bus) == [1, 4]
    assert left(sqs, queues) == 1
    said = capsys.readouterr().err
    assert "record-2" in said and "InternalFailure" in said


def test_what_the_stream_has_no_more_stays_in_the_queue(sqs: Any, queues: Queues) -> None:
    at_position(sqs, queues, 1, 9)
    bus = Bus()

    assert redriven(sqs, queues, bus, Stream(happening(1), happening(2))) == 1

    assert left(sqs, queues) == 1


def test_a_message_that_is_no_event_stays(sqs: Any, queues: Queues) -> None:
    sqs.send_message(QueueUrl=queues.undelivered_events, MessageBody="[]")

    assert redriven(sqs, queues, Bus()) == 1

    assert left(sqs, queues) == 1
