"""POST /v1/reservations: hold an estimate on every budget that applies, all or none."""

from collections.abc import Mapping
from typing import Any

from spendgate_service import runtime
from spendgate_service.api.bodies.reserving import ReserveBody
from spendgate_service.api.http import Request, handle
from spendgate_service.observability import logger, measured
from spendgate_service.pricing.priced_amounts import priced_amounts
from spendgate_service.wire.values import Response, created, replayed


def reserve(call: Request) -> Response:
    """Grant or refuse a reservation."""
    body = call.body(ReserveBody)
    priced = priced_amounts(body, runtime.policy_cache(), call.principal.tenant_id, call.now_ms)
    request = body.to_request(
        call.principal, amounts=priced.amounts, idempotency_key=call.idempotency_key
    )
    answered = runtime.reservations().reserve(request, notes=priced.notes, unpriced=priced.unpriced)
    return replayed(answered.answer) if answered.replayed else created(answered.answer)


HANDLERS = {"POST /v1/reservations": reserve}


@logger.inject_lambda_context(clear_state=True)
@measured
def handler(event: Mapping[str, Any], _context: object) -> dict[str, object]:
    """Answer API Gateway."""
    return handle(event, HANDLERS)
