"""The queue of notifications: an event for all targets of its tenant, or a delivery to one of them.

A rule on the bus sends the events. The consumer sends the deliveries, each a message of its own, so
that a target that is down is tried again without the others.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from spendgate_service.domain.changes import Author
from spendgate_service.domain.notifications import DeliveryState, Notification
from spendgate_service.events.change_log import Changed, change_entry
from spendgate_service.notifications.sentences import TEST_EVENT, Event
from spendgate_service.notifications.targets import TEST_INTERVAL_MS, find_target
from spendgate_service.store.client import Table
from spendgate_service.store.errors import TransactionFailed, Unavailable
from spendgate_service.store.ids import new_ulid
from spendgate_service.store.messaging import SqsClient, call, call_batches
from spendgate_service.store.notifications import update_of_test
from spendgate_service.wire.events import envelope


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event for one target."""

    tenant_id: str
    notification_id: str
    event: Event

    @property
    def body(self) -> str:
        """The message in the queue, of ASCII: SQS refuses some characters."""
        return json.dumps(
            {
                "version": 1,
                "tenant_id": self.tenant_id,
                "notification_id": self.notification_id,
                "event": self.event,
            },
            separators=(",", ":"),
        )


class NotificationQueue:
    """Sends deliveries to one queue."""

    def __init__(self, client: SqsClient, queue_url: str) -> None:
        self._client = client
        self._queue_url = queue_url

    def send(self, deliveries: Iterable[Delivery]) -> None:
        """Send deliveries. Raises Unavailable; those that were sent before stay sent."""
        for bodies in call_batches((delivery.body for delivery in deliveries), size_of=len):
            response = call(
                self._client.send_message_batch,
                QueueUrl=self._queue_url,
                Entries=[
                    {"Id": str(place), "MessageBody": body} for place, body in enumerate(bodies)
                ],
            )
            if response.get("Failed"):
                raise Unavailable("SQS refused a notification; try again")


def read_message(body: str) -> Event | Delivery:
    """Read a message: an event of the bus, or a delivery. Raises one of `store.values.UNREADABLE`.

    An event is the message of EventBridge, with the event in `detail`.
    """
    message: Mapping[str, Any] = json.loads(body)
    if "notification_id" in message:
        return Delivery(message["tenant_id"], message["notification_id"], message["event"])
    detail: Event = message["detail"]
    for name in ("id", "type", "tenant_id", "occurred_at"):
        if not isinstance(detail[name], str):
            raise TypeError(f"the {name} of an event is a text")
    return detail


def send_test(
    table: Table,
    queue: NotificationQueue,
    tenant_id: str,
    notification_id: str,
    *,
    by: Author,
    now_ms: int,
) -> tuple[Notification, DeliveryState | None]:
    """Send a test message to a target, unless one was sent just now. Raises NotFound, Unavailable.

    Returns the target with its state. The message is sent before the entry of the change log is
    written: a crash in between leaves a message that the log does not explain, and not an entry of
    a message that was never sent.
    """
    target, state = find_target(table, tenant_id, notification_id)
    tested_at_ms = state.tested_at_ms if state else None
    if tested_at_ms is not None and now_ms < tested_at_ms + TEST_INTERVAL_MS:
        return target, state
    event = envelope(
        event_id=f"evt_{new_ulid(now_ms=now_ms)}",
        event_type=TEST_EVENT,
        tenant_id=tenant_id,
        occurred_at_ms=now_ms,
    )
    queue.send([Delivery(tenant_id, notification_id, event)])
    _note_test(table, tenant_id, notification_id, seen_ms=tested_at_ms, by=by, now_ms=now_ms)
    return target, state


def _note_test(
    table: Table,
    tenant_id: str,
    notification_id: str,
    *,
    seen_ms: int | None,
    by: Author,
    now_ms: int,
) -> None:
    """Write when a target was tested, with the entry of the change log: one for tests at once."""
    changed = Changed("notification.tested", notification_id, None, None)
    try:
        table.transact(
            [
                update_of_test(table, tenant_id, notification_id, seen_ms=seen_ms, now_ms=now_ms),
                change_entry(table, tenant_id, by, changed, now_ms=now_ms),
            ]
        )
    except TransactionFailed as failed:
        if not failed.may_succeed_next:
            raise
