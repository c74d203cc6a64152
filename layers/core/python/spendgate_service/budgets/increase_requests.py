"""Open, list and expire increase requests; `budgets.decisions` approves and denies them.

A key has one pending request per budget and subject. Each change of a request's state writes its
event in the same transaction.
"""

import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from spendgate_service.domain.budgets import counted_subject
from spendgate_service.domain.errors import ForeignSubject, NotFound
from spendgate_service.domain.increase_requests import (
    PENDING_SECONDS_MAX,
    IncreaseRequest,
    RequestPending,
    check_pending,
    end_of_request,
)
from spendgate_service.domain.subjects import Subject
from spendgate_service.domain.thresholds import ANNOUNCEMENT_RETENTION_SECONDS
from spendgate_service.store import due_index, keys
from spendgate_service.store.client import Table
from spendgate_service.store.errors import Throttled, TransactionFailed
from spendgate_service.store.idempotency import IdempotencyRecord, Replay
from spendgate_service.store.ids import first_ulid
from spendgate_service.store.increase_requests import (
    RequestFilter,
    count_waiting,
    expiry_write,
    puts_of_request,
    read_request_of,
    read_requests,
)
from spendgate_service.store.outbox import OutboxEvent
from spendgate_service.store.paging import Page, PageRequest, cursor_after
from spendgate_service.store.policies import find_budget
from spendgate_service.store.retrying import CHANGE_TRIES_MAX, LoopEnded, attempts
from spendgate_service.wire.events import IncreaseRequestDetail
from spendgate_service.wire.increase_requests import increase_request_response
from spendgate_service.wire.values import json_text

ID_PREFIX = "req_"
REQUEST_ID = re.compile(r"req_[0-9a-z]{26}")

_WAITING = 1
"""The place, among the writes of a new request, of the one that says that a key waits."""

_CLOCKS_DIFFER_MS = 60_000

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Wish:
    """What a caller asks for; for a default, on the balance of `subject`."""

    request_id: str
    budget_id: str
    subject: Subject | None
    amount: int
    until: int | None
    reason: str
    key_id: str
    key_name: str | None


def open_request(
    table: Table,
    tenant_id: str,
    wish: Wish,
    *,
    bound_to: Mapping[str, str],
    idempotency: IdempotencyRecord | None,
    now_ms: int,
) -> IncreaseRequest | Replay:
    """Open an increase request, once under an idempotency key.

    `bound_to` are the subjects, ids by type, for which alone the key may ask. Seven write units,
    with the index and the event, and two more for the idempotency record.
    Raises NotFound, InvalidValue, ForeignSubject, RequestPending, IdempotencyConflict.
    """
    replay = idempotency.replay(table, now_ms=now_ms) if idempotency else None
    if replay:
        return replay
    request = _request_of(table, tenant_id, wish, bound_to, now_ms=now_ms)
    writes = [
        *puts_of_request(table, tenant_id, request, now_ms=now_ms),
        put_of_event(table, tenant_id, request, "opened", now_ms=now_ms),
    ]
    if idempotency:
        response = json_text(increase_request_response(request, now_ms=now_ms))
        writes.append(idempotency.put(table, response, now_ms=now_ms))
    opening = "increase requests are being opened right now; try again"
    for _ in attempts(CHANGE_TRIES_MAX, exhausted=lambda: Throttled(opening)):
        of_key, of_tenant = count_waiting(table, tenant_id, wish.key_id, now_ms=now_ms)
        try:
            check_pending(of_key=of_key, of_tenant=of_tenant)
            table.transact(writes)
        except TransactionFailed as failed:
            if not failed.may_succeed_next:
                raise
            replay = idempotency.replay_of(failed.objections[-1]) if idempotency else None
            if replay:
                return replay
            waiting = failed.objections[_WAITING]
            if waiting is not None and waiting.item is not None:
                pending_id = waiting.item["request_id"]["S"]
                raise RequestPending(read_request_of(table, tenant_id, pending_id)) from failed
            continue
        return request
    raise LoopEnded


def _request_of(
    table: Table, tenant_id: str, wish: Wish, bound_to: Mapping[str, str], *, now_ms: int
) -> IncreaseRequest:
    _, budget = find_budget(table, tenant_id, wish.budget_id)
    subject = counted_subject(budget.subject, wish.subject, param="body.subject")
    if bound_to.get(subject.type, subject.id) != subject.id:
        raise ForeignSubject(
            str(subject), bound=f"{subject.type}:{bound_to[subject.type]}", param="body.subject"
        )
    return IncreaseRequest(
        request_id=wish.request_id,
        budget_id=wish.budget_id,
        subject=subject,
        unit=budget.unit,
        amount=wish.amount,
        until=wish.until,
        reason=wish.reason,
        key_id=wish.key_id,
        key_name=wish.key_name,
        created_at_ms=now_ms,
        ends_at=end_of_request(until=wish.until, now_ms=now_ms),
    )


def read_own_request(
    table: Table, tenant_id: str, request_id: str, *, of_key: str | None
) -> IncreaseRequest:
    """Read a request; another key's does not exist for `of_key`. Raises NotFound."""
    request = read_request_of(table, tenant_id, request_id)
    if of_key not in {None, request.key_id}:
        raise NotFound("increase request", request_id)
    return request


def list_requests(
    table: Table, tenant_id: str, wanted: RequestFilter, page_request: PageRequest, *, now_ms: int
) -> Page[IncreaseRequest]:
    """Read a page of requests, newest first. With a filter it may have fewer than its limit.

    Those that are pending are looked for among those of the last week alone.
    """
    position = page_request.position(REQUEST_ID)
    since_ms = 0
    if wanted.state == "pending":
        since_ms = max(0, now_ms - PENDING_SECONDS_MAX * 1000 - _CLOCKS_DIFFER_MS)
    found, rest_before = read_requests(
        table,
        tenant_id,
        wanted,
        before=position[0] if position else None,
        since=first_ulid(ID_PREFIX, now_ms=since_ms),
        limit=page_request.limit,
        now_ms=now_ms,
    )
    return Page(tuple(found), None if rest_before is None else cursor_after(rest_before))


def put_of_event(
    table: Table, tenant_id: str, request: IncreaseRequest, what: str, *, now_ms: int
) -> dict[str, Any]:
    """Build the write of the event that something happened to a request: once each."""
    detail: IncreaseRequestDetail = {"request": increase_request_response(request, now_ms=now_ms)}
    event = OutboxEvent(
        key=keys.event_key(tenant_id, request.budget_id, request.subject, request.request_id, what),
        event_type=f"request.{what}",
        occurred_at_ms=now_ms,
        detail=json_text(detail),
        expires_at=now_ms // 1000 + ANNOUNCEMENT_RETENTION_SECONDS,
    )
    return {
        "Put": {"TableName": table.name, "Item": event.item, "ConditionExpression": keys.IS_NEW}
    }


@dataclass(frozen=True, slots=True)
class Expiry:
    """How many requests one run closed, and how many it could not close."""

    expired: int = 0
    failed: int = 0


def expire_requests(table: Table, *, now_ms: int, has_time: Callable[[], bool]) -> Expiry:
    """Close the requests whose end has come, until `has_time` says no: five write units for each.

    Nothing waits for it: a request counts as expired from its end on. What cannot be closed is
    logged, counted, and tried again by the next run.
    """
    expired = failed = 0
    for page in due_index.due_keys(table, keys.EXPIRING_REQUESTS_SHARD, now_ms=now_ms):
        for key in page:
            if not has_time():
                return Expiry(expired, failed)
            partition, request_id = keys.read_key(key)
            try:
                expired += _expire(table, keys.tenant_of(partition), request_id, now_ms=now_ms)
            except Exception:  # noqa: BLE001 (one request must not keep the others from expiring)
                _log.exception("a request cannot expire", extra={"request": request_id})
                failed += 1
    return Expiry(expired, failed)


def _expire(table: Table, tenant_id: str, request_id: str, *, now_ms: int) -> bool:
    """Close one request; False if it was decided or closed before."""
    try:
        request = read_request_of(table, tenant_id, request_id)
    except NotFound:
        return False
    if request.stage != "pending" or request.state(now_ms=now_ms) != "expired":
        return False
    expired = replace(request, stage="expired")
    writes = [
        expiry_write(table, tenant_id, expired, now_ms=now_ms),
        put_of_event(table, tenant_id, expired, "expired", now_ms=now_ms),
    ]
    try:
        table.transact(writes)
    except TransactionFailed as failed:
        if not failed.may_succeed_next:
            raise
        return False
    return True
