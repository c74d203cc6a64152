"""A queue of notifications on a test's clock, its consumer, and receivers that may be down."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from spendgate_service.app import Spendgate
from spendgate_service.dead_letters.queue import DeadLetters
from spendgate_service.dead_letters.redelivery import Redelivery
from spendgate_service.domain.receivers import Receiver
from spendgate_service.notifications.deliver import SENTENCES_MAX, Notifier
from spendgate_service.notifications.queue import NotificationQueue
from spendgate_service.notifications.sending import DeliveryFailed, Sender
from spendgate_service.store.client import Table
from spendgate_service.store.messaging import BYTES_MAX
from tests.support.app import Inline, spendgate_over
from tests.support.clock import FakeClock
from tests.support.functions import LongContext, load_function

QUEUE, DEAD = "notifications", "undelivered"
HIDDEN_SECONDS = 370
CONSOLE = "https://spendgate.example.com/console"


@dataclass(slots=True)
class _Message:
    body: str
    sent_at_ms: int
    visible_at_ms: int
    attributes: Mapping[str, Any]
    receives: int = 0


@dataclass
class Queues:
    """SQS as its client sees it: messages by id in each queue, hidden until their time."""

    clock: FakeClock
    messages: dict[str, dict[str, _Message]] = field(default_factory=lambda: {QUEUE: {}, DEAD: {}})
    received: int = 0
    _ids: Iterator[int] = field(default_factory=count)

    def send_message(self, **sent: Any) -> dict[str, Any]:
        now_ms, message_id = self.clock.now_ms(), f"m{next(self._ids)}"
        self.messages[sent["QueueUrl"]][message_id] = _Message(
            sent["MessageBody"], now_ms, now_ms, sent.get("MessageAttributes", {})
        )
        return {}

    def send_message_batch(self, **sent: Any) -> dict[str, Any]:
        bodies = [entry["MessageBody"] for entry in sent["Entries"]]
        assert 1 <= len(bodies) <= 10
        assert sum(len(body.encode()) for body in bodies) <= BYTES_MAX
        for entry in sent["Entries"]:
            self.send_message(QueueUrl=sent["QueueUrl"], MessageBody=entry["MessageBody"])
        return {}

    def change_message_visibility_batch(self, **changed: Any) -> dict[str, Any]:
        assert 1 <= len(changed["Entries"]) <= 10
        for entry in changed["Entries"]:
            assert 0 <= entry["VisibilityTimeout"] <= 43_200
            message = self.messages[changed["QueueUrl"]][entry["ReceiptHandle"]]
            message.visible_at_ms = self.clock.now_ms() + 1000 * entry["VisibilityTimeout"]
        return {}

    def receive(self) -> list[dict[str, Any]]:
        """A batch of what is visible, as Lambda gets it."""
        now_ms = self.clock.now_ms()
        visible = [
            message_id
            for message_id, message in self.messages[QUEUE].items()
            if message.visible_at_ms <= now_ms
        ]
        return [self._received(message_id, now_ms) for message_id in visible[:SENTENCES_MAX]]

    def _received(self, message_id: str, now_ms: int) -> dict[str, Any]:
        message = self.messages[QUEUE][message_id]
        message.receives += 1
        self.received += 1
        message.visible_at_ms = now_ms + HIDDEN_SECONDS * 1000
        attributes = {
            "SentTimestamp": str(message.sent_at_ms),
            "ApproximateReceiveCount": str(message.receives),
        }
        return {
            "messageId": message_id, "receiptHandle": message_id, "body": message.body,
            "attributes": attributes,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Arrived:
    """A post that a receiver has got, accepted or not."""

    at_ms: int
    host: str
    headers: Mapping[str, str]
    body: Mapping[str, Any]
    accepted: bool

    @property
    def sentences(self) -> list[str]:
        """The sentences of a post to Slack, or the one of a webhook."""
        return str(self.body["text"]).splitlines()


@dataclass
class Receivers:
    """Every host of a test; `failing` says why one does not accept a post, None if it does."""

    clock: FakeClock
    failing: Callable[[str], str | None] = lambda _host: None
    posts: list[Arrived] = field(default_factory=list)

    def send(self, receiver: Receiver, headers: Mapping[str, str], body: bytes) -> None:
        reason = self.failing(receiver.host)
        self.posts.append(
            Arrived(self.clock.now_ms(), receiver.host, headers, json.loads(body), reason is None)
        )
        if reason is not None:
            raise DeliveryFailed(reason)

    def accepted(self, host: str) -> list[Arrived]:
        return [post for post in self.attempts(host) if post.accepted]

    def attempts(self, host: str) -> list[Arrived]:
        return [post for post in self.posts if post.host == host]


class Notifying:
    """The service with its queue of notifications, consumed as time passes."""

    def __init__(
        self,
        table: Table,
        *,
        sqs: Any = None,
        queue: str = QUEUE,
        dead: str = DEAD,
        local_sender: Sender | None = None,
    ) -> None:
        self.clock = FakeClock()
        self.queues = Queues(self.clock)
        self.receivers = Receivers(self.clock)
        client: Any = sqs or self.queues
        sender: Any = local_sender or self.receivers
        deliveries = NotificationQueue(client, queue)
        self.app: Spendgate = spendgate_over(
            table,
            self.clock,
            notification_queue=deliveries,
            notification_redelivery=Redelivery(client, queue),
            undelivered_notifications=DeadLetters(client, dead),
            notifier=Notifier(
                table,
                deliveries,
                sender,
                pool=Inline(),
                now_ms=self.clock.now_ms,
                console_url=CONSOLE,
                allow_local=local_sender is not None,
            ),
        )
        self.handler = load_function("notify", self.app).handler

    def publish(self, *events: Mapping[str, Any]) -> None:
        """Send events as the rule on the bus does."""
        for event in events:
            message = {"source": "spendgate", "detail-type": event["type"], "detail": event}
            self.queues.send_message(QueueUrl=QUEUE, MessageBody=json.dumps(message))

    def consume(self) -> bool:
        """Consume one batch; return whether there was one."""
        batch = self.queues.receive()
        if batch:
            answer = self.handler({"Records": batch}, LongContext())
            kept = {failure["itemIdentifier"] for failure in answer["batchItemFailures"]}
            for record in batch:
                if record["messageId"] not in kept:
                    del self.queues.messages[QUEUE][record["messageId"]]
        return bool(batch)

    def run(self, seconds: float) -> None:
        """Consume for so long by the clock; time passes only while no message is visible."""
        ends_at_ms = self.clock.now_ms() + int(seconds * 1000)
        while True:
            if self.consume():
                continue
            waiting = self.queues.messages[QUEUE].values()
            next_ms = min((message.visible_at_ms for message in waiting), default=ends_at_ms)
            self.clock.at_ms = max(self.clock.at_ms, min(next_ms, ends_at_ms))
            if next_ms >= ends_at_ms:
                return

    @property
    def waiting(self) -> int:
        return len(self.queues.messages[QUEUE])

    @property
    def dead(self) -> list[tuple[str, str]]:
        """Code and reason of each dead letter."""
        return [
            (message.attributes["code"]["StringValue"], message.attributes["reason"]["StringValue"])
            for message in self.queues.messages[DEAD].values()
        ]
