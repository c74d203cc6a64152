"""Increase requests: one item each, and one that says that a key waits for a decision.

A tenant's requests are sorted by their ids, and so by time. A pending one is in the index of what
is due by its end (`store.due_index`). The second item exists once per budget, subject and key, so
that only one of them is pending; it is deleted by the decision, and counts until its end.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, cast

from spendgate_service.domain.errors import NotFound
from spendgate_service.domain.increase_requests import Decision, IncreaseRequest, RequestState
from spendgate_service.domain.subjects import Subject, parse_subject
from spendgate_service.store import keys, values
from spendgate_service.store.client import Table
from spendgate_service.store.counters import RETENTION_SECONDS
from spendgate_service.store.paging import read_newest
from spendgate_service.store.values import Item

IS_PENDING = "stage = :pending AND ends_at > :now"
HAS_EXPIRED = "stage = :pending AND ends_at <= :now"
CLOSE = "REMOVE due_shard SET stage = :stage"
DECIDE = f"{CLOSE}, decision = :decision"

WAITS_FOR_NOTHING = "attribute_not_exists(pk) OR ends_at <= :now"
WAITS_FOR_THIS = "request_id = :request_id"

IS_IN_STATE = "stage = :stage"
IS_OR_HAS_EXPIRED = f"stage = :expired OR ({HAS_EXPIRED})"
IS_OF_KEY = "key_id = :key_id"

_AFTER_ALL_IDS = "~"
_WAITING = "pk = :pk"


def puts_of_request(
    table: Table, tenant_id: str, request: IncreaseRequest, *, now_ms: int
) -> list[dict[str, Any]]:
    """Build the writes that open a request: four write units, and one for the index of what is due.

    The second one fails if the key waits for a decision on the same budget and subject.
    """
    return [
        {
            "Put": {
                "TableName": table.name,
                "Item": {**_key(tenant_id, request.request_id), **_attributes(request)},
                "ConditionExpression": keys.IS_NEW,
            }
        },
        {
            "Put": {
                "TableName": table.name,
                "Item": {
                    **values.key(_waiting_key(tenant_id, request)),
                    "request_id": values.text(request.request_id),
                    "ends_at": values.number(request.ends_at),
                    "expires_ttl": values.number(request.ends_at),
                    "unit": values.text(request.unit),
                    "amount": values.amount(request.amount),
                    **values.optional_number(until=request.until),
                },
                "ConditionExpression": WAITS_FOR_NOTHING,
                "ExpressionAttributeValues": {":now": values.number(now_ms // 1000)},
                "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
            }
        },
    ]


def decision_writes(
    table: Table, tenant_id: str, decided: IncreaseRequest, *, now_ms: int
) -> list[dict[str, Any]]:
    """Build the writes of a decision: each fails if the request is no longer pending."""
    assert decided.decision is not None
    return [
        _update(
            table, tenant_id, decided, DECIDE, IS_PENDING,
            {":decision": values.text(json.dumps(asdict(decided.decision)))},
            now_ms=now_ms,
        ),
        {
            "Delete": {
                "TableName": table.name,
                "Key": values.key(_waiting_key(tenant_id, decided)),
                "ConditionExpression": WAITS_FOR_THIS,
                "ExpressionAttributeValues": {":request_id": values.text(decided.request_id)},
            }
        },
    ]  # fmt: skip


def expiry_write(
    table: Table, tenant_id: str, expired: IncreaseRequest, *, now_ms: int
) -> dict[str, Any]:
    """Build the write that closes a request whose end has come; it fails if it was decided."""
    return _update(table, tenant_id, expired, CLOSE, HAS_EXPIRED, {}, now_ms=now_ms)


def read_request_of(table: Table, tenant_id: str, request_id: str) -> IncreaseRequest:
    """Read a request consistently. Raises NotFound."""
    item = table.get(_key(tenant_id, request_id))
    if item is None:
        raise NotFound("increase request", request_id)
    return read_request(item)


def read_request(item: Item) -> IncreaseRequest:
    """Read a request from its item."""
    return IncreaseRequest(
        request_id=item["sk"]["S"],
        budget_id=item["budget_id"]["S"],
        subject=parse_subject(item["subject"]["S"]),
        unit=item["unit"]["S"],
        amount=values.read_amount(item["amount"]),
        until=values.read_optional_number(item, "until"),
        reason=item["reason"]["S"],
        key_id=item["key_id"]["S"],
        key_name=values.read_text(item, "key_name"),
        created_at_ms=values.read_number(item["created_at_ms"]),
        ends_at=values.read_number(item["ends_at"]),
        stage=cast("RequestState", item["stage"]["S"]),
        decision=Decision(**json.loads(item["decision"]["S"])) if "decision" in item else None,
    )


def count_waiting(table: Table, tenant_id: str, key_id: str, *, now_ms: int) -> tuple[int, int]:
    """Count the pending requests of a key and of its tenant. One query, of some 20 KB at most."""
    waiting = [
        keys.read_key(item)[1]
        for item in table.query_items(
            KeyConditionExpression=_WAITING,
            ExpressionAttributeValues={
                ":pk": values.text(keys.waiting_requests_partition(tenant_id))
            },
            ConsistentRead=True,
        )
        if _is_waiting(item, now_ms)
    ]
    return sum(keys.is_waiting_of(sort_key, key_id) for sort_key in waiting), len(waiting)


@dataclass(frozen=True, slots=True)
class WaitingRequest:
    """What a key waits for on the budget of a subject; `until` is in epoch seconds."""

    request_id: str
    unit: str
    amount: int
    until: int | None


def waiting_requests(
    table: Table, tenant_id: str, key_id: str, on: Iterable[tuple[str, Subject]], *, now_ms: int
) -> Mapping[tuple[str, Subject], WaitingRequest]:
    """Read what a key waits for, by budget and subject. Half a read unit for each of these."""
    by_key = {
        keys.waiting_request_key(tenant_id, key_id, budget_id, subject): (budget_id, subject)
        for budget_id, subject in on
    }
    return {
        by_key[keys.read_key(item)]: WaitingRequest(
            item["request_id"]["S"],
            item["unit"]["S"],
            values.read_amount(item["amount"]),
            values.read_optional_number(item, "until"),
        )
        for item in table.get_many(map(values.key, by_key))
        if _is_waiting(item, now_ms)
    }


@dataclass(frozen=True, slots=True)
class RequestFilter:
    """Which requests are wanted: in a state, of a key; None: all."""

    state: RequestState | None = None
    key_id: str | None = None

    def condition(self, *, now_ms: int) -> tuple[str, Item]:
        """Return the filter of the query, empty if all are wanted, and its values."""
        conditions: list[str] = []
        attribute_values: Item = {}
        match self.state:
            case "pending":
                conditions.append(IS_PENDING)
            case "expired":
                conditions.append(f"({IS_OR_HAS_EXPIRED})")
                attribute_values[":expired"] = values.text("expired")
            case "approved" | "denied":
                conditions.append(IS_IN_STATE)
                attribute_values[":stage"] = values.text(self.state)
        if self.state in {"pending", "expired"}:
            attribute_values[":pending"] = values.text("pending")
            attribute_values[":now"] = values.number(now_ms // 1000)
        if self.key_id is not None:
            conditions.append(IS_OF_KEY)
            attribute_values[":key_id"] = values.text(self.key_id)
        return " AND ".join(conditions), attribute_values


def read_requests(
    table: Table,
    tenant_id: str,
    wanted: RequestFilter,
    *,
    before: str | None,
    since: str,
    limit: int,
    now_ms: int,
) -> tuple[list[IncreaseRequest], str | None]:
    """Read requests, newest first, and the id before which the rest begins (None: no rest).

    `since` is the oldest id of interest. A filter may return fewer than `limit` although there are
    more.
    """
    partition = keys.increase_requests_partition(tenant_id)
    condition, attribute_values = wanted.condition(now_ms=now_ms)
    query: dict[str, Any] = {
        "KeyConditionExpression": keys.SORTED_BETWEEN,
        "ExpressionAttributeValues": {
            ":pk": values.text(partition),
            ":first": values.text(since),
            ":last": values.text(_AFTER_ALL_IDS),
            **attribute_values,
        },
    }
    if condition:
        query["FilterExpression"] = condition
    if before is not None:
        if before < since:
            return [], None
        query["ExclusiveStartKey"] = _key(tenant_id, before)
    found, rest_before = read_newest(table, query, limit=limit)
    return list(map(read_request, found)), rest_before


def _attributes(request: IncreaseRequest) -> Item:
    return {
        "stage": values.text(request.stage),
        "budget_id": values.text(request.budget_id),
        "subject": values.text(str(request.subject)),
        "unit": values.text(request.unit),
        "amount": values.amount(request.amount),
        "reason": values.text(request.reason),
        "key_id": values.text(request.key_id),
        "created_at_ms": values.number(request.created_at_ms),
        "ends_at": values.number(request.ends_at),
        "due_shard": values.text(keys.EXPIRING_REQUESTS_SHARD),
        "expires_ttl": values.number(request.ends_at + RETENTION_SECONDS),
        **values.optional_text(key_name=request.key_name),
        **values.optional_number(until=request.until),
    }


def _update(
    table: Table,
    tenant_id: str,
    request: IncreaseRequest,
    expression: str,
    condition: str,
    attribute_values: Item,
    *,
    now_ms: int,
) -> dict[str, Any]:
    return {
        "Update": {
            "TableName": table.name,
            "Key": _key(tenant_id, request.request_id),
            "UpdateExpression": expression,
            "ConditionExpression": condition,
            "ExpressionAttributeValues": {
                ":pending": values.text("pending"),
                ":now": values.number(now_ms // 1000),
                ":stage": values.text(request.stage),
                **attribute_values,
            },
        }
    }


def _is_waiting(item: Item, now_ms: int) -> bool:
    return values.read_number(item["ends_at"]) * 1000 > now_ms


def _waiting_key(tenant_id: str, request: IncreaseRequest) -> keys.Key:
    return keys.waiting_request_key(tenant_id, request.key_id, request.budget_id, request.subject)


def _key(tenant_id: str, request_id: str) -> Item:
    return values.key(keys.increase_request_key(tenant_id, request_id))
