"""Settle, capture, release, extend and record: over HTTP, or in batches from SQS."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from spendgate_service.api.bodies.binding import bound_to_key
from spendgate_service.api.bodies.capturing import CaptureBody
from spendgate_service.api.bodies.fields import EmptyBody, named_models
from spendgate_service.api.bodies.settling import ExtendBody, RecordBody, SettleBody
from spendgate_service.api.dispatch import handle
from spendgate_service.api.http import Request, Response, created, ok, replayed
from spendgate_service.api.lease_terms import lease_terms
from spendgate_service.api.notes import (
    note_refusal,
    notes_on_currency,
    notes_on_uncounted,
    spenders_and_notes,
)
from spendgate_service.api.queue import consume
from spendgate_service.api.route import CALLER, IDEMPOTENCY, OF_BUDGETS, PRICING, route, routes_in
from spendgate_service.app import Spendgate
from spendgate_service.domain.errors import BudgetRefusal
from spendgate_service.domain.requests import Release, SettlementCommand
from spendgate_service.pricing.priced_amounts import priced_or_problem
from spendgate_service.settlements.plan import Captured, Recorded, Settled
from spendgate_service.wire.reservations import (
    ReservationExtended,
    ReservationResponse,
    reservation_extended,
    reservation_response,
)
from spendgate_service.wire.spend import RecordedSpendResponse


@route(
    "POST /v1/reservations/{id}/settle",
    role=CALLER,
    body=SettleBody,
    response=ReservationResponse,
    errors=("reservation_finalized", *PRICING),
    repeatable=True,
)
def settle(request: Request[SettleBody]) -> Response:
    """Replace a hold by the actual cost."""
    reservation_id = request.path_id("reservation")
    body, tenant_id = request.read_body(), request.tenant_id
    priced = priced_or_problem(body, request.app.policy_cache, tenant_id, request.now_ms)
    command = body.to_settle(tenant_id=tenant_id, reservation_id=reservation_id, priced=priced)
    settled = _finalized(request, command)
    notes = notes_on_uncounted(body, settled.uncounted)
    return _finalized_response(request, settled, unpriced=priced.unpriced, notes=notes)


@route(
    "POST /v1/reservations/{id}/capture",
    role=CALLER,
    body=CaptureBody,
    response=ReservationResponse,
    errors=("reservation_finalized",),
    repeatable=True,
)
def capture(request: Request[CaptureBody]) -> Response:
    """Report what a lease has spent and given back, as totals since its start."""
    reservation_id = request.path_id("reservation")
    body = request.read_body()
    command = body.to_capture(tenant_id=request.tenant_id, reservation_id=reservation_id)
    result = request.app.settlements.apply_one(command)
    assert isinstance(result, Captured), "the result of a capture is its lease"
    shown = reservation_response(result.reservation, now_ms=request.now_ms)
    return replayed(shown) if result.replayed else ok(shown)


@route(
    "POST /v1/reservations/{id}/release",
    role=CALLER,
    body=EmptyBody,
    response=ReservationResponse,
    errors=("reservation_finalized",),
    repeatable=True,
)
def release(request: Request) -> Response:
    """Return a hold to its budgets."""
    reservation_id = request.path_id("reservation")
    request.read_body()
    released = _finalized(request, Release(request.tenant_id, reservation_id))
    return _finalized_response(request, released)


def _finalized(request: Request, command: SettlementCommand) -> Settled:
    result = request.app.settlements.apply_one(command)
    assert isinstance(result, Settled), "a reservation's command has a reservation's result"
    return result


def _finalized_response(
    request: Request, result: Settled, *, unpriced: bool = False, notes: Sequence[str] = ()
) -> Response:
    body = reservation_response(
        result.reservation, now_ms=request.now_ms, unpriced=unpriced, notes=notes
    )
    return replayed(body) if result.replayed else ok(body)


@route(
    "POST /v1/reservations/{id}/extend",
    role=CALLER,
    body=ExtendBody,
    response=ReservationExtended,
    errors=(*OF_BUDGETS, "unknown_rate", "reservation_finalized", "reservation_expired"),
)
def extend(request: Request[ExtendBody]) -> Response:
    """Move the expiry of a hold, or hold more on every budget of a lease, all or none."""
    reservation_id = request.path_id("reservation")
    body = request.read_body()
    try:
        grown = request.app.leases.extend(
            request.tenant_id,
            reservation_id,
            ttl_seconds=body.ttl_seconds,
            amounts=body.amounts or {},
        )
    except BudgetRefusal as refusal:
        note_refusal(request, refusal)
        raise
    extended = reservation_extended(
        grown.reservation,
        grown.balances,
        lease_terms(request, named_models(body.models)),
        now_ms=request.now_ms,
    )
    return ok(extended)


@route(
    "POST /v1/spend",
    role=CALLER,
    body=RecordBody,
    response=RecordedSpendResponse,
    status=201,
    errors=(*IDEMPOTENCY, *PRICING),
    idempotent=True,
)
def record(request: Request[RecordBody]) -> Response:
    """Record spend that was never reserved; it is never refused for lack of budget."""
    principal = request.principal
    body = bound_to_key(request.read_body(), principal)
    priced = body.priced(
        request.app.policy_cache, principal.tenant_id, reported_at_ms=request.now_ms
    )
    command = body.to_record(
        tenant_id=principal.tenant_id,
        key_id=principal.key_id,
        priced=priced,
        idempotency_key=request.idempotency_key,
        occurred_at_ms=body.occurred_at,
    )
    tenant = request.app.policy_cache.rules(principal.tenant_id, command.subjects).tenant
    subjects, notes = spenders_and_notes(body, priced, command.subjects, tenant)
    more = notes_on_currency(request.app.policy_cache, principal.tenant_id, subjects, priced)
    command = replace(command, subjects=subjects, notes=(*notes, *more))
    result = request.app.settlements.apply_one(command)
    assert isinstance(result, Recorded), "a record's result is its response"
    return replayed(result.answer) if result.replayed else created(result.answer)


ROUTES = routes_in(vars())


def serve(event: Mapping[str, Any], _context: object, app: Spendgate) -> dict[str, object]:
    """Answer API Gateway about a request, or SQS about a batch of messages."""
    if "Records" in event:
        return consume(event["Records"], app)
    return handle(event, ROUTES, app)
