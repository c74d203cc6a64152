"""What a role may do to the table is what its function does to it: no less, and no more.

Every route is asked, and the queue, the credentials and the schedule are served, over a table that
notes each call as the action and the resource that IAM would judge.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from spendgate_service.api.routes import route_at
from spendgate_service.app import Spendgate
from spendgate_service.dead_letters.queue import DeadLetters
from spendgate_service.dead_letters.redelivery import Redelivery
from spendgate_service.domain.changes import BY_COMMAND
from spendgate_service.domain.notifications import Notification
from spendgate_service.notifications.queue import Delivery
from spendgate_service.notifications.targets import create_target
from spendgate_service.store.errors import Throttled
from tests.handlers.test_access import ENDS, GUARDED, as_role, new_objects, send
from tests.support.app import spendgate_over
from tests.support.clock import FakeClock
from tests.support.engines import properties_of
from tests.support.functions import LambdaContext, LongContext, load_function
from tests.support.handlers import Ask
from tests.support.http_events import a_principal, authorizer_event
from tests.support.notifying import Notifying
from tests.unit.notifications.examples import reached

type Permission = tuple[str, str]
"""An action, and the resource that it is on: `table`, or the name of an index."""

_ACTIONS = {
    "batch_get_item": "BatchGetItem",
    "delete_item": "DeleteItem",
    "get_item": "GetItem",
    "put_item": "PutItem",
    "query": "Query",
    "scan": "Scan",
    "update_item": "UpdateItem",
    "ConditionCheck": "ConditionCheckItem",
    "Delete": "DeleteItem",
    "Put": "PutItem",
    "Update": "UpdateItem",
}


class Noting:
    """Passes every call on, and notes what it needs a permission for."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner
        self.caller = "nobody"
        self.needed: dict[str, set[Permission]] = defaultdict(set)

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        def call(**arguments: Any) -> Any:
            self.needed[self.caller] |= set(_needed(operation, arguments))
            return getattr(self._inner, operation)(**arguments)

        return call


def _needed(operation: str, arguments: Mapping[str, Any]) -> list[Permission]:
    if operation == "transact_write_items":
        return [(_ACTIONS[kind], "table") for write in arguments["TransactItems"] for kind in write]
    return [(_ACTIONS[operation], arguments.get("IndexName", "table"))]


def granted(function: str) -> set[Permission]:
    """What the template lets a function do to the table and its indexes."""
    return {
        (action.removeprefix("dynamodb:"), _place(resource))
        for action, resource in allowed(function)
        if action.startswith("dynamodb:")
    }


def allowed(function: str) -> set[Permission]:
    """Every action that the template lets a function do, with its resource."""
    role = properties_of(f"{function}Role")
    return {
        (action, resource)
        for policy in role["Policies"]
        for statement in policy["PolicyDocument"]["Statement"]
        for resource in _listed(statement["Resource"])
        for action in _listed(statement["Action"])
    }


def _listed(one_or_more: Any) -> list[str]:
    return [one_or_more] if isinstance(one_or_more, str) else list(one_or_more)


def _place(resource: str) -> str:
    return "table" if resource == "Table.Arn" else resource.rpartition("/index/")[2]


@pytest.fixture
def noting(app: Spendgate, monkeypatch: pytest.MonkeyPatch) -> Noting:
    noting = Noting(app.table.client)
    monkeypatch.setattr(app.table, "client", noting)
    return noting


@pytest.fixture
def everything_done(ask: Ask, app: Spendgate, noting: Noting) -> Noting:
    """Every function has done whatever it does."""

    def asked(method: str, path: str, body: object = None, **more: Any) -> Any:
        route = route_at(method, path)
        noting.caller = route.function.capitalize() if route else "Admin"
        return ask(method, path, body, **more)

    operator = a_principal("operator", tenant_id="-")
    asked("POST", "/v1/tenants", {"tenant_id": "acme"}, principal=operator)
    objects = new_objects(asked, "acme")
    for route in GUARDED:
        if route.method == "DELETE" or route.path.endswith(ENDS):
            objects = new_objects(asked, "acme")  # what the route before it ended is no use to it
        send(asked, route, objects, as_role(route.roles[0], "acme"))
    _use_every_period(asked)
    asked("POST", "/v1/budgets", {"subject": "tool:*", "unit": "usd", "limit": 1})
    by_default = asked("GET", "/v1/budgets", query={"subject": "tool:*"}).body["data"][0]
    asked("GET", f"/v1/budgets/{by_default['budget_id']}/audit")
    noting.caller = "Settle"
    load_function("settle", app).handler(_messages(), LambdaContext())
    key = asked("POST", "/v1/keys", {"role": "reader"}).body["secret"]
    noting.caller = "Authorizer"
    bearer = {"authorization": f"Bearer {key}"}
    load_function("authorizer", app).handler(authorizer_event(bearer), LambdaContext())
    noting.caller = "Rollover"
    later = spendgate_over(app.table, FakeClock(app.clock.now_ms() + 3 * 3_600_000))
    load_function("rollover", later).handler({}, LongContext())
    noting.caller = "nobody"
    return noting


_PERIODS: tuple[dict[str, Any], ...] = (
    {"type": "duration", "seconds": 60},
    {"type": "rolling", "seconds": 60},
    {"type": "calendar", "unit": "hour"},
)


def _use_every_period(asked: Callable[..., Any]) -> None:
    for number, period in enumerate(_PERIODS):
        budget: dict[str, Any] = {"unit": "usd", "limit": 5, "period": period}
        if period["type"] != "rolling":
            budget["carry_over"] = {"unused": True, "debt": True}
        for kind in ("agent", "session"):
            asked("POST", "/v1/budgets", budget | {"subject": f"{kind}:p{number}"})
        wish = {"subjects": {"agent": f"p{number}"}, "amounts": {"usd": 1}}
        for _first_and_replay in range(2):
            asked("POST", "/v1/reservations", wish, headers={"idempotency-key": "k"})
        asked("POST", "/v1/reservations", wish | {"amounts": {"usd": 50}})
        spent = {"subjects": {"session": f"p{number}"}, "actual": {"usd": 1}}
        asked("POST", "/v1/spend", spent, headers={"idempotency-key": f"k{number}"})
        asked("POST", "/v1/check", wish)


def _messages(event_id: str = "e") -> dict[str, Any]:
    message = {"version": 1, "type": "record", "tenant_id": "acme", "event_id": event_id}
    body = json.dumps(message | {"subjects": {"agent": "p2"}, "actual": {"usd": 1}})
    return {"Records": [{"messageId": "m", "body": body, "attributes": {}}]}


def test_a_role_may_do_what_its_function_does_and_nothing_else(everything_done: Noting) -> None:
    functions = sorted(everything_done.needed.keys() - {"nobody"})

    assert functions == ["Admin", "Authorizer", "Check", "Reserve", "Rollover", "Settle"]
    differing = {
        function: everything_done.needed[function] ^ granted(function) for function in functions
    }
    assert not {one: permissions for one, permissions in differing.items() if permissions}


def test_the_notifier_may_do_what_it_does_and_nothing_else(app: Spendgate, noting: Noting) -> None:
    sqs: Any = QueuesThatNote()
    notifying = Notifying(
        app.table, sqs=sqs, queue="NotificationQueue.Arn", dead="UndeliveredNotifications.Arn"
    )
    noting.caller = "Admin"
    create_target(app.table, "acme", A_CHAT, idempotency=None, by=BY_COMMAND, now_ms=1)
    noting.caller = "Notify"
    event = reached()
    delivery = Delivery("acme", A_CHAT.notification_id, event)
    answers: tuple[Callable[[str], str | None], ...] = (
        lambda _host: None,
        lambda _host: "no answer",
    )
    for failing in answers:
        notifying.receivers.failing = failing
        for body in (json.dumps({"detail": event}), delivery.body, "{"):
            notifying.clock.advance(60)
            notifying.handler(_sqs_event(body, notifying.clock.now_ms()), LongContext())
            notifying.handler(_sqs_event(body, notifying.clock.now_ms()), LongContext())

    own = {(action, place) for action, place in allowed("Notify") if action.startswith("sqs:")}
    assert own == sqs.needed | {(action, "NotificationQueue.Arn") for action in POLLED}
    assert noting.needed["Notify"] == granted("Notify")
    assert ("sqs:SendMessage", "NotificationQueue.Arn") in allowed("Admin")


A_CHAT = Notification(
    "ntf_1",
    "slack",
    "https://chat.example.com/hook",
    ("budget.threshold_reached",),
    None,
    None,
    1,
    1,
)


def _sqs_event(body: str, sent_at_ms: int) -> dict[str, Any]:
    attributes = {"SentTimestamp": str(sent_at_ms), "ApproximateReceiveCount": "1"}
    record = {"messageId": "m", "receiptHandle": "r", "body": body, "attributes": attributes}
    return {"Records": [record]}


class QueuesThatNote:
    """A client of SQS that does nothing but note each call as IAM would judge it."""

    def __init__(self) -> None:
        self.needed: set[Permission] = set()

    def send_message(self, **arguments: Any) -> dict[str, Any]:
        self.needed.add(("sqs:SendMessage", arguments["QueueUrl"]))
        return {}

    def send_message_batch(self, **arguments: Any) -> dict[str, Any]:
        return self.send_message(**arguments)

    def change_message_visibility_batch(self, **arguments: Any) -> dict[str, Any]:
        self.needed.add(("sqs:ChangeMessageVisibility", arguments["QueueUrl"]))
        return {}


POLLED = {"sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"}
"""What Lambda itself does on behalf of a function that a queue invokes."""


@pytest.mark.usefixtures("everything_done")
def test_the_consumer_may_do_to_its_queues_what_it_does_and_nothing_else(
    app: Spendgate, monkeypatch: pytest.MonkeyPatch
) -> None:
    sqs = QueuesThatNote()
    parts: dict[str, Any] = {
        "redelivery": Redelivery(sqs, "SettlementQueue.Arn"),  # type: ignore[arg-type]
        "dead_letters": DeadLetters(sqs, "DeadLetterQueue.Arn"),  # type: ignore[arg-type]
    }
    event = _messages("another")
    event["Records"][0] |= {"receiptHandle": "r"}
    poison = {"messageId": "p", "receiptHandle": "p", "body": "{", "attributes": {}}

    load_function("settle", spendgate_over(app.table, **parts)).handler(
        {"Records": [poison]}, LambdaContext()
    )
    monkeypatch.setattr(app.table, "transact", _throttled)
    load_function("settle", spendgate_over(app.table, **parts)).handler(event, LambdaContext())

    own = {(action, place) for action, place in allowed("Settle") if action.startswith("sqs:")}
    assert own == sqs.needed | {(action, "SettlementQueue.Arn") for action in POLLED}


def _throttled(_writes: object) -> None:
    raise Throttled("the table refuses calls right now; try again")
