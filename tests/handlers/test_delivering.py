"""Notifications arrive once or more and are never lost; no target holds up or floods another."""

import json
import logging
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from spendgate_service.domain.changes import BY_COMMAND
from spendgate_service.domain.notifications import Format, Notification
from spendgate_service.notifications.deliver import CHAT_INTERVAL_MS, GIVE_UP_AFTER_MS
from spendgate_service.notifications.formats import signature
from spendgate_service.notifications.targets import (
    change_target,
    create_target,
    delete_target,
    list_targets,
    new_notification_id,
    new_secret,
    rotate_secret,
)
from spendgate_service.store.client import Table
from spendgate_service.store.errors import Throttled
from spendgate_service.store.paging import PageRequest
from tests.support.notifying import DEAD, QUEUE, Notifying
from tests.unit.notifications.examples import about, balance, event, reached

TENANT = "acme"
HOUR = 3600
DAY_SECONDS = GIVE_UP_AFTER_MS // 1000
TYPES = ("budget.threshold_reached", "budget.exhausted")


@pytest.fixture
def notifying(memory_table: Table) -> Notifying:
    return Notifying(memory_table)


def target(
    notifying: Notifying, host: str, target_format: Format = "slack", **fields: Any
) -> Notification:
    now_ms = notifying.clock.now_ms()
    made = Notification(
        notification_id=new_notification_id(now_ms=now_ms),
        format=target_format,
        url=f"https://{host}/services/0123456789/hush-hush",
        event_types=TYPES,
        subject_prefix=None,
        secret=new_secret() if target_format == "webhook" else None,
        created_at_ms=now_ms,
        updated_at_ms=now_ms,
    )
    tenant_id = fields.pop("tenant_id", TENANT)
    made = replace(made, **fields)
    create_target(
        notifying.app.table, tenant_id, made, idempotency=None, by=BY_COMMAND, now_ms=now_ms
    )
    return made


def events(count: int) -> list[dict[str, Any]]:
    """So many events, each about another agent."""
    return [
        reached(subject=f"agent:a{number}") | {"id": f"evt_{number:026d}"}
        for number in range(count)
    ]


def arrived(notifying: Notifying, host: str) -> set[str]:
    """The agents that the posts which a chat has accepted are about."""
    return {
        sentence.split(" ")[1]
        for post in notifying.receivers.accepted(host)
        for sentence in post.sentences
    }


def every_agent(count: int) -> set[str]:
    return {f"a{number}" for number in range(count)}


def test_an_event_goes_to_every_target_of_its_tenant_that_wants_it(notifying: Notifying) -> None:
    target(notifying, "all.example.com")
    target(notifying, "agents.example.com", subject_prefix="agent:re")
    target(notifying, "hook.example.com", "webhook")
    target(notifying, "users.example.com", subject_prefix="user:")
    target(notifying, "paused.example.com", event_types=("budget.paused",))
    target(notifying, "other.example.com", tenant_id="beta")

    notifying.publish(about("budget.exhausted", balance(spent="50", available="0")))
    notifying.run(60)

    hosts = sorted(post.host for post in notifying.receivers.posts)
    assert hosts == ["agents.example.com", "all.example.com", "hook.example.com"]
    (post,) = notifying.receivers.accepted("all.example.com")
    assert post.sentences == [
        "agent researcher has used up its 50 usd for November; it starts anew on 1 December"
    ]
    assert (notifying.waiting, notifying.dead) == (0, [])


def test_a_large_event_reaches_every_target(notifying: Notifying) -> None:
    """Its messages are too large for one call to the queue."""
    hosts = [f"chat{number}.example.com" for number in range(20)]
    for host in hosts:
        target(notifying, host)
    notifying.publish(reached(name="\U0001f600" * 5_000))
    notifying.run(60)

    assert sorted(post.host for post in notifying.receivers.posts) == sorted(hosts)
    assert (notifying.waiting, notifying.dead) == (0, [])


def test_an_event_of_a_tenant_without_targets_is_dropped(notifying: Notifying) -> None:
    notifying.publish(*events(3))
    notifying.run(60)

    assert (notifying.waiting, notifying.dead, notifying.receivers.posts) == (0, [], [])


@pytest.mark.parametrize("target_format", ["slack", "webhook"])
def test_of_what_happens_while_a_receiver_is_down_nothing_is_lost(
    notifying: Notifying, target_format: Format
) -> None:
    """Down for an hour, then up: each message arrives, the first try again within a minute."""
    target(notifying, "down.example.com", target_format)
    ends_at_ms = notifying.clock.now_ms() + HOUR * 1000
    notifying.receivers.failing = lambda _host: (
        "the receiver answered 503" if notifying.clock.now_ms() < ends_at_ms else None
    )
    happening = events(60)
    for place in range(0, 60, 10):
        notifying.publish(*happening[place : place + 10])
        notifying.run(HOUR / 6)

    first, second, *_ = notifying.receivers.attempts("down.example.com")
    assert second.at_ms - first.at_ms < 60_000
    assert not notifying.receivers.accepted("down.example.com")
    assert len(notifying.receivers.attempts("down.example.com")) < 20
    notifying.run(HOUR)

    assert arrived(notifying, "down.example.com") == every_agent(60)
    assert (notifying.waiting, notifying.dead) == (0, [])
    (_, states) = list_targets(notifying.app.table, TENANT, PageRequest())
    assert [state.failures for state in states.values()] == [0]


def test_what_cannot_be_delivered_for_a_day_is_dead_lettered_and_can_be_sent_again(
    notifying: Notifying,
) -> None:
    target(notifying, "down.example.com")
    notifying.receivers.failing = lambda _host: "the receiver answered 404"
    notifying.publish(*events(30))
    notifying.run(DAY_SECONDS - 60)

    assert notifying.dead == []
    notifying.run(HOUR)

    assert notifying.dead == [("not_delivered", "the receiver answered 404")] * 30
    assert notifying.waiting == 0
    notifying.receivers.failing = lambda _host: None
    for letter in notifying.queues.messages[DEAD].values():
        notifying.queues.send_message(QueueUrl=QUEUE, MessageBody=letter.body)
    notifying.run(HOUR)
    assert arrived(notifying, "down.example.com") == every_agent(30)


def test_a_target_that_is_down_holds_up_no_other(notifying: Notifying) -> None:
    target(notifying, "down.example.com", "webhook")
    target(notifying, "up.example.com")
    notifying.receivers.failing = lambda host: "no answer" if host.startswith("down") else None
    notifying.publish(*events(100))
    notifying.run(120)

    assert arrived(notifying, "up.example.com") == every_agent(100)
    assert len(notifying.receivers.attempts("down.example.com")) <= 4


def test_a_flood_of_events_does_not_flood_a_chat(notifying: Notifying) -> None:
    """A thousand budgets reach a threshold in the same minute: no more than a post in 10 s."""
    target(notifying, "chat.example.com")
    notifying.publish(*events(1000))
    notifying.run(HOUR)

    posts = notifying.receivers.accepted("chat.example.com")
    moments = [post.at_ms for post in posts]
    assert min(after - before for before, after in pairwise(moments)) >= CHAT_INTERVAL_MS
    assert len(posts) <= 1000 / 20 + 20
    assert notifying.queues.received < 5 * 1000, "a message that waits is not received all the time"
    assert arrived(notifying, "chat.example.com") == every_agent(1000)
    assert (notifying.waiting, notifying.dead) == (0, [])


def test_a_webhook_gets_each_event_by_itself_and_signed_by_old_and_new_secret(
    notifying: Notifying,
) -> None:
    made = target(notifying, "hook.example.com", "webhook")
    now_ms = notifying.clock.now_ms()
    rotated = rotate_secret(
        notifying.app.table, TENANT, made.notification_id,
        idempotency=None, by=BY_COMMAND, now_ms=now_ms,
    )  # fmt: skip
    assert isinstance(rotated, Notification)
    notifying.publish(*events(3))
    notifying.run(60)

    posts = notifying.receivers.accepted("hook.example.com")
    assert sorted(post.headers["webhook-id"] for post in posts) == [
        shown["id"] for shown in events(3)
    ]
    for post in posts:
        body = json.dumps(post.body, separators=(",", ":"), ensure_ascii=False).encode()
        message_id, sent_at = post.headers["webhook-id"], post.headers["webhook-timestamp"]
        assert post.headers["webhook-signature"].split(" ") == [
            signature(str(secret), message_id=message_id, timestamp=sent_at, body=body)
            for secret in (rotated.secret, made.secret)
        ]


def test_messages_for_a_target_that_is_deleted_are_dropped(notifying: Notifying) -> None:
    made = target(notifying, "gone.example.com")
    notifying.receivers.failing = lambda _host: "no answer"
    notifying.publish(*events(5))
    notifying.run(60)
    delete_target(
        notifying.app.table, TENANT, made.notification_id, lambda _target: None,
        by=BY_COMMAND, now_ms=notifying.clock.now_ms(),
    )  # fmt: skip
    notifying.run(HOUR)

    assert (notifying.waiting, notifying.dead) == (0, [])


def test_a_changed_url_is_used_for_what_waits(notifying: Notifying) -> None:
    made = target(notifying, "old.example.com")
    notifying.receivers.failing = lambda host: "no answer" if host.startswith("old") else None
    notifying.publish(*events(5))
    notifying.run(60)
    change_target(
        notifying.app.table, TENANT, made.notification_id,
        lambda current: replace(current, url="https://new.example.com/hook"),
        by=BY_COMMAND, now_ms=notifying.clock.now_ms(),
    )  # fmt: skip
    notifying.run(HOUR)

    assert arrived(notifying, "new.example.com") == every_agent(5)


@pytest.mark.parametrize("body", ["{", "[]", '"x"', "{}", '{"detail": {"type": "a"}}',
                                  '{"notification_id": "ntf_1"}'])  # fmt: skip
def test_a_message_that_is_none_is_dead_lettered_at_once(notifying: Notifying, body: str) -> None:
    target(notifying, "chat.example.com")
    notifying.queues.send_message(QueueUrl=QUEUE, MessageBody=body)
    notifying.publish(*events(1))
    notifying.run(60)

    assert [code for code, _ in notifying.dead] == ["invalid_message"]
    assert arrived(notifying, "chat.example.com") == every_agent(1)


def test_an_event_waits_for_a_table_that_does_not_answer(
    notifying: Notifying, monkeypatch: pytest.MonkeyPatch
) -> None:
    target(notifying, "chat.example.com")
    notifying.publish(*events(1))

    def throttled(*_arguments: object, **_more: object) -> None:
        raise Throttled("the table refuses calls right now; try again")

    with monkeypatch.context() as without_table:
        without_table.setattr(notifying.app.table, "get", throttled)
        notifying.run(120)
    assert notifying.waiting == 1
    notifying.run(HOUR)

    assert arrived(notifying, "chat.example.com") == every_agent(1)


def test_a_defect_in_one_message_holds_up_no_other_target(notifying: Notifying) -> None:
    target(notifying, "hook.example.com", "webhook", event_types=("budget.paused",))
    target(notifying, "chat.example.com")
    broken = event("budget.paused", budget_id="bud_1", subject="agent:a", by="soft_limit")
    notifying.publish(broken, *events(3))
    notifying.run(DAY_SECONDS + HOUR)

    assert arrived(notifying, "chat.example.com") == every_agent(3)
    assert [code for code, _ in notifying.dead] == ["internal_error"]


def test_no_log_has_the_url_or_the_secret(
    notifying: Notifying, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    made = target(notifying, "hook.example.com", "webhook")
    notifying.receivers.failing = lambda _host: "the receiver answered 500"
    notifying.publish(*events(1))
    with caplog.at_level(logging.DEBUG):
        notifying.run(DAY_SECONDS + HOUR)

    written = capsys.readouterr()
    said = caplog.text + written.out + written.err + repr(made)
    assert "the receiver answered 500" in said
    assert "hush-hush" not in said
    assert str(made.secret)[6:] not in said
