"""Deliver a batch of the queue of notifications: fan out events, post deliveries, retry for a day.

Posts to one target take turns. A chat gets one post in `CHAT_INTERVAL_MS`, with up to
`SENTENCES_MAX` sentences of the batch; a target that has failed gets the next one after a backoff.
A message whose target has no turn yet returns to the queue until then. So neither a flood of events
nor a target that is down costs more than one attempt at a time, and no message is dropped.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from itertools import batched
from typing import Any

from spendgate_service.domain.errors import InvalidValue
from spendgate_service.domain.notifications import DeliveryState, Notification
from spendgate_service.domain.receivers import parse_receiver
from spendgate_service.notifications.formats import post_of
from spendgate_service.notifications.queue import Delivery, NotificationQueue, read_message
from spendgate_service.notifications.sending import DeliveryFailed, Sender
from spendgate_service.notifications.sentences import Event, subjects_of
from spendgate_service.observability import count, logger
from spendgate_service.store.client import Table
from spendgate_service.store.errors import ConditionFailed, Unavailable
from spendgate_service.store.notifications import (
    note_delivered,
    note_failed,
    read_state,
    read_targets,
    take_slot,
    take_turn,
)
from spendgate_service.store.values import UNREADABLE

GIVE_UP_AFTER_MS = 24 * 3_600_000
"""A message that could not be delivered for so long is dead-lettered."""

CHAT_INTERVAL_MS = 10_000
SENTENCES_MAX = 20
"""A chat gets so many sentences in one post: at most 120 a minute, in six posts."""

BACKOFF_SECONDS = (5, 30, 120, 300, 900)
"""After the first, second, third and fourth failure of a target in a row, and every later one."""

_HIDDEN_SECONDS_MAX = 12 * 3600 - 60
"""SQS hides a message for twelve hours at most after it was received."""

MORE_SECONDS_EACH = 5
MORE_SECONDS_MAX = 120

type Record = Mapping[str, Any]
"""A message as Lambda gets it from SQS."""


@dataclass(frozen=True, slots=True)
class Retry:
    """A message that SQS delivers again after so many seconds."""

    record: Record
    seconds: int


@dataclass(frozen=True, slots=True)
class Undeliverable:
    """A message that is dead-lettered, with the reason."""

    record: Record
    code: str
    reason: str


type Outcome = Retry | Undeliverable
"""What becomes of a message that was not delivered."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A delivery, with the message that it came in."""

    record: Record
    delivery: Delivery


class Notifier:
    """Delivers notifications. `has_time` says whether another post may be started."""

    def __init__(
        self,
        table: Table,
        queue: NotificationQueue,
        sender: Sender,
        *,
        pool: Executor,
        now_ms: Callable[[], int],
        console_url: str,
        allow_local: bool,
    ) -> None:
        self._table = table
        self._queue = queue
        self._sender = sender
        self._pool = pool
        self._now_ms = now_ms
        self._console_url = console_url
        self._allow_local = allow_local

    def handle(self, records: Sequence[Record], has_time: Callable[[], bool]) -> list[Outcome]:
        """Fan out the events and post the deliveries of a batch; return what was not delivered."""
        outcomes: list[Outcome] = []
        groups: dict[tuple[str, str], list[_Waiting]] = {}
        for record in records:
            try:
                message = read_message(record["body"])
            except UNREADABLE as error:
                outcomes.append(Undeliverable(record, "invalid_message", repr(error)))
                continue
            if isinstance(message, Delivery):
                group = groups.setdefault((message.tenant_id, message.notification_id), [])
                group.append(_Waiting(record, message))
            else:
                outcomes += self._fan_out(record, message)
        delivered = self._pool.map(lambda group: self._deliver(group, has_time), groups.values())
        return [*outcomes, *(outcome for group in delivered for outcome in group)]

    def _fan_out(self, record: Record, event: Event) -> Iterator[Outcome]:
        """Send a delivery to the queue for each target that wants the event."""
        tenant_id, subjects = event["tenant_id"], subjects_of(event)
        try:
            targets = read_targets(self._table, tenant_id).targets.values()
            self._queue.send(
                Delivery(tenant_id, target.notification_id, event)
                for target in targets
                if target.wants(event["type"], subjects)
            )
        except Unavailable as error:
            logger.warning("an event waits for its notifications: %s", error)
            seconds = BACKOFF_SECONDS[0] + _patience(record)
            yield self._later(record, seconds, "unavailable", str(error))

    def _deliver(self, group: Sequence[_Waiting], has_time: Callable[[], bool]) -> list[Outcome]:
        """Post the deliveries to one target, as its turns allow."""
        first = group[0].delivery
        try:
            target = read_targets(self._table, first.tenant_id).targets.get(first.notification_id)
            if target is None:  # it was deleted, and its messages with it
                return []
            return self._posted(target, group, has_time)
        except Unavailable as error:
            logger.warning("notifications wait for the table: %s", error)
            return self._all_later(group, BACKOFF_SECONDS[0], "unavailable", str(error))
        except Exception as error:  # noqa: BLE001 (a bug must not hold up other targets)
            logger.exception("unexpected error in a notification")
            return self._all_later(group, BACKOFF_SECONDS[-1], "internal_error", repr(error))

    def _posted(
        self, target: Notification, group: Sequence[_Waiting], has_time: Callable[[], bool]
    ) -> list[Outcome]:
        is_chat = target.format != "webhook"
        left = list(group)
        for batch in batched(group, SENTENCES_MAX if is_chat else 1, strict=False):
            if not has_time():
                return self._all_later(left, 0, "no_time", "the function ran out of time")
            not_sent = self._post(target, batch, left)
            if not_sent:
                return not_sent
            left = left[len(batch) :]
        return []

    def _post(
        self, target: Notification, batch: Sequence[_Waiting], left: Sequence[_Waiting]
    ) -> list[Outcome]:
        """Post one batch; return what becomes of all that is left if it has not arrived."""
        tenant_id, target_id, now_ms = (
            batch[0].delivery.tenant_id, target.notification_id, self._now_ms(),
        )  # fmt: skip
        next_at_ms = now_ms + (0 if target.format == "webhook" else CHAT_INTERVAL_MS)
        try:
            state = take_turn(
                self._table, tenant_id, target_id, now_ms=now_ms, next_at_ms=next_at_ms
            )
        except ConditionFailed as busy:
            return self._when_its_turn_comes(read_state(busy.item or {}), target, left, now_ms)
        try:
            self._send(target, [waiting.delivery.event for waiting in batch], now_ms)
        except (DeliveryFailed, InvalidValue) as error:
            about = {"tenant_id": tenant_id, "notification_id": target_id}
            logger.warning("a notification was not delivered: %s", error, extra=about)
            count("notifications_retried", len(left))
            seconds = BACKOFF_SECONDS[min(state.failures, len(BACKOFF_SECONDS) - 1)]
            failed_at_ms = self._now_ms()
            note_failed(
                self._table, tenant_id, target_id,
                reason=str(error), now_ms=failed_at_ms, next_at_ms=failed_at_ms + seconds * 1000,
            )  # fmt: skip
            return self._all_later(left, seconds, "not_delivered", str(error))
        count("notifications_delivered", len(batch))
        note_delivered(self._table, tenant_id, target_id, now_ms=self._now_ms())
        return []

    def _when_its_turn_comes(
        self, state: DeliveryState, target: Notification, left: Sequence[_Waiting], now_ms: int
    ) -> list[Outcome]:
        """Return messages to the queue until their target may be sent to.

        Those for a chat that has too many get a turn of their own, one after the other: so they
        return once, and together.
        """
        if state.failures:
            seconds = -(-(state.next_at_ms - now_ms) // 1000)
            return self._all_later(left, seconds, "not_delivered", str(state.reason))
        slot_at_ms = max(state.next_at_ms, state.slot_at_ms + CHAT_INTERVAL_MS)
        take_slot(
            self._table, left[0].delivery.tenant_id, target.notification_id, slot_at_ms=slot_at_ms
        )
        seconds = min(-(-(slot_at_ms - now_ms) // 1000), _HIDDEN_SECONDS_MAX)
        reason = "too many messages for one chat"
        return [self._later(waiting.record, seconds, "too_many", reason) for waiting in left]

    def _send(self, target: Notification, events: Sequence[Event], now_ms: int) -> None:
        receiver = parse_receiver(target.url, allow_local=self._allow_local)
        post = post_of(target, events, console_url=self._console_url, now_ms=now_ms)
        self._sender.send(receiver, post.headers, post.body)

    def _all_later(
        self, left: Iterable[_Waiting], seconds: int, code: str, reason: str
    ) -> list[Outcome]:
        return [
            self._later(waiting.record, seconds + _patience(waiting.record), code, reason)
            for waiting in left
        ]

    def _later(self, record: Record, seconds: int, code: str, reason: str) -> Outcome:
        """Return a message to the queue, or dead-letter it if it is a day old."""
        if self._now_ms() - int(record["attributes"]["SentTimestamp"]) >= GIVE_UP_AFTER_MS:
            return Undeliverable(record, code, reason)
        return Retry(record, seconds)


def _patience(record: Record) -> int:
    """Return how many seconds more a message waits that has waited before.

    So many of them are not received again and again while their target is down.
    """
    waits = int(record["attributes"]["ApproximateReceiveCount"]) - 1
    return min(waits * MORE_SECONDS_EACH, MORE_SECONDS_MAX)
