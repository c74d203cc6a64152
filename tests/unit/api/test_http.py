"""The adapter: who may call what, and what every answer carries."""

import json
import logging
from typing import Any

import pytest

from spendgate_service.api.dispatch import handle
from spendgate_service.api.handlers import reserve
from spendgate_service.api.http import Request, Response, created, ok, replayed
from spendgate_service.api.query import CURSOR_LENGTH_MAX
from spendgate_service.api.routes import ROUTES, methods_at
from spendgate_service.domain.errors import NotFound
from spendgate_service.domain.tenants import ROLES
from tests.support.api_requests import NOON_MS, answered, app_at_noon, event

RESERVE = "POST /v1/reservations"
LEDGER = "GET /v1/budgets/{id}/ledger"


def who(call: Request) -> Response:
    return ok({"tenant_id": call.principal.tenant_id, "key_id": call.principal.key_id})


def test_the_tenant_and_the_key_come_from_the_authorizer() -> None:
    status, headers, body = answered(event(RESERVE), who)

    assert (status, body) == (200, {"tenant_id": "acme", "key_id": "key_1"})
    assert headers["x-request-id"] == "req-1"


@pytest.mark.parametrize(
    "authorizer",
    [
        {},
        {"error": "unknown key"},
        {"tenant_id": "acme", "key_id": "key_1"},
        {"tenant_id": "acme", "key_id": "key_1", "role": "root"},
        {"tenant_id": None, "key_id": "key_1", "role": "caller"},
    ],
)
def test_without_a_principal_the_answer_is_401(authorizer: dict[str, Any]) -> None:
    status, headers, body = answered(event(RESERVE, authorizer=authorizer), who)

    assert status == 401
    assert headers["www-authenticate"] == "Bearer"
    assert body["error"]["code"] == "invalid_api_key"
    assert body["error"]["type"] == "authentication_error"


def test_an_event_without_an_authorizer_is_401_too() -> None:
    bare = event(RESERVE)
    bare["requestContext"] = {"requestId": "req-1"}

    assert answered(bare, who)[0] == 401


ASKING = {
    "POST /v1/increase-requests", "GET /v1/increase-requests", "GET /v1/increase-requests/{id}",
}  # fmt: skip
APPROVING = {
    "GET /v1/increase-requests", "GET /v1/increase-requests/{id}",
    "POST /v1/increase-requests/{id}/approve", "POST /v1/increase-requests/{id}/deny",
    "GET /v1/budgets", "GET /v1/budgets/{id}", "GET /v1/budgets/{id}/balance",
    "GET /v1/budgets/{id}/balances", "GET /v1/budgets/{id}/ledger",
    "GET /v1/budgets/{id}/statements", "GET /v1/balances", "GET /v1/usage",
    "GET /v1/usage/records", "GET /v1/export/usage", "GET /v1/refusals",
    "GET /v1/spend", "GET /v1/allowance", "GET /v1/reservations/{id}",
}  # fmt: skip
"""What an approver needs to decide, and no more."""


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.key)
@pytest.mark.parametrize("role", ROLES)
def test_each_role_reaches_its_routes_and_no_others(route: Any, role: Any) -> None:
    status, _, _ = answered(event(route.key, role=role), lambda _: ok({}))

    is_operators = route.path.startswith("/v1/tenants")
    expected = (
        not route.roles
        or route.path == "/v1/me"
        or (role == "operator" and route.path == "/v1/changes")
        or (role == "operator" and is_operators)
        or (role == "admin" and not is_operators)
        or (role == "reader" and route.method == "GET" and not is_operators)
        or (role == "caller" and route.function in {"check", "reserve", "settle"})
        or (role == "caller" and route.key in ASKING)
        or (role == "approver" and route.key in APPROVING)
    )
    assert (status == 200) == expected
    assert expected or status == 403


def test_a_public_route_needs_no_key() -> None:
    status, _, body = answered(event("GET /v1/health", role=None), lambda _: ok({"up": True}))

    assert (status, body) == (200, {"up": True})


def default_route(method: str, path: str) -> dict[str, Any]:
    context = {"requestId": "req-1", "http": {"method": method, "path": path}}
    return event("$default", rawPath=path, requestContext=context)


@pytest.mark.parametrize("path", ["/", "/v1/nothing", "/v1/check/", "/v1/reservations//settle"])
def test_an_unknown_path_is_404(path: str) -> None:
    status, _, body = answered(default_route("GET", path), who)

    assert status == 404
    assert (body["error"]["code"], body["error"]["type"]) == ("not_found", "not_found_error")


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("GET", "/v1/check", "POST"),
        ("PUT", "/v1/spend", "GET, POST"),
        ("DELETE", "/v1/reservations/rsv_1", "GET"),
        ("POST", "/v1/budgets/bud_1", "GET, PATCH, DELETE"),
        ("HEAD", "/v1/health", "GET"),
    ],
)
def test_a_wrong_method_is_405_and_says_which_are_right(method: str, path: str, allow: str) -> None:
    status, headers, body = answered(default_route(method, path), who)

    assert (status, headers["allow"]) == (405, allow)
    assert body["error"]["code"] == "method_not_allowed"


def test_a_route_of_another_function_is_not_answered() -> None:
    answer = handle(event("GET /v1/spend"), reserve.ROUTES, app_at_noon())

    assert answer["statusCode"] == 404


def test_a_replay_says_so() -> None:
    first, again = '{"reservation_id":"rsv_1"}', {"reservation_id": "rsv_1"}

    status, headers, body = answered(event(RESERVE), lambda _: replayed(first))

    assert (status, body) == (200, again)
    assert headers["idempotency-replayed"] == "true"
    assert answered(event(RESERVE), lambda _: created(again))[0] == 201


@pytest.mark.parametrize(
    ("header", "key"),
    [
        ("abc-1", "abc-1"),
        ('"abc-1"', "abc-1"),
        (r'"a\"b\\c"', r'a"b\c'),
        ("a" * 255, "a" * 255),
        (f'"{"a" * 255}"', "a" * 255),
    ],
)
def test_an_idempotency_key_is_read_quoted_or_bare(header: str, key: str) -> None:
    for name in ("idempotency-key", "Idempotency-Key"):
        one = event(RESERVE, headers={name: header})

        assert answered(one, lambda call: ok({"key": call.idempotency_key}))[2] == {"key": key}


def test_an_idempotency_key_may_be_absent() -> None:
    assert answered(event(RESERVE), lambda call: ok({"key": call.idempotency_key}))[2] == {
        "key": None
    }


@pytest.mark.parametrize("header", ["", " ", '""', '"', '"a', '"a"b"', "a b", "é", "a" * 256])
def test_a_bad_idempotency_key_is_refused(header: str) -> None:
    one = event(RESERVE, headers={"idempotency-key": header})

    status, _, body = answered(one, lambda call: ok({"key": call.idempotency_key}))

    assert (status, body["error"]["param"]) == (422, "header.idempotency-key")


def page(call: Request) -> Response:
    wanted = call.page()
    return ok({"limit": wanted.limit, "cursor": wanted.cursor})


def test_a_list_is_paged() -> None:
    one = event(LEDGER, role="reader", rawQueryString="limit=100&cursor=abc&subject=agent%3Aa")

    assert answered(one, page)[2] == {"limit": 100, "cursor": "abc"}
    assert answered(event(LEDGER, role="reader"), page)[2] == {"limit": 20, "cursor": None}


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ("limit=0", "query.limit"),
        ("limit=101", "query.limit"),
        ("limit=ten", "query.limit"),
        ("limit=%D9%A3", "query.limit"),
        ("limit=", "query.limit"),
        ("limit=1&limit=2", "query.limit"),
        ("cursor=" + "x" * (CURSOR_LENGTH_MAX + 1), "query.cursor"),
        ("colour=red", "query.colour"),
        ("limit=%FF", "query"),
        ("&".join(f"a{i}=1" for i in range(40)), "query"),
    ],
)
def test_a_bad_query_is_refused(query: str, param: str) -> None:
    status, _, body = answered(event(LEDGER, role="reader", rawQueryString=query), page)

    assert (status, body["error"]["param"]) == (422, param)


def test_the_id_in_the_path_is_handed_over() -> None:
    one = event("GET /v1/reservations/{id}", pathParameters={"id": "rsv_1"})

    assert answered(one, lambda call: ok({"id": call.path_id("reservation")}))[2] == {"id": "rsv_1"}


@pytest.mark.parametrize("object_id", ["x" * 65, "rsv_\u0000", "\u2028"])
def test_an_id_that_cannot_exist_is_404(object_id: str) -> None:
    one = event("GET /v1/reservations/{id}", pathParameters={"id": object_id})

    assert answered(one, lambda call: ok({"id": call.path_id("reservation")}))[0] == 404


def test_a_body_may_be_left_out_where_nothing_is_required() -> None:
    release = "POST /v1/reservations/{id}/release"

    status, _, body = answered(
        event(release), lambda call: ok({"fields": call.read_body().model_dump()})
    )

    assert (status, body) == (200, {"fields": {}})


def test_what_nobody_foresaw_is_500_without_details_and_logged_with_them(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def broken(_: Request) -> Response:
        raise KeyError("the secret")

    with caplog.at_level(logging.ERROR):
        status, _, body = answered(event(RESERVE), broken)

    assert status == 500
    assert (body["error"]["code"], body["error"]["type"]) == ("internal_error", "api_error")
    assert "secret" not in json.dumps(body)
    assert "req-1" in caplog.text
    assert "the secret" in caplog.text
    assert "Traceback" in caplog.text


def test_what_was_foreseen_is_not_logged_as_an_error(caplog: pytest.LogCaptureFixture) -> None:
    def missing(_: Request) -> Response:
        raise NotFound("reservation", "rsv_1")

    assert answered(event(RESERVE), missing)[0] == 404
    assert not caplog.records


def test_the_clock_is_read_once_for_a_call() -> None:
    assert answered(event(RESERVE), lambda call: ok({"now": call.now_ms}))[2] == {"now": NOON_MS}


def test_routes_are_listed_once() -> None:
    keys = [route.key for route in ROUTES]

    assert len(set(keys)) == len(keys)
    assert methods_at("/v1/spend") == ["GET", "POST"]
