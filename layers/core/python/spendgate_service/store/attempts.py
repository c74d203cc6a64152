"""Attempt items: how often the consumer began a message and did not come to its end.

A message that was received several times is marked before it is processed, and the mark is removed
after it, also if it failed. What remains shows that the function was killed meanwhile.
"""

from collections.abc import Collection

from spendgate_service.store import keys
from spendgate_service.store.client import Table
from spendgate_service.store.errors import StoreError, Unavailable
from spendgate_service.store.values import key, number, read_number

START = "SET unfinished = if_not_exists(unfinished, :none) + :one, expires_ttl = :expires_ttl"
FINISH = "SET unfinished = :none, expires_ttl = :expires_ttl"

FINISH_TRIES_MAX = 3
"""Each try repeats refused calls by itself; removing a mark twice changes nothing."""

_KEPT_SECONDS = 15 * 86_400
"""Longer than SQS keeps a message."""


class ConsumerKilled(StoreError):
    """The function was killed each time while it processed this message."""

    def __init__(self, times: int) -> None:
        super().__init__(
            f"the function was killed {times} times in a row while it processed this message; "
            "look for timeouts and memory errors in the log of settle before you redrive it"
        )


def unfinished_attempts(table: Table, message_ids: Collection[str]) -> dict[str, int]:
    """Read how many attempts of each message did not end: one read unit per message."""
    by_key = {keys.attempts_key(message_id): message_id for message_id in message_ids}
    found = table.get_many(map(key, by_key), consistent=True)
    unfinished = {by_key[keys.read_key(item)]: read_number(item["unfinished"]) for item in found}
    return {message_id: unfinished.get(message_id, 0) for message_id in message_ids}


def start_attempt(table: Table, message_id: str, *, now_ms: int) -> None:
    """Mark a message before it is processed: one write unit."""
    table.update(
        key(keys.attempts_key(message_id)),
        UpdateExpression=START,
        ExpressionAttributeValues={":one": number(1), **_values(now_ms)},
    )


def finish_attempt(table: Table, message_id: str, *, now_ms: int) -> None:
    """Remove the mark of a message: one write unit. Raises Unavailable."""
    for attempt in range(1, FINISH_TRIES_MAX + 1):
        try:
            table.update(
                key(keys.attempts_key(message_id)),
                UpdateExpression=FINISH,
                ExpressionAttributeValues=_values(now_ms),
            )
        except Unavailable:
            if attempt == FINISH_TRIES_MAX:
                raise
        else:
            return


def _values(now_ms: int) -> dict[str, dict[str, str]]:
    return {":none": number(0), ":expires_ttl": number(now_ms // 1000 + _KEPT_SECONDS)}
