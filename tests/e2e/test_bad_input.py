"""Bad input gets a 4xx in the one error shape, and changes nothing."""

import json

import pytest

from tests.e2e.client import Json, Queues, Tenant, new_name, subjects_of

MEGABYTE = 2**20

BAD_BODIES = {
    "not JSON": ("{", 400, "invalid_json", None),
    "not even text": (b"\xff\xfe", 400, "invalid_json", None),
    "empty": ("", 400, "invalid_json", None),
    "an empty object": ("{}", 422, "invalid_request", "body"),
    "a list": ("[]", 422, "invalid_request", "body"),
    "1e400": ('{"subjects": %s, "amounts": {"usd": 1e400}}', 422, "invalid_request", "usd"),
    "infinite": ('{"subjects": %s, "amounts": {"usd": Infinity}}', 400, "invalid_json", None),
    "negative": ('{"subjects": %s, "amounts": {"usd": -1}}', 422, "invalid_request", "usd"),
    "negative text": ('{"subjects": %s, "amounts": {"usd": "-1"}}', 422, "invalid_request", "usd"),
    "19 whole digits": (
        '{"subjects": %s, "amounts": {"usd": "1000000000000000000"}}',
        422,
        "invalid_request",
        "usd",
    ),
    "a unit in capitals": (
        '{"subjects": %s, "amounts": {"USD": 1}}',
        422,
        "invalid_request",
        "USD",
    ),
    "an unknown field": (
        '{"subjects": %s, "amounts": {"usd": 1}, "amount": 1}',
        422,
        "invalid_request",
        "amount",
    ),
    "no time to live": (
        '{"subjects": %s, "amounts": {"usd": 1}, "ttl_seconds": 0}',
        422,
        "invalid_request",
        "ttl_seconds",
    ),
    "1 MB": ("x" * MEGABYTE, 413, "request_too_large", None),
    "1 MB of JSON": (
        '{"subjects": %s, "amounts": {"usd": 1}, "metadata": {"a": "' + "x" * MEGABYTE + '"}}',
        413,
        "request_too_large",
        None,
    ),
}


@pytest.fixture(scope="module")
def budget(tenant: Tenant) -> Json:
    """One budget that every request of this module is about, and none may touch."""
    budget = tenant.budget(10)
    tenant.finish(tenant.reserve(budget, 3), "settle", {"actual": {"usd": 2}})
    tenant.reserve(budget, 1, ttl_seconds=86_400)
    return budget


def untouched(tenant: Tenant, budget: Json) -> None:
    assert tenant.amounts(budget) == ("2", "1", "7")
    assert len(tenant.ledger(budget)) == 1


@pytest.mark.parametrize("path", ["/v1/reservations", "/v1/check"])
@pytest.mark.parametrize("bad", BAD_BODIES)
def test_a_bad_body_is_refused_by_name(tenant: Tenant, budget: Json, bad: str, path: str) -> None:
    body, status, code, field = BAD_BODIES[bad]
    sent = (
        body % json.dumps(subjects_of(budget)) if isinstance(body, str) and "%s" in body else body
    )

    reply = tenant.caller.post(path, sent, once=new_name("k"))

    assert reply.refusal == (status, code)
    assert reply.error["type"] == "invalid_request_error"
    assert str(reply.error["param"]).rpartition(".")[2] == str(field)
    untouched(tenant, budget)


@pytest.mark.parametrize(
    "subjects",
    [
        {"agent": "a" * 300},
        {"agent": ""},
        {"agent": "*"},
        {"agent": 7},
        {"organization": "another"},
        {"api_key": "key_1"},
        {f"type_{number}": "x" for number in range(11)},
    ],
    ids=lambda subjects: str(subjects)[:24],
)
def test_a_bad_subject_is_refused(tenant: Tenant, budget: Json, subjects: Json) -> None:
    named = subjects_of(budget) | subjects

    reply = tenant.caller.post("/v1/reservations", {"subjects": named, "amounts": {"usd": 1}})

    assert reply.refusal == (422, "invalid_request")
    assert str(reply.error["param"]).startswith("body.subjects")
    untouched(tenant, budget)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ("", 400),
        ("{", 400),
        ('{"actual": {"usd": 1e400}}', 422),
        ('{"actual": {"usd": -1}}', 422),
        ('{"actual": {"usd": "-0.0000000001"}}', 422),
        ('{"actual": {"usd": 1}, "unknown": 1}', 422),
        ('{"actual": {"usd": 1}, "ref_id": "%s"}' % ("r" * 3000), 422),
        ("x" * MEGABYTE, 413),
    ],
    ids=lambda value: str(value)[:24],
)
def test_a_bad_settlement_or_record_changes_nothing(
    tenant: Tenant, budget: Json, body: str, status: int
) -> None:
    reservation_id = tenant.reserve(budget, "0.5")

    settled = tenant.finish(reservation_id, "settle", body)
    recorded = tenant.caller.post("/v1/spend", body.replace("{", '{"subjects": {}, ', 1))

    assert settled.status == recorded.status == status
    assert settled.error and recorded.error
    assert tenant.reservation(reservation_id)["state"] == "held"
    assert tenant.finish(reservation_id, "release").status == 200
    untouched(tenant, budget)


@pytest.mark.parametrize(
    "change",
    [
        {"limit": "1e400"},
        {"limit": -1},
        {"limit": "0.0000000001"},
        {"subject": "agent"},
        {"subject": f"agent:{'a' * 300}"},
        {"unit": "Euro"},
        {"unknown": 1},
        {"period": {"type": "calendar", "unit": "day", "timezone": "Mars/Olympus"}},
        {"period": {"type": "fortnight"}},
        {"warn_at_pct": [101]},
    ],
    ids=lambda change: str(change)[:30],
)
def test_a_bad_budget_is_not_created(tenant: Tenant, budget: Json, change: Json) -> None:
    before = tenant.admin.get("/v1/budgets")

    created = {"subject": budget["subject"], "unit": "usd", "limit": 1} | change
    reply = tenant.admin.post("/v1/budgets", created)

    assert reply.refusal == (422, "invalid_request")
    assert str(reply.error["param"]).startswith("body")
    assert tenant.admin.get("/v1/budgets") == before


@pytest.mark.parametrize("key", ["", "k" * 256, "with a\ttab", '"unclosed'])
def test_a_bad_idempotency_key_is_refused(tenant: Tenant, budget: Json, key: str) -> None:
    reply = tenant.ask(budget, 1, once=key or '""')

    assert reply.refusal == (422, "invalid_request")
    untouched(tenant, budget)


def test_a_300_character_id_in_the_path_is_not_found(tenant: Tenant) -> None:
    path = f"/v1/reservations/{'r' * 300}"

    assert tenant.caller.send("GET", path).refusal == (404, "not_found")
    assert tenant.caller.post(f"{path}/release").refusal == (404, "not_found")


def test_a_bad_message_changes_nothing_and_is_put_aside(
    tenant: Tenant, budget: Json, queues: Queues
) -> None:
    message = {
        "version": 1,
        "type": "record",
        "tenant_id": tenant.tenant_id,
        "event_id": new_name("evt"),
        "subjects": subjects_of(budget),
    }
    bad = [
        json.dumps(message | change)
        for change in (
            {"actual": {"usd": -1}},
            {"actual": {"usd": "-0.0000000001"}},
            {"actual": {"usd": 1}, "event_id": "e" * 300},
            {"actual": {"usd": 1}, "unknown": 1},
            {"actual": {"usd": 1}, "version": 2},
        )
    ]

    queues.send(*bad)

    assert {dead["code"] for dead in queues.take_dead(*bad).values()} == {"invalid_request"}
    untouched(tenant, budget)
