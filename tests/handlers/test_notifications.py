"""Targets of notifications over HTTP: made, changed, rotated, tested; never shown with a secret."""

import json
import re
from typing import Any

import pytest

from spendgate_service.app import Spendgate
from spendgate_service.domain.notifications import OLDER_SECRETS_MAX, TARGETS_MAX
from spendgate_service.notifications.targets import TEST_INTERVAL_MS
from spendgate_service.settings import LOCAL_RECEIVERS, Settings
from spendgate_service.store.client import Table
from spendgate_service.store.notifications import note_delivered, note_failed, read_targets
from tests.handlers.test_change_log import changes, fields
from tests.support.app import ListedNotifications, spendgate_over
from tests.support.clock import FakeClock
from tests.support.functions import HttpAnswer
from tests.support.handlers import Ask, all_entries, pages
from tests.support.ledger_invariants import scan

pytestmark = pytest.mark.usefixtures("acme")

SECRET = re.compile(r"whsec_[A-Za-z0-9+/]{43}=")
URL = "https://hooks.slack.com/services/T0001/B0001/hush-hush-9xYz"
HOOK: dict[str, Any] = {
    "format": "webhook",
    "url": "https://example.com/hooks/0123456789/hush-hush-aBcD",
    "event_types": ["budget.exhausted", "budget.paused", "budget.exhausted"],
    "subject_prefix": "agent:",
}
CHAT: dict[str, Any] = {"format": "slack", "url": URL, "event_types": ["budget.exhausted"]}


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def app(memory_table: Table, clock: FakeClock) -> Spendgate:
    return spendgate_over(memory_table, clock)


@pytest.fixture
def queue(app: Spendgate) -> ListedNotifications:
    queue: Any = app.notification_queue
    assert isinstance(queue, ListedNotifications)
    return queue


def create(ask: Ask, body: dict[str, Any], **more: Any) -> HttpAnswer:
    made = ask("POST", "/v1/notifications", body, **more)
    assert made.status == 201, made
    return made


def test_a_webhook_gets_a_secret_that_is_shown_once(ask: Ask) -> None:
    made = create(ask, HOOK)

    secret = made.body.pop("secret")
    path = f"/v1/notifications/{made.body['id']}"
    assert SECRET.fullmatch(secret)
    assert made.body == {
        "id": made.body["id"],
        "format": "webhook",
        "host": "example.com",
        "url_last4": "aBcD",
        "secret_last4": secret[-4:],
        "event_types": ["budget.exhausted", "budget.paused"],
        "subject_prefix": "agent:",
        "revision": 1,
        "created_at": made.body["created_at"],
        "updated_at": made.body["created_at"],
        "last_delivery": {"state": "none", "at": None, "failures": 0, "reason": None},
    }
    assert ask("GET", path).body == made.body
    assert ask("GET", "/v1/notifications").body == {"data": [made.body], "next_cursor": None}


def test_a_chat_has_no_secret(ask: Ask) -> None:
    made = create(ask, CHAT).body

    assert (made["secret"], made["secret_last4"], made["host"]) == (None, None, "hooks.slack.com")
    rotated = ask("POST", f"/v1/notifications/{made['id']}/rotate")
    assert (rotated.status, rotated.code) == (422, "invalid_request")


def test_no_url_and_no_secret_is_in_a_response_or_in_the_change_log(ask: Ask) -> None:
    made = create(ask, HOOK)
    path = f"/v1/notifications/{made.body['id']}"
    rotated = ask("POST", f"{path}/rotate")
    answers = [
        ask("PATCH", path, {"url": URL}),
        ask("POST", f"{path}/test"),
        ask("GET", path),
        ask("GET", "/v1/notifications"),
        ask("DELETE", path),
    ]
    said = json.dumps([*(answer.body for answer in answers), changes(ask)])

    assert {answer.status for answer in answers} == {200}
    for hidden in ("hush-hush", made.body["secret"][6:], rotated.body["secret"][6:]):
        assert hidden not in said
    assert '"url"' not in said


def test_the_change_log_has_each_change_with_what_may_be_shown(ask: Ask) -> None:
    made = create(ask, HOOK).body
    path = f"/v1/notifications/{made['id']}"
    ask("PATCH", path, {"url": URL, "subject_prefix": None})
    rotated = ask("POST", f"{path}/rotate").body
    ask("POST", f"{path}/test")
    ask("DELETE", path)

    said = {change["action"]: fields(change) for change in changes(ask, object=made["id"])}

    verbs = ("created", "changed", "rotated", "tested", "deleted")
    assert said.keys() == {f"notification.{verb}" for verb in verbs}
    assert said["notification.created"]["host"] == (None, "example.com")
    assert said["notification.changed"] == {
        "host": ("example.com", "hooks.slack.com"),
        "url_last4": ("aBcD", "9xYz"),
        "subject_prefix": ("agent:", None),
    }
    last4 = (made["secret_last4"], rotated["secret"][-4:])
    assert said["notification.rotated"] == {"secret_last4": last4}


def test_a_creation_and_a_rotation_happen_once_under_a_key_and_show_the_secret_once(
    ask: Ask,
) -> None:
    once = {"Idempotency-Key": "k"}
    first, again = (
        ask("POST", "/v1/notifications", HOOK, headers=once) for _first_and_replay in range(2)
    )
    path = f"/v1/notifications/{first.body['id']}/rotate"
    rotated, rotated_again = (ask("POST", path, headers=once) for _first_and_replay in range(2))

    for shown, replay in ((first, again), (rotated, rotated_again)):
        assert SECRET.fullmatch(shown.body["secret"])
        assert replay.body == {**shown.body, "secret": None}
        assert replay.headers["Idempotency-Replayed"] == "true"
        assert replay.headers["ETag"] == shown.headers["ETag"]
    assert len(ask("GET", "/v1/notifications").body["data"]) == 1
    conflict = ask("POST", "/v1/notifications", CHAT, headers=once)
    assert conflict.code == "idempotency_conflict"


def test_a_change_with_the_tag_of_an_older_revision_is_refused(ask: Ask) -> None:
    made = create(ask, HOOK)
    path, tag = f"/v1/notifications/{made.body['id']}", made.headers["ETag"]
    changed = ask("PATCH", path, {"event_types": ["budget.paused"]}, headers={"If-Match": tag})

    assert (changed.status, changed.headers["ETag"]) == (200, '"2"')
    assert changed.body["event_types"] == ["budget.paused"]
    for method, body in (("PATCH", {"event_types": ["budget.resumed"]}), ("DELETE", None)):
        refused = ask(method, path, body, headers={"If-Match": tag})
        assert refused.code == "version_mismatch"
    assert ask("DELETE", path, headers={"If-Match": '"2"'}).status == 200
    assert ask("GET", path).code == "not_found"


def test_a_change_shows_what_it_has_made_though_another_follows_at_once(
    ask: Ask, app: Spendgate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tag of the other change would let the next one overwrite it unseen."""
    path = f"/v1/notifications/{create(ask, HOOK).body['id']}"
    transact, others = app.table.transact, [{"event_types": ["budget.resumed"]}]

    def before_another(writes: Any) -> None:
        transact(writes)
        if others:
            ask("PATCH", path, others.pop())

    monkeypatch.setattr(app.table, "transact", before_another)
    changed = ask("PATCH", path, {"event_types": ["budget.paused"]})

    assert (changed.body["event_types"], changed.headers["ETag"]) == (["budget.paused"], '"2"')
    assert ask("GET", path).body["event_types"] == ["budget.resumed"]


def test_a_tenant_has_at_most_twenty(ask: Ask) -> None:
    made = [create(ask, CHAT).body["id"] for _ in range(TARGETS_MAX)]

    refused = ask("POST", "/v1/notifications", CHAT)
    ask("DELETE", f"/v1/notifications/{made[0]}")

    assert refused.status == 422
    assert "20 notifications" in refused.body["error"]["message"]
    create(ask, CHAT)


def test_the_secret_before_a_rotation_signs_for_a_day(
    ask: Ask, app: Spendgate, clock: FakeClock
) -> None:
    made = create(ask, HOOK).body
    clock.advance(3600)
    rotated = ask("POST", f"/v1/notifications/{made['id']}/rotate").body

    (target,) = read_targets(app.table, "acme").targets.values()
    assert target.secrets_at(clock.now_ms()) == (rotated["secret"], made["secret"])
    clock.advance(24 * 3600)
    assert target.secrets_at(clock.now_ms()) == (rotated["secret"],)


def test_only_so_many_secrets_sign_at_once(ask: Ask, clock: FakeClock) -> None:
    path = f"/v1/notifications/{create(ask, HOOK).body['id']}/rotate"
    for _ in range(OLDER_SECRETS_MAX):
        assert ask("POST", path).status == 200

    assert "in their grace" in ask("POST", path).body["error"]["message"]
    clock.advance(24 * 3600)
    assert ask("POST", path).status == 200


def test_a_test_is_sent_as_every_message_is_and_once_in_ten_seconds(
    ask: Ask, queue: ListedNotifications, clock: FakeClock
) -> None:
    path = f"/v1/notifications/{create(ask, HOOK).body['id']}"
    for _ in range(3):
        assert ask("POST", f"{path}/test").status == 200
    clock.advance(TEST_INTERVAL_MS / 1000)
    ask("POST", f"{path}/test")

    assert [delivery.event["type"] for delivery in queue.sent] == ["notification.test"] * 2
    assert len({delivery.event["id"] for delivery in queue.sent}) == 2
    actions = [change["action"] for change in changes(ask)]
    assert actions.count("notification.tested") == 2


def test_a_target_shows_how_its_last_delivery_went(ask: Ask, app: Spendgate) -> None:
    notification_id = create(ask, HOOK).body["id"]
    path = f"/v1/notifications/{notification_id}"
    where = (app.table, "acme", notification_id)

    note_failed(*where, reason="the receiver answered 500", now_ms=60_000, next_at_ms=65_000)
    failing = ask("GET", path).body["last_delivery"]
    note_delivered(*where, now_ms=70_000)
    delivered = ask("GET", "/v1/notifications").body["data"][0]["last_delivery"]

    assert failing == {
        "state": "failing",
        "at": "1970-01-01T00:01:00.000Z",
        "failures": 1,
        "reason": "the receiver answered 500",
    }
    assert (delivered["state"], delivered["failures"]) == ("delivered", 0)
    assert (delivered["at"], delivered["reason"]) == ("1970-01-01T00:01:10.000Z", None)


def test_targets_are_listed_in_pages_with_how_their_last_delivery_went(
    ask: Ask, app: Spendgate
) -> None:
    made = [create(ask, CHAT).body["id"] for _ in range(3)]
    note_delivered(app.table, "acme", made[2], now_ms=1)

    listed = list(pages(ask, "/v1/notifications", limit="2"))
    together = [target for page in listed for target in page]

    assert list(map(len, listed)) == [2, 1]
    assert [target["id"] for target in together] == sorted(made)
    assert all_entries(ask, "/v1/notifications") == together
    one = [ask("GET", f"/v1/notifications/{target['id']}").body for target in together]
    assert together == one


def test_nothing_of_a_deleted_target_stays(ask: Ask, app: Spendgate) -> None:
    notification_id = create(ask, HOOK).body["id"]
    note_delivered(app.table, "acme", notification_id, now_ms=1)
    ask("DELETE", f"/v1/notifications/{notification_id}")

    left = [item["pk"]["S"] for item in scan(app.table) if "hush-hush" in json.dumps(item)]
    states = [item for item in scan(app.table) if item["sk"]["S"] == notification_id]
    assert (left, states) == ([], [])


@pytest.mark.parametrize(
    ("changed", "param"),
    [
        ({"url": "http://example.com/"}, "body.url"),
        ({"url": "http://127.0.0.1:8000/"}, "body.url"),
        ({"url": "https://169.254.169.254/"}, "body.url"),
        ({"event_types": []}, "body.event_types"),
        ({"event_types": ["budget.*"]}, "body.event_types.0"),
        ({"format": "email"}, "body.format"),
        ({"subject_prefix": ""}, "body.subject_prefix"),
        ({"secret": "whsec_mine"}, "body.secret"),
    ],
)
def test_what_no_target_can_be_is_refused(ask: Ask, changed: dict[str, Any], param: str) -> None:
    refused = ask("POST", "/v1/notifications", {**HOOK, **changed})

    assert (refused.status, refused.body["error"]["param"]) == (422, param)


def test_this_machine_is_a_receiver_only_where_the_environment_says_so(
    ask: Ask, app: Spendgate
) -> None:
    here = {**HOOK, "url": "http://127.0.0.1:8000/hook"}
    path = f"/v1/notifications/{create(ask, HOOK).body['id']}"

    assert ask("PATCH", path, {"url": here["url"]}).status == 422
    app.settings = Settings({LOCAL_RECEIVERS: "1"})
    assert ask("PATCH", path, {"url": here["url"]}).body["host"] == "127.0.0.1"
    create(ask, here)


def test_two_admins_who_create_targets_at_once_lose_none_and_never_make_too_many(
    ask: Ask, app: Spendgate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the read and the write of the one, the other creates the last that there may be."""
    for _ in range(TARGETS_MAX - 2):
        create(ask, CHAT)
    transact, others = app.table.transact, [CHAT, CHAT]

    def after_another(writes: Any) -> None:
        if others:
            create(ask, others.pop())
        transact(writes)

    monkeypatch.setattr(app.table, "transact", after_another)
    refused = ask("POST", "/v1/notifications", HOOK)

    assert "20 notifications" in refused.body["error"]["message"]
    assert len(ask("GET", "/v1/notifications").body["data"]) == TARGETS_MAX
