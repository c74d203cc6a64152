"""A queue in memory that delivers as SQS does: out of order, at least once, and not for ever."""

import random
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from spendgate_service.api.queue import RECEIVES_MAX

VISIBLE_AGAIN_SECONDS = 0.3
BATCH_MAX = 10


@dataclass(slots=True)
class _Message:
    body: str
    receives: int = 0
    visible_at: float = 0.0


@dataclass
class MemoryQueue:
    """Messages by their id; `lost_patience` are those that were delivered as often as allowed."""

    dice: random.Random
    seconds: Callable[[], float] = time.monotonic
    hidden_seconds: float = VISIBLE_AGAIN_SECONDS
    lost_patience: list[str] = field(default_factory=list)
    delivered: int = 0
    _messages: dict[str, _Message] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def send(self, message_id: str, body: str) -> None:
        self._messages[message_id] = _Message(body)

    @property
    def is_empty(self) -> bool:
        return not self._messages

    def receive(self) -> list[dict[str, Any]]:
        """Up to ten messages in any order, out of sight of others until they are visible again."""
        with self._lock:
            now = self.seconds()
            visible = [key for key, one in self._messages.items() if one.visible_at <= now]
            chosen = self.dice.sample(visible, min(BATCH_MAX, len(visible)))
            batch = [self._delivered(key, now) for key in chosen]
            return [message for message in batch if message is not None]

    @property
    def next_at(self) -> float:
        """When the next message can be received."""
        return min(message.visible_at for message in self._messages.values())

    def receives(self, message_id: str) -> int:
        """How often a message was delivered that is still here."""
        return self._messages[message_id].receives

    def delay(self, waits: Mapping[str, int]) -> None:
        """Change the visibility of failed messages, as the consumer asks for it."""
        with self._lock:
            for message_id, seconds in waits.items():
                self._messages[message_id].visible_at = self.seconds() + seconds

    def _delivered(self, message_id: str, now: float) -> dict[str, Any] | None:
        message = self._messages[message_id]
        if message.receives == RECEIVES_MAX:
            self.lost_patience.append(message_id)
            del self._messages[message_id]
            return None
        message.receives += 1
        message.visible_at = now + self.hidden_seconds
        self.delivered += 1
        receives = {"ApproximateReceiveCount": str(message.receives)}
        return {
            "messageId": message_id,
            "receiptHandle": message_id,
            "body": message.body,
            "attributes": receives,
        }

    def settle(self, batch: list[dict[str, Any]], answer: Mapping[str, Any]) -> None:
        """Delete what the consumer did not name as failed."""
        failed = {failure["itemIdentifier"] for failure in answer["batchItemFailures"]}
        with self._lock:
            for record in batch:
                if record["messageId"] not in failed:
                    self._messages.pop(record["messageId"], None)
