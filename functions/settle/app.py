"""Settle, release, extend and record: over HTTP one by one, from the queue in batches."""

from collections.abc import Mapping
from typing import Any

from spendgate_service import runtime
from spendgate_service.api.bodies.fields import EmptyBody
from spendgate_service.api.bodies.settling import ExtendBody, RecordBody, SettleBody
from spendgate_service.api.http import Request, handle
from spendgate_service.api.queue import consume
from spendgate_service.domain.requests import Release, SettlementCommand
from spendgate_service.observability import logger, measured
from spendgate_service.pricing.priced_amounts import priced_amounts
from spendgate_service.reservations.extend import extend as extend_reservation
from spendgate_service.settlements.plan import Recorded, Settled
from spendgate_service.wire.reservations import reservation_response
from spendgate_service.wire.values import Response, created, ok, replayed


def settle(call: Request) -> Response:
    """Replace a hold by the actual cost."""
    reservation_id = call.path_id("reservation")
    body = call.body(SettleBody)
    tenant_id = call.principal.tenant_id
    priced = priced_amounts(body, runtime.policy_cache(), tenant_id, call.now_ms)
    command = body.to_settle(
        tenant_id=tenant_id, reservation_id=reservation_id, actual=priced.amounts
    )
    return _finalized(call, command, unpriced=priced.unpriced)


def release(call: Request) -> Response:
    """Give a hold back."""
    reservation_id = call.path_id("reservation")
    call.optional_body(EmptyBody)
    return _finalized(call, Release(call.principal.tenant_id, reservation_id))


def _finalized(call: Request, command: SettlementCommand, *, unpriced: bool = False) -> Response:
    result = runtime.settlements().apply_one(command)
    assert isinstance(result, Settled), "a reservation's command has a reservation's result"
    body = reservation_response(result.reservation, now_ms=call.now_ms, unpriced=unpriced)
    return replayed(body) if result.replayed else ok(body)


def extend(call: Request) -> Response:
    """Move the expiry of a hold."""
    reservation_id = call.path_id("reservation")
    body = call.body(ExtendBody)
    extended = extend_reservation(
        runtime.table(),
        call.principal.tenant_id,
        reservation_id,
        ttl_seconds=body.ttl_seconds,
        now_ms=runtime.now_ms,
    )
    return ok(reservation_response(extended, now_ms=call.now_ms))


def record(call: Request) -> Response:
    """Record spend that was never reserved."""
    body = call.body(RecordBody)
    tenant_id, key_id = call.principal.tenant_id, call.principal.key_id
    priced = priced_amounts(body, runtime.policy_cache(), tenant_id, call.now_ms)
    result = runtime.settlements().apply_one(
        body.to_record(
            tenant_id=tenant_id,
            key_id=key_id,
            actual=priced.amounts,
            idempotency_key=call.idempotency_key,
            unpriced=priced.unpriced,
        )
    )
    assert isinstance(result, Recorded), "a record's result is its answer"
    return replayed(result.answer) if result.replayed else created(result.answer)


HANDLERS = {
    "POST /v1/reservations/{id}/settle": settle,
    "POST /v1/reservations/{id}/release": release,
    "POST /v1/reservations/{id}/extend": extend,
    "POST /v1/spend": record,
}


@logger.inject_lambda_context(clear_state=True)
@measured
def handler(event: Mapping[str, Any], _context: object) -> dict[str, object]:
    """Answer API Gateway, or SQS about a batch of messages."""
    if "Records" in event:
        return consume(
            event["Records"],
            settlements=runtime.settlements(),
            policy_cache=runtime.policy_cache(),
            dead_letters=runtime.dead_letters,
            now_ms=runtime.now_ms(),
        )
    return handle(event, HANDLERS)
