"""Every route, every role, every tenant: who is let in, who is not, and whose objects one sees.

Generated from the table of routes, so that a new route is asked about before anybody thinks of it.
Each test asks all of them over one table, and says which ones answered otherwise.
"""

import itertools
import json
from typing import Any

import pytest

from spendgate_service.api.route import Route
from spendgate_service.api.routes import ROUTES
from spendgate_service.domain.tenants import ROLES, Role
from tests.support.functions import HttpAnswer
from tests.support.handlers import Ask
from tests.support.http_events import NO_PRINCIPAL, Context, a_principal

_NUMBERS = itertools.count()

GUARDED = [route for route in ROUTES if route.roles]
OF_AN_OBJECT = [
    route for route in GUARDED if "{id}" in route.path and "operator" not in route.roles
]
ENDS = ("/settle", "/release", "/approve", "/deny")
"""The last steps of the paths of what can be done once to an object."""

LISTS = [route for route in GUARDED if route.paged]

NOBODIES: dict[str, Context] = {
    "no key or a wrong one": NO_PRINCIPAL,
    "an empty context": {},
    "a role that there is not": {"tenant_id": "acme", "key_id": "key_1", "role": "root"},
    "no tenant": {"key_id": "key_1", "role": "admin"},
    "no key id": {"tenant_id": "acme", "role": "admin"},
}

BODIES: dict[str, dict[str, Any]] = {
    "POST /v1/check": {"subjects": {"agent": "a"}, "amounts": {"usd": 1}},
    "POST /v1/reservations": {"subjects": {"agent": "a"}, "amounts": {"usd": 1}},
    "POST /v1/reservations/{id}/settle": {"actual": {"usd": 1}},
    "POST /v1/reservations/{id}/capture": {"actual": {"usd": 1}},
    "POST /v1/reservations/{id}/extend": {"ttl_seconds": 60},
    "POST /v1/spend": {"subjects": {"agent": "a"}, "actual": {"usd": 1}},
    "POST /v1/budgets": {"subject": "agent:b", "unit": "usd", "limit": 1},
    "PATCH /v1/budgets/{id}": {"limit": 2},
    "PUT /v1/budgets/by-slug/{slug}": {"subject": "agent:c", "unit": "usd", "limit": 1},
    "POST /v1/budgets/{id}/credits": {"amount": 1},
    "PUT /v1/token-caps/{type}/{id+}": {"max_total_tokens": 1},
    "PUT /v1/prices/{provider}/{model+}": {"input_per_million": 1, "output_per_million": 1},
    "PUT /v1/rates/{from}/{to}": {"rate": 1},
    "POST /v1/keys": {"role": "reader"},
    "POST /v1/keys/{id}/rotate": {"grace_seconds": 60},
    "POST /v1/increase-requests": {"subject": "agent:b", "unit": "usd", "amount": 1, "reason": "r"},
    "POST /v1/increase-requests/{id}/approve": {},
    "POST /v1/increase-requests/{id}/deny": {},
    "POST /v1/notifications": {
        "format": "webhook",
        "url": "https://example.com/hooks/12345678",
        "event_types": ["budget.exhausted"],
    },
    "PATCH /v1/notifications/{id}": {"subject_prefix": "agent:"},
    "POST /v1/usage/{id}/reverse": {"reason": "by mistake"},
    "PATCH /v1/tenant": {"name": "Acme"},
    "POST /v1/tenants": {"tenant_id": "another"},
    "POST /v1/tenants/{id}/keys": {"role": "reader"},
}


def path_of(route: Route, object_id: str) -> str:
    filled = route.path.replace("{id}", object_id)
    for name, value in {
        "{type}": "agent",
        "{id+}": "a",
        "{provider}": "openai",
        "{model+}": "m/1",
        "{from}": "eur",
        "{to}": "usd",
        "{slug}": "agents",
    }.items():
        filled = filled.replace(name, value)
    return filled


type Objects = dict[str, str]
"""An id of each kind, by the first step of its path."""


def new_objects(ask: Ask, tenant_id: str) -> Objects:
    """A budget, a reservation, a spend, a request, a key and a notification, new in a tenant."""
    admin = a_principal("admin", tenant_id=tenant_id)
    caller = as_role("caller", tenant_id)

    def post(path: str, body: object, who: Context = admin) -> dict[str, Any]:
        answer = ask("POST", path, body, principal=who)
        assert answer.status == 201, answer
        return answer.body

    agent = f"agent:{next(_NUMBERS)}"
    budget = post("/v1/budgets", {"subject": agent, "unit": "usd", "limit": 100})
    subjects = {"agent": agent[6:]}
    wish = {"subjects": subjects, "amounts": {"usd": 1}}
    wants_more = {"budget_id": budget["budget_id"], "amount": 1, "reason": "r"}
    return {
        "budgets": budget["budget_id"],
        "increase-requests": post("/v1/increase-requests", wants_more, caller)["id"],
        "reservations": post("/v1/reservations", wish)["reservation_id"],
        "usage": post("/v1/spend", {"subjects": subjects, "actual": {"usd": 1}})["usage_id"],
        "keys": post("/v1/keys", {"role": "reader"})["key_id"],
        "notifications": _the_notification(ask, admin),
        "tenants": tenant_id,
    }


def _the_notification(ask: Ask, admin: Context) -> str:
    """The tenant's only notification: it may have few of them."""
    there = ask("GET", "/v1/notifications", principal=admin).body["data"]
    for other in there[1:]:
        ask("DELETE", f"/v1/notifications/{other['id']}", principal=admin)
    if there:
        return str(there[0]["id"])
    body = BODIES["POST /v1/notifications"]
    return str(ask("POST", "/v1/notifications", body, principal=admin).body["id"])


@pytest.fixture
def tenants(ask: Ask) -> None:
    operator = a_principal("operator", tenant_id="-")
    for tenant_id in ("acme", "beta"):
        made = ask("POST", "/v1/tenants", {"tenant_id": tenant_id}, principal=operator)
        assert made.status == 201


def send(ask: Ask, route: Route, objects: Objects, who: Context, **more: Any) -> HttpAnswer:
    path = path_of(route, objects.get(route.path.split("/")[2], "none"))
    return ask(route.method, path, BODIES.get(route.key), principal=who, **more)


def refusal(answer: HttpAnswer) -> tuple[int, str]:
    return (answer.status, answer.code) if answer.status >= 400 else (answer.status, "")


def as_role(role: Role, tenant_id: str) -> Context:
    """A key of the role; each role has its own."""
    own_tenant = "-" if role == "operator" else tenant_id
    return a_principal(role, tenant_id=own_tenant, key_id=f"key_{role}")


def test_who_has_no_valid_key_gets_401(ask: Ask) -> None:
    answers = {
        (route.key, nobody): send(ask, route, {}, context)
        for route in GUARDED
        for nobody, context in NOBODIES.items()
    }

    wrong = [key for key, one in answers.items() if refusal(one) != (401, "invalid_api_key")]
    assert not wrong
    assert {answer.headers["WWW-Authenticate"] for answer in answers.values()} == {"Bearer"}


def test_who_has_another_role_gets_403(ask: Ask) -> None:
    wrong = [
        (route.key, role)
        for route in GUARDED
        for role in ROLES
        if role not in route.roles
        and refusal(send(ask, route, {}, as_role(role, "acme"))) != (403, "forbidden")
    ]

    assert not wrong


@pytest.mark.usefixtures("tenants")
def test_who_has_the_role_is_let_in(ask: Ask) -> None:
    """2xx, or 404 where nothing is laid down yet: a cap, a price, a rate."""
    wrong = []
    objects = new_objects(ask, "acme")
    for route in GUARDED:
        uses_up = route.method == "DELETE" or route.path.endswith(ENDS)
        may_be_missing = route.path.startswith(("/v1/token-caps", "/v1/prices", "/v1/rates"))
        for role in route.roles:
            answer = send(ask, route, objects, as_role(role, "acme"))
            objects = new_objects(ask, "acme") if uses_up else objects
            if answer.status not in ({200, 201, 404} if may_be_missing else {200, 201}):
                wrong.append((route.key, role, answer))

    assert not wrong


@pytest.mark.usefixtures("tenants")
def test_an_object_of_another_tenant_is_not_there_and_stays_as_it_is(ask: Ask) -> None:
    objects = new_objects(ask, "acme")
    nowhere = {name: f"{one[:-4]}zzzz" for name, one in objects.items()}
    before = everything(ask, objects)

    wrong = [
        (route.key, role)
        for route in OF_AN_OBJECT
        for role in route.roles
        for named in (objects, nowhere)
        if refusal(send(ask, route, named, a_principal(role, tenant_id="beta")))
        != (404, "not_found")
    ]

    assert not wrong
    assert everything(ask, objects) == before


def everything(ask: Ask, objects: Objects) -> str:
    """What acme's admin sees of all that others may reach for."""
    paths = [
        f"/v1/budgets/{objects['budgets']}",
        f"/v1/budgets/{objects['budgets']}/ledger",
        f"/v1/reservations/{objects['reservations']}",
        "/v1/keys",
        "/v1/notifications",
        "/v1/tenant",
    ]
    return json.dumps([ask("GET", path).body for path in paths], sort_keys=True)


@pytest.mark.usefixtures("tenants")
def test_an_id_cannot_reach_into_another_tenant(ask: Ask) -> None:
    objects = new_objects(ask, "acme")
    reaches = (
        "acme%23",
        "%2523",
        "a%0Ab",
        "%00",
        "*",
        "#",
        ":",
        "%2F",
        "TENANT%23acme%23BUDGETS%23",
    )

    wrong = []
    for route in OF_AN_OBJECT:
        own = objects[route.path.split("/")[2]]
        for object_id in ("", *(f"{reach}{own}" for reach in reaches)):
            answer = ask(
                route.method, path_of(route, object_id), BODIES.get(route.key), route=route.key,
                principal=a_principal(route.roles[0], tenant_id="beta"),
            )  # fmt: skip
            if refusal(answer) != (404, "not_found"):
                wrong.append((route.key, object_id, answer))

    assert not wrong


@pytest.mark.usefixtures("tenants")
def test_a_cursor_of_another_tenant_or_list_shows_nothing_of_it(ask: Ask) -> None:
    """A cursor says where to go on, never in whose list."""
    objects, theirs = [new_objects(ask, "acme") for _ in range(3)], new_objects(ask, "beta")
    cursors = cursors_of_every_list(ask, objects[0])
    assert len(cursors) >= 4

    for route in LISTS:
        who = as_role(route.roles[0], "beta")
        for cursor in cursors:
            path = path_of(route, theirs["budgets"])
            answer = ask(route.method, path, principal=who, query={"cursor": cursor})
            assert answer.status in {200, 422}, (route.key, answer)
            seen = [value for own in objects for value in own.values() if value in answer.text]
            assert not seen, (route.key, cursor)


def cursors_of_every_list(ask: Ask, objects: Objects) -> list[str]:
    agent = ask("GET", f"/v1/budgets/{objects['budgets']}").body["subject"][6:]
    for _ in range(2):
        ask("POST", "/v1/spend", {"subjects": {"agent": agent}, "actual": {"usd": 1}})
    pages = [
        ask(
            route.method, path_of(route, objects["budgets"]), query={"limit": "1"},
            principal=as_role(route.roles[0], "acme"),
        )
        for route in LISTS
    ]  # fmt: skip
    return [page.body["next_cursor"] for page in pages if page.body["next_cursor"]]
