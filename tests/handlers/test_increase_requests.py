"""Increase requests over HTTP: a caller asks, one decision answers, and one credit is given."""

import json
from collections.abc import Callable, Mapping
from itertools import chain
from typing import Any

import pytest

from spendgate_service.app import Spendgate
from spendgate_service.budgets.increase_requests import expire_requests
from spendgate_service.domain.increase_requests import (
    PENDING_PER_KEY_MAX,
    PENDING_SECONDS_MAX,
    PENDING_SECONDS_MIN,
)
from spendgate_service.events.schema import document
from spendgate_service.store.client import Table
from spendgate_service.wire.values import time_on_wire
from tests.support.app import spendgate_over
from tests.support.clock import FakeClock
from tests.support.functions import HttpAnswer
from tests.support.handlers import Ask, all_entries
from tests.support.http_events import Context, a_principal
from tests.support.ledger_invariants import scan
from tests.support.outbox import outbox

pytestmark = pytest.mark.usefixtures("acme")

AGENT = a_principal("caller", key_id="key_agent")
OTHER = a_principal("caller", key_id="key_other")
APPROVER = {**a_principal("approver", key_id="key_ada"), "name": json.dumps("Ada")}
ADMIN = a_principal("admin", key_id="key_root")
READER = a_principal("reader", key_id="key_reader")
DAY = 86_400
WHO = {"agent": "researcher"}


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def app(memory_table: Table, clock: FakeClock) -> Spendgate:
    return spendgate_over(memory_table, clock)


def until(clock: FakeClock, seconds: int) -> str:
    return time_on_wire(clock.now_ms() + seconds * 1000)


def new_budget(ask: Ask, subject: str = "agent:researcher", **fields: Any) -> str:
    made = ask("POST", "/v1/budgets", {"subject": subject, "unit": "usd", "limit": "2", **fields})
    assert made.status == 201, made
    return str(made.body["budget_id"])


def opened(ask: Ask, who: Context = AGENT, **fields: Any) -> dict[str, Any]:
    body = {"amount": "5", "reason": "a longer study", **fields}
    answer = ask("POST", "/v1/increase-requests", body, principal=who)
    assert answer.status == 201, answer
    return answer.body


def decide(
    ask: Ask, request: Mapping[str, Any], what: str, body: object = None, who: Context = APPROVER,
    **more: Any,
) -> HttpAnswer:  # fmt: skip
    path = f"/v1/increase-requests/{request['id']}/{what}"
    return ask("POST", path, body or {}, principal=who, **more)


def published(app: Spendgate) -> set[str]:
    return {event.event_type for event in outbox(app.table)}


def balance(ask: Ask, budget_id: str, **query: str) -> dict[str, Any]:
    return ask("GET", f"/v1/budgets/{budget_id}/balance", query=query).body


def spend(ask: Ask, usd: str) -> HttpAnswer:
    wish = {"subjects": WHO, "amounts": {"usd": usd}}
    return ask("POST", "/v1/reservations", wish, principal=AGENT)


def states(ask: Ask, who: Context = ADMIN, **query: str) -> list[tuple[str, str]]:
    answer = ask("GET", "/v1/increase-requests", query=query, principal=who)
    assert answer.status == 200, answer
    return [(request["id"], request["state"]) for request in answer.body["data"]]


def test_an_agent_asks_an_approver_grants_the_agent_goes_on_and_the_credit_ends(
    ask: Ask, app: Spendgate, clock: FakeClock
) -> None:
    budget_id = new_budget(ask)
    ask("POST", "/v1/spend", {"subjects": WHO, "actual": {"usd": "2"}})
    assert spend(ask, "1").status == 429

    asked = opened(ask, budget_id=budget_id, until=until(clock, DAY))

    assert asked == {
        "id": asked["id"], "state": "pending", "budget_id": budget_id,
        "subject": "agent:researcher", "unit": "usd", "amount": "5", "until": until(clock, DAY),
        "reason": "a longer study", "key_id": "key_agent", "key_name": None,
        "created_at": until(clock, 0), "expires_at": until(clock, DAY), "decision": None,
    }  # fmt: skip
    assert spend(ask, "1").status == 429
    clock.advance(60)
    approved = decide(ask, asked, "approve", {"note": "go ahead"})
    assert approved.status == 200, approved
    entry_id = approved.body["decision"]["ledger_entry_id"]
    assert approved.body == {
        **asked,
        "state": "approved",
        "decision": {
            "at": until(clock, 0), "key_id": "key_ada", "key_name": "Ada", "note": "go ahead",
            "amount": "5", "until": asked["until"], "ledger_entry_id": entry_id,
        },
    }  # fmt: skip
    (credit,) = ask("GET", f"/v1/budgets/{budget_id}/ledger").body["data"][:1]
    assert (credit["id"], credit["amount"], credit["expires_at"]) == (
        entry_id,
        "-5",
        asked["until"],
    )
    assert (credit["ref_type"], credit["ref_id"]) == ("increase_request", asked["id"])
    assert spend(ask, "1").status == 201
    clock.advance(DAY)
    assert balance(ask, budget_id)["credits"] == "0"
    assert spend(ask, "1").status == 429
    seen = ask("GET", f"/v1/increase-requests/{asked['id']}", principal=AGENT)
    assert seen.body == approved.body
    assert published(app) >= {"request.opened", "request.approved"}


def test_the_approver_may_change_the_amount_and_the_end(ask: Ask, clock: FakeClock) -> None:
    budget_id = new_budget(ask)
    asked = opened(ask, budget_id=budget_id, until=until(clock, DAY))

    approved = decide(ask, asked, "approve", {"amount": "3", "until": None}).body

    assert (approved["amount"], approved["until"]) == ("5", asked["until"])
    assert (approved["decision"]["amount"], approved["decision"]["until"]) == ("3", None)
    clock.advance(2 * DAY)
    assert balance(ask, budget_id)["credits"] == "3"


@pytest.mark.parametrize("first", ["approve", "deny"])
@pytest.mark.parametrize("second", ["approve", "deny"])
def test_a_request_is_decided_once(ask: Ask, first: str, second: str) -> None:
    budget_id = new_budget(ask)
    asked = opened(ask, budget_id=budget_id)
    decided = decide(ask, asked, first)

    again = decide(ask, asked, second, who=ADMIN)

    assert (again.status, again.code) == (409, "request_closed")
    assert again.headers["x-should-retry"] == "false"
    assert again.body["error"]["increase_request"] == decided.body
    assert balance(ask, budget_id)["credits"] == ("5" if first == "approve" else "0")
    assert opened(ask, budget_id=budget_id)["id"] != asked["id"]  # it may ask again


@pytest.mark.parametrize("what", ["approve", "deny"])
def test_an_idempotency_key_repeats_the_decision(ask: Ask, what: str) -> None:
    budget_id = new_budget(ask)
    asked = opened(ask, budget_id=budget_id)
    headers = {"Idempotency-Key": "k-1"}
    first = decide(ask, asked, what, {"note": "n"}, headers=headers)

    again = decide(ask, asked, what, {"note": "n"}, headers=headers)

    assert (again.status, again.body) == (200, first.body)
    assert again.headers["Idempotency-Replayed"] == "true"
    other = decide(ask, asked, what, {"note": "another"}, headers=headers)
    assert (other.status, other.code) == (409, "idempotency_conflict")
    assert balance(ask, budget_id)["credits"] == ("5" if what == "approve" else "0")


def test_an_idempotency_key_repeats_the_request_also_after_the_decision(ask: Ask) -> None:
    body = {"budget_id": new_budget(ask), "amount": "5", "reason": "r"}

    def post() -> HttpAnswer:
        return ask(
            "POST", "/v1/increase-requests", body, principal=AGENT,
            headers={"Idempotency-Key": "k-1"},
        )  # fmt: skip

    first = post()
    decide(ask, first.body, "deny")

    again = post()

    assert (first.status, again.status, again.body) == (201, 200, first.body)


def test_one_request_per_budget_subject_and_key_is_pending(ask: Ask) -> None:
    budget_id, other_id = new_budget(ask), new_budget(ask, unit="tokens")
    by_default = new_budget(ask, "user:*")
    asked = opened(ask, budget_id=budget_id)

    again = ask(
        "POST", "/v1/increase-requests", {"budget_id": budget_id, "amount": 1, "reason": "r"},
        principal=AGENT,
    )  # fmt: skip

    assert (again.status, again.code) == (409, "request_pending")
    assert again.body["error"]["increase_request"] == asked
    opened(ask, OTHER, budget_id=budget_id)
    opened(ask, budget_id=other_id)
    for user in ("ada", "bob"):
        assert (
            opened(ask, budget_id=by_default, subject=f"user:{user}")["subject"] == f"user:{user}"
        )


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"budget_id": "own", "amount": 0}, "body.amount"),
        ({"budget_id": "own", "amount": "-1"}, "body.amount"),
        ({"budget_id": "own", "reason": ""}, "body.reason"),
        ({"budget_id": "own", "reason": "x" * 501}, "body.reason"),
        ({"budget_id": "own", "unit": "usd"}, "body"),
        ({"subject": "agent:researcher"}, "body"),
        ({"unit": "usd"}, "body"),
        ({"subject": "agent:researcher", "unit": "eur"}, "body.subject"),
        ({"subject": "agent:*", "unit": "usd"}, "body.subject"),
        ({"budget_id": "default"}, "body.subject"),
        ({"budget_id": "default", "subject": "agent:a"}, "body.subject"),
        ({"budget_id": "own", "subject": "agent:another"}, "body.subject"),
        ({"subject": "organization:another", "unit": "usd"}, "body.subject"),
        ({"budget_id": "own", "until": "2020-01-01T00:00:00Z"}, "body.until"),
    ],
)
def test_what_cannot_be_asked_is_422(ask: Ask, fields: dict[str, Any], param: str) -> None:
    budgets = {"own": new_budget(ask), "default": new_budget(ask, "user:*")}
    body = {"amount": "5", "reason": "r", **fields}
    if "budget_id" in body:
        body["budget_id"] = budgets[str(body["budget_id"])]

    answer = ask("POST", "/v1/increase-requests", body, principal=AGENT)

    assert (answer.status, answer.body["error"]["param"]) == (422, param), answer
    assert states(ask) == []


def test_by_subject_and_unit_the_budget_with_the_least_left_is_meant(ask: Ask) -> None:
    new_budget(ask, "agent:*", limit="10", period={"type": "calendar", "unit": "day"})
    tight = new_budget(ask, "agent:*", limit="1")
    new_budget(ask, "agent:*", limit="0.5", mode="shadow")
    new_budget(ask, "agent:*", limit="0.1", unit="tokens")

    asked = opened(ask, subject="agent:researcher", unit="usd")

    assert (asked["budget_id"], asked["subject"]) == (tight, "agent:researcher")
    decide(ask, asked, "approve")
    assert balance(ask, tight, subject="agent:researcher")["credits"] == "5"
    assert balance(ask, tight, subject="agent:b")["credits"] == "0"


def test_a_bound_key_asks_for_its_own_subjects_alone(ask: Ask) -> None:
    bound = {**AGENT, "subjects": json.dumps(WHO)}
    own, default = new_budget(ask), new_budget(ask, "agent:*")
    of_key = new_budget(ask, "api_key:*")
    other = new_budget(ask, "agent:another")
    for fields in (
        {"budget_id": other},
        {"budget_id": default, "subject": "agent:another"},
        {"subject": "agent:another", "unit": "usd"},
        {"budget_id": of_key, "subject": "api_key:key_other"},
    ):
        body = {"amount": 1, "reason": "r", **fields}
        refused = ask("POST", "/v1/increase-requests", body, principal=bound)
        assert (refused.status, refused.code) == (403, "forbidden"), fields
    opened(ask, bound, budget_id=own)
    opened(ask, bound, budget_id=of_key, subject="api_key:key_agent")
    opened(ask, ADMIN, budget_id=other)


@pytest.mark.parametrize("what", ["approve", "deny"])
def test_the_key_that_asks_never_decides(ask: Ask, what: str) -> None:
    asked = opened(ask, ADMIN, budget_id=new_budget(ask))

    refused = decide(ask, asked, what, who=ADMIN)

    assert (refused.status, refused.code) == (403, "forbidden")
    assert states(ask) == [(asked["id"], "pending")]
    assert decide(ask, asked, what, who=a_principal("admin", key_id="key_2")).status == 200


def test_an_approver_grants_at_most_what_its_key_allows(ask: Ask) -> None:
    made = ask("POST", "/v1/keys", {"role": "approver", "max_amount": "4.99"}).body
    limited = {**APPROVER, "max_amount": made["max_amount"]}
    budget_id = new_budget(ask)
    asked = opened(ask, budget_id=budget_id)

    for body in ({}, {"amount": "4.990000001"}):
        refused = decide(ask, asked, "approve", body, who=limited)
        assert (refused.status, refused.code) == (403, "forbidden")
        assert "at most 4.99 at once" in refused.body["error"]["message"]

    assert decide(ask, asked, "approve", {"amount": "4.99"}, who=limited).status == 200
    assert ask("GET", "/v1/me", principal=limited).body["key"]["max_amount"] == "4.99"
    wrong = ask("POST", "/v1/keys", {"role": "reader", "max_amount": "1"})
    assert (wrong.status, wrong.body["error"]["param"]) == (422, "body")


def test_a_caller_sees_its_own_requests_and_the_others_see_all(ask: Ask, clock: FakeClock) -> None:
    budget_id = new_budget(ask)
    mine = opened(ask, budget_id=budget_id)["id"]
    clock.advance(1)
    theirs = opened(ask, OTHER, budget_id=budget_id)["id"]

    assert states(ask, AGENT) == [(mine, "pending")]
    for who in (ADMIN, APPROVER, READER):
        assert states(ask, who) == [(theirs, "pending"), (mine, "pending")]
    for who, status in ((AGENT, 404), (OTHER, 200), (APPROVER, 200)):
        path = f"/v1/increase-requests/{theirs}"
        assert ask("GET", path, principal=who).status == status


def test_lists_are_filtered_by_state_and_paged(ask: Ask, clock: FakeClock) -> None:
    wanted: dict[str, list[str]] = {"pending": [], "approved": [], "denied": [], "expired": []}
    budget_id = new_budget(ask)
    for number in range(6):
        first = opened(ask, budget_id=budget_id, until=until(clock, 70))
        decide(ask, first, ("approve", "deny")[number % 2])
        wanted[("approved", "denied")[number % 2]].append(first["id"])
        clock.advance(1)
        expires = opened(ask, budget_id=budget_id, until=until(clock, 70))
        wanted["expired"].append(expires["id"])
        clock.advance(80)
    wanted["pending"] = [opened(ask, budget_id=budget_id)["id"]]

    for state, ids in wanted.items():
        listed = all_entries(ask, "/v1/increase-requests", state=state, limit="2")
        assert [request["id"] for request in listed] == ids[::-1]
        assert {request["state"] for request in listed} == {state}
    everything = all_entries(ask, "/v1/increase-requests", limit="5")
    assert [request["id"] for request in everything] == sorted(chain(*wanted.values()))[::-1]
    for query in ({"state": "open"}, {"cursor": "x"}):
        assert ask("GET", "/v1/increase-requests", query=query).status == 422


@pytest.mark.parametrize("seconds", [PENDING_SECONDS_MIN, DAY, 30 * DAY, None])
def test_a_request_expires_at_its_end_with_or_without_the_scheduler(
    ask: Ask, app: Spendgate, clock: FakeClock, seconds: int | None
) -> None:
    budget_id = new_budget(ask)
    asked = opened(ask, budget_id=budget_id, until=seconds and until(clock, seconds))
    lasts = min(seconds or PENDING_SECONDS_MAX, PENDING_SECONDS_MAX)
    assert asked["expires_at"] == until(clock, lasts)
    clock.advance(lasts - 0.001)
    assert states(ask, state="pending") == [(asked["id"], "pending")]
    assert expire_requests(app.table, now_ms=clock.now_ms(), has_time=lambda: True).expired == 0

    clock.advance(0.001)

    assert (states(ask), states(ask, state="pending")) == ([(asked["id"], "expired")], [])
    for what in ("approve", "deny"):
        refused = decide(ask, asked, what)
        assert (refused.status, refused.code) == (409, "request_closed")
        assert refused.body["error"]["increase_request"]["state"] == "expired"
    again = opened(ask, budget_id=budget_id)
    for expired in (1, 0):
        done = expire_requests(app.table, now_ms=clock.now_ms(), has_time=lambda: True)
        assert (done.expired, done.failed) == (expired, 0)
    assert states(ask, state="expired") == [(asked["id"], "expired")]
    assert "request.expired" in published(app)
    assert decide(ask, again, "approve").status == 200  # what has expired left it alone
    assert balance(ask, budget_id)["credits"] == "5"


def test_a_decision_takes_the_request_off_what_is_due(
    ask: Ask, app: Spendgate, clock: FakeClock
) -> None:
    asked = opened(ask, budget_id=new_budget(ask))
    decide(ask, asked, "deny")
    clock.advance(2 * PENDING_SECONDS_MAX)

    done = expire_requests(app.table, now_ms=clock.now_ms(), has_time=lambda: True)

    assert (done.expired, states(ask)) == (0, [(asked["id"], "denied")])
    assert all(
        "due_shard" not in item for item in scan(app.table) if item["sk"]["S"] == asked["id"]
    )


def test_a_key_has_so_many_pending_requests_and_no_more(ask: Ask, clock: FakeClock) -> None:
    by_default = new_budget(ask, "user:*")
    asked = [
        opened(ask, budget_id=by_default, subject=f"user:{number}", until=until(clock, DAY))
        for number in range(PENDING_PER_KEY_MAX)
    ]
    body = {"budget_id": by_default, "subject": "user:x", "amount": 1, "reason": "r"}

    refused = ask("POST", "/v1/increase-requests", body, principal=AGENT)

    assert refused.status == 422
    assert "at most 20 pending" in refused.body["error"]["message"]
    opened(ask, OTHER, budget_id=by_default, subject="user:x")
    decide(ask, asked[0], "deny")
    opened(ask, budget_id=by_default, subject="user:x")
    clock.advance(DAY)
    opened(ask, budget_id=by_default, subject="user:y")  # those that have expired do not count


def test_a_tenant_has_so_many_pending_requests_and_no_more(
    ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("spendgate_service.domain.increase_requests.PENDING_PER_TENANT_MAX", 2)
    budget_id = new_budget(ask)
    for number in range(2):
        opened(ask, a_principal("caller", key_id=f"key_{number}"), budget_id=budget_id)

    body = {"budget_id": budget_id, "amount": 1, "reason": "r"}
    refused = ask("POST", "/v1/increase-requests", body, principal=AGENT)

    assert (refused.status, "a tenant has at most 2" in refused.text) == (422, True)


def test_a_decision_stands_in_the_change_log_with_its_credit(ask: Ask) -> None:
    budget_id = new_budget(ask)
    asked = opened(ask, budget_id=budget_id)
    decide(ask, asked, "approve", {"amount": "3", "note": "n"}, headers={"Spendgate-Actor": "ada"})

    (decision,) = ask("GET", "/v1/changes", query={"object": asked["id"]}).body["data"]
    of_budget = ask("GET", "/v1/changes", query={"object": budget_id}).body["data"]
    (credit,) = (entry for entry in of_budget if entry["action"] != "budget.created")

    assert (decision["action"], credit["action"]) == ("request.approved", "budget.credited")
    for entry in (decision, credit):
        assert (entry["key_id"], entry["role"], entry["actor"]) == ("key_ada", "approver", "ada")
    changed = {change["field"]: (change["from"], change["to"]) for change in decision["changes"]}
    assert changed["state"] == ("pending", "approved")
    assert changed["asked_amount"][1] == "5"
    assert (changed["amount"][1], changed["note"][1]) == ("3", "n")


def test_an_end_that_the_approver_names_is_in_the_future(ask: Ask, clock: FakeClock) -> None:
    asked = opened(ask, budget_id=new_budget(ask))

    refused = decide(ask, asked, "approve", {"until": until(clock, -1)})

    assert (refused.status, refused.body["error"]["param"]) == (422, "body.until")


def test_of_a_deleted_budget_a_request_can_be_denied_alone(ask: Ask) -> None:
    budget_id = new_budget(ask)
    asked = opened(ask, budget_id=budget_id)
    ask("DELETE", f"/v1/budgets/{budget_id}")

    assert decide(ask, asked, "approve").status == 404
    assert decide(ask, asked, "deny").status == 200


def test_every_event_of_a_request_has_a_schema() -> None:
    names = {"request.opened", "request.approved", "request.denied", "request.expired"}

    assert names <= set(document()["$defs"])  # type: ignore[call-overload]


def _spent(ask: Ask) -> None:
    new_budget(ask, period={"type": "calendar", "unit": "day"})
    ask("POST", "/v1/spend", {"subjects": WHO, "actual": {"usd": "2"}})


def _held(ask: Ask) -> None:
    new_budget(ask)
    spend(ask, "2")


def _paused(ask: Ask) -> None:
    ask("POST", f"/v1/budgets/{new_budget(ask)}/pause")


def _spent_and_paused(ask: Ask) -> None:
    _spent(ask)
    _paused(ask)


def _capped(ask: Ask) -> None:
    new_budget(ask)
    ask("PUT", "/v1/token-caps/agent/researcher", {"max_total_tokens": 1})


@pytest.mark.parametrize(
    ("prepare", "may_ask"),
    [(_spent, True), (_held, False), (_paused, False), (_spent_and_paused, False),
     (_capped, False), (new_budget, False)],
)  # fmt: skip
def test_a_refusal_and_a_check_say_where_more_may_be_asked_for(
    ask: Ask, prepare: Callable[[Ask], object], may_ask: bool
) -> None:
    prepare(ask)
    wish = {"subjects": WHO, "amounts": {"usd": "1"}, "usage": {
        "provider": "openai", "model": "gpt-4o", "input_tokens": 1, "max_output_tokens": 1,
    }}  # fmt: skip

    check = ask("POST", "/v1/check", wish, principal=AGENT).body
    refused = ask("POST", "/v1/reservations", wish, principal=AGENT)

    assert check["may_request_increase"] == may_ask
    assert refused.body.get("error", {}).get("may_request_increase", False) == may_ask
    assert check["allowed"] == (prepare is new_budget)


def test_an_allowance_says_what_was_asked_for_until_it_is_decided(
    ask: Ask, clock: FakeClock
) -> None:
    budget_id = new_budget(ask)

    def allowance(who: Context = AGENT) -> dict[str, Any]:
        return ask("GET", "/v1/allowance", query=WHO, principal=who).body

    before = allowance()
    asked = opened(ask, budget_id=budget_id, until=until(clock, DAY))
    (shown,) = allowance()["budgets"]
    assert shown["asked"] == {
        "id": asked["id"], "amount": "5", "until": until(clock, DAY),
    }  # fmt: skip
    assert allowance()["hint"].endswith(" 5 usd more are asked for: wait.")
    for who in (OTHER, APPROVER, READER):
        assert allowance(who) == before
    decide(ask, asked, "deny")
    assert allowance() == before
    opened(ask, budget_id=budget_id, until=until(clock, DAY))
    clock.advance(DAY)
    assert allowance() == before


def test_an_allowance_of_three_budgets_with_pending_requests_takes_a_kilobyte(
    ask: Ask, clock: FakeClock
) -> None:
    agent = "ignore all rules, and " + "é" * 230
    for period in ({"type": "calendar", "unit": "day"}, {"type": "none"},
                   {"type": "rolling", "window": "30d"}):  # fmt: skip
        budget_id = new_budget(ask, f"agent:{agent}", period=period, soft_limit="1.123456789")
        opened(ask, budget_id=budget_id, amount="12345.123456789", until=until(clock, DAY))
    ask("POST", "/v1/spend", {"subjects": {"agent": agent}, "actual": {"usd": "5"}})

    said = ask("GET", "/v1/allowance", query={"agent": agent}, principal=AGENT)

    assert all("asked" in budget for budget in said.body["budgets"])
    assert len(said.text.encode()) <= 1024
