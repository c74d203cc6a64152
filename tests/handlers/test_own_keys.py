"""What a key says of its caller: who it is, for whom it spends, until when, with which secret."""

from types import ModuleType
from typing import Any

import pytest

from spendgate_service.app import Spendgate
from spendgate_service.store.client import Table
from tests.support.app import spendgate_over
from tests.support.clock import FakeClock
from tests.support.functions import HttpAnswer, LambdaContext, answer_of, load_function
from tests.support.handlers import Ask
from tests.support.http_events import Context, a_principal, authorizer_event, http_event

pytestmark = pytest.mark.usefixtures("acme")

SECOND_MS = 1000


@pytest.fixture
def authorizer(app: Spendgate) -> ModuleType:
    return load_function("authorizer", app)


def context_of(authorizer: ModuleType, secret: str) -> Context:
    """What the authorizer says of a secret; API Gateway keeps it for a minute."""
    event = authorizer_event({"authorization": f"Bearer {secret}"})
    context: Context = authorizer.handler(event, LambdaContext())["context"]
    return context


def new_key(ask: Ask, **fields: Any) -> dict[str, Any]:
    made = ask("POST", "/v1/keys", {"role": "caller", **fields})
    assert made.status == 201, made
    return made.body


def me_at(table: Table, context: Context, now_ms: int) -> HttpAnswer:
    function = load_function("admin", spendgate_over(table, FakeClock(now_ms)))
    return answer_of(function, http_event("GET", "/v1/me", principal=context))


def budget(ask: Ask, subject: str, limit: int = 10) -> str:
    made = ask("POST", "/v1/budgets", {"subject": subject, "unit": "usd", "limit": limit})
    budget_id: str = made.body["budget_id"]
    return budget_id


def spent(ask: Ask, budget_id: str) -> str:
    found: str = ask("GET", f"/v1/budgets/{budget_id}").body["balance"]["spent"]
    return found


def test_me_is_the_key_of_the_request(ask: Ask, authorizer: ModuleType) -> None:
    made = new_key(ask, name="Zoë", subjects={"user": "ada"})

    assert ask("GET", "/v1/me", principal=context_of(authorizer, made["secret"])).body == {
        "tenant_id": "acme",
        "role": "caller",
        "key": {
            "key_id": made["key_id"],
            "name": "Zoë",
            "subjects": {"user": "ada"},
            "expires_at": None,
            "max_amount": None,
        },
    }


def test_an_approvers_key_says_how_much_it_approves(ask: Ask, authorizer: ModuleType) -> None:
    made = new_key(ask, role="approver", max_amount="50.000000001")

    principal = context_of(authorizer, made["secret"])

    me = ask("GET", "/v1/me", principal=principal).body
    assert (me["role"], me["key"]["max_amount"]) == ("approver", "50.000000001")
    assert made["max_amount"] == "50.000000001"


def test_the_operator_has_no_tenant(ask: Ask) -> None:
    me = ask("GET", "/v1/me", principal=a_principal("operator", tenant_id="-")).body

    assert (me["tenant_id"], me["role"]) == (None, "operator")


SPENDING = [
    ("POST", "/v1/check", {"amounts": {"usd": 1}}),
    ("POST", "/v1/reservations", {"amounts": {"usd": 1}}),
    ("POST", "/v1/spend", {"actual": {"usd": 1}}),
]


@pytest.mark.parametrize(("method", "path", "body"), SPENDING)
def test_a_keys_subjects_are_part_of_each_request(
    ask: Ask, authorizer: ModuleType, method: str, path: str, body: dict[str, Any]
) -> None:
    budget_id = budget(ask, "user:ada")
    bound = context_of(authorizer, new_key(ask, subjects={"user": "ada"})["secret"])

    for subjects in ({}, {"user": "ada"}, {"agent": "a"}):
        answer = ask(method, path, {**body, "subjects": subjects}, principal=bound)
        assert answer.status < 300
        assert budget_id in answer.text


@pytest.mark.parametrize(("method", "path", "body"), SPENDING)
def test_another_value_than_the_keys_is_refused_and_counts_nowhere(
    ask: Ask, authorizer: ModuleType, method: str, path: str, body: dict[str, Any]
) -> None:
    budget_ids = [budget(ask, "user:ada"), budget(ask, "user:bob")]
    bound = context_of(authorizer, new_key(ask, subjects={"user": "ada"})["secret"])

    answer = ask(method, path, {**body, "subjects": {"user": "bob"}}, principal=bound)

    assert (answer.status, answer.code) == (403, "forbidden")
    assert answer.body["error"]["param"] == "body.subjects.user"
    assert [spent(ask, budget_id) for budget_id in budget_ids] == ["0", "0"]


def test_spend_is_asked_for_the_keys_subjects_alone(ask: Ask, authorizer: ModuleType) -> None:
    budget_id = budget(ask, "user:ada")
    bound = context_of(authorizer, new_key(ask, subjects={"user": "ada"})["secret"])

    own = ask("GET", "/v1/spend", principal=bound)
    other = ask("GET", "/v1/spend", principal=bound, query={"user": "bob"})

    assert [seen["budget_id"] for seen in own.body["budgets"]] == [budget_id]
    assert (other.status, other.code) == (403, "forbidden")


def test_a_key_of_one_model_spends_on_no_other(ask: Ask, authorizer: ModuleType) -> None:
    bound = context_of(authorizer, new_key(ask, subjects={"model": "gpt-4o"})["secret"])

    def status(model: str) -> int:
        usage = {"provider": "openai", "model": model, "input_tokens": 1, "max_output_tokens": 1}
        return ask("POST", "/v1/reservations", {"usage": usage}, principal=bound).status

    assert (status("gpt-4o"), status("gpt-4o-mini")) == (201, 403)


def test_keys_of_two_users_never_share_a_replay(ask: Ask, authorizer: ModuleType) -> None:
    for user in ("ada", "bob"):
        budget(ask, f"user:{user}")
    keys = [new_key(ask, subjects={"user": user})["secret"] for user in ("ada", "bob")]

    answers = [
        ask(
            "POST", "/v1/reservations", {"amounts": {"usd": 1}},
            principal=context_of(authorizer, secret), headers={"Idempotency-Key": "k"},
        )
        for secret in keys
    ]  # fmt: skip

    assert [answer.status for answer in answers] == [201, 409]
    assert answers[1].code == "idempotency_conflict"


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"role": "admin", "subjects": {"user": "ada"}}, "body"),
        ({"role": "reader", "subjects": {"user": "ada"}}, "body"),
        ({"role": "caller", "subjects": {"api_key": "key_1"}}, "body.subjects.api_key"),
        ({"role": "caller", "subjects": {"user": "*"}}, "body.subjects.user"),
        ({"role": "caller", "expires_at": "2020-01-01T00:00:00Z"}, "body.expires_at"),
        ({"role": "caller", "expires_at": "tomorrow"}, "body.expires_at"),
        ({"role": "caller", "expires_at": "2099-02-30T00:00:00Z"}, "body.expires_at"),
        ({"role": "caller", "expires_at": "2099-01-01T00:00:00"}, "body.expires_at"),
    ],
)
def test_a_key_that_cannot_be_meant_is_refused(
    ask: Ask, fields: dict[str, Any], param: str
) -> None:
    answer = ask("POST", "/v1/keys", fields)

    assert (answer.status, answer.body["error"]["param"]) == (422, param)


def test_a_key_expires_on_time_though_the_authorizers_answer_is_cached(
    ask: Ask, authorizer: ModuleType, memory_table: Table
) -> None:
    ends_at_ms = 4_070_908_800_000  # 2099-01-01T00:00:00Z
    made = new_key(ask, expires_at="2099-01-01T01:00:00+01:00")
    cached = context_of(authorizer, made["secret"])

    assert made["expires_at"] == "2099-01-01T00:00:00.000Z"
    assert me_at(memory_table, cached, ends_at_ms - 1).status == 200
    expired = me_at(memory_table, cached, ends_at_ms)
    assert (expired.status, expired.code) == (401, "invalid_api_key")


def rotate(ask: Ask, key_id: str, grace_seconds: int, **more: Any) -> HttpAnswer:
    body = {"grace_seconds": grace_seconds}
    return ask("POST", f"/v1/keys/{key_id}/rotate", body, **more)


def test_a_rotated_key_keeps_its_id_and_its_spent_budget(ask: Ask, authorizer: ModuleType) -> None:
    ask("POST", "/v1/budgets", {"subject": "api_key:*", "unit": "usd", "limit": 1})
    first = new_key(ask)
    spend = {"subjects": {}, "actual": {"usd": 1}}
    ask("POST", "/v1/spend", spend, principal=context_of(authorizer, first["secret"]))

    rotated = rotate(ask, first["key_id"], 3600).body

    assert rotated["key_id"] == first["key_id"]
    assert rotated["secret"] != first["secret"]
    for secret in (first["secret"], rotated["secret"]):
        wish = {"subjects": {}, "amounts": {"usd": 1}}
        answer = ask("POST", "/v1/reservations", wish, principal=context_of(authorizer, secret))
        assert (answer.status, answer.code) == (429, "insufficient_quota")


def test_an_old_secret_is_valid_until_its_grace_ends(
    ask: Ask, app: Spendgate, authorizer: ModuleType, memory_table: Table
) -> None:
    first = new_key(ask)

    rotated = rotate(ask, first["key_id"], 3600).body
    old = context_of(authorizer, first["secret"])
    new = context_of(authorizer, rotated["secret"])
    ends_at_ms = app.clock.now_ms() + 3600 * SECOND_MS

    assert me_at(memory_table, old, ends_at_ms - 60 * SECOND_MS).status == 200
    assert me_at(memory_table, old, ends_at_ms).status == 401
    assert me_at(memory_table, new, ends_at_ms).status == 200


def test_a_second_rotation_ends_no_grace_early_and_lengthens_none(
    ask: Ask, authorizer: ModuleType
) -> None:
    first = new_key(ask)
    second = rotate(ask, first["key_id"], 3600).body
    ends = context_of(authorizer, first["secret"])["expires_at_ms"]

    rotate(ask, first["key_id"], 7200)

    assert context_of(authorizer, first["secret"])["expires_at_ms"] == ends
    assert int(context_of(authorizer, second["secret"])["expires_at_ms"]) > int(ends)


def test_a_rotation_without_grace_ends_every_older_secret(ask: Ask, authorizer: ModuleType) -> None:
    first = new_key(ask)
    second = rotate(ask, first["key_id"], 3600).body
    third = rotate(ask, first["key_id"], 0).body

    contexts = [context_of(authorizer, issued["secret"]) for issued in (first, second, third)]

    assert ["role" in context for context in contexts] == [False, False, True]


def test_a_grace_never_outlives_the_key(ask: Ask, authorizer: ModuleType) -> None:
    first = new_key(ask, expires_at="2099-01-01T00:00:00Z")
    before = context_of(authorizer, first["secret"])["expires_at_ms"]

    rotated = rotate(ask, first["key_id"], 3600).body

    assert rotated["expires_at"] == first["expires_at"]
    assert context_of(authorizer, rotated["secret"])["expires_at_ms"] == before
    assert int(context_of(authorizer, first["secret"])["expires_at_ms"]) < int(before)


def test_a_rotation_happens_once_under_its_idempotency_key(
    ask: Ask, authorizer: ModuleType
) -> None:
    first = new_key(ask)
    once = {"Idempotency-Key": "rotate-1"}
    rotated = rotate(ask, first["key_id"], 60, headers=once)

    again = rotate(ask, first["key_id"], 60, headers=once)

    assert again.body == {**rotated.body, "secret": None}
    assert again.headers["Idempotency-Replayed"] == "true"
    assert "role" in context_of(authorizer, rotated.body["secret"])


def test_so_many_secrets_at_once_are_refused(ask: Ask) -> None:
    key_id = new_key(ask)["key_id"]

    statuses = [rotate(ask, key_id, 3600).status for _ in range(6)]

    assert statuses == [200] * 5 + [422]
    assert rotate(ask, key_id, 0).status == 200


def test_an_expiring_admin_key_does_not_count_as_the_last_one(ask: Ask) -> None:
    lasting = ask("GET", "/v1/keys").body["data"][0]["key_id"]
    expiring = new_key(ask, role="admin", expires_at="2099-01-01T00:00:00Z")["key_id"]

    refused = ask("DELETE", f"/v1/keys/{lasting}")

    assert (refused.status, refused.code) == (409, "last_admin_key")
    assert ask("DELETE", f"/v1/keys/{expiring}").status == 200
