"""Every change by an admin or operator leaves an entry in the change log, in its transaction.

The kind: "who changed this limit?" has an answer for every route that changes something.
"""

import json
from typing import Any

import pytest

from spendgate_service.api.route import Route
from spendgate_service.api.routes import ROUTES
from spendgate_service.app import Spendgate
from spendgate_service.store import keys
from tests.handlers.test_access import BODIES, as_role, new_objects, send
from tests.support.handlers import Ask, all_entries
from tests.support.http_events import a_principal

pytestmark = pytest.mark.usefixtures("acme")

LOGGED = [route for route in ROUTES if route.is_logged]
SPENDING = {"admin", "caller"}
"""The roles of routes that spend, which are in the ledger and no change."""

OPERATOR = a_principal("operator", tenant_id="-", key_id="key_op")
WHO = {"Spendgate-Actor": "ada@example.com", "Spendgate-Reason": "a longer study"}
DAILY = {"subject": "agent:a", "unit": "usd", "limit": "10"}


def changes(ask: Ask, tenant_id: str = "acme", **query: str) -> list[dict[str, Any]]:
    reader = a_principal("reader", tenant_id=tenant_id)
    page = ask("GET", "/v1/changes", query={"limit": "100", **query}, principal=reader)
    assert page.status == 200, page
    entries: list[dict[str, Any]] = page.body["data"]
    return entries


def fields(entry: dict[str, Any]) -> dict[str, tuple[object, object]]:
    return {change["field"]: (change["from"], change["to"]) for change in entry["changes"]}


def test_every_route_changes_what_is_managed_or_spends_or_reads() -> None:
    unknown = [
        route.key
        for route in ROUTES
        if route.roles
        and not route.is_logged
        and route.method != "GET"
        and not set(route.roles) <= SPENDING
    ]

    assert not unknown
    assert len(LOGGED) >= 20


def test_every_route_that_changes_something_leaves_an_entry_that_says_who_and_why(
    ask: Ask,
) -> None:
    silent = []
    objects = new_objects(ask, "acme")
    for route in sorted(LOGGED, key=lambda route: route.method == "DELETE"):
        _prepare(ask, route, objects)
        log = "another" if route.key == "POST /v1/tenants" else "acme"
        before = {change["id"] for change in changes(ask, log)}
        who = {**as_role(route.roles[0], "acme"), "key_id": "key_of_ada", "name": '"Ada"'}
        answer = send(ask, route, objects, who, headers=WHO, request_id=route.key)
        assert answer.status in {200, 201}, (route.key, answer)
        new = [change for change in changes(ask, log) if change["id"] not in before]
        said = {(entry["key_id"], entry["key_name"], entry["role"]) for entry in new}
        why = {(entry["actor"], entry["reason"], entry["request_id"]) for entry in new}
        if said != {("key_of_ada", "Ada", route.roles[0])} or why != {
            ("ada@example.com", "a longer study", route.key)
        }:
            silent.append((route.key, new))

    assert not silent


def _prepare(ask: Ask, route: Route, objects: dict[str, str]) -> None:
    """Let the route change something: what it switches on is off, what it deletes is there."""
    budget = f"/v1/budgets/{objects['budgets']}"
    match route.path.rpartition("/")[2]:
        case "approve" | "deny":
            objects |= new_objects(ask, "acme")
        case "resume":
            ask("POST", f"{budget}/pause")
        case "enable":
            ask("POST", f"{budget}/disable")


def test_an_entry_has_each_field_from_and_to(ask: Ask) -> None:
    budget = ask("POST", "/v1/budgets", {**DAILY, "metadata": {"team": "a"}}).body
    path = f"/v1/budgets/{budget['budget_id']}"
    ask("PATCH", path, {"limit": "20", "soft_limit": "8", "metadata": {"team": "b"}})
    ask("POST", f"{path}/pause")
    ask("POST", f"{path}/credits", {"amount": "5"})
    ask("DELETE", path)

    said = {change["action"]: fields(change) for change in changes(ask, object=budget["budget_id"])}

    assert len(said) == 5
    assert said["budget.changed"] == {
        "limit": ("10", "20"),
        "soft_limit": (None, "8"),
        "metadata": ({"team": "a"}, {"team": "b"}),
    }
    assert said["budget.paused"] == {"paused": (False, True)}
    assert said["budget.created"]["limit"] == (None, "10")
    assert said["budget.deleted"]["limit"] == ("20", None)
    assert said["budget.credited"]["credit"] == (None, "5")


def test_the_log_names_objects_without_an_id(ask: Ask) -> None:
    price = {"input_per_million": 1, "output_per_million": 2}
    ask("PUT", "/v1/prices/openai/gpt-4o", price)
    ask("PUT", "/v1/rates/eur/usd", {"rate": "1.1"})
    ask("PUT", "/v1/rates/eur/usd", {"rate": "1.2"})
    ask("PUT", "/v1/token-caps/agent/*", {"max_total_tokens": 5})
    ask("PATCH", "/v1/tenant", {"require_budget": True})

    assert fields(changes(ask, object="price:openai/gpt-4o")[0])["input_per_million"] == (None, "1")
    rates = {fields(change)["rate"] for change in changes(ask, object="rate:eur/usd")}
    assert rates == {(None, "1.1"), ("1.1", "1.2")}
    cap = changes(ask, object="token_cap:agent:*")[0]
    assert fields(cap)["max_total_tokens"] == (None, 5)
    of_tenant = {change["action"]: fields(change) for change in changes(ask, object="tenant")}
    assert of_tenant["tenant.changed"] == {"require_budget": (False, True)}
    assert of_tenant["tenant.created"]["require_budget"] == (None, False)


def test_a_change_that_changes_nothing_or_fails_leaves_no_entry(ask: Ask) -> None:
    budget = ask("POST", "/v1/budgets", DAILY).body
    path = f"/v1/budgets/{budget['budget_id']}"
    target = ask("POST", "/v1/notifications", BODIES["POST /v1/notifications"]).body
    settings = {"name": "Acme", "require_budget": False}
    ask("PATCH", "/v1/tenant", settings)
    before = changes(ask)

    ask("PATCH", path, {"limit": "10"})
    ask("POST", f"{path}/resume")
    for same_path, body in (
        ("/v1/tenant", settings),
        (f"/v1/notifications/{target['id']}", {"event_types": target["event_types"]}),
    ):
        tag = ask("GET", same_path).headers["ETag"]
        same = ask("PATCH", same_path, body)
        assert (same.status, same.headers["ETag"]) == (200, tag)
    assert ask("PATCH", path, {"limit": "20"}, headers={"If-Match": '"7"'}).status == 412
    assert ask("DELETE", "/v1/keys/key_00000000000000000000000000").status == 404

    assert changes(ask) == before


def test_a_replay_leaves_no_second_entry(ask: Ask) -> None:
    for _ in range(2):
        ask("POST", "/v1/budgets", DAILY, headers={"Idempotency-Key": "k"})
        ask("POST", "/v1/keys", {"role": "reader"}, headers={"Idempotency-Key": "k"})

    actions = [entry["action"] for entry in changes(ask)]
    assert (actions.count("budget.created"), actions.count("key.created")) == (1, 2)


def test_the_log_has_no_secret(ask: Ask) -> None:
    made = ask("POST", "/v1/keys", {"role": "reader"}).body
    rotated = ask("POST", f"/v1/keys/{made['key_id']}/rotate", {"grace_seconds": 60}).body
    text = json.dumps(changes(ask, object=made["key_id"]))

    assert made["key_id"] in text
    for key in (made, rotated):
        assert key["secret"].rpartition(".")[2] not in text


def test_pages_and_filters_show_each_entry_once_newest_first(ask: Ask) -> None:
    for limit in range(1, 6):
        ask("PUT", "/v1/token-caps/agent/a", {"max_total_tokens": limit}, headers=WHO)
        ask("PUT", "/v1/token-caps/agent/b", {"max_total_tokens": limit})

    everything = all_entries(ask, "/v1/changes", limit="3")
    assert everything == changes(ask)
    times = [entry["at"] for entry in everything]
    assert times == sorted(times, reverse=True)
    caps = all_entries(ask, "/v1/changes", limit="2", object="token_cap:agent:a")
    assert sorted(cap["changes"][-1]["to"] for cap in caps) == [1, 2, 3, 4, 5]
    adas = all_entries(ask, "/v1/changes", limit="2", actor="ada@example.com")
    assert adas == caps
    assert len(changes(ask, actor="key_1")) == len(everything)
    assert not changes(ask, actor="ada@example.com", object="tenant")
    assert not changes(ask, to="2020-01-01")
    assert not changes(ask, **{"from": "2100-01-01"})
    assert changes(ask, **{"from": caps[0]["at"]})[-1]["at"] >= caps[0]["at"]


@pytest.mark.parametrize(
    "path", ["changes", "refusals", "usage", "usage/records", "export/usage", "export/ledger"]
)
@pytest.mark.parametrize("to", ["2026-03-01", "2026-03-02"])
def test_a_span_without_a_moment_in_it_is_422_wherever_there_is_a_span(
    ask: Ask, path: str, to: str
) -> None:
    refused = ask("GET", f"/v1/{path}", query={"from": "2026-03-02", "to": to})

    assert (refused.status, refused.body["error"]["param"]) == (422, "query.to")


def test_what_the_headers_may_hold(ask: Ask) -> None:
    for name, length_max in (("Spendgate-Actor", 256), ("Spendgate-Reason", 500)):
        longest = {name: "x" * length_max}
        assert ask("POST", "/v1/budgets", DAILY, headers=longest).status == 201
        for text in ("x" * (length_max + 1), "a\x07b"):
            refused = ask("POST", "/v1/budgets", DAILY, headers={name: text})
            assert refused.body["error"]["param"] == f"header.{name.lower()}"


def test_an_operator_reads_its_own_log_and_no_tenant_another_s(ask: Ask) -> None:
    ask("POST", "/v1/tenants", {"tenant_id": "beta"}, principal=OPERATOR)

    assert not ask("GET", "/v1/changes", principal=OPERATOR).body["data"]
    created = [change for change in changes(ask, "beta") if change["action"] == "tenant.created"]
    assert [entry["key_id"] for entry in created] == ["key_op"]
    assert "beta" not in json.dumps(changes(ask))


def test_nothing_edits_an_entry(ask: Ask, app: Spendgate, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is a put on condition that the key is new, and has no end."""
    written: list[dict[str, Any]] = []
    transact = app.table.client.transact_write_items

    def noting(**arguments: Any) -> Any:
        written.extend(arguments["TransactItems"])
        return transact(**arguments)

    monkeypatch.setattr(app.table.client, "transact_write_items", noting)
    ask("POST", "/v1/budgets", DAILY)

    (entry,) = [
        write["Put"]
        for write in written
        if "Put" in write and write["Put"]["Item"]["sk"]["S"].startswith(keys.CHANGE_PREFIX)
    ]
    assert entry["ConditionExpression"] == keys.IS_NEW
    assert "expires_ttl" not in entry["Item"]
