"""The service itself: health and the OpenAPI document; and the routes of the admin function."""

from collections.abc import Mapping

from spendgate_service.api.handlers import budgets, prices, reports, tenants, token_caps
from spendgate_service.api.http import Handler, Request
from spendgate_service.wire.values import Response, ok


def health(_request: Request) -> Response:
    """Say that functions run; alarms say whether DynamoDB answers."""
    return ok({"status": "ok"})


def describe(_request: Request) -> Response:
    """Describe the API; the document's modules are slow to import, so only this imports them."""
    from spendgate_service.api.openapi.document import document  # noqa: PLC0415 (a cold start)

    return ok(document())


HANDLERS: Mapping[str, Handler] = {
    **budgets.HANDLERS,
    **reports.HANDLERS,
    **tenants.HANDLERS,
    **token_caps.HANDLERS,
    **prices.HANDLERS,
    "GET /v1/health": health,
    "GET /v1/openapi.json": describe,
}
