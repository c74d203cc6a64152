"""Budgets, keys and tenants; and every request that no other route takes."""

from collections.abc import Mapping
from typing import Any

from spendgate_service.api.handlers import budgets, prices, reports, tenants, token_caps
from spendgate_service.api.http import Handler, Request, handle
from spendgate_service.api.openapi import document as openapi
from spendgate_service.observability import logger, measured
from spendgate_service.wire.values import Response, ok


def health(_call: Request) -> Response:
    """Say that functions run; whether the table answers is told by its own alarms."""
    return ok({"status": "ok"})


def describe(_call: Request) -> Response:
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
