"""The HTTP adapter: from an API Gateway event (payload format 2.0) to a handler's call and back.

A handler takes a `Call` and gives an `Answer`; whatever it raises becomes an error answer here, in
one place. Powertools' resolver would do the routing too, but its import costs 90 ms of a cold
start and API Gateway has matched the route already.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NoReturn
from urllib.parse import unquote

from pydantic import BaseModel

from spendgate_service.api.errors import error_answer, metric_of
from spendgate_service.api.exceptions import (
    Forbidden,
    InvalidApiKey,
    MethodNotAllowed,
    RouteNotFound,
)
from spendgate_service.api.json_body import read_event_body
from spendgate_service.api.principal import Principal, principal_in
from spendgate_service.api.query import idempotency_key_of, read_query, refuse, wanted_in
from spendgate_service.api.routes import ROUTE_BY_KEY, Route, methods_at
from spendgate_service.api.validation import read_model
from spendgate_service.app import Spendgate
from spendgate_service.domain.errors import InvalidValue, NotFound
from spendgate_service.domain.subjects import Subject, parse_subject
from spendgate_service.observability import count, logger
from spendgate_service.store.paging import PageRequest
from spendgate_service.wire.values import Response, json_text

type Event = Mapping[str, object]
type Handler = Callable[[Request], Response]

_PATH_ID_LENGTH_MAX = 64
"""Our own ids have at most 40 characters; whatever is longer cannot be one of them."""

_SHOWN_LENGTH_MAX = 100
"""How much of a caller's text a message repeats."""


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request to one route, from a caller who may make it."""

    event: Event
    request_id: str
    now_ms: int
    caller: Principal | None
    app: Spendgate

    @property
    def principal(self) -> Principal:
        """Who calls; there is always somebody on a route that needs a role."""
        assert self.caller is not None, "a route without roles has no principal"
        return self.caller

    @property
    def tenant_id(self) -> str:
        """The tenant of the caller."""
        return self.principal.tenant_id

    @property
    def idempotency_key(self) -> str | None:
        """The key of the `Idempotency-Key` header. Raises InvalidValue."""
        return idempotency_key_of(_headers(self.event).get("idempotency-key"))

    def body[M: BaseModel](self, model: type[M]) -> M:
        """The body as that model. Raises InvalidJson, RequestTooLarge and InvalidValue."""
        return read_model(model, read_event_body(self.event))

    def optional_body[M: BaseModel](self, model: type[M]) -> M:
        """As `body`, for requests that need not have one: no body reads as `{}`."""
        return read_model(model, read_event_body(self.event) if self.event.get("body") else {})

    def path_id(self, kind: str) -> str:
        """The id in the path. Raises NotFound where no object of that kind can have it."""
        object_id = str(_mapping(self.event, "pathParameters").get("id", ""))
        if not 1 <= len(object_id) <= _PATH_ID_LENGTH_MAX or not object_id.isprintable():
            raise NotFound(kind, ascii(object_id[:_SHOWN_LENGTH_MAX]))
        return object_id

    def path_text(self, name: str) -> str:
        """A text of the caller's in the path. Raises InvalidValue.

        API Gateway gives a path decoded but for `%25`, so decoding it once more is right.
        """
        try:
            return unquote(
                str(_mapping(self.event, "pathParameters").get(name, "")), errors="strict"
            )
        except UnicodeDecodeError:
            refuse(f"path.{name}", "it is not valid UTF-8")

    def query(self, *known: str) -> dict[str, str]:
        """The query's parameters, which may be only those. Raises InvalidValue."""
        return read_query(self.event, known)

    def any_query(self) -> dict[str, str]:
        """The query's parameters, whatever their names."""
        return read_query(self.event, None)

    def subject(self, *known: str) -> Subject | None:
        """The `subject` parameter, if there is one; the query may also have `known` ones."""
        text = self.query("subject", *known).get("subject")
        try:
            return None if text is None else parse_subject(text)
        except InvalidValue as error:
            refuse("query.subject", str(error))

    def page(self, *known: str) -> PageRequest:
        """Which part of a list is wanted, where the query may also have `known` parameters."""
        return wanted_in(read_query(self.event, ("limit", "cursor", *known)))


def handle(event: Event, handlers: Mapping[str, Handler], app: Spendgate) -> dict[str, object]:
    """Answer an event by the handler of its route key (`POST /v1/check`)."""
    context = _mapping(event, "requestContext")
    request_id = str(context.get("requestId", ""))
    logger.set_correlation_id(request_id)
    try:
        answer = _answer(event, handlers, request_id, app)
    except Exception as error:  # noqa: BLE001 (logged there, if nobody foresaw it)
        if metric := metric_of(error):
            count(metric)
        answer = error_answer(error, request_id=request_id)
    return _rendered(answer, request_id)


def _answer(
    event: Event, handlers: Mapping[str, Handler], request_id: str, app: Spendgate
) -> Response:
    route_key = str(event.get("routeKey", ""))
    route, handler = ROUTE_BY_KEY.get(route_key), handlers.get(route_key)
    if route is None or handler is None:
        _refuse_route(event)
    caller = _admitted(event, route)
    now_ms = app.clock.now_ms()
    return handler(
        Request(event=event, request_id=request_id, now_ms=now_ms, caller=caller, app=app)
    )


def _admitted(event: Event, route: Route) -> Principal | None:
    """Who calls, if the route's roles admit them. Raises InvalidApiKey and Forbidden."""
    authorizer = _mapping(_mapping(event, "requestContext"), "authorizer")
    caller = principal_in(_mapping(authorizer, "lambda"))
    if caller is not None:
        logger.append_keys(tenant_id=caller.tenant_id)
    if not route.roles:
        return caller
    if caller is None:
        raise InvalidApiKey
    if caller.role not in route.roles:
        raise Forbidden(role=caller.role, roles=route.roles)
    return caller


def _refuse_route(event: Event) -> NoReturn:
    """Say what is wrong with a route that API Gateway could not match."""
    http = _mapping(_mapping(event, "requestContext"), "http")
    method = str(http.get("method", ""))[:_SHOWN_LENGTH_MAX]
    path = str(event.get("rawPath", ""))
    shown, allowed = path[:_SHOWN_LENGTH_MAX], methods_at(path)
    if allowed and method not in allowed:
        raise MethodNotAllowed(method=method, path=shown, allowed=allowed)
    raise RouteNotFound(method=method, path=shown)


def _mapping(parent: Mapping[str, object], name: str) -> Mapping[str, object]:
    """A nested object of the event; an absent or null one is empty."""
    inner = parent.get(name)
    return inner if isinstance(inner, Mapping) else {}


def _headers(event: Event) -> dict[str, str]:
    return {name.lower(): str(value) for name, value in _mapping(event, "headers").items()}


def _rendered(answer: Response, request_id: str) -> dict[str, object]:
    headers = {"X-Request-Id": request_id, **answer.headers}
    if answer.body is None:
        return {"statusCode": answer.status, "headers": headers, "body": ""}
    body = answer.body if isinstance(answer.body, str) else json_text(answer.body)
    headers["Content-Type"] = answer.content_type
    return {"statusCode": answer.status, "headers": headers, "body": body}
