"""Reserve, check, settle, release, extend and record, as callers do it over HTTP."""

from tests.e2e.client import Tenant, eventually, new_name, subjects_of

HOUR = {"type": "calendar", "unit": "hour"}
HOUR_SECONDS = 3600
YEAR = {"type": "calendar", "unit": "year"}


def test_a_granted_reservation_holds_its_estimate(tenant: Tenant) -> None:
    budget = tenant.budget(10)

    reply = tenant.ask(budget, "2.5", metadata={"trace_id": "t-1"})

    assert reply.status == 201
    assert reply.body["state"] == "held"
    assert reply.body["amounts"] == {"usd": "2.5"}
    assert reply.body["budgets"] == [tenant.balance(budget)]
    assert tenant.amounts(budget) == ("0", "2.5", "7.5")


def test_a_limit_that_never_resets_refuses_without_a_time_to_retry(tenant: Tenant) -> None:
    budget = tenant.budget(10)

    reply = tenant.ask(budget, "10.000000001")

    assert reply.refusal == (429, "insufficient_quota")
    assert reply.error["type"] == "budget_exceeded"
    assert reply.headers["x-should-retry"] == "false"
    assert "retry-after" not in reply.headers
    assert reply.error["violations"] == [
        {
            "budget_id": budget["budget_id"],
            "name": None,
            "subject": budget["subject"],
            "scope": "agent",
            "unit": "usd",
            "period": {"type": "none", "key": "balance", "resets_at": None},
            "limit": "10",
            "credits": "0",
            "spent": "0",
            "held": "0",
            "available": "10",
            "requested": "10.000000001",
            "blocked_by": "spent",
            "held_until": None,
            "retry_after_seconds": None,
        }
    ]
    assert tenant.amounts(budget) == ("0", "0", "10")


def test_a_limit_that_resets_refuses_and_says_when_to_retry(tenant: Tenant) -> None:
    budget = tenant.budget(10, period=HOUR)

    reply = tenant.ask(budget, 11)

    (violation,) = reply.error["violations"]
    assert reply.refusal == (429, "rate_limit_exceeded")
    assert reply.headers["retry-after"] == str(violation["retry_after_seconds"])
    assert 1 <= violation["retry_after_seconds"] <= HOUR_SECONDS
    is_long = violation["retry_after_seconds"] > 60
    assert reply.headers.get("x-should-retry") == ("false" if is_long else None)


def test_one_limit_that_never_resets_makes_waiting_useless(tenant: Tenant) -> None:
    hourly = tenant.budget(10, period=HOUR)
    forever = tenant.budget(10, on=f"session:{new_name()}")
    wanted = {
        "subjects": subjects_of(hourly) | subjects_of(forever),
        "amounts": {"usd": 11},
    }

    reply = tenant.caller.post("/v1/reservations", wanted)

    refusing = [violation["budget_id"] for violation in reply.error["violations"]]
    assert reply.refusal == (429, "insufficient_quota")
    assert "retry-after" not in reply.headers
    assert refusing == [hourly["budget_id"], forever["budget_id"]]


def test_a_repeated_reservation_gets_the_first_answer_and_holds_nothing_more(
    tenant: Tenant,
) -> None:
    budget, key = tenant.budget(10), new_name("k")
    first = tenant.ask(budget, 4, once=key)

    again = tenant.ask(budget, "4.0", once=f'"{key}"')

    assert (first.status, again.status) == (201, 200)
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    assert again.body == first.body
    assert tenant.amounts(budget) == ("0", "4", "6")


def test_the_same_key_with_another_request_is_a_conflict(tenant: Tenant) -> None:
    budget, key = tenant.budget(10), new_name("k")
    tenant.reserve(budget, 4, once=key)

    assert tenant.ask(budget, 5, once=key).refusal == (409, "idempotency_conflict")
    assert tenant.amounts(budget) == ("0", "4", "6")


def test_a_check_tells_what_a_reservation_would_be_answered_and_holds_nothing(
    tenant: Tenant,
) -> None:
    budget = tenant.budget(10)

    def check(amount: int) -> dict[str, object]:
        body = {"subjects": subjects_of(budget), "amounts": {"usd": amount}}
        return tenant.caller.post("/v1/check", body, expected=200).body

    fits, does_not = check(7), check(11)

    assert (fits["allowed"], fits["action"], fits["error_code"]) == (True, "continue", None)
    assert (does_not["allowed"], does_not["action"]) == (False, "stop")
    assert does_not["error_code"] == "insufficient_quota"
    assert does_not["budget_id"] == budget["budget_id"]
    assert does_not["hint"]
    assert tenant.amounts(budget) == ("0", "0", "10")


def test_a_settlement_replaces_the_hold_by_the_actual_cost(tenant: Tenant) -> None:
    budget = tenant.budget(10)
    reservation_id = tenant.reserve(budget, 4)
    actual = {"actual": {"usd": "1.25"}, "ref_type": "llm_generation", "ref_id": "gen-1"}

    settled = tenant.finish(reservation_id, "settle", actual)

    assert settled.status == 200
    assert settled.body["state"] == "settled"
    assert settled.body["actual"] == {"usd": "1.25"}
    assert (settled.body["late"], settled.body["overrun"]) == (False, False)
    assert tenant.amounts(budget) == ("1.25", "0", "8.75")
    (entry,) = tenant.ledger(budget)
    assert (entry["amount"], entry["reservation_id"]) == ("1.25", reservation_id)
    assert (entry["ref_type"], entry["ref_id"]) == ("llm_generation", "gen-1")


def test_settling_again_is_the_first_answer_and_with_another_cost_a_conflict(
    tenant: Tenant,
) -> None:
    budget = tenant.budget(10)
    reservation_id = tenant.reserve(budget, 4)
    first = tenant.finish(reservation_id, "settle", {"actual": {"usd": 1}})

    again = tenant.finish(reservation_id, "settle", {"actual": {"usd": "1.0"}})
    other = tenant.finish(reservation_id, "settle", {"actual": {"usd": 2}})

    assert (again.status, again.body) == (200, first.body)
    assert other.refusal == (409, "reservation_finalized")
    assert tenant.amounts(budget) == ("1", "0", "9")


def test_a_cost_above_the_estimate_is_booked_in_full_and_marked(tenant: Tenant) -> None:
    budget = tenant.budget(10)
    reservation_id = tenant.reserve(budget, 4)

    settled = tenant.finish(reservation_id, "settle", {"actual": {"usd": 12}})

    assert settled.body["overrun"] is True
    assert tenant.amounts(budget) == ("12", "0", "-2")
    assert tenant.balance(budget)["overrun"] == "2"
    assert tenant.balance(budget)["status"] == "exhausted"


def test_a_release_gives_the_hold_back(tenant: Tenant) -> None:
    budget = tenant.budget(10)
    reservation_id = tenant.reserve(budget, 4)

    released = tenant.finish(reservation_id, "release")

    assert (released.status, released.body["state"]) == (200, "released")
    assert tenant.amounts(budget) == ("0", "0", "10")
    assert tenant.ledger(budget) == []


def test_an_extension_moves_the_expiry(tenant: Tenant) -> None:
    budget = tenant.budget(10)
    reply = tenant.ask(budget, 4, ttl_seconds=60)

    extended = tenant.finish(reply.body["reservation_id"], "extend", {"ttl_seconds": 600})

    assert extended.status == 200
    assert extended.body["expires_at"] > reply.body["expires_at"]
    assert tenant.amounts(budget) == ("0", "4", "6")


def test_a_hold_that_ran_out_is_free_again_and_a_late_settlement_still_counts(
    tenant: Tenant,
) -> None:
    budget = tenant.budget(10)
    reservation_id = tenant.reserve(budget, 10, ttl_seconds=1)
    eventually(
        lambda: tenant.reservation(reservation_id), lambda found: found["state"] == "expired"
    )
    # A hold may stay a little longer than its reservation: it ends with its bucket.
    eventually(lambda: tenant.ask(budget, 9).status, lambda status: status == 201)

    late = tenant.finish(reservation_id, "settle", {"actual": {"usd": 3}})

    assert (late.status, late.body["state"], late.body["late"]) == (200, "settled", True)
    assert tenant.amounts(budget) == ("3", "9", "-2")


def test_recorded_spend_is_never_refused_and_counts_once(tenant: Tenant) -> None:
    budget, key = tenant.budget(1), new_name("k")
    body = {"subjects": subjects_of(budget), "actual": {"usd": 3}, "description": "by hand"}

    first = tenant.caller.post("/v1/spend", body, once=key)
    again = tenant.caller.post("/v1/spend", body, once=key)

    assert (first.status, again.status) == (201, 200)
    assert again.body == first.body
    assert tenant.amounts(budget) == ("3", "0", "-2")
    (entry,) = tenant.ledger(budget)
    assert entry["description"] == "by hand"


def test_usage_is_priced_and_counted_in_tokens(tenant: Tenant) -> None:
    usd = tenant.budget(10)
    tokens = tenant.budget(5000, on=usd["subject"], unit="tokens")
    usage = {
        "provider": "openai", "model": "gpt-4o", "input_tokens": 1200, "max_output_tokens": 800,
    }  # fmt: skip

    reply = tenant.caller.post("/v1/reservations", {"subjects": subjects_of(usd), "usage": usage})

    assert reply.status == 201, reply.body
    assert reply.body["amounts"]["tokens"] == "2000"
    assert tenant.balance(usd)["held"] == reply.body["amounts"]["usd"] != "0"
    assert tenant.amounts(tokens) == ("0", "2000", "3000")


def test_spend_shows_the_balances_of_the_subjects_in_the_query(tenant: Tenant) -> None:
    budget = tenant.budget(10)
    tenant.reserve(budget, 9)

    shown = tenant.reader.get("/v1/spend", **subjects_of(budget))

    assert shown["tenant_id"] == tenant.tenant_id
    assert shown["subjects"] == subjects_of(budget)
    assert shown["budgets"] == [tenant.balance(budget)]


def test_spending_past_80_percent_warns(tenant: Tenant) -> None:
    budget = tenant.budget(10, period=YEAR)
    spent = {"subjects": subjects_of(budget), "actual": {"usd": "8.5"}}
    tenant.caller.post("/v1/spend", spent, expected=201)

    reply = tenant.ask(budget, 1)

    assert (reply.status, reply.body["action"]) == (201, "warn")
    assert reply.body["warnings"] == [f"{budget['subject']} usd year at 95.0%: 9.50 of 10"]
    assert tenant.balance(budget)["status"] == "warning"
