"""POST /v1/reservations: hold an estimate on every budget that applies, all or none."""

from collections.abc import Mapping
from typing import Any

from spendgate import runtime
from spendgate.api.answers import reservation_granted
from spendgate.api.http import Call, handle
from spendgate.api.models.reserving import ReserveBody
from spendgate.api.pricing import priced_amounts
from spendgate.api.wire import Answer, created, json_text, replayed
from spendgate.observability import logger, measured
from spendgate.store.reservations import Grant


def reserve(call: Call) -> Answer:
    """Grant or refuse a reservation."""
    body = call.body(ReserveBody)
    priced = priced_amounts(body, runtime.rule_book(), call.principal.tenant_id, call.now_ms)
    request = body.to_request(
        call.principal, amounts=priced.amounts, idempotency_key=call.idempotency_key
    )

    def answer_of(grant: Grant) -> str:
        return json_text(
            reservation_granted(
                grant.reservation, grant.balances, notes=priced.notes, unpriced=priced.unpriced
            )
        )

    answered = runtime.reservations().reserve(request, answer_of)
    return replayed(answered.answer) if answered.replayed else created(answered.answer)


HANDLERS = {"POST /v1/reservations": reserve}


@logger.inject_lambda_context(clear_state=True)
@measured
def handler(event: Mapping[str, Any], _context: object) -> dict[str, object]:
    """Answer API Gateway."""
    return handle(event, HANDLERS)
