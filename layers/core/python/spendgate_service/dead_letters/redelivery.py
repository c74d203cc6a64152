"""Backoff: how long a queue hides a failed message before it delivers it again."""

from collections.abc import Mapping
from itertools import batched

from spendgate_service.store.errors import Unavailable
from spendgate_service.store.messaging import ENTRIES_MAX, SqsClient, call

BACKOFF_SECONDS = (1, 5, 30, 120)
"""After the first, second and third failure of a message, and after every later one."""


def backoff_seconds(receives: int) -> int:
    """Return how long a message waits that was received so often and failed."""
    return BACKOFF_SECONDS[min(receives, len(BACKOFF_SECONDS)) - 1]


class Redelivery:
    """Changes the visibility of messages of one queue."""

    def __init__(self, client: SqsClient, queue_url: str) -> None:
        self._client = client
        self._queue_url = queue_url

    def delay(self, waits: Mapping[str, int]) -> None:
        """Deliver messages, by their receipt handles, again after so many seconds.

        Raises Unavailable; those messages return when their visibility timeout ends.
        """
        refused = 0
        for batch in batched(waits.items(), ENTRIES_MAX, strict=False):
            response = call(
                self._client.change_message_visibility_batch,
                QueueUrl=self._queue_url,
                Entries=[
                    {"Id": str(place), "ReceiptHandle": receipt, "VisibilityTimeout": seconds}
                    for place, (receipt, seconds) in enumerate(batch)
                ],
            )
            refused += len(response.get("Failed", ()))
        if refused:
            raise Unavailable(f"SQS refused to change the visibility of {refused} messages")
