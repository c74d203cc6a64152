"""What only reads: a check, what was spent, and one reservation."""

from collections.abc import Mapping
from typing import Any

from spendgate import runtime
from spendgate.api.answers import reservation_answer, spend_answer
from spendgate.api.check_answer import check_answer
from spendgate.api.http import Call, handle
from spendgate.api.models.reserving import ReserveBody, subjects_in_query
from spendgate.api.pricing import priced_amounts
from spendgate.api.wire import Answer, ok
from spendgate.domain.errors import NoBudget, TokenCapExceeded, UnknownPrice, UnknownRate
from spendgate.observability import logger, measured
from spendgate.store.looks import find_reservation


def check(call: Call) -> Answer:
    """Say what a reservation of the same body would be answered; nothing is held."""
    body = call.body(ReserveBody)
    try:
        priced = priced_amounts(body, runtime.rule_book(), call.principal.tenant_id, call.now_ms)
    except UnknownPrice as refusal:
        return ok(check_answer([], refusal=refusal))
    request = body.to_request(call.principal, amounts=priced.amounts)
    try:
        outlook = runtime.balances().check(request)
    except (TokenCapExceeded, NoBudget, UnknownRate) as refusal:
        return ok(check_answer([], refusal=refusal, notes=priced.notes, unpriced=priced.unpriced))
    return ok(
        check_answer(
            outlook.balances,
            shadowed=outlook.shadowed,
            refusal=outlook.refusal,
            notes=priced.notes,
            unpriced=priced.unpriced,
        )
    )


def spend(call: Call) -> Answer:
    """Show the balances of every budget on the subjects in the query."""
    subjects = subjects_in_query(call.any_query(), call.principal)
    balances = runtime.balances().of_subjects(call.principal.tenant_id, subjects)
    return ok(
        spend_answer(tenant_id=call.principal.tenant_id, subjects=subjects, balances=balances)
    )


def reservation(call: Call) -> Answer:
    """Show one reservation."""
    reservation_id = call.path_id("reservation")
    found = find_reservation(runtime.table(), call.principal.tenant_id, reservation_id)
    return ok(reservation_answer(found, now_ms=call.now_ms))


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
