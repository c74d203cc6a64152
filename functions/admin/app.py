"""Budgets, keys and tenants; and every request that no other route takes."""

from collections.abc import Mapping
from typing import Any

from spendgate.admin import budgets, prices, reports, tenants, token_caps
from spendgate.api import openapi
from spendgate.api.http import Call, Handler, handle
from spendgate.api.wire import Answer, ok
from spendgate.observability import logger, measured


def health(_call: Call) -> Answer:
    """Say that functions run; whether the table answers is told by its own alarms."""
    return ok({"status": "ok"})


def describe(_call: Call) -> Answer:
    """Describe the interface."""
    return ok(openapi.document())


HANDLERS: Mapping[str, Handler] = {
    **budgets.HANDLERS,
    **reports.HANDLERS,
    **tenants.HANDLERS,
    **token_caps.HANDLERS,
    **prices.HANDLERS,
    "GET /v1/health": health,
    "GET /v1/openapi.json": describe,
}


@logger.inject_lambda_context(clear_state=True)
@measured
def handler(event: Mapping[str, Any], _context: object) -> dict[str, object]:
    """Answer API Gateway."""
    return handle(event, HANDLERS)
