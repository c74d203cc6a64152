"""One deterministic life of a tenant: every kind of item that is stored, each in several forms."""

from typing import Any

from tests.golden.recorder import Recorder

HOUR, DAY = 3600, 86_400
POST_RESERVATION = "POST /v1/reservations"


def play(service: Recorder) -> None:
    """Play the whole scenario."""
    _set_up_tenants(service)
    _set_prices_and_caps(service)
    budgets = _create_budgets(service)
    _change_budgets(service, budgets)
    _reserve_and_settle(service)
    _record_spend(service)
    _consume_the_queue(service)
    _refuse(service)
    _ask_for_more(service, budgets)
    _reach_the_next_day(service, budgets)
    _read_everything(service, budgets)


def _set_up_tenants(service: Recorder) -> None:
    acme = {"tenant_id": "acme", "name": "Acme", "require_budget": False}
    for _first_and_replay in range(2):
        service.call("admin", "POST /v1/tenants", acme, role="operator", tenant="-", key="acme")
    service.call("admin", "POST /v1/tenants", {"tenant_id": "globex"}, role="operator", tenant="-")
    service.call("admin", "PATCH /v1/tenant", {"unpriced_model": "allow", "name": "Acme Inc."})
    service.call("admin", "GET /v1/tenants", role="operator", tenant="-")
    finance = service.call(
        "admin", "POST /v1/keys", {"role": "reader", "name": "finance"}, key="finance"
    )
    caller = service.call("admin", "POST /v1/keys", {"role": "caller"})
    service.authorize(caller["secret"])
    service.authorize(caller["secret"] + "x")
    service.call("admin", f"DELETE /v1/keys/{finance['key_id']}")
    service.authorize(finance["secret"])
    service.call("admin", "GET /v1/keys")


def _set_prices_and_caps(service: Recorder) -> None:
    own_price = {"input_per_million": "0.9", "output_per_million": "1.25"}
    service.call("admin", "PUT /v1/prices/together/meta-llama/Llama-3-70b", own_price)
    service.call("admin", "PUT /v1/rates/eur/usd", {"rate": "1.08", "max_age_seconds": DAY})
    cap = {"max_prompt_tokens": 100_000, "max_total_tokens": 120_000}
    service.call("admin", "PUT /v1/token-caps/agent/*", cap)
    service.call("admin", "PUT /v1/token-caps/agent/coder", {"max_completion_tokens": 10})
    service.call("admin", "DELETE /v1/token-caps/agent/coder")


BUDGETS: dict[str, dict[str, Any]] = {
    "agents": {
        "subject": "agent:*", "unit": "usd", "limit": "10",
        "period": {"type": "calendar", "unit": "day"}, "warn_at_pct": [1, 50, 90],
    },
    "researcher": {
        "subject": "agent:researcher", "unit": "usd", "limit": "50", "soft_limit": "40",
        "period": {"type": "calendar", "unit": "day", "timezone": "Europe/Paris"},
        "carry_over": {"unused": True, "max": "5"}, "metadata": {"team": "search"},
    },
    "debts": {
        "subject": "agent:debtor", "unit": "usd", "limit": "3", "name": "in debt",
        "period": {"type": "duration", "seconds": HOUR}, "carry_over": {"debt": True},
    },
    "tokens": {"subject": "organization:acme", "unit": "tokens", "limit": 1_000_000},
    "sessions": {
        "subject": "session:*", "unit": "usd", "limit": "2",
        "period": {"type": "rolling", "seconds": HOUR},
    },
    "soft": {
        "subject": "user:ann", "unit": "eur", "limit": "5", "soft_limit": "1",
        "on_soft_limit": "pause",
    },
    "shadow": {"subject": "user:*", "unit": "eur", "limit": "0.5", "mode": "shadow"},
}  # fmt: skip


def _create_budgets(service: Recorder) -> dict[str, str]:
    budget_ids = {}
    for name, budget in BUDGETS.items():
        created = service.call("admin", "POST /v1/budgets", budget, key=f"budget-{name}")
        budget_ids[name] = created["budget_id"]
    service.call("admin", "POST /v1/budgets", BUDGETS["agents"], key="budget-agents")
    service.call("admin", "POST /v1/budgets", BUDGETS["tokens"], key="budget-agents")
    return budget_ids


def _change_budgets(service: Recorder, budgets: dict[str, str]) -> None:
    researcher, tokens = (f"/v1/budgets/{budgets[name]}" for name in ("researcher", "tokens"))
    service.clock.advance(1)
    service.call("admin", f"PATCH {researcher}", {"limit": "60", "name": "research"})
    service.call("admin", f"PATCH {researcher}", {"limit": "1", "soft_limit": "2"})
    for action in ("pause", "resume", "disable", "enable"):
        service.call("admin", f"POST {tokens}/{action}")
    credit = {"amount": "5", "description": "a study", "ref_type": "invoice", "ref_id": "in-17"}
    for _first_and_replay in range(2):
        service.call("admin", f"POST {researcher}/credits", credit, key="credit-in-17")
    service.call("admin", f"POST {tokens}/credits", {"amount": 1000})
    service.clock.advance(10)


def _reserve_and_settle(service: Recorder) -> None:
    first = {
        "subjects": {"agent": "researcher", "session": "s-42"},
        "amounts": {"usd": "0.05", "tokens": 1500},
        "ttl_seconds": 300,
        "metadata": {"trace_id": "t-1"},
    }
    service.call("check", "POST /v1/check", first, role="caller")
    held, _replayed = (
        service.call("reserve", POST_RESERVATION, first, role="caller", key="call-1")
        for _ in range(2)
    )
    service.call("reserve", POST_RESERVATION, {**first, "ttl_seconds": 60}, key="call-1")
    reservation = f"/v1/reservations/{held['reservation_id']}"
    service.call("settle", f"POST {reservation}/extend", {"ttl_seconds": 600}, role="caller")
    totals = {"actual": {"usd": "0.02", "tokens": 600}, "returned": {"usd": "0.01"}}
    for _first_and_replay in range(2):
        service.call("settle", f"POST {reservation}/capture", totals, role="caller")
    spent = {
        "actual": {"usd": "0.031", "tokens": 940},
        "meter_source": "provider",
        "ref_type": "llm_generation",
        "ref_id": "gen-1",
    }
    for _first_and_replay in range(2):
        service.call("settle", f"POST {reservation}/settle", spent, role="caller")
    service.call("settle", f"POST {reservation}/release", role="caller")
    usage = {
        "provider": "openai", "model": "gpt-4o", "input_tokens": 1200, "max_output_tokens": 800,
    }  # fmt: skip
    priced = {"subjects": {"agent": "coder"}, "usage": usage}
    held = service.call("reserve", POST_RESERVATION, priced, role="caller")
    service.call("check", f"GET /v1/reservations/{held['reservation_id']}", role="caller")
    service.call("settle", f"POST /v1/reservations/{held['reservation_id']}/release")
    unknown = {"subjects": {"agent": "coder"}, "usage": {**usage, "model": "of-its-own"}}
    service.call("reserve", POST_RESERVATION, unknown, role="caller")
    overspent = service.call(
        "reserve", POST_RESERVATION, {"subjects": {"agent": "debtor"}, "amounts": {"usd": "3"}}
    )
    path = f"/v1/reservations/{overspent['reservation_id']}/settle"
    service.call("settle", f"POST {path}", {"actual": {"usd": "4.5"}})


def _record_spend(service: Recorder) -> None:
    usage = {
        "provider": "together", "model": "meta-llama/Llama-3-70b",
        "input_tokens": 200_000, "output_tokens": 500,
    }  # fmt: skip
    batch = {"subjects": {"agent": "researcher"}, "usage": usage, "description": "nightly batch"}
    for _first_and_replay in range(2):
        service.call("settle", "POST /v1/spend", batch, role="caller", key="batch-7")
    service.call("settle", "POST /v1/spend", {"subjects": {"user": "ann"}, "actual": {"eur": "2"}})
    service.call("check", "GET /v1/spend", role="caller", query={"agent": "researcher"})


def _consume_the_queue(service: Recorder) -> None:
    held = [
        service.call(
            "reserve",
            POST_RESERVATION,
            {"subjects": {"session": "s-42"}, "amounts": {"usd": "0.25"}},
            key=f"queued-{number}",
        )["reservation_id"]
        for number in range(3)
    ]
    record = {
        "type": "record", "event_id": "event-1", "subjects": {"agent": "coder"},
        "actual": {"usd": "0.75"},
    }  # fmt: skip
    service.queue(
        {"type": "settle", "reservation_id": held[0], "actual": {"usd": "0.2"}},
        {"type": "settle", "reservation_id": held[0], "actual": {"usd": "0.2"}},
        {"type": "capture", "reservation_id": held[1], "actual": {"usd": "0.1"}},
        {"type": "capture", "reservation_id": held[1], "actual": {"usd": "0.15"}},
        {"type": "release", "reservation_id": held[1]},
        record,
        record,
        {"type": "settle", "reservation_id": "rsv_unknown", "actual": {"usd": "1"}},
        {"type": "settle", "reservation_id": held[2], "actual": {"usd": "-1"}},
        {"type": "unheard-of"},
    )


def _refuse(service: Recorder) -> None:
    for subjects, usd in (({"agent": "coder"}, "9.9"), ({"session": "s-42"}, "1.95")):
        wish = {"subjects": subjects, "amounts": {"usd": usd}}
        service.call("check", "POST /v1/check", wish, role="caller")
        service.call("reserve", POST_RESERVATION, wish, role="caller", key=f"refused-{usd}")
    ann = {"subjects": {"user": "ann"}, "amounts": {"eur": "1"}}
    service.call("reserve", POST_RESERVATION, ann, role="caller")
    service.call("reserve", POST_RESERVATION, {"amounts": {"usd": "x"}}, role="caller")
    service.call("reserve", POST_RESERVATION, ann, role="caller", tenant="globex")
    service.call("settle", "POST /v1/reservations/rsv_unknown/release", role="caller")


def _reach_the_next_day(service: Recorder, budgets: dict[str, str]) -> None:
    agents = f"/v1/budgets/{budgets['agents']}"
    service.call("admin", f"PATCH {agents}", {"period": {"type": "calendar", "unit": "month"}})
    for seconds in (HOUR, DAY, DAY):
        service.clock.advance(seconds)
        service.close_periods()
    for agent in ("researcher", "debtor", "coder"):
        wish = {"subjects": {"agent": agent}, "amounts": {"usd": "0.5"}}
        service.call("reserve", POST_RESERVATION, wish, role="caller", key=f"next-{agent}")
    service.clock.advance(DAY)
    service.close_periods()
    service.call("admin", f"DELETE {agents}")
    service.clock.advance(10)


def _read_everything(service: Recorder, budgets: dict[str, str]) -> None:
    for budget_id in budgets.values():
        for part in ("", "/balance", "/ledger", "/statements", "/audit"):
            service.call("admin", f"GET /v1/budgets/{budget_id}{part}", role="reader")
    for name, subject in (("sessions", "session:s-42"), ("shadow", "user:ann")):
        for part in ("balance", "ledger", "statements"):
            path = f"/v1/budgets/{budgets[name]}/{part}"
            service.call("admin", f"GET {path}", role="reader", query={"subject": subject})
    service.call("admin", "GET /v1/budgets", role="reader", query={"limit": "3"})
    for form in ("csv", "jsonl"):
        span = {"from": "2026-01-01", "to": "2027-01-01", "format": form}
        service.call("admin", "GET /v1/export/ledger", role="reader", query=span)
    for path in ("prices/together/meta-llama/Llama-3-70b", "rates/eur/usd", "token-caps/agent/*"):
        service.call("admin", f"GET /v1/{path}", role="reader")
        service.call("admin", f"DELETE /v1/{path}")
    _have_messages_sent(service)


def _have_messages_sent(service: Recorder) -> None:
    hook = {
        "format": "webhook", "url": "https://example.com/hooks/0123456789",
        "event_types": ["budget.exhausted"], "subject_prefix": "agent:",
    }  # fmt: skip
    chat = {**hook, "format": "slack", "subject_prefix": None}
    made, _replayed = (
        service.call("admin", "POST /v1/notifications", hook, key="hook") for _ in range(2)
    )
    service.call("admin", "POST /v1/notifications", chat)
    path = f"/v1/notifications/{made['id']}"
    service.call("admin", f"PATCH {path}", {"event_types": ["request.opened"]})
    service.call("admin", f"POST {path}/rotate", key="rotate")
    service.call("admin", "GET /v1/notifications", role="reader")
    service.call("admin", f"DELETE {path}")


def _ask_for_more(service: Recorder, budgets: dict[str, str]) -> None:
    requests = "/v1/increase-requests"
    wish = {"budget_id": budgets["researcher"], "amount": "5", "reason": "a longer study"}
    for key in ("more", "more", None):
        service.call("admin", f"POST {requests}", wish, role="caller", key=key, key_id="key_2")
    (asked,) = service.call("admin", f"GET {requests}", query={"state": "pending"})["data"]
    service.call("admin", f"POST {requests}/{asked['id']}/approve", {"note": "go on"})
    service.call("admin", f"POST {requests}/{asked['id']}/deny", {})
    again = service.call("admin", f"POST {requests}", wish, role="caller", key_id="key_2")
    service.call("admin", f"POST {requests}/{again['id']}/deny", {"note": "no"}, role="approver")
    service.call("admin", f"GET {requests}/{again['id']}", role="caller", key_id="key_2")
