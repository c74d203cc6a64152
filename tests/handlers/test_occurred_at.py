"""When recorded spend occurred, over HTTP and from the queue, and what a redrive keeps of it."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from spendgate_service.app import Spendgate
from spendgate_service.dead_letters.__main__ import Queues
from spendgate_service.dead_letters.queue import SENT_AT, DeadLetters
from spendgate_service.dead_letters.redrive import MessageFilter, opened, send_back, to_queue
from tests.support.clock import NOON_MS, FakeClock
from tests.support.functions import LambdaContext, load_function
from tests.support.handlers import Ask

pytestmark = pytest.mark.usefixtures("clock", "acme")

DAY = 86_400


@pytest.fixture
def clock(app: Spendgate) -> FakeClock:
    """Ten seconds after noon."""
    app.clock = clock = FakeClock(NOON_MS + 10_000)
    return clock


def hourly(ask: Ask, limit: str = "1") -> None:
    period = {"type": "calendar", "unit": "hour"}
    body = {"subject": "agent:*", "unit": "usd", "limit": limit, "period": period}
    assert ask("POST", "/v1/budgets", body).status == 201


def moment(clock: FakeClock, *, seconds_ago: float) -> str:
    at = datetime.fromtimestamp(clock.at_ms / 1000 - seconds_ago, UTC)
    return at.isoformat().replace("+00:00", "Z")


def recorded(ask: Ask, amount: str, **fields: Any) -> Any:
    return ask(
        "POST", "/v1/spend", {"subjects": {"agent": "a"}, "actual": {"usd": amount}, **fields}
    )


def reserved(ask: Ask, amount: str) -> int:
    body = {"subjects": {"agent": "a"}, "amounts": {"usd": amount}}
    return ask("POST", "/v1/reservations", body).status


def delivered(app: Spendgate, amount: str, *, event: str = "e", **record: Any) -> dict[str, Any]:
    """Deliver one message that records spend; the response to SQS."""
    message = {
        "version": 1,
        "type": "record",
        "tenant_id": "acme",
        "event_id": event,
        "subjects": {"agent": "a"},
        "actual": {"usd": amount},
        **record.pop("fields", {}),
    }
    sqs_record = {"messageId": "m", "body": json.dumps(message), **record}
    handler = load_function("settle", app).handler
    answered: dict[str, Any] = handler({"Records": [sqs_record]}, LambdaContext())
    return answered


def test_spend_of_two_hours_ago_leaves_this_hour_alone(ask: Ask, clock: FakeClock) -> None:
    hourly(ask)

    past = recorded(ask, "0.9", occurred_at=moment(clock, seconds_ago=7200))

    assert past.status == 201
    assert past.body["occurred_at"] == "2026-03-08T10:00:10.000Z"
    assert past.body["entries"] == []
    (share,) = past.body["budgets"]
    assert (share["counted"], share["period_key"]) == (False, "2026-03-08T10")
    assert reserved(ask, "1") == 201


def test_without_a_moment_it_occurred_now(ask: Ask) -> None:
    hourly(ask)

    now = recorded(ask, "0.9")

    assert now.body["occurred_at"] == now.body["created_at"]
    assert now.body["budgets"][0]["counted"]
    assert reserved(ask, "1") == 429


@pytest.mark.parametrize(
    ("seconds_ago", "status"),
    [
        (35 * DAY, 201),
        (35 * DAY + 1, 422),
        (36 * DAY, 422),
        (-60, 201),
        (-61, 422),
    ],
)
def test_a_report_goes_back_35_days_and_a_minute_ahead(
    ask: Ask, clock: FakeClock, seconds_ago: float, status: int
) -> None:
    answered = recorded(ask, "0.9", occurred_at=moment(clock, seconds_ago=seconds_ago))

    assert answered.status == status
    if status == 422:
        assert (answered.code, answered.body["error"]["param"]) == (
            "invalid_request",
            "body.occurred_at",
        )


@pytest.mark.parametrize(
    "text",
    [
        "yesterday",
        "2026-03-08",
        "2026-03-08T12:00:00",
        "2026-02-30T12:00:00Z",
        "2026-03-08 12:00:00Z",
        "2026-03-08T24:00:01Z",
        1_772_971_200,
        True,
        "",
    ],
)
def test_a_moment_is_written_with_its_offset(ask: Ask, text: object) -> None:
    answered = recorded(ask, "0.9", occurred_at=text)

    assert (answered.status, answered.body["error"]["param"]) == (422, "body.occurred_at")


@pytest.mark.parametrize(
    "text",
    [
        "2026-03-08T13:00:05+01:00",
        "2026-03-08t12:00:05z",
        "2026-03-08T12:00:05.000000999Z",
        "2026-03-08T07:00:05-05:00",
    ],
)
def test_every_spelling_of_rfc_3339_is_read(ask: Ask, text: str) -> None:
    answered = recorded(ask, "0.9", occurred_at=text)

    assert answered.body["occurred_at"] == "2026-03-08T12:00:05.000Z"


@pytest.mark.parametrize("is_used", [True, False])
def test_a_message_counts_in_the_hour_in_which_it_was_sent(
    ask: Ask, app: Spendgate, clock: FakeClock, is_used: bool
) -> None:
    hourly(ask)
    clock.at_ms = NOON_MS - 60_000
    if is_used:
        assert reserved(ask, "0") == 201
    clock.at_ms = NOON_MS + 10_000
    attributes = {"SentTimestamp": str(NOON_MS - 10_000)}

    assert delivered(app, "0.9", attributes=attributes) == {"batchItemFailures": []}

    assert reserved(ask, "1") == 201
    (budget,) = ask("GET", "/v1/budgets").body["data"]
    path = f"/v1/budgets/{budget['budget_id']}/ledger"
    entries = ask("GET", path, query={"subject": "agent:a"}).body["data"]
    assert [entry["period_key"] for entry in entries] == ["2026-03-08T11"] * is_used


def test_a_message_may_say_when_it_occurred(ask: Ask, app: Spendgate, clock: FakeClock) -> None:
    hourly(ask)
    fields = {"occurred_at": moment(clock, seconds_ago=1)}

    delivered(app, "0.9", attributes={"SentTimestamp": str(NOON_MS - 10_000)}, fields=fields)

    assert reserved(ask, "1") == 429


def test_a_message_that_waited_long_is_not_refused_for_its_age(
    app: Spendgate, clock: FakeClock
) -> None:
    """Its moment is judged by when it was sent: 34 days back then, and 40 by now."""
    sent_at_ms = clock.at_ms - 6 * DAY * 1000
    fields = {"occurred_at": moment(clock, seconds_ago=40 * DAY)}

    answered = delivered(app, "0.9", attributes={"SentTimestamp": str(sent_at_ms)}, fields=fields)

    assert answered == {"batchItemFailures": []}


def test_a_redrive_keeps_the_moment_at_which_a_message_was_sent(
    ask: Ask, app: Spendgate, sqs: Any, queues: Queues
) -> None:
    vars(app)["dead_letters"] = DeadLetters(sqs, queues.dead_letters)
    hourly(ask)
    unpriced = {"usage": {"provider": "p", "model": "m", "input_tokens": 1}, "actual": None}
    delivered(
        app, "0", attributes={"SentTimestamp": str(NOON_MS - 10_000)}, fields=unpriced
    )  # fmt: skip

    with opened(sqs, queues.dead_letters, letters_max=10) as letters:
        send_back(
            sqs, letters, MessageFilter(),
            from_url=queues.dead_letters, send=to_queue(sqs, queues.settlements), sent=str,
        )  # fmt: skip

    (message,) = sqs.receive_message(
        QueueUrl=queues.settlements, MessageAttributeNames=["All"]
    )["Messages"]  # fmt: skip
    kept = message["MessageAttributes"]
    assert kept[SENT_AT]["StringValue"] == str(NOON_MS - 10_000)
    redriven = {
        name: {"stringValue": attribute["StringValue"], "dataType": "String"}
        for name, attribute in kept.items()
    }
    sent_now = {"SentTimestamp": str(NOON_MS + 9_000)}
    delivered(app, "0.9", event="f", attributes=sent_now, messageAttributes=redriven)
    assert reserved(ask, "1") == 201


def test_a_message_that_sqs_moved_itself_keeps_its_moment_too(sqs: Any, queues: Queues) -> None:
    sqs.send_message(QueueUrl=queues.dead_letters, MessageBody="{}")

    with opened(sqs, queues.dead_letters, letters_max=10) as letters:
        (letter,) = letters

    sent = letter.attributes_to_send[SENT_AT]["StringValue"]
    assert sent == str(letter.dead_lettered_at_ms)


@pytest.mark.parametrize("claimed", [str(NOON_MS + 9_999_000), "soon", "-1", "9" * 40])
def test_an_attribute_that_names_a_later_moment_or_none_counts_for_nothing(
    ask: Ask, app: Spendgate, claimed: str
) -> None:
    hourly(ask)
    wrong = {SENT_AT: {"stringValue": claimed, "dataType": "String"}}

    answered = delivered(
        app, "0.9", attributes={"SentTimestamp": str(NOON_MS + 1)}, messageAttributes=wrong
    )

    assert answered == {"batchItemFailures": []}
    assert reserved(ask, "1") == 429
