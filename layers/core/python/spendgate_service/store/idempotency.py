"""Exactly once: what an operation answered is kept under its idempotency key.

The mark is put in the transaction of the operation itself, so that either both are there or
neither. A replay finds it and gets the first answer.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from spendgate_service.domain.errors import IdempotencyConflict
from spendgate_service.store import keys, values
from spendgate_service.store.client import Table
from spendgate_service.store.errors import Item, Objection
from spendgate_service.store.packed_answers import packed_answer, read_packed_answer

ONCE_RETENTION_SECONDS = 30 * 86_400
"""How long an idempotency key is remembered; a message lives in SQS for 14 days at most."""

IS_THE_FIRST_TIME = "attribute_not_exists(pk) OR expires_ttl <= :now"


@dataclass(frozen=True, slots=True)
class Replay:
    """The operation took effect before; `answer` is what it answered then, as JSON."""

    answer: str


@dataclass(frozen=True, slots=True)
class IdempotencyRecord[T]:
    """One operation under one idempotency key; the fingerprint tells requests apart.

    `answer` writes, as JSON, what a replay of the operation is answered.
    """

    tenant_id: str
    operation: str
    idempotency_key: str
    fingerprint: str
    answer: Callable[[T], str]

    def replay(self, table: Table, *, now_ms: int) -> Replay | None:
        """The first answer, if there was one; None the first time. Raises IdempotencyConflict.

        One consistent read. It spares the work; what decides is the condition of `put`.
        """
        return self.replay_in(table.get(self._key), now_ms=now_ms)

    def replay_in(self, item: Item | None, *, now_ms: int) -> Replay | None:
        """The same, where the mark's item has been read already."""
        if item is None or values.read_number(item["expires_ttl"]) * 1000 <= now_ms:
            return None
        return self._first_answer(item)

    def put(self, table: Table, result: T, *, now_ms: int) -> dict[str, Any]:
        """The write, for the operation's transaction, that objects if it took effect before."""
        return {
            "Put": {
                "TableName": table.name,
                "Item": {
                    **self._key,
                    "fingerprint": values.text(self.fingerprint),
                    "answer": packed_answer(self.answer(result)),
                    "created_at_ms": values.number(now_ms),
                    "expires_ttl": values.number(now_ms // 1000 + ONCE_RETENTION_SECONDS),
                },
                "ConditionExpression": IS_THE_FIRST_TIME,
                "ExpressionAttributeValues": {":now": values.number(now_ms // 1000)},
                "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
            }
        }

    def replay_of(self, objection: Objection | None) -> Replay | None:
        """What the objection of `put` means; None if it had none. Raises IdempotencyConflict."""
        if objection is None or objection.item is None:
            return None
        return self._first_answer(objection.item)

    @property
    def _key(self) -> Item:
        return values.key(keys.once_key(self.tenant_id, self.operation, self.idempotency_key))

    def _first_answer(self, item: Item) -> Replay:
        if item["fingerprint"]["S"] != self.fingerprint:
            raise IdempotencyConflict
        return Replay(read_packed_answer(item["answer"]))
