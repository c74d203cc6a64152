"""Looking into a queue of what was put aside, and sending messages back to where they belong.

SQS shows a message only by handing it out, which hides it from others for a while. So whatever is
looked at here is shown again afterwards, unless it was sent back. A message is deleted after it
was sent: a crash in between leaves it in both queues, where the second one changes nothing.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import batched
from typing import Any, Protocol

HIDDEN_SECONDS = 300
"""For how long a message that was looked at is hidden should we die before showing it again."""

_BATCH = 10  # SQS hands out no more at once
_WAIT_SECONDS = 1  # any wait at all makes SQS ask all its servers, not a sample of them
_PARTS = ("DataType", "StringValue", "BinaryValue")
_OF_THE_FAILURE = frozenset({"code", "reason"})
_AS_EVENT_BRIDGE_SAYS = {"code": "ERROR_CODE", "reason": "ERROR_MESSAGE"}


class SqsClient(Protocol):
    """The calls of boto3's SQS client that are used here."""

    def receive_message(self, **arguments: Any) -> dict[str, Any]:
        """ReceiveMessage."""
        ...

    def send_message(self, **arguments: Any) -> dict[str, Any]:
        """SendMessage."""
        ...

    def delete_message(self, **arguments: Any) -> dict[str, Any]:
        """DeleteMessage."""
        ...

    def change_message_visibility_batch(self, **arguments: Any) -> dict[str, Any]:
        """ChangeMessageVisibilityBatch."""
        ...


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message that was put aside; without code and reason if SQS itself moved it."""

    message_id: str
    body: str
    dead_lettered_at_ms: int
    attributes: Mapping[str, Any]
    receipt: str

    def text(self, attribute: str) -> str | None:
        """One of its message attributes: `code`, `reason` or `source_message_id`.

        What EventBridge puts aside has code and reason under its own names.
        """
        theirs = _AS_EVENT_BRIDGE_SAYS.get(attribute, attribute)
        name = attribute if attribute in self.attributes else theirs
        value: str | None = self.attributes.get(name, {}).get("StringValue")
        return value

    def field(self, name: str) -> str | None:
        """A field of its body, or of the event in it, if that is JSON that has it as text."""
        try:
            parsed = json.loads(self.body)
        except (ValueError, RecursionError):
            return None
        if isinstance(parsed, dict) and "detail-type" in parsed:
            parsed = parsed.get("detail")
        value = parsed.get(name) if isinstance(parsed, dict) else None
        return value if isinstance(value, str) else None

    @property
    def attributes_to_send(self) -> dict[str, Any]:
        """What goes back with it: all but why it failed, which may no longer be true."""
        return {name: it for name, it in self.attributes.items() if name not in _OF_THE_FAILURE}


@dataclass(frozen=True, slots=True)
class MessageFilter:
    """Which messages are meant: those that fit everything that is given."""

    code: str | None = None
    reason: str | None = None
    message_id: str | None = None

    def takes(self, letter: DeadLetter) -> bool:
        """Whether a message is meant; an id may be the one it had in the settlement queue."""
        ids = {letter.message_id, letter.text("source_message_id")}
        return (
            (self.code is None or self.code == letter.text("code"))
            and (self.reason is None or self.reason in (letter.text("reason") or ""))
            and (self.message_id is None or self.message_id in ids)
        )


@contextmanager
def opened(client: SqsClient, queue_url: str, *, letters_max: int) -> Iterator[list[DeadLetter]]:
    """The messages of a dead-letter queue, oldest first; those still listed at the end reappear."""
    letters: list[DeadLetter] = []
    try:
        for letter in _handed_out(client, queue_url, letters_max=letters_max):
            letters.append(letter)  # noqa: PERF402 (what was taken before an error is shown again)
        letters.sort(key=lambda one: one.dead_lettered_at_ms)
        yield letters
    finally:
        _show_again(client, queue_url, letters)


class NotTaken(Exception):
    """Where a message was sent back to, it was refused once more; it stays where it is."""


type Send = Callable[[DeadLetter], None]
"""Sends a message to where it belongs. Raises NotTaken."""


def to_queue(client: SqsClient, url: str) -> Send:
    """Sends messages to another queue."""

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
    choice: MessageFilter,
    *,
    from_url: str,
    send: Send,
    sent: Callable[[DeadLetter], object],
) -> list[tuple[DeadLetter, NotTaken]]:
    """Send the chosen messages back and take each off the list when it is there.

    Answers what was refused once more.
    """
    refused = []
    for letter in [one for one in letters if choice.takes(one)]:
        try:
            send(letter)
        except NotTaken as error:
            refused.append((letter, error))
            continue
        client.delete_message(QueueUrl=from_url, ReceiptHandle=letter.receipt)
        letters.remove(letter)
        sent(letter)
    return refused


def _handed_out(client: SqsClient, queue_url: str, *, letters_max: int) -> Iterator[DeadLetter]:
    known: set[str] = set()
    while len(known) < letters_max:
        answer = client.receive_message(
            QueueUrl=queue_url,
            MaxNumberOfMessages=min(_BATCH, letters_max - len(known)),
            MessageAttributeNames=["All"],
            MessageSystemAttributeNames=["SentTimestamp"],
            VisibilityTimeout=HIDDEN_SECONDS,
            WaitTimeSeconds=_WAIT_SECONDS,
        )
        new = [one for one in answer.get("Messages", ()) if one["MessageId"] not in known]
        if not new:
            return
        known |= {one["MessageId"] for one in new}
        yield from map(_read, new)


def _read(message: Mapping[str, Any]) -> DeadLetter:
    return DeadLetter(
        message_id=message["MessageId"],
        body=message["Body"],
        dead_lettered_at_ms=int(message["Attributes"]["SentTimestamp"]),
        attributes={
            name: {part: one[part] for part in _PARTS if part in one}
            for name, one in message.get("MessageAttributes", {}).items()
        },
        receipt=message["ReceiptHandle"],
    )


def _show_again(client: SqsClient, queue_url: str, letters: Iterable[DeadLetter]) -> None:
    """Whatever cannot be shown now reappears by itself."""
    for batch in batched(letters, _BATCH, strict=False):
        client.change_message_visibility_batch(QueueUrl=queue_url, Entries=_entries(batch))


def _entries(letters: Sequence[DeadLetter]) -> list[dict[str, Any]]:
    return [
        {"Id": str(place), "ReceiptHandle": letter.receipt, "VisibilityTimeout": 0}
        for place, letter in enumerate(letters)
    ]
