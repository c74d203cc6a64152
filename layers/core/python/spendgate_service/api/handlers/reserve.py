"""Reserve: hold an estimate on every budget that applies, all or none."""

from spendgate_service.api.bodies.reserving import ReserveBody
from spendgate_service.api.http import Request, Response, created, replayed
from spendgate_service.api.route import CALLER, IDEMPOTENCY, PRICING, REFUSALS, route, routes_in
from spendgate_service.pricing.priced_amounts import priced_amounts
from spendgate_service.wire.reservations import ReservationGranted


@route(
    "POST /v1/reservations",
    role=CALLER,
    body=ReserveBody,
    response=ReservationGranted,
    status=201,
    errors=(*REFUSALS, *IDEMPOTENCY, *PRICING),
    idempotent=True,
)
def reserve(request: Request[ReserveBody]) -> Response:
    """Hold an estimate on every budget that applies, all or none."""
    body, tenant_id = request.read_body(), request.tenant_id
    priced = priced_amounts(body, request.app.policy_cache, tenant_id, request.now_ms)
    wish = body.to_request(
        request.principal, priced=priced, idempotency_key=request.idempotency_key
    )
    answered = request.app.reservations.reserve(wish, notes=priced.notes, unpriced=priced.unpriced)
    return replayed(answered.answer) if answered.replayed else created(answered.answer)


ROUTES = routes_in(vars())
