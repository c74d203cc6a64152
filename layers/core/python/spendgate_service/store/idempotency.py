"""Idempotency records: the first response of an operation, stored under its idempotency key.

The record is written in the operation's own transaction, so that either both exist or neither. A
replay finds the record and gets the first response.

Responses are deflated with a preset dictionary (RFC 1950), so that storing one costs no further
write unit: field names cost nothing, and a response about three budgets takes some 300 bytes
instead of 1,700.
"""

from dataclasses import dataclass
from typing import Any

from spendgate_service.domain.errors import IdempotencyConflict
from spendgate_service.store import keys, values
from spendgate_service.store.client import Table
from spendgate_service.store.errors import Objection
from spendgate_service.store.packing import Packing
from spendgate_service.store.values import Item

ONCE_RETENTION_SECONDS = 30 * 86_400
"""How long an idempotency key is remembered; SQS keeps a message for 14 days at most."""

IS_THE_FIRST_TIME = "attribute_not_exists(pk) OR expires_ttl <= :now"

PACKED_ANSWER = Packing(
    b'"metadata":{"trace_id":"bud_01m80rsv_agent:session:organization:tool:user:","warning",'
    b'"exhausted","paused","credits","eur","type":"none","key":"balance","starts_at":null,'
    b'"ends_at":null},"resets_at":null,"resets_in_seconds":null},"type":"calendar",00:00:00.000Z'
    b'{"reservation_id":"rsv_","state":"held","expires_at":"2026-12-31T23:59:59.000Z",'
    b'"created_at":"2026-01-01T00:00:00.000Z","subjects":{"agent":"","session":"","tool":""},'
    b'"amounts":{"tokens":"2000","usd":"0.0"},"action":"warn","warnings":[" usd month at ",'
    b'" usd day at 80.0%: 8.50 of 10"],"action":"continue","warnings":[],"budgets":['
    b'{"budget_id":"bud_","name":null,"subject":"organization:","unit":"usd",'
    b'"period":{"type":"calendar","key":"2026-","starts_at":"2026-01-01T00:00:00.000Z",'
    b'"ends_at":"2026-12-31T00:00:00.000Z"},"limit":"100","credits":"0","carried_in":"0",'
    b'"soft_limit":null,"spent":"0",'
    b'"held":"0.0","available":"99.9","overrun":"0","utilization_pct":0.0,'
    b'"percent_remaining":100.0,"status":"active","resets_at":"2026-12-31T00:00:00.000Z",'
    b'"forecast":{"burn_rate_per_hour":"0.0","limit_reached_at":null}},"resets_in_seconds":'
)
"""How responses are packed, byte for byte as they were sent."""


@dataclass(frozen=True, slots=True)
class Replay:
    """The operation took effect before; `answer` is its first response, as JSON."""

    answer: str


@dataclass(frozen=True, slots=True)
class IdempotencyRecord:
    """One operation under one idempotency key; the fingerprint tells requests apart."""

    tenant_id: str
    operation: str
    idempotency_key: str
    fingerprint: str

    def replay(self, table: Table, *, now_ms: int) -> Replay | None:
        """Return the first response; None the first time. Raises IdempotencyConflict.

        One consistent read. It only saves work: the condition of `put` decides.
        """
        return self.replay_in(table.get(self._key), now_ms=now_ms)

    def replay_in(self, item: Item | None, *, now_ms: int) -> Replay | None:
        """Do the same where the record's item has been read already."""
        if item is None or values.read_number(item["expires_ttl"]) * 1000 <= now_ms:
            return None
        return self._first_answer(item)

    def put(self, table: Table, response: str, *, now_ms: int) -> dict[str, Any]:
        """Build the write, for the operation's transaction, that fails if it took effect before.

        `response` is what a replay gets, as JSON.
        """
        return {
            "Put": {
                "TableName": table.name,
                "Item": {
                    **self._key,
                    "fingerprint": values.text(self.fingerprint),
                    "answer": PACKED_ANSWER.pack(response),
                    "created_at_ms": values.number(now_ms),
                    "expires_ttl": values.number(now_ms // 1000 + ONCE_RETENTION_SECONDS),
                },
                "ConditionExpression": IS_THE_FIRST_TIME,
                "ExpressionAttributeValues": {":now": values.number(now_ms // 1000)},
                "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
            }
        }

    def replay_of(self, objection: Objection | None) -> Replay | None:
        """Return the replay that a failed `put` has found, if any. Raises IdempotencyConflict."""
        if objection is None or objection.item is None:
            return None
        return self._first_answer(objection.item)

    @property
    def _key(self) -> Item:
        return values.key(keys.once_key(self.tenant_id, self.operation, self.idempotency_key))

    def _first_answer(self, item: Item) -> Replay:
        if item["fingerprint"]["S"] != self.fingerprint:
            raise IdempotencyConflict
        return Replay(PACKED_ANSWER.read(item["answer"]))
