"""Reserve: hold an estimate on every budget that applies, all or none."""

from spendgate_service.api.alternatives import DESCRIBED_BY_A_CHECK, with_alternatives
from spendgate_service.api.bodies.binding import bound_to_key
from spendgate_service.api.bodies.reserving import ReserveBody
from spendgate_service.api.http import Request, Response, created, replayed
from spendgate_service.api.lease_terms import lease_terms
from spendgate_service.api.notes import note_refusal, wish_and_notes
from spendgate_service.api.route import (
    CALLER,
    IDEMPOTENCY,
    PRICING,
    REFUSALS,
    REPLAYS,
    route,
    routes_in,
)
from spendgate_service.domain.errors import BudgetRefusal
from spendgate_service.pricing.priced_amounts import priced_or_problem
from spendgate_service.wire.reservations import ReservationGranted
from spendgate_service.wire.values import joined


@route(
    "POST /v1/reservations",
    role=CALLER,
    body=ReserveBody,
    response=ReservationGranted,
    status=201,
    errors=(*REFUSALS, *IDEMPOTENCY, *REPLAYS, *PRICING),
    idempotent=True,
)
def reserve(request: Request[ReserveBody]) -> Response:
    """Hold an estimate on every budget that applies, all or none."""
    body = bound_to_key(request.read_body(), request.principal)
    reservations = request.app.reservations
    key, tenant_id = request.idempotency_key, request.tenant_id
    priced = priced_or_problem(body, request.app.policy_cache, tenant_id, request.now_ms)
    if priced.problem is not None:
        first = reservations.first_answer(tenant_id, key, body.fingerprint)
        if first is None:
            raise with_alternatives(priced.problem, request, body)
        return replayed(joined(first.answer, lease_terms(request, body.models_to_price)))
    wish, notes = wish_and_notes(request, body, priced, key)
    try:
        answered = reservations.reserve(wish, notes=notes, unpriced=priced.unpriced)
    except DESCRIBED_BY_A_CHECK as refusal:
        if isinstance(refusal, BudgetRefusal):
            note_refusal(request, refusal)
        raise with_alternatives(refusal, request, body) from None
    answer = joined(answered.answer, lease_terms(request, body.models_to_price))
    return replayed(answer) if answered.replayed else created(answer)


ROUTES = routes_in(vars())
