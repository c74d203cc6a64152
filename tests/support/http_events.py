"""Events as API Gateway sends them (payload format 2.0)."""

import json
from collections.abc import Mapping
from urllib.parse import unquote, urlencode

from spendgate_service.api.route import Route
from spendgate_service.api.routes import route_at
from spendgate_service.domain.tenants import Role

type Context = Mapping[str, str]

NO_PRINCIPAL: Context = {"error": "invalid_api_key"}


def a_principal(role: Role = "admin", *, tenant_id: str = "acme", key_id: str = "key_1") -> Context:
    """The context that the authorizer gives for a valid key."""
    return {"tenant_id": tenant_id, "key_id": key_id, "role": role}


def http_event(
    method: str,
    path: str,
    *,
    body: object = None,
    principal: Context | None = None,
    headers: Mapping[str, str] | None = None,
    query: Mapping[str, str] | None = None,
    route: str | None = None,
    request_id: str = "req-1",
) -> dict[str, object]:
    """A request as a function gets it; `route` is found by the path unless it is given.

    A body that is text is sent as it is, any other as JSON. Without a principal the authorizer
    found none.
    """
    found = route_at(method, path)
    route_key = route or (found.key if found else "$default")
    event: dict[str, object] = {
        "version": "2.0",
        "routeKey": route_key,
        "rawPath": path,
        "rawQueryString": urlencode(query or {}),
        "headers": {"content-type": "application/json", **_lower(headers or {})},
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "api",
            "authorizer": {"lambda": dict(principal or NO_PRINCIPAL)},
            "domainName": "api.execute-api.us-east-1.amazonaws.com",
            "http": {
                "method": method,
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": "192.0.2.1",
                "userAgent": "tests",
            },
            "requestId": request_id,
            "routeKey": route_key,
            "stage": "$default",
            "timeEpoch": 1_772_971_200_000,
        },
        "isBase64Encoded": False,
    }
    if query:
        event["queryStringParameters"] = dict(query)
    if found and "{" in found.path:
        event["pathParameters"] = _path_parameters(found, path)
    if body is not None:
        event["body"] = body if isinstance(body, str) else json.dumps(body)
    return event


def authorizer_event(headers: Mapping[str, str]) -> dict[str, object]:
    """A request as the authorizer gets it."""
    event = http_event("GET", "/v1/budgets", headers=headers)
    return {**event, "type": "REQUEST", "identitySource": [headers.get("authorization", "")]}


def _lower(headers: Mapping[str, str]) -> dict[str, str]:
    """API Gateway writes the names of headers in lower case."""
    return {name.lower(): value for name, value in headers.items()}


def _path_parameters(route: Route, path: str) -> dict[str, str]:
    """Decoded but for `%25`, as API Gateway gives them; only a last `{name+}` takes slashes."""
    names = route.path.split("/")
    given = unquote(path.replace("%25", "%2525")).split("/", maxsplit=len(names) - 1)
    steps = zip(names, given, strict=True)
    return {name.strip("{+}"): step for name, step in steps if name.startswith("{")}
