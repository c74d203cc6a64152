"""Read-only queries of the spending path: preview a reservation, read balances, find a hold."""

from collections.abc import Sequence

from spendgate_service.api.alternatives import alternatives_for
from spendgate_service.api.bodies.binding import bound_to_key
from spendgate_service.api.bodies.reserving import ReserveBody, subjects_in_query, usage_in_query
from spendgate_service.api.errors import problem_of
from spendgate_service.api.http import Request, Response, ok
from spendgate_service.api.notes import wish_and_notes
from spendgate_service.api.parameters import SUBJECTS
from spendgate_service.api.route import CALLER, READER, route, routes_in
from spendgate_service.domain.balances import Balance
from spendgate_service.domain.budgeted import warnings_about
from spendgate_service.domain.errors import (
    NoBudget,
    TokenCapExceeded,
    UnknownPrice,
    UnknownRate,
)
from spendgate_service.pricing.priced_amounts import PricedAmounts, priced_amounts
from spendgate_service.reservations.find import find_reservation
from spendgate_service.store.increase_requests import waiting_requests
from spendgate_service.wire.allowance import (
    AllowanceResponse,
    Waiting,
    allowance_response,
    pending_increase,
)
from spendgate_service.wire.alternatives import alternatives_response
from spendgate_service.wire.check import CheckResponse, check_response
from spendgate_service.wire.hints import Refusal, hint_of
from spendgate_service.wire.reservations import ReservationResponse, reservation_response
from spendgate_service.wire.spend import SpendResponse, spend_response


@route("POST /v1/check", role=CALLER, body=ReserveBody, response=CheckResponse)
def check(request: Request[ReserveBody]) -> Response:
    """Preview the response to a reservation of the same body; nothing is held."""
    body = bound_to_key(request.read_body(), request.principal)
    response, refusal = _checked(request, body)
    alternatives = alternatives_for(request, body)
    if alternatives is not None:
        response["alternatives"] = alternatives_response(alternatives)
        if refusal is not None:
            refusal.alternatives = alternatives
            response["hint"] = hint_of(refusal)
    return ok(response)


def _checked(
    request: Request[ReserveBody], body: ReserveBody
) -> tuple[CheckResponse, Refusal | None]:
    """Return the response, and the refusal that it describes."""
    cache, tenant_id = request.app.policy_cache, request.tenant_id
    try:
        priced = priced_amounts(body, cache, tenant_id, request.now_ms)
    except UnknownPrice as refusal:
        code = problem_of(refusal).code
        return check_response([], refusal=refusal, error_code=code), refusal
    wish, notes = wish_and_notes(request, body, priced)
    try:
        result = request.app.balances.check(wish)
    except (TokenCapExceeded, NoBudget, UnknownRate) as refusal:
        response = check_response(
            [],
            refusal=refusal,
            error_code=problem_of(refusal).code,
            notes=notes,
            unpriced=priced.unpriced,
        )
        return response, refusal
    response = check_response(
        result.balances,
        shadowed=result.shadowed,
        granted=result.granted,
        refusal=result.refusal,
        error_code=problem_of(result.refusal).code if result.refusal else None,
        notes=notes,
        unpriced=priced.unpriced,
    )
    return response, result.refusal


@route("GET /v1/spend", role=READER, response=SpendResponse, query=(SUBJECTS,))
def read_spend(request: Request) -> Response:
    """Show the balance of every budget on subjects, each a parameter: agent=a&session=s."""
    subjects = subjects_in_query(request.query(), request.principal)
    tenant_id = request.tenant_id
    balances = request.app.balances.of_subjects(tenant_id, subjects)
    notes = warnings_about(request.app.policy_cache.tenant(tenant_id), subjects)
    return ok(
        spend_response(tenant_id=tenant_id, subjects=subjects, balances=balances, notes=notes)
    )


@route("GET /v1/allowance", role=READER, response=AllowanceResponse, query=(SUBJECTS,))
def read_allowance(request: Request) -> Response:
    """Say what subjects may spend now, each a parameter: agent=a&session=s.

    The response is short, for an agent to read: at most 1 KB for three budgets. With `provider`,
    `model`, `input_tokens` and, if there is one, `max_output_tokens` it is about that call, and
    carries the tenant's fallback models that fit now as `alternatives`.
    """
    tenant_id = request.tenant_id
    query, caller = request.query(), request.principal
    asked = usage_in_query(query, caller)
    if asked is None:
        named = subjects_in_query(query, caller)
    else:
        named = asked.to_request(caller, priced=PricedAmounts({})).subjects
    subjects = request.app.policy_cache.tenant(tenant_id).spenders(named)
    rules, balances = request.app.balances.under_rules(tenant_id, subjects)
    return ok(
        allowance_response(
            balances,
            subjects,
            requires_budget=rules.tenant.require_budget,
            waiting=_waiting(request, balances),
            alternatives=None if asked is None else alternatives_for(request, asked),
        )
    )


def _waiting(request: Request, balances: Sequence[Balance]) -> Waiting:
    """Read what the caller's key has asked for and waits for: half a read unit per budget."""
    if request.principal.role not in CALLER:  # no other role asks for more
        return {}
    found = waiting_requests(
        request.app.table,
        request.tenant_id,
        request.principal.key_id,
        [(balance.budget.budget_id, balance.subject) for balance in balances],
        now_ms=request.now_ms,
    )
    return {
        on: pending_increase(waiting.request_id, waiting.amount, waiting.until)
        for on, waiting in found.items()
    }


@route("GET /v1/reservations/{id}", role=READER, response=ReservationResponse)
def read_reservation(request: Request) -> Response:
    """Show one reservation."""
    reservation_id = request.path_id("reservation")
    found = find_reservation(request.app.table, request.tenant_id, reservation_id)
    return ok(reservation_response(found, now_ms=request.now_ms))


ROUTES = routes_in(vars())
