"""Events of every type, as the bus has them, for the sentences that are made of them."""

from collections.abc import Mapping
from typing import Any

type Event = dict[str, Any]

NOW = "2026-11-24T09:30:00.000Z"
"""A Tuesday."""

_PERIODS: Mapping[str, tuple[str, str | None, str | None]] = {
    "month": ("2026-11", "2026-11-01T00:00:00.000Z", "2026-12-01T00:00:00.000Z"),
    "last year": ("2025", "2025-01-01T00:00:00.000Z", "2026-01-01T00:00:00.000Z"),
    "quarter": ("2026-Q4", "2026-10-01T00:00:00.000Z", "2027-01-01T00:00:00.000Z"),
    "week": ("2026-W48", "2026-11-23T00:00:00.000Z", "2026-11-30T00:00:00.000Z"),
    "day": ("2026-11-24", "2026-11-24T00:00:00.000Z", "2026-11-25T00:00:00.000Z"),
    "hour": ("2026-11-24T09", "2026-11-24T09:00:00.000Z", "2026-11-24T10:00:00.000Z"),
    "day in Paris": (
        "2026-11-24[Europe/Paris]", "2026-11-23T23:00:00.000Z", "2026-11-24T23:00:00.000Z",
    ),
    "billing month": (
        "2026-11@15T06", "2026-11-15T06:00:00.000Z", "2026-12-15T06:00:00.000Z",
    ),
    "duration": (
        "2026-11-24T08:00:00Z/5h", "2026-11-24T08:00:00.000Z", "2026-11-24T13:00:00.000Z",
    ),
    "rolling": ("rolling-1d", None, None),
    "none": ("balance", None, None),
}  # fmt: skip


def balance(period: str = "month", **fields: Any) -> dict[str, Any]:
    """A balance of 50 usd, of which 40 are spent."""
    key, starts_at, ends_at = _PERIODS[period]
    return {
        "budget_id": "bud_01kjq6sv50h2qsq17y9d99yj01",
        "name": None,
        "subject": "agent:researcher",
        "unit": "usd",
        "period": {"type": "calendar", "key": key, "starts_at": starts_at, "ends_at": ends_at},
        "limit": "50", "credits": "0", "carried_in": "0", "soft_limit": None,
        "spent": "40", "held": "0", "available": "10", "overrun": "0",
        "utilization_pct": 80.0, "percent_remaining": 20.0, "status": "warning",
        "resets_at": ends_at, "resets_in_seconds": None,
        "forecast": {"burn_rate_per_hour": "0.07", "limit_reached_at": None},
        **fields,
    }  # fmt: skip


def runs_out(at: str) -> dict[str, Any]:
    return {"forecast": {"burn_rate_per_hour": "0.3", "limit_reached_at": at}}


def event(event_type: str, **says: Any) -> Event:
    return {
        "version": 1, "id": "evt_8e4bc09f962a79a1d470083fc4", "type": event_type,
        "tenant_id": "acme", "occurred_at": NOW, **says,
    }  # fmt: skip


def about(event_type: str, shown: dict[str, Any], **says: Any) -> Event:
    budget = {"budget_id": shown["budget_id"], "subject": shown["subject"], "balance": shown}
    return event(event_type, **budget, **says)


PERCENT = {"threshold": {"type": "percentage", "pct": 80, "amount": None}}
SOFT_LIMIT = {"threshold": {"type": "soft_limit", "pct": None, "amount": "40"}}


def reached(period: str = "month", **fields: Any) -> Event:
    return about("budget.threshold_reached", balance(period, **fields), **PERCENT)


def statement(**fields: Any) -> dict[str, Any]:
    return {"statement": {
        "spent": "42.1", "unused": "7.9", "overrun": "0", "carried_out": "0", "revision": 1,
        **fields,
    }}  # fmt: skip


def change(action: str, *changes: tuple[str, object, object], **who: Any) -> Event:
    entry = {
        "id": "chg_1", "at": NOW, "key_id": "key_1", "key_name": "finance", "role": "admin",
        "actor": None, "reason": None, "request_id": "r", "action": action, "object": "bud_1",
        "changes": [{"field": name, "from": was, "to": becomes} for name, was, becomes in changes],
        **who,
    }  # fmt: skip
    return event("budget.changed", budget_id="bud_1", subject="agent:researcher", change=entry)


def reservation(event_type: str, subjects: dict[str, str], **fields: Any) -> Event:
    shown = {"subjects": subjects, "amounts": {"usd": "5"}, "actual": None, "lines": [], **fields}
    uncaptured = {"captured": {}, "uncaptured": {"usd": "5"}}
    is_expired = event_type == "reservation.expired"
    return event(event_type, reservation=shown, **(uncaptured if is_expired else {}))


def request(event_type: str, decision: dict[str, Any] | None = None, **fields: Any) -> Event:
    """An increase request, of an agent that asks for 20 usd more."""
    shown = {
        "id": "req_01kjq6sv50h2qsq17y9d99yj01", "state": "pending",
        "budget_id": "bud_01kjq6sv50h2qsq17y9d99yj01", "subject": "agent:researcher",
        "unit": "usd", "amount": "20", "until": None, "reason": "the study goes on",
        "key_id": "key_1", "key_name": "agents", "created_at": NOW, "expires_at": NOW,
        "decision": decision, **fields,
    }  # fmt: skip
    return event(event_type, request=shown)


def decision(amount: str | None, **fields: Any) -> dict[str, Any]:
    return {
        "at": NOW, "key_id": "key_2", "key_name": "finance", "note": None, "amount": amount,
        "until": None, "ledger_entry_id": None, **fields,
    }  # fmt: skip


DEFAULT: dict[str, Any] = {"budget_id": "bud_2", "subject": "agent:*", "balance": None}
ADA: dict[str, Any] = {"actor": "ada@example.com", "reason": "A longer study"}
NASTY = '<!channel> "x"\n@here *b* & [a](https://evil.example) \u202e' + "z" * 200

EXAMPLES: list[Event] = [
    reached(**runs_out("2026-11-26T15:40:00.000Z")),
    reached(**runs_out("2026-11-24T15:40:00.000Z")),
    reached(**runs_out("2026-12-12T15:40:00.000Z"), credits="10", name="research"),
    *(reached(period) for period in _PERIODS if period != "last year"),
    about("budget.threshold_reached", balance(spent="41.5", soft_limit="40"), **SOFT_LIMIT),
    about("budget.exhausted", balance(spent="50", available="0")),
    about("budget.exhausted", balance("day", spent="51.25", available="-1.25", overrun="1.25")),
    about("budget.exhausted", balance("none", spent="50", available="0", unit="tokens")),
    about("budget.paused", balance(), by="admin"),
    about("budget.paused", balance(soft_limit="40"), by="soft_limit"),
    event("budget.paused", **DEFAULT, by="admin"),
    about("budget.resumed", balance(name="research"), by="admin"),
    event("budget.resumed", **DEFAULT, by="admin"),
    about("budget.period_closed", balance(), **statement()),
    about("budget.period_closed", balance("last year"), **statement(carried_out="5")),
    about("budget.period_closed", balance(), **statement(spent="52", unused="-2", overrun="2")),
    about("budget.period_closed", balance(), **statement(spent="50", unused="0", revision=2)),
    change("budget.created", ("unit", None, "usd"), ("limit", None, "50")),
    change("budget.changed", ("limit", "10", "20"), **ADA),
    change("budget.changed", ("warn_at_pct", [80], [90]), ("name", None, "a")),
    change("budget.credited", ("credit", None, "5"), ("unit", None, "usd"), **ADA),
    change("budget.credited", ("credit", None, "-5"), ("unit", None, "usd"), key_name=None),
    change("budget.deleted", ("limit", "10", None), actor="ada@example.com"),
    change("budget.paused", ("paused", False, True)),
    reservation("reservation.expired", {"agent": "researcher", "session": "s-1"}),
    reservation("reservation.expired", {}),
    reservation("reservation.overrun", {"user": "ann"}, actual={"usd": "6", "tokens": "900"}),
    request("request.opened"),
    request("request.opened", until="2026-11-27T00:00:00.000Z", reason=NASTY),
    request("request.approved", decision("15", until="2026-12-05T00:00:00.000Z", note="go on")),
    request("request.approved", decision("20", key_name=None)),
    request("request.denied", decision(None, note="ask again in December")),
    request("request.expired"),
    event("notification.test"),
    event("budget.of_tomorrow", budget_id="bud_1"),
    reached(subject=f"agent:{NASTY}", name=NASTY),
    change("budget.changed", ("limit", "10", "20"), actor=NASTY, reason=NASTY),
]
