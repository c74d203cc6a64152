"""The HTTP adapter: from an event of API Gateway (payload format 2.0) to a handler and back.

A handler takes a `Request` and returns a `Response`; every exception that it raises becomes an
error response here.
"""

from collections.abc import Mapping
from typing import NoReturn

from spendgate_service.api.errors import error_to_response, problem_of
from spendgate_service.api.exceptions import (
    Forbidden,
    InvalidApiKey,
    MethodNotAllowed,
    RouteNotFound,
)
from spendgate_service.api.http import SHOWN_LENGTH_MAX, Event, Request, Response, nested
from spendgate_service.api.lambda_handler import LambdaHandler, lambda_handler
from spendgate_service.api.principal import Principal, principal_in
from spendgate_service.api.route import Route
from spendgate_service.app import Spendgate
from spendgate_service.observability import count, logger
from spendgate_service.wire.values import json_text


def http_handler(routes: Mapping[str, Route], app: Spendgate) -> LambdaHandler:
    """Make the handler of a function that serves these routes alone."""
    return lambda_handler(lambda event, _context, app: handle(event, routes, app), app)


def handle(event: Event, routes: Mapping[str, Route], app: Spendgate) -> dict[str, object]:
    """Respond to an event by the handler of its route key (`POST /v1/check`)."""
    request_id = str(nested(event, "requestContext").get("requestId", ""))
    logger.set_correlation_id(request_id)
    try:
        response = _respond(event, routes, request_id, app)
    except Exception as error:  # noqa: BLE001 (an unexpected one is logged there)
        if metric := problem_of(error).metric:
            count(metric)
        response = error_to_response(error, request_id=request_id)
    return _render(response, request_id)


def _respond(
    event: Event, routes: Mapping[str, Route], request_id: str, app: Spendgate
) -> Response:
    route = routes.get(str(event.get("routeKey", "")))
    if route is None:
        _refuse_route(event)
    has_any_name = any(parameter.any_name for parameter in route.query)
    names = None if has_any_name else [parameter.name for parameter in route.parameters_in_query]
    now_ms = app.clock.now_ms()
    caller = _admit(event, route, now_ms=now_ms)
    if route.roles:
        app.require_schema(create=route.function == "admin")
    return route.handler(
        Request(
            event=event,
            request_id=request_id,
            now_ms=now_ms,
            caller=caller,
            app=app,
            body_model=route.body,
            known_parameters=names,
        )
    )


def _admit(event: Event, route: Route, *, now_ms: int) -> Principal | None:
    """Return the caller, if the route admits its role. Raises InvalidApiKey and Forbidden."""
    authorizer = nested(nested(event, "requestContext"), "authorizer")
    caller = principal_in(nested(authorizer, "lambda"))
    if caller is not None:
        logger.append_keys(tenant_id=caller.tenant_id)
    if not route.roles:
        return caller
    if caller is None:
        raise InvalidApiKey
    if caller.has_expired(now_ms=now_ms):
        raise InvalidApiKey(f"the API key {caller.key_id}, or this secret of it, has expired")
    if caller.role not in route.roles:
        raise Forbidden(role=caller.role, roles=route.roles)
    return caller


def _refuse_route(event: Event) -> NoReturn:
    """Raise the error for a route that API Gateway could not match."""
    # It imports every handler, which no other request needs.
    from spendgate_service.api.routes import methods_at  # noqa: PLC0415

    http = nested(nested(event, "requestContext"), "http")
    method = str(http.get("method", ""))[:SHOWN_LENGTH_MAX]
    path = str(event.get("rawPath", ""))
    shown, allowed = path[:SHOWN_LENGTH_MAX], methods_at(path)
    if allowed and method not in allowed:
        raise MethodNotAllowed(method=method, path=shown, allowed=allowed)
    raise RouteNotFound(method=method, path=shown)


def _render(response: Response, request_id: str) -> dict[str, object]:
    body = response.body if isinstance(response.body, str) else json_text(response.body)
    headers = {
        "X-Request-Id": request_id,
        "Cache-Control": "no-store",
        **response.headers,
        "Content-Type": response.content_type,
    }
    return {"statusCode": response.status, "headers": headers, "body": body}
