"""Budgets as an administrator keeps them, and how soon callers feel it."""

import pytest

from tests.e2e.client import Json, Tenant, eventually, new_name, subjects_of
from tests.support.local_stack import NewTenant

DAY_IN_PARIS = {"type": "calendar", "unit": "day", "timezone": "Europe/Paris"}


def path_of(budget: Json) -> str:
    return f"/v1/budgets/{budget['budget_id']}"


def test_a_budget_is_created_read_listed_changed_and_deleted(tenant: Tenant) -> None:
    made = tenant.budget("10.50", name="Research", metadata={"team": "r"}, period=DAY_IN_PARIS)

    assert made["budget_id"].startswith("bud_")
    assert (made["limit"], made["period"], made["status"]) == ("10.5", DAY_IN_PARIS, "active")
    assert tenant.admin.get(path_of(made))["metadata"] == {"team": "r"}
    listed = tenant.reader.get("/v1/budgets", subject=made["subject"])["data"]
    assert [entry["budget_id"] for entry in listed] == [made["budget_id"]]

    changed = tenant.admin.send("PATCH", path_of(made), {"limit": 20}, expected=200).body
    assert (changed["limit"], changed["name"]) == ("20", "Research")
    assert changed["version"] > made["version"]

    tenant.admin.send("DELETE", path_of(made), expected=200)
    assert tenant.admin.send("GET", path_of(made)).refusal == (404, "not_found")
    assert tenant.admin.send("DELETE", path_of(made)).refusal == (404, "not_found")


def test_a_repeated_creation_is_the_first_answer_and_one_budget(tenant: Tenant) -> None:
    subject, key = f"agent:{new_name()}", new_name("k")
    body = {"subject": subject, "unit": "usd", "limit": 1}
    first = tenant.admin.post("/v1/budgets", body, once=key)

    again = tenant.admin.post("/v1/budgets", body, once=key)
    other = tenant.admin.post("/v1/budgets", body | {"limit": 2}, once=key)

    assert (first.status, again.status) == (201, 200)
    assert again.body == first.body
    assert again.headers["idempotency-replayed"] == "true"
    assert other.refusal == (409, "idempotency_conflict")
    assert len(tenant.admin.get("/v1/budgets", subject=subject)["data"]) == 1


def test_a_list_comes_in_pages(new_tenant: NewTenant) -> None:
    tenant = new_tenant()
    made = [tenant.budget(number)["budget_id"] for number in range(1, 6)]
    seen: list[str] = []
    query: dict[str, str | int] = {"limit": 2}

    while query:
        page = tenant.admin.get("/v1/budgets", **query)
        assert len(page["data"]) <= 2
        seen += [item["budget_id"] for item in page["data"]]
        query = {"limit": 2, "cursor": page["next_cursor"]} if page["next_cursor"] else {}

    assert sorted(seen) == sorted(made)


@pytest.mark.parametrize("query", [{"limit": 0}, {"limit": 101}, {"cursor": "x"}, {"page": 2}])
def test_a_bad_query_is_refused_by_name(tenant: Tenant, query: dict[str, int]) -> None:
    reply = tenant.admin.send("GET", "/v1/budgets", query=query)

    assert reply.refusal == (422, "invalid_request")
    assert reply.error["param"] == f"query.{next(iter(query))}"


def test_a_lowered_limit_refuses_at_once(tenant: Tenant) -> None:
    budget = tenant.budget(10)
    tenant.reserve(budget, 4)

    tenant.admin.send("PATCH", path_of(budget), {"limit": 5}, expected=200)

    assert tenant.ask(budget, 2).refusal == (429, "rate_limit_exceeded")
    assert tenant.ask(budget, 1).status == 201
    assert tenant.amounts(budget) == ("0", "5", "0")


def test_a_deleted_budget_soon_refuses_nobody(tenant: Tenant) -> None:
    budget = tenant.budget(1)
    assert tenant.ask(budget, 2).status == 429

    tenant.admin.send("DELETE", path_of(budget), expected=200)

    eventually(lambda: tenant.ask(budget, 2).status, lambda status: status == 201)


def test_a_default_gives_everybody_a_counter_and_an_override_replaces_it(tenant: Tenant) -> None:
    default = tenant.budget(10, on="user:*")
    own = tenant.budget(50, on=f"user:{new_name()}")
    one, two = ({"subject": f"user:{new_name()}", "unit": "usd"} for _ in range(2))

    granted = [tenant.ask(user, 10).status for user in (one, two)]
    refused = tenant.ask(one, 1)
    above = tenant.ask(own, 50)

    assert granted == [201, 201]
    assert [v["budget_id"] for v in refused.error["violations"]] == [default["budget_id"]]
    assert [v["subject"] for v in refused.error["violations"]] == [one["subject"]]
    assert [b["budget_id"] for b in above.body["budgets"]] == [own["budget_id"]]


def test_all_budgets_of_a_request_must_grant_and_refusals_come_in_order(
    new_tenant: NewTenant,
) -> None:
    tenant = new_tenant()
    organization = tenant.budget(5, on=f"organization:{tenant.tenant_id}")
    agent, session = tenant.budget(100), tenant.budget(4, on=f"session:{new_name()}")
    wanted = {
        "subjects": subjects_of(session) | subjects_of(agent),
        "amounts": {"usd": 6},
    }

    reply = tenant.caller.post("/v1/reservations", wanted)

    refusing = [violation["budget_id"] for violation in reply.error["violations"]]
    assert refusing == [organization["budget_id"], session["budget_id"]]
    assert tenant.amounts(agent) == ("0", "0", "100")


def test_the_audit_finds_counters_and_ledger_equal(tenant: Tenant) -> None:
    budget = tenant.budget(10)
    for amount in ("0.1", "0.2"):
        tenant.finish(tenant.reserve(budget, 1), "settle", {"actual": {"usd": amount}})

    audit = tenant.reader.get(f"{path_of(budget)}/audit")

    assert (audit["counters"], audit["entries"], audit["differences"]) == (1, 2, [])
    assert tenant.amounts(budget) == ("0.3", "0", "9.7")
