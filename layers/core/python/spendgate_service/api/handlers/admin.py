"""The service itself: health and the OpenAPI document; and the routes of the admin function."""

from collections.abc import Mapping

from spendgate_service.api.handlers import (
    budgets,
    changes,
    holds,
    increase_requests,
    notifications,
    prices,
    reports,
    tenants,
    token_caps,
    usage,
)
from spendgate_service.api.http import Request, Response, ok
from spendgate_service.api.route import PUBLIC, Route, route, routes_in


@route("GET /v1/health", role=PUBLIC, response=Mapping[str, object])
def health(_request: Request) -> Response:
    """Say whether the service is up; alarms say whether DynamoDB answers."""
    return ok({"status": "ok"})


@route("GET /v1/openapi.json", role=PUBLIC, response=Mapping[str, object])
def describe(_request: Request) -> Response:
    """Show this document."""
    # It imports every route; a cold start does not need it.
    from spendgate_service.api.openapi.document import document  # noqa: PLC0415

    return ok(document())


ROUTES: Mapping[str, Route] = {
    **budgets.ROUTES,
    **reports.ROUTES,
    **tenants.ROUTES,
    **token_caps.ROUTES,
    **changes.ROUTES,
    **holds.ROUTES,
    **increase_requests.ROUTES,
    **notifications.ROUTES,
    **prices.ROUTES,
    **usage.ROUTES,
    **routes_in(vars()),
}
