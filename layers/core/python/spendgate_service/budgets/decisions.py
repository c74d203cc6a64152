"""Decide increase requests: approving gives a credit, once, even if several decide at once.

The credit, the state of the request, its event and the entries of the change log are one
transaction, on condition that the request is still pending and has not ended.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from spendgate_service.budgets.credit import Credit, PreparedCredit, prepare_credit
from spendgate_service.budgets.increase_requests import put_of_event
from spendgate_service.budgets.policy_writes import try_to_write
from spendgate_service.domain.amounts import Amount
from spendgate_service.domain.changes import BY_COMMAND, Author
from spendgate_service.domain.increase_requests import Decision, IncreaseRequest
from spendgate_service.domain.reservations import Provenance
from spendgate_service.events.change_log import Changed, change_entry
from spendgate_service.store.client import Table
from spendgate_service.store.errors import Objection, Throttled
from spendgate_service.store.idempotency import IdempotencyRecord, Replay
from spendgate_service.store.increase_requests import decision_writes, read_request_of
from spendgate_service.store.retrying import CHANGE_TRIES_MAX, LoopEnded, attempts
from spendgate_service.wire.changes import decision_fields
from spendgate_service.wire.increase_requests import increase_request_response
from spendgate_service.wire.values import json_text

_CHANGING = "the budget is being changed right now; try again"


@dataclass(frozen=True, slots=True)
class Approval:
    """What an approver grants: None for the amount is what was asked for.

    The credit ends at `until` (epoch seconds), if `has_own_end`; otherwise when the request says.
    `amount_max` is the most that the key may approve; None: any amount.
    """

    amount: Amount | None = None
    until: int | None = None
    has_own_end: bool = False
    note: str | None = None
    amount_max: Amount | None = None


def approve(
    table: Table,
    tenant_id: str,
    request_id: str,
    approval: Approval,
    *,
    idempotency: IdempotencyRecord | None,
    by: Author = BY_COMMAND,
    now_ms: int,
) -> IncreaseRequest | Replay:
    """Approve a pending request, once under an idempotency key: a credit on its budget.

    The write units of a credit, and nine more. Raises NotFound, InvalidValue, RequestClosed,
    DecisionForbidden, IdempotencyConflict, Throttled.
    """
    replay = idempotency.replay(table, now_ms=now_ms) if idempotency else None
    if replay:
        return replay
    for _ in attempts(CHANGE_TRIES_MAX, exhausted=lambda: Throttled(_CHANGING)):
        request = read_request_of(table, tenant_id, request_id)
        amount = request.amount if approval.amount is None else approval.amount
        request.check_decidable(
            by_key=by.key_id, amount=amount, amount_max=approval.amount_max, now_ms=now_ms
        )
        until = approval.until if approval.has_own_end else request.until
        credit = _credit_of(request, amount, until)
        prepared = prepare_credit(table, tenant_id, credit, by=by, now_ms=now_ms)
        if prepared is None:
            continue
        approved = _approved(request, prepared, credit, approval.note, by, now_ms=now_ms)
        writes = [*prepared.writes, *_writes(table, tenant_id, approved, by, now_ms=now_ms)]
        objections = _try_to_decide(table, writes, approved, idempotency, now_ms=now_ms)
        if not objections:
            return approved
        replay = idempotency.replay_of(objections[-1]) if idempotency else None
        if replay:
            return replay
        prepared.make_room(table, objections, now_ms=now_ms)
    raise LoopEnded


def deny(
    table: Table,
    tenant_id: str,
    request_id: str,
    *,
    note: str | None,
    idempotency: IdempotencyRecord | None,
    by: Author = BY_COMMAND,
    now_ms: int,
) -> IncreaseRequest | Replay:
    """Deny a pending request, once under an idempotency key: nine write units.

    Raises NotFound, RequestClosed, DecisionForbidden, IdempotencyConflict, Throttled.
    """
    replay = idempotency.replay(table, now_ms=now_ms) if idempotency else None
    if replay:
        return replay
    for _ in attempts(CHANGE_TRIES_MAX, exhausted=lambda: Throttled(_CHANGING)):
        request = read_request_of(table, tenant_id, request_id)
        request.check_decidable(by_key=by.key_id, amount=None, amount_max=None, now_ms=now_ms)
        decision = Decision(now_ms, by.key_id, by.key_name, note)
        denied = replace(request, stage="denied", decision=decision)
        writes = _writes(table, tenant_id, denied, by, now_ms=now_ms)
        objections = _try_to_decide(table, writes, denied, idempotency, now_ms=now_ms)
        if not objections:
            return denied
        replay = idempotency.replay_of(objections[-1]) if idempotency else None
        if replay:
            return replay
    raise LoopEnded


def _credit_of(request: IncreaseRequest, amount: Amount, until: int | None) -> Credit:
    provenance = Provenance(
        ref_type="increase_request", ref_id=request.request_id, description=request.reason
    )
    return Credit(
        request.budget_id, request.subject, amount, provenance, until, end_param="body.until"
    )


def _approved(
    request: IncreaseRequest,
    prepared: PreparedCredit,
    credit: Credit,
    note: str | None,
    by: Author,
    *,
    now_ms: int,
) -> IncreaseRequest:
    entry = prepared.credited.entry
    decision = Decision(
        now_ms,
        by.key_id,
        by.key_name,
        note,
        amount=credit.amount,
        until=credit.expires_at,
        ledger_entry_id=entry.entry_id,
    )
    return replace(request, stage="approved", decision=decision)


def _writes(
    table: Table, tenant_id: str, decided: IncreaseRequest, by: Author, *, now_ms: int
) -> list[dict[str, Any]]:
    changed = Changed(
        "request.approved" if decided.stage == "approved" else "request.denied",
        decided.request_id,
        {"state": "pending"},
        decision_fields(decided),
    )
    return [
        *decision_writes(table, tenant_id, decided, now_ms=now_ms),
        put_of_event(table, tenant_id, decided, decided.stage, now_ms=now_ms),
        change_entry(table, tenant_id, by, changed, now_ms=now_ms),
    ]


def _try_to_decide(
    table: Table,
    writes: Sequence[dict[str, Any]],
    decided: IncreaseRequest,
    idempotency: IdempotencyRecord | None,
    *,
    now_ms: int,
) -> Sequence[Objection | None]:
    """Try to write a decision, with its response for replays: the objection of each write."""
    if idempotency is None:
        return try_to_write(table, writes)
    response = json_text(increase_request_response(decided, now_ms=now_ms))
    return try_to_write(table, [*writes, idempotency.put(table, response, now_ms=now_ms)])
