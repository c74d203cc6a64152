"""Send a message that cannot be applied to a dead-letter queue, with the reason."""

from spendgate_service.store.errors import NeverTaken, Unavailable
from spendgate_service.store.messaging import CallFailed, SqsClient, call

_REASON_LENGTH_MAX = 1000

SENT_AT = "sent_at_ms"
"""The message attribute that says when a message was first sent, through every redrive."""

_FINAL_CODES = frozenset({"InvalidMessageContents", "InvalidParameterValue"})
"""The errors of SQS that are about the message itself: its characters, or its size."""


class DeadLetters:
    """One dead-letter queue."""

    def __init__(self, client: SqsClient, queue_url: str) -> None:
        self._client = client
        self._queue_url = queue_url

    def dead_letter(
        self, body: str, *, code: str, reason: str, message_id: str, sent_at_ms: int | None = None
    ) -> None:
        """Send a message to the dead-letter queue as it came. Raises Unavailable, NeverTaken.

        The reason travels as message attributes: `code`, `reason`, `source_message_id`, and so
        does the moment at which the message was first sent.
        """
        attributes = {
            "code": code,
            "reason": _printable(reason[:_REASON_LENGTH_MAX]),
            "source_message_id": message_id,
            **({} if sent_at_ms is None else {SENT_AT: str(sent_at_ms)}),
        }
        try:
            call(
                self._client.send_message,
                QueueUrl=self._queue_url,
                MessageBody=body,
                MessageAttributes={
                    name: {"DataType": "String", "StringValue": text}
                    for name, text in attributes.items()
                },
            )
        except CallFailed as error:
            if error.code in _FINAL_CODES:
                raise NeverTaken(str(error)) from error
            raise Unavailable("the dead-letter queue does not answer") from error


def _printable(text: str) -> str:
    """Replace control characters: a reason may quote what a caller sent, and SQS refuses them."""
    printable = (character if character.isprintable() else "?" for character in text)
    return "".join(printable) or "?"
