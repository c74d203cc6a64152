"""What only reads: a check, what was spent, and one reservation."""

from collections.abc import Mapping
from typing import Any

from spendgate_service import runtime
from spendgate_service.api.bodies.reserving import ReserveBody, subjects_in_query
from spendgate_service.api.errors import problem_of
from spendgate_service.api.http import Request, handle
from spendgate_service.domain.errors import NoBudget, TokenCapExceeded, UnknownPrice, UnknownRate
from spendgate_service.observability import logger, measured
from spendgate_service.pricing.priced_amounts import priced_amounts
from spendgate_service.reservations.check import find_reservation
from spendgate_service.wire.check import check_response
from spendgate_service.wire.reservations import reservation_response
from spendgate_service.wire.spend import spend_response
from spendgate_service.wire.values import Response, ok


def check(call: Request) -> Response:
    """Say what a reservation of the same body would be answered; nothing is held."""
    body = call.body(ReserveBody)
    try:
        priced = priced_amounts(body, runtime.policy_cache(), call.principal.tenant_id, call.now_ms)
    except UnknownPrice as refusal:
        return ok(check_response([], refusal=refusal, error_code=problem_of(refusal).code))
    request = body.to_request(call.principal, amounts=priced.amounts)
    try:
        outlook = runtime.balances().check(request)
    except (TokenCapExceeded, NoBudget, UnknownRate) as refusal:
        return ok(
            check_response(
                [],
                refusal=refusal,
                error_code=problem_of(refusal).code,
                notes=priced.notes,
                unpriced=priced.unpriced,
            )
        )
    return ok(
        check_response(
            outlook.balances,
            shadowed=outlook.shadowed,
            refusal=outlook.refusal,
            error_code=problem_of(outlook.refusal).code if outlook.refusal else None,
            notes=priced.notes,
            unpriced=priced.unpriced,
        )
    )


def spend(call: Request) -> Response:
    """Show the balances of every budget on the subjects in the query."""
    subjects = subjects_in_query(call.any_query(), call.principal)
    balances = runtime.balances().of_subjects(call.principal.tenant_id, subjects)
    return ok(
        spend_response(tenant_id=call.principal.tenant_id, subjects=subjects, balances=balances)
    )


def reservation(call: Request) -> Response:
    """Show one reservation."""
    reservation_id = call.path_id("reservation")
    found = find_reservation(runtime.table(), call.principal.tenant_id, reservation_id)
    return ok(reservation_response(found, now_ms=call.now_ms))


HANDLERS = {
    "POST /v1/check": check,
    "GET /v1/spend": spend,
    "GET /v1/reservations/{id}": reservation,
}


@logger.inject_lambda_context(clear_state=True)
@measured
def handler(event: Mapping[str, Any], _context: object) -> dict[str, object]:
    """Answer API Gateway."""
    return handle(event, HANDLERS)
