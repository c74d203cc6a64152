"""Who may do what: keys, roles, tenants, routes; and what needs no key."""

import httpx2
import pytest

from local.bootstrap import StackFile
from tests.e2e.client import Caller, Tenant, eventually, new_name, subjects_of
from tests.support.local_stack import NewTenant

REVOKED_WITHIN_SECONDS = 60
"""How long the gateway may trust a key that it knows."""


def test_health_and_the_interfaces_description_need_no_key(stranger: Caller) -> None:
    document = stranger.get("/v1/openapi.json")

    assert stranger.get("/v1/health") == {"status": "ok"}
    assert document["openapi"].startswith("3.")
    assert "post" in document["paths"]["/v1/reservations"]


@pytest.mark.parametrize("path", ["/v1/nothing", "/", "/v1/budgets/bud_1/nothing", "/v2/check"])
def test_an_unknown_route_is_not_found_in_our_shape(stranger: Caller, path: str) -> None:
    reply = stranger.send("GET", path)

    assert reply.refusal == (404, "not_found")
    assert reply.error["type"] == "not_found_error"


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/v1/budgets", {"GET", "POST"}),
        ("DELETE", "/v1/reservations", {"GET", "POST"}),
        ("GET", "/v1/check", {"POST"}),
        ("POST", "/v1/reservations/rsv_1", {"GET"}),
        ("PUT", "/v1/reservations/rsv_1/settle", {"POST"}),
    ],
)
def test_a_wrong_method_is_refused_and_told_the_right_ones(
    stranger: Caller, method: str, path: str, allowed: set[str]
) -> None:
    reply = stranger.send(method, path)

    assert reply.refusal == (405, "method_not_allowed")
    assert set(reply.headers["allow"].split(", ")) == allowed


def test_without_a_key_the_gateway_itself_answers_401(http: httpx2.Client) -> None:
    assert http.post("/v1/reservations", json={}).status_code == 401
    assert http.get("/v1/budgets").status_code == 401


@pytest.mark.parametrize("key", ["x", "sg.local.key_1.secret", "sg.{tenant}.{key_id}.{secret}"])
def test_a_wrong_key_is_nobodys(http: httpx2.Client, stack: StackFile, key: str) -> None:
    tenant_id, key_id, secret = stack.caller_key.removeprefix("sg.").split(".")
    wrong = key.format(tenant=tenant_id, key_id=key_id, secret=secret[::-1])

    reply = Caller(http, wrong).post("/v1/reservations", {"amounts": {"usd": 1}})

    assert reply.refusal == (401, "invalid_api_key")
    assert reply.error["type"] == "authentication_error"
    assert reply.headers["www-authenticate"] == "Bearer"


def test_a_key_cannot_be_carried_into_another_tenant(
    http: httpx2.Client, stack: StackFile, tenant: Tenant
) -> None:
    _, key_id, secret = stack.admin_key.removeprefix("sg.").split(".")

    reply = Caller(http, f"sg.{tenant.tenant_id}.{key_id}.{secret}").send("GET", "/v1/budgets")

    assert reply.refusal == (401, "invalid_api_key")


@pytest.mark.parametrize(
    ("role", "method", "path"),
    [
        ("caller", "POST", "/v1/budgets"),
        ("caller", "GET", "/v1/budgets"),
        ("caller", "POST", "/v1/keys"),
        ("reader", "POST", "/v1/reservations"),
        ("reader", "POST", "/v1/check"),
        ("reader", "POST", "/v1/reservations/rsv_1/settle"),
        ("reader", "POST", "/v1/budgets"),
        ("admin", "POST", "/v1/tenants"),
        ("admin", "GET", "/v1/tenants"),
        ("operator", "POST", "/v1/reservations"),
        ("operator", "GET", "/v1/budgets"),
    ],
)
def test_a_wrong_role_is_forbidden(
    tenant: Tenant, operator: Caller, role: str, method: str, path: str
) -> None:
    people = {
        "caller": tenant.caller,
        "reader": tenant.reader,
        "admin": tenant.admin,
        "operator": operator,
    }

    reply = people[role].send(method, path, {} if method == "POST" else None)

    assert reply.refusal == (403, "forbidden")
    assert reply.error["type"] == "permission_error"


def test_another_tenants_reservation_is_not_there(tenant: Tenant, new_tenant: NewTenant) -> None:
    other = new_tenant()
    budget = tenant.budget(10)
    reservation_id = tenant.reserve(budget, 4)

    replies = [
        other.caller.send("GET", f"/v1/reservations/{reservation_id}"),
        other.finish(reservation_id, "settle", {"actual": {"usd": 1}}),
        other.finish(reservation_id, "release"),
        other.finish(reservation_id, "extend", {"ttl_seconds": 60}),
    ]

    assert {reply.refusal for reply in replies} == {(404, "not_found")}
    assert tenant.amounts(budget) == ("0", "4", "6")


def test_another_tenants_budget_is_not_there_and_does_not_count(
    tenant: Tenant, new_tenant: NewTenant
) -> None:
    other = new_tenant()
    budget = tenant.budget(10)
    path = f"/v1/budgets/{budget['budget_id']}"

    replies = [
        other.admin.send("GET", path),
        other.admin.send("PATCH", path, {"limit": 1000}),
        other.admin.send("DELETE", path),
        other.admin.send("GET", f"{path}/balance"),
        other.admin.send("GET", f"{path}/ledger"),
        other.admin.send("GET", f"{path}/audit"),
    ]

    assert {reply.refusal for reply in replies} == {(404, "not_found")}
    assert other.ask(budget, 1000).status == 201
    assert other.admin.get("/v1/budgets")["data"] == []
    assert tenant.amounts(budget) == ("0", "0", "10")


def test_the_same_idempotency_key_of_two_tenants_is_two_reservations(
    tenant: Tenant, new_tenant: NewTenant
) -> None:
    key, budget, other = new_name("k"), tenant.budget(10), new_tenant()

    first, second = tenant.ask(budget, 1, once=key), other.ask(budget, 2, once=key)

    assert (first.status, second.status) == (201, 201)
    assert first.body["reservation_id"] != second.body["reservation_id"]


def test_a_new_key_works_at_once_and_a_revoked_one_no_longer(
    tenant: Tenant, http: httpx2.Client
) -> None:
    made = tenant.admin.post("/v1/keys", {"role": "caller", "name": "short-lived"}).body
    shown = [key for key in tenant.admin.get("/v1/keys")["data"] if key["name"] == "short-lived"]
    holder = Caller(http, made["secret"])
    assert holder.get("/v1/spend", agent="nobody")

    tenant.admin.send("DELETE", f"/v1/keys/{made['key_id']}", expected=200)

    eventually(
        lambda: holder.send("GET", "/v1/spend", query={"agent": "nobody"}).status,
        lambda status: status == 401,
        seconds=REVOKED_WITHIN_SECONDS,
    )
    assert [key["key_id"] for key in shown] == [made["key_id"]]
    assert "secret" not in shown[0]


def test_a_tenants_name_is_taken_once(operator: Caller, tenant: Tenant) -> None:
    reply = operator.post("/v1/tenants", {"tenant_id": tenant.tenant_id})

    assert reply.refusal == (409, "already_exists")


def test_a_repeated_tenant_is_the_first_answer_without_its_key(operator: Caller) -> None:
    tenant_id, key = new_name(), new_name("k")
    first = operator.post("/v1/tenants", {"tenant_id": tenant_id}, once=key)

    again = operator.post("/v1/tenants", {"tenant_id": tenant_id}, once=key)

    assert (first.status, again.status) == (201, 200)
    assert first.body["admin_key"].startswith(f"sg.{tenant_id}.")
    assert again.body == first.body | {"admin_key": None}
    assert again.headers["idempotency-replayed"] == "true"


def test_a_tenant_that_requires_a_budget_spends_nothing_without_one(
    new_tenant: NewTenant,
) -> None:
    strict = new_tenant()
    changed = strict.admin.send("PATCH", "/v1/tenant", {"require_budget": True}, expected=200)
    nobody = {"subject": f"agent:{new_name()}", "unit": "usd"}

    reply = strict.ask(nobody, 1)

    assert changed.body["require_budget"] is True
    assert reply.refusal == (403, "no_budget")
    check = {"subjects": subjects_of(nobody), "amounts": {"usd": 1}}
    assert strict.caller.post("/v1/check", check).body["error_code"] == "no_budget"


def test_the_operator_issues_a_key_to_a_tenant_that_lost_its_own(
    tenant: Tenant, operator: Caller, http: httpx2.Client
) -> None:
    path = f"/v1/tenants/{tenant.tenant_id}/keys"

    made = operator.post(path, {"role": "admin", "name": "repaired"}, expected=201).body

    shown = Caller(http, made["secret"]).get("/v1/keys")["data"]
    assert made["key_id"] in {key["key_id"] for key in shown}
    assert tenant.admin.send("POST", path, {"role": "admin"}).status == 403
