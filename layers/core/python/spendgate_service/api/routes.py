"""Every route of the API, collected from the handlers; importing this imports all of them."""

from collections.abc import Mapping

from spendgate_service.api.handlers import admin, check, reserve, settle
from spendgate_service.api.route import Route

ROUTE_BY_KEY: Mapping[str, Route] = {
    **check.ROUTES,
    **reserve.ROUTES,
    **settle.ROUTES,
    **admin.ROUTES,
}
ROUTES: tuple[Route, ...] = tuple(ROUTE_BY_KEY.values())


def route_at(method: str, path: str) -> Route | None:
    """Return the route that a request leads to; None if there is none."""
    return next((route for route in ROUTES if route.method == method and route.matches(path)), None)


def methods_at(path: str) -> list[str]:
    """Return the methods that a path takes; none if no route is there."""
    return [route.method for route in ROUTES if route.matches(path)]
