"""The dead-letter queue: messages that cannot be applied, with the reason."""

from typing import Any, Protocol

import botocore.exceptions
from botocore.config import Config

from spendgate_service.store.errors import NeverTaken, Unavailable

CLIENT_CONFIG = Config(
    retries={"total_max_attempts": 2, "mode": "standard"}, connect_timeout=1, read_timeout=3
)
"""A queue that does not answer leaves the function time to say which of its batch has failed."""

_REASON_LENGTH_MAX = 1000

_FINAL_CODES = frozenset({"InvalidMessageContents", "InvalidParameterValue"})
"""What SQS holds against a message itself: its characters, or its size."""


class SqsClient(Protocol):
    """The call of boto3's SQS client that is used here."""

    def send_message(self, **arguments: Any) -> dict[str, Any]:
        """SendMessage."""
        ...


class DeadLetters:
    """Puts messages aside."""

    def __init__(self, client: SqsClient, queue_url: str) -> None:
        self._client = client
        self._queue_url = queue_url

    def dead_letter(self, body: str, *, code: str, reason: str, message_id: str) -> None:
        """Send a message to the dead-letter queue as it came. Raises Unavailable, NeverTaken.

        The reason travels as message attributes: `code`, `reason`, `source_message_id`.
        """
        texts = {
            "code": code,
            "reason": _printable(reason[:_REASON_LENGTH_MAX]),
            "source_message_id": message_id,
        }
        try:
            self._client.send_message(
                QueueUrl=self._queue_url,
                MessageBody=body,
                MessageAttributes={
                    name: {"DataType": "String", "StringValue": text}
                    for name, text in texts.items()
                },
            )
        except botocore.exceptions.ClientError as error:
            if error.response.get("Error", {}).get("Code") in _FINAL_CODES:
                raise NeverTaken(str(error)) from error
            raise Unavailable("the dead-letter queue does not answer") from error
        except botocore.exceptions.BotoCoreError as error:
            raise Unavailable("the dead-letter queue does not answer") from error


def _printable(text: str) -> str:
    """A reason may quote what a caller sent, and SQS refuses control characters."""
    return "".join(one if one.isprintable() else "?" for one in text) or "?"
