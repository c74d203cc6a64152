"""The admin function over the table: budgets, keys, tenants and whatever has no route."""

import pytest

from spendgate_service.domain.amounts import ONE
from spendgate_service.domain.requests import Record
from spendgate_service.domain.subjects import Subject
from spendgate_service.settlements.apply import Settlements
from spendgate_service.store import keys, values
from spendgate_service.store.client import Table
from spendgate_service.store.policy_cache import PolicyCache
from spendgate_service.tenants.bearers import verify
from tests.support.handlers import Ask
from tests.support.http_events import a_principal

NOW_MS = 1_772_971_200_000
OPERATOR = a_principal("operator", tenant_id=keys.OPERATOR_TENANT)


def budget_body(**fields: object) -> dict[str, object]:
    return {"subject": "agent:researcher", "unit": "usd", "limit": "10", **fields}


def keyed(key: str = "k-1") -> dict[str, str]:
    return {"Idempotency-Key": key}


def spend(table: Table, agent: str, *amounts: int) -> None:
    settlements = Settlements(table, PolicyCache(table), now_ms=lambda: NOW_MS)
    for amount in amounts:
        settlements.apply_one(
            Record("acme", (Subject("agent", agent),), {"usd": amount * ONE}, fingerprint="f")
        )


def test_a_created_budget_is_answered_in_full_and_read_back_the_same(ask: Ask) -> None:
    made = ask("POST", "/v1/budgets", budget_body(name="Research", metadata={"team": "r"}))

    read = ask("GET", f"/v1/budgets/{made.body['budget_id']}")

    assert (made.status, read.status) == (201, 200)
    assert made.body["limit"] == "10"
    assert made.body["balance"]["available"] == "10"
    assert {**read.body, "balance": None} == {**made.body, "balance": None}


def test_every_answer_carries_the_request_id(ask: Ask) -> None:
    assert ask("GET", "/v1/budgets", request_id="req-9").headers["X-Request-Id"] == "req-9"


def test_a_repeated_creation_is_the_first_answer_again(ask: Ask) -> None:
    first = ask("POST", "/v1/budgets", budget_body(), headers=keyed())

    again = ask("POST", "/v1/budgets", budget_body(limit=10), headers=keyed())

    assert (again.status, again.body) == (200, first.body)
    assert again.headers["Idempotency-Replayed"] == "true"


def test_an_idempotency_key_for_another_budget_is_a_conflict(ask: Ask) -> None:
    ask("POST", "/v1/budgets", budget_body(), headers=keyed())

    refused = ask("POST", "/v1/budgets", budget_body(limit="11"), headers=keyed())

    assert (refused.status, refused.code) == (409, "idempotency_conflict")


def test_a_patch_changes_what_it_names_and_leaves_the_rest(ask: Ask) -> None:
    made = ask("POST", "/v1/budgets", budget_body(name="Research"))

    patched = ask("PATCH", f"/v1/budgets/{made.body['budget_id']}", {"limit": "7.5"})

    assert patched.status == 200
    assert (patched.body["limit"], patched.body["name"]) == ("7.5", "Research")
    assert patched.body["version"] == made.body["version"] + 1
    assert patched.body["balance"]["available"] == "7.5"


def test_a_deleted_budget_is_shown_once_more_and_then_not_found(ask: Ask) -> None:
    path = f"/v1/budgets/{ask('POST', '/v1/budgets', budget_body()).body['budget_id']}"

    assert ask("DELETE", path).status == 200
    assert (ask("GET", path).status, ask("DELETE", path).status) == (404, 404)


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
def test_another_tenants_budget_is_not_found(ask: Ask, method: str) -> None:
    made = ask("POST", "/v1/budgets", budget_body())
    body = {"limit": "1"} if method == "PATCH" else None

    refused = ask(
        method, f"/v1/budgets/{made.body['budget_id']}", body,
        principal=a_principal(tenant_id="globex"),
    )  # fmt: skip

    assert (refused.status, refused.code) == (404, "not_found")


@pytest.mark.parametrize("view", ["balance", "ledger", "audit"])
def test_nothing_about_another_tenants_budget_is_found(ask: Ask, view: str) -> None:
    made = ask("POST", "/v1/budgets", budget_body())

    refused = ask(
        "GET", f"/v1/budgets/{made.body['budget_id']}/{view}",
        principal=a_principal(tenant_id="globex"),
    )  # fmt: skip

    assert refused.status == 404


def test_budgets_are_listed_by_subject_and_page(ask: Ask) -> None:
    ask("POST", "/v1/budgets", budget_body(subject="agent:*"))
    made = [ask("POST", "/v1/budgets", budget_body()).body["budget_id"] for _ in range(2)]

    query = {"subject": "agent:researcher", "limit": "1"}
    first = ask("GET", "/v1/budgets", query=query)
    second = ask("GET", "/v1/budgets", query={**query, "cursor": first.body["next_cursor"]})

    listed = [item["budget_id"] for page in (first, second) for item in page.body["data"]]
    assert sorted(listed) == sorted(made)
    assert second.body["next_cursor"] is None


def test_the_ledger_and_balance_of_a_default_are_asked_for_by_subject(
    ask: Ask, memory_table: Table
) -> None:
    made = ask("POST", "/v1/budgets", budget_body(subject="agent:*"))
    spend(memory_table, "a", 3, 4)
    spend(memory_table, "b", 1)
    path = f"/v1/budgets/{made.body['budget_id']}"

    ledger = ask("GET", f"{path}/ledger", query={"subject": "agent:a"})
    balance = ask("GET", f"{path}/balance", query={"subject": "agent:a"})

    assert sorted(item["amount"] for item in ledger.body["data"]) == ["3", "4"]
    assert balance.body["spent"] == "7"


@pytest.mark.parametrize("view", ["balance", "ledger"])
def test_a_default_without_a_subject_asks_for_one(ask: Ask, view: str) -> None:
    made = ask("POST", "/v1/budgets", budget_body(subject="agent:*"))

    refused = ask("GET", f"/v1/budgets/{made.body['budget_id']}/{view}")

    assert refused.status == 422
    assert refused.body["error"]["param"] == "query.subject"


def test_the_audit_shows_what_it_compared_and_what_differs(ask: Ask, memory_table: Table) -> None:
    made = ask("POST", "/v1/budgets", budget_body(subject="agent:*"))
    budget_id = made.body["budget_id"]
    spend(memory_table, "a", 3)
    spend(memory_table, "b", 1)
    memory_table.update(
        values.key(keys.counter_key("acme", budget_id, Subject("agent", "b"), "balance")),
        UpdateExpression="SET spent = spent + :one, available = available - :one",
        ExpressionAttributeValues={":one": values.number(1)},
    )

    whole = ask("GET", f"/v1/budgets/{budget_id}/audit")
    fine = ask("GET", f"/v1/budgets/{budget_id}/audit", query={"subject": "agent:a"})

    assert (whole.body["counters"], whole.body["entries"]) == (2, 2)
    assert whole.body["differences"] == [
        {
            "subject": "agent:b",
            "period_key": "balance",
            "balance": "spent",
            "expected": "1",
            "found": "2",
        }
    ]
    assert fine.body["differences"] == []


def test_a_keys_secret_is_shown_once(ask: Ask, memory_table: Table) -> None:
    body = {"role": "caller", "name": "ci"}
    made = ask("POST", "/v1/keys", body, headers=keyed())
    again = ask("POST", "/v1/keys", body, headers=keyed())
    listed = ask("GET", "/v1/keys")

    assert made.status == 201
    assert verify(memory_table, made.body["secret"]) is not None
    assert again.body == {**made.body, "secret": None}
    assert [item["key_id"] for item in listed.body["data"]] == [made.body["key_id"]]
    assert "secret" not in listed.body["data"][0]


def test_a_revoked_key_is_not_found_again(ask: Ask) -> None:
    made = ask("POST", "/v1/keys", {"role": "reader"})
    path = f"/v1/keys/{made.body['key_id']}"

    assert (ask("DELETE", path).status, ask("DELETE", path).status) == (200, 404)


def test_the_operator_creates_a_tenant_with_its_first_admin_key(
    ask: Ask, memory_table: Table
) -> None:
    body = {"tenant_id": "globex", "name": "Globex"}
    made = ask("POST", "/v1/tenants", body, principal=OPERATOR, headers=keyed())
    again = ask("POST", "/v1/tenants", body, principal=OPERATOR, headers=keyed())
    taken = ask("POST", "/v1/tenants", body, principal=OPERATOR)

    assert made.status == 201
    admin = verify(memory_table, made.body["admin_key"])
    assert admin is not None and (admin.tenant_id, admin.role) == ("globex", "admin")
    assert again.body == {**made.body, "admin_key": None}
    assert (taken.status, taken.code) == (409, "already_exists")


def test_the_operator_issues_a_key_to_a_tenant_whose_first_response_was_lost(
    ask: Ask, memory_table: Table
) -> None:
    ask("POST", "/v1/tenants", {"tenant_id": "globex"}, principal=OPERATOR)
    body, path = {"role": "admin", "name": "second"}, "/v1/tenants/globex/keys"

    made = ask("POST", path, body, principal=OPERATOR, headers=keyed())
    again = ask("POST", path, body, principal=OPERATOR, headers=keyed())

    assert made.status == 201
    issued = verify(memory_table, made.body["secret"])
    assert issued is not None and (issued.tenant_id, issued.role) == ("globex", "admin")
    assert again.body == {**made.body, "secret": None}


def test_a_key_is_issued_by_the_operator_to_an_existing_tenant_only(ask: Ask) -> None:
    ask("POST", "/v1/tenants", {"tenant_id": "globex"}, principal=OPERATOR)
    ask("POST", "/v1/tenants", {"tenant_id": "acme"}, principal=OPERATOR)
    body = {"role": "admin"}

    unknown = ask("POST", "/v1/tenants/unknown/keys", body, principal=OPERATOR)
    invalid = ask("POST", "/v1/tenants/a!/keys", body, principal=OPERATOR)
    admin = ask("POST", "/v1/tenants/acme/keys", body)
    first = ask("POST", "/v1/tenants/acme/keys", body, principal=OPERATOR, headers=keyed())
    other = ask("POST", "/v1/tenants/globex/keys", body, principal=OPERATOR, headers=keyed())

    assert (unknown.status, invalid.status, admin.status) == (404, 404, 403)
    assert (first.status, other.status) == (201, 409)
    assert other.code == "idempotency_conflict"


def test_the_last_admin_key_is_not_revoked(ask: Ask) -> None:
    made = ask("POST", "/v1/keys", {"role": "admin"})

    refused = ask("DELETE", f"/v1/keys/{made.body['key_id']}")

    assert (refused.status, refused.code) == (409, "last_admin_key")


def test_a_tenants_settings_are_changed_by_its_admin(ask: Ask) -> None:
    ask("POST", "/v1/tenants", {"tenant_id": "acme"}, principal=OPERATOR)

    patched = ask("PATCH", "/v1/tenant", {"require_budget": True})

    assert patched.status == 200
    assert ask("GET", "/v1/tenant").body["require_budget"] is True


def test_the_operator_sees_no_budgets_and_an_admin_no_tenants(ask: Ask) -> None:
    assert ask("GET", "/v1/budgets", principal=OPERATOR).status == 403
    assert ask("GET", "/v1/tenants").status == 403


def test_a_reader_reads_and_does_not_write(ask: Ask) -> None:
    reader = a_principal("reader")

    assert ask("GET", "/v1/budgets", principal=reader).status == 200
    assert ask("POST", "/v1/budgets", budget_body(), principal=reader).status == 403


def test_nobody_gets_401(ask: Ask) -> None:
    refused = ask("GET", "/v1/budgets", principal=None)

    assert (refused.status, refused.code) == (401, "invalid_api_key")


def test_health_and_the_description_need_no_key(ask: Ask) -> None:
    assert ask("GET", "/v1/health", principal=None).body == {"status": "ok"}
    assert ask("GET", "/v1/openapi.json", principal=None).body["openapi"] == "3.1.0"


def test_an_unknown_path_is_404_and_an_unknown_method_405_in_our_shape(ask: Ask) -> None:
    unknown, wrong = ask("GET", "/v1/nothing"), ask("PUT", "/v1/budgets")

    assert (unknown.status, unknown.code) == (404, "not_found")
    assert (wrong.status, wrong.code) == (405, "method_not_allowed")
    assert wrong.headers["Allow"] == "POST, GET"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ("{", 400),
        ("", 400),
        ('{"limit": 1e400}', 422),
        (budget_body(limit="-1"), 422),
        (budget_body(limit="0.0000000001"), 422),
        (budget_body(subject="agent:" + "x" * 300), 422),
        (budget_body(colour="red"), 422),
        (budget_body(subject="organization:globex"), 422),
        ('{"name": "' + "x" * 1_000_000 + '"}', 413),
    ],
)
def test_bad_input_is_refused_in_the_one_shape_and_changes_nothing(
    ask: Ask, body: object, status: int
) -> None:
    refused = ask("POST", "/v1/budgets", body)

    assert refused.status == status
    assert set(refused.body["error"]) >= {"code", "type", "message", "param"}
    assert ask("GET", "/v1/budgets").body["data"] == []
