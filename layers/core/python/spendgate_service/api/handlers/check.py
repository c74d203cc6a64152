"""Read-only queries of the spending path: preview a reservation, read balances, find a hold."""

from spendgate_service.api.bodies.reserving import ReserveBody, subjects_in_query
from spendgate_service.api.errors import problem_of
from spendgate_service.api.http import Request
from spendgate_service.domain.errors import NoBudget, TokenCapExceeded, UnknownPrice, UnknownRate
from spendgate_service.pricing.priced_amounts import priced_amounts
from spendgate_service.reservations.check import find_reservation
from spendgate_service.wire.check import check_response
from spendgate_service.wire.reservations import reservation_response
from spendgate_service.wire.spend import spend_response
from spendgate_service.wire.values import Response, ok


def check(request: Request) -> Response:
    """Preview the response to a reservation of the same body; nothing is held."""
    body, tenant_id = request.body(ReserveBody), request.tenant_id
    try:
        priced = priced_amounts(body, request.app.policy_cache, tenant_id, request.now_ms)
    except UnknownPrice as refusal:
        return ok(check_response([], refusal=refusal, error_code=problem_of(refusal).code))
    wish = body.to_request(request.principal, amounts=priced.amounts)
    try:
        result = request.app.balances.check(wish)
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
            result.balances,
            shadowed=result.shadowed,
            refusal=result.refusal,
            error_code=problem_of(result.refusal).code if result.refusal else None,
            notes=priced.notes,
            unpriced=priced.unpriced,
        )
    )


def read_spend(request: Request) -> Response:
    """Show the balance of every budget that applies to the subjects in the query."""
    subjects = subjects_in_query(request.any_query(), request.principal)
    tenant_id = request.tenant_id
    balances = request.app.balances.of_subjects(tenant_id, subjects)
    return ok(spend_response(tenant_id=tenant_id, subjects=subjects, balances=balances))


def read_reservation(request: Request) -> Response:
    """Show one reservation."""
    reservation_id = request.path_id("reservation")
    found = find_reservation(request.app.table, request.tenant_id, reservation_id)
    return ok(reservation_response(found, now_ms=request.now_ms))


HANDLERS = {
    "POST /v1/check": check,
    "GET /v1/spend": read_spend,
    "GET /v1/reservations/{id}": read_reservation,
}
