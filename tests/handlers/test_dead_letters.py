"""Looking into the dead-letter queue and sending messages back, on moto's SQS."""

import json
from argparse import Namespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from spendgate_service.dead_letters.__main__ import (
    Queues,
    list_letters,
    queues_of,
    redrive,
    show_letter,
)
from spendgate_service.dead_letters.queue import SENT_AT, DeadLetters
from spendgate_service.dead_letters.redrive import MessageFilter, opened, send_back, to_queue
from spendgate_service.store.errors import NeverTaken, Unavailable

RELEASE = '{"version": 1, "type": "release", "tenant_id": "acme", "reservation_id": "rsv_1"}'


def dead_letter(
    sqs: Any, queues: Queues, body: str, code: str, reason: str = "no", id_: str = "msg"
) -> None:
    DeadLetters(sqs, queues.dead_letters).dead_letter(
        body, code=code, reason=reason, message_id=id_
    )


def options(**given: Any) -> Namespace:
    defaults: dict[str, Any] = {
        "code": None,
        "reason": None,
        "id": None,
        "events": False,
        "notifications": False,
    }
    return Namespace(**{**defaults, "json": True, "max": 1000, **given})


def taken(sqs: Any, url: str) -> list[dict[str, Any]]:
    """Every message that the queue hands out."""
    found: list[dict[str, Any]] = []
    while batch := sqs.receive_message(
        QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"]
    ).get("Messages", []):
        found += batch
    return found


def bodies(sqs: Any, url: str) -> list[str]:
    return sorted(message["Body"] for message in taken(sqs, url))


def kept(sqs: Any, url: str) -> int:
    """How many messages a queue has, hidden ones among them."""
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    asked = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)
    return sum(int(asked["Attributes"][name]) for name in names)


def printed(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().out)


def test_a_message_is_listed_with_its_reason_and_its_tenant(
    sqs: Any, queues: Queues, capsys: pytest.CaptureFixture[str]
) -> None:
    dead_letter(sqs, queues, RELEASE, "not_found", "there is no reservation rsv_1", "msg-1")

    assert list_letters(sqs, queues, options()) == 0

    [letter] = printed(capsys)
    assert (letter["code"], letter["reason"]) == ("not_found", "there is no reservation rsv_1")
    assert (letter["tenant_id"], letter["type"], letter["body"]) == ("acme", "release", RELEASE)
    assert letter["source_message_id"] == "msg-1"


@pytest.mark.parametrize("code", ["InvalidMessageContents", "InvalidParameterValue"])
def test_a_message_that_sqs_never_takes_is_told_from_a_queue_that_does_not_answer(
    code: str,
) -> None:
    with pytest.raises(NeverTaken, match=code):
        _refusing(code).dead_letter("x", code="c", reason="r", message_id="m")
    with pytest.raises(Unavailable) as raised:
        _refusing("Busy").dead_letter("x", code="c", reason="r", message_id="m")
    assert not isinstance(raised.value, NeverTaken)


def test_a_message_too_large_for_sqs_is_never_taken(sqs: Any, queues: Queues) -> None:
    with pytest.raises(NeverTaken):
        dead_letter(sqs, queues, "x" * 2**21, "too_large")


def _refusing(code: str) -> DeadLetters:
    """A queue whose SQS refuses every message with that code."""
    client: Any = _RefusingClient(code)
    return DeadLetters(client, "url")


class _RefusingClient:
    def __init__(self, code: str) -> None:
        self._code = code

    def send_message(self, **_arguments: Any) -> dict[str, Any]:
        raise ClientError({"Error": {"Code": self._code, "Message": "no"}}, "SendMessage")


def test_looking_takes_nothing_away(
    sqs: Any, queues: Queues, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(25):
        dead_letter(sqs, queues, f"poison {number}", "invalid_json")

    for _ in range(2):
        list_letters(sqs, queues, options())
        assert len(printed(capsys)) == 25
    assert len(bodies(sqs, queues.dead_letters)) == 25


def test_no_more_are_looked_at_than_was_said(
    sqs: Any, queues: Queues, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(5):
        dead_letter(sqs, queues, f"poison {number}", "invalid_json")

    list_letters(sqs, queues, options(max=3))

    said = capsys.readouterr()
    assert len(json.loads(said.out)) == 3
    assert "there may be more" in said.err


def test_what_was_not_looked_at_is_not_said_to_be_sent_back(
    sqs: Any, queues: Queues, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(5):
        dead_letter(sqs, queues, f"poison {number}", "invalid_json")

    redrive(sqs, queues, options(max=3))
    said = capsys.readouterr()
    assert json.loads(said.out)["may_be_more"] is True
    assert "there may be more" in said.err

    redrive(sqs, queues, options(max=3, json=False))
    said = capsys.readouterr()
    assert said.out.splitlines()[-1] == "2 sent back, 0 left of the 2 that were read"
    assert said.err == ""


def test_a_message_may_be_among_those_that_were_not_looked_at(
    sqs: Any, queues: Queues, capsys: pytest.CaptureFixture[str]
) -> None:
    dead_letter(sqs, queues, RELEASE, "not_found", "no", "msg-1")

    assert show_letter(sqs, queues, options(id="msg-2", max=1)) == 1

    assert "there may be more" in capsys.readouterr().err


def test_the_table_has_a_line_for_each_and_nothing_that_steers_a_terminal(
    sqs: Any, queues: Queues, capsys: pytest.CaptureFixture[str]
) -> None:
    dead_letter(sqs, queues, RELEASE, "not_found", "no\nsuch \x9b31mthing")

    list_letters(sqs, queues, options(json=False))

    heading, line = capsys.readouterr().out.splitlines()
    assert heading.split() == ["MESSAGE", "DEAD-LETTERED", "CODE", "TENANT", "TYPE", "REASON"]
    assert line.endswith("not_found  acme    release  no?such ?31mthing")


def test_a_message_that_sqs_moved_by_itself_is_told_apart(
    sqs: Any, queues: Queues, capsys: pytest.CaptureFixture[str]
) -> None:
    sqs.send_message(QueueUrl=queues.dead_letters, MessageBody="[]")

    list_letters(sqs, queues, options())

    [letter] = printed(capsys)
    assert letter["code"] is None
    assert letter["reason"].startswith("moved by AWS")


def test_all_are_sent_back_and_none_is_left(
    sqs: Any, queues: Queues, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(25):
        dead_letter(sqs, queues, f"poison {number}", "invalid_json")

    assert redrive(sqs, queues, options()) == 0

    done = printed(capsys)
    assert (len(done["redriven"]), done["left"], done["may_be_more"]) == (25, 0, False)
    assert len(bodies(sqs, queues.settlements)) == 25
    assert kept(sqs, queues.dead_letters) == 0


@pytest.mark.parametrize(
    "which", [{"code": "not_found"}, {"reason": "rsv_1"}, {"id": "msg-1"}], ids=str
)
def test_only_what_was_chosen_is_sent_back(sqs: Any, queues: Queues, which: dict[str, str]) -> None:
    dead_letter(sqs, queues, RELEASE, "not_found", "there is no reservation rsv_1", "msg-1")
    dead_letter(sqs, queues, "poison", "invalid_json", "the body is not JSON", "msg-2")

    redrive(sqs, queues, options(**which))

    assert bodies(sqs, queues.settlements) == [RELEASE]
    assert bodies(sqs, queues.dead_letters) == ["poison"]


def test_a_message_goes_back_with_its_own_attributes_and_without_why_it_failed(
    sqs: Any, queues: Queues
) -> None:
    trace = {"DataType": "String", "StringValue": "trace-1"}
    code = {"DataType": "String", "StringValue": "unavailable"}
    sqs.send_message(
        QueueUrl=queues.dead_letters,
        MessageBody=RELEASE,
        MessageAttributes={"trace": trace, "code": code, "reason": code},
    )

    redrive(sqs, queues, options())

    [message] = taken(sqs, queues.settlements)
    assert message["MessageAttributes"].keys() == {"trace", SENT_AT}
    assert message["MessageAttributes"]["trace"] == trace


def test_a_crash_after_sending_leaves_the_message_in_both_queues(sqs: Any, queues: Queues) -> None:
    dead_letter(sqs, queues, RELEASE, "not_found")

    with (
        pytest.raises(ConnectionError),
        opened(_DiesBeforeDeleting(sqs), queues.dead_letters, letters_max=10) as letters,
    ):
        send_back(
            _DiesBeforeDeleting(sqs), letters, MessageFilter(),
            from_url=queues.dead_letters, send=to_queue(sqs, queues.settlements), sent=str,
        )  # fmt: skip

    assert bodies(sqs, queues.settlements) == bodies(sqs, queues.dead_letters) == [RELEASE]


class _DiesBeforeDeleting:
    def __init__(self, sqs: Any) -> None:
        self._sqs = sqs

    def __getattr__(self, name: str) -> Any:
        if name == "delete_message":
            raise ConnectionError
        return getattr(self._sqs, name)


def test_the_oldest_message_comes_first_in_whatever_order_sqs_hands_them_out() -> None:
    queue: Any = _HandsOut([("young", 3), ("old", 1), ("middle", 2)])

    with opened(queue, "any", letters_max=10) as letters:
        assert [letter.message_id for letter in letters] == ["old", "middle", "young"]


class _HandsOut:
    """A queue with those messages, each an id and when it was sent."""

    def __init__(self, messages: list[tuple[str, int]]) -> None:
        self._messages = messages

    def receive_message(self, **_arguments: Any) -> dict[str, Any]:
        handed_out = [
            {
                "MessageId": message_id,
                "Body": RELEASE,
                "Attributes": {"SentTimestamp": str(sent_at_ms)},
                "ReceiptHandle": message_id,
            }
            for message_id, sent_at_ms in self._messages
        ]
        self._messages = []
        return {"Messages": handed_out}

    def __getattr__(self, name: str) -> Any:
        return lambda **_arguments: {}


def test_one_message_is_shown_in_full_by_the_id_that_the_log_has(
    sqs: Any, queues: Queues, capsys: pytest.CaptureFixture[str]
) -> None:
    dead_letter(sqs, queues, RELEASE, "not_found", "there is no reservation rsv_1", "msg-1")

    assert show_letter(sqs, queues, options(id="msg-1", json=False)) == 0

    assert RELEASE in capsys.readouterr().out


def test_a_message_that_is_not_there_cannot_be_shown(
    sqs: Any, queues: Queues, capsys: pytest.CaptureFixture[str]
) -> None:
    assert show_letter(sqs, queues, options(id="msg-1")) == 1

    assert "msg-1" in capsys.readouterr().err


def test_the_queues_are_those_of_the_stacks_outputs() -> None:
    class CloudFormation:
        def describe_stacks(self, StackName: str) -> dict[str, Any]:  # noqa: N803 (AWS's name)
            names = {
                "DeadLetterQueueUrl": "dead",
                "SettlementQueueUrl": StackName,
                "UndeliveredEventsUrl": "events",
                "EventBusName": "bus",
                "UndeliveredNotificationsUrl": "undelivered",
                "NotificationQueueUrl": "notifications",
            }
            outputs = [{"OutputKey": key, "OutputValue": value} for key, value in names.items()]
            return {"Stacks": [{"Outputs": outputs}]}

    assert queues_of(CloudFormation(), "mine") == Queues(
        "dead", "mine", "events", "bus", "undelivered", "notifications"
    )
