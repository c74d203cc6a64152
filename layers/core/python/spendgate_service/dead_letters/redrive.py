"""Read a dead-letter queue, and send its messages back to where they came from.

SQS shows a message only by receiving it, which hides it from other readers for a while. So every
message that is read here becomes visible again afterwards, unless it was sent back. A message is
deleted after it was sent: a crash in between leaves it in both queues, and applying it a second
time changes nothing.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import batched
from typing import Any

from spendgate_service.dead_letters.queue import SENT_AT
from spendgate_service.store.messaging import SqsClient

HIDDEN_SECONDS = 300
"""How long a message stays hidden if this process dies before it makes it visible again."""

_BATCH = 10  # the most that SQS returns in one call
_WAIT_SECONDS = 1  # any wait at all makes SQS ask all its servers, not a sample of them
_PARTS = ("DataType", "StringValue", "BinaryValue")
_FAILURE_ATTRIBUTES = frozenset({"code", "reason"})
_EVENT_BRIDGE_NAMES = {"code": "ERROR_CODE", "reason": "ERROR_MESSAGE"}


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A dead-lettered message; without code and reason if SQS itself moved it."""

    message_id: str
    body: str
    dead_lettered_at_ms: int
    attributes: Mapping[str, Any]
    receipt: str

    def text(self, attribute: str) -> str | None:
        """Return a message attribute: `code`, `reason` or `source_message_id`.

        A message that EventBridge dead-lettered has code and reason under other names.
        """
        event_bridge_name = _EVENT_BRIDGE_NAMES.get(attribute, attribute)
        name = attribute if attribute in self.attributes else event_bridge_name
        value: str | None = self.attributes.get(name, {}).get("StringValue")
        return value

    def field(self, name: str) -> str | None:
        """Return a string field of the JSON body, or of the event in it; None if there is none."""
        try:
            parsed = json.loads(self.body)
        except (ValueError, RecursionError):
            return None
        for wrapper in ("detail", "event"):
            if isinstance(parsed, dict) and isinstance(parsed.get(wrapper), dict):
                parsed = parsed[wrapper]
        value = parsed.get(name) if isinstance(parsed, dict) else None
        return value if isinstance(value, str) else None

    @property
    def attributes_to_send(self) -> dict[str, Any]:
        """The attributes to send back: all but the reason of the failure, which may be outdated.

        A message that SQS itself moved keeps the moment at which it was sent, which is named here.
        """
        sent_at = {"DataType": "String", "StringValue": str(self.dead_lettered_at_ms)}
        kept = {
            name: attribute
            for name, attribute in self.attributes.items()
            if name not in _FAILURE_ATTRIBUTES
        }
        return {SENT_AT: sent_at, **kept}


@dataclass(frozen=True, slots=True)
class MessageFilter:
    """Which messages to choose: those that match every given field."""

    code: str | None = None
    reason: str | None = None
    message_id: str | None = None

    def matches(self, letter: DeadLetter) -> bool:
        """Whether a message matches, by its id here or by that in the settlement queue."""
        ids = {letter.message_id, letter.text("source_message_id")}
        return (
            (self.code is None or self.code == letter.text("code"))
            and (self.reason is None or self.reason in (letter.text("reason") or ""))
            and (self.message_id is None or self.message_id in ids)
        )


@contextmanager
def opened(client: SqsClient, queue_url: str, *, letters_max: int) -> Iterator[list[DeadLetter]]:
    """Read a dead-letter queue, oldest message first; what stays in the list reappears there."""
    letters: list[DeadLetter] = []
    try:
        for letter in _received(client, queue_url, letters_max=letters_max):
            letters.append(letter)  # noqa: PERF402 (after an error, what was received is made visible)
        letters.sort(key=lambda letter: letter.dead_lettered_at_ms)
        yield letters
    finally:
        _make_visible(client, queue_url, letters)


class SendRefused(Exception):
    """The destination refuses the message once more; it stays in the dead-letter queue."""


type Send = Callable[[DeadLetter], None]
"""Sends a message to its destination. Raises SendRefused."""


def to_queue(client: SqsClient, url: str) -> Send:
    """Return a sender to another queue."""

    def send(letter: DeadLetter) -> None:
        client.send_message(
            QueueUrl=url,
            MessageBody=letter.body,
            MessageAttributes=letter.attributes_to_send,
        )

    return send


def send_back(
    client: SqsClient,
    letters: list[DeadLetter],
    chosen: MessageFilter,
    *,
    from_url: str,
    send: Send,
    sent: Callable[[DeadLetter], object],
) -> list[tuple[DeadLetter, SendRefused]]:
    """Send the chosen messages back, and remove each from the list once it was sent.

    Returns the messages that were refused once more.
    """
    refused = []
    for letter in list(filter(chosen.matches, letters)):
        try:
            send(letter)
        except SendRefused as error:
            refused.append((letter, error))
            continue
        client.delete_message(QueueUrl=from_url, ReceiptHandle=letter.receipt)
        letters.remove(letter)
        sent(letter)
    return refused


def _received(client: SqsClient, queue_url: str, *, letters_max: int) -> Iterator[DeadLetter]:
    known: set[str] = set()
    while len(known) < letters_max:
        response = client.receive_message(
            QueueUrl=queue_url,
            MaxNumberOfMessages=min(_BATCH, letters_max - len(known)),
            MessageAttributeNames=["All"],
            MessageSystemAttributeNames=["SentTimestamp"],
            VisibilityTimeout=HIDDEN_SECONDS,
            WaitTimeSeconds=_WAIT_SECONDS,
        )
        messages = response.get("Messages", ())
        new = [message for message in messages if message["MessageId"] not in known]
        if not new:
            return
        known |= {message["MessageId"] for message in new}
        yield from map(_read, new)


def _read(message: Mapping[str, Any]) -> DeadLetter:
    return DeadLetter(
        message_id=message["MessageId"],
        body=message["Body"],
        dead_lettered_at_ms=int(message["Attributes"]["SentTimestamp"]),
        attributes={
            name: {part: attribute[part] for part in _PARTS if part in attribute}
            for name, attribute in message.get("MessageAttributes", {}).items()
        },
        receipt=message["ReceiptHandle"],
    )


def _make_visible(client: SqsClient, queue_url: str, letters: Iterable[DeadLetter]) -> None:
    """Make messages visible; after a failed call they become so when their time is over."""
    for batch in batched(letters, _BATCH, strict=False):
        client.change_message_visibility_batch(QueueUrl=queue_url, Entries=_entries(batch))


def _entries(letters: Sequence[DeadLetter]) -> list[dict[str, Any]]:
    return [
        {"Id": str(place), "ReceiptHandle": letter.receipt, "VisibilityTimeout": 0}
        for place, letter in enumerate(letters)
    ]
