"""A company on the local stack: budgets, some spending, and a key of each role."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.console.browser import Visit
from tests.e2e.client import Tenant

MARKUP = '<img src=x onerror="document.title=1">'
"""The name of a budget that must stay text."""

type Open = Callable[..., Visit]


@dataclass(frozen=True)
class Company:
    """A tenant with budgets and spending, and its keys by their roles."""

    tenant: Tenant
    keys: dict[str, str]
    budgets: dict[str, str]
    requests: dict[str, str]

    def ask_for_more(self, subject: str, reason: str) -> str:
        """Ask with the caller's key; return the id of the request."""
        return ask_for_more(self.tenant, subject, reason)


def ask_for_more(tenant: Tenant, subject: str, reason: str) -> str:
    """Open an increase request of 20 usd, and return its id."""
    wish = {"subject": subject, "unit": "usd", "amount": "20", "reason": reason}
    return str(tenant.caller.post("/v1/increase-requests", wish, expected=201).body["id"])


def found_company(tenant: Tenant) -> Company:
    """Give a new tenant budgets and some spending."""
    budgets = {
        name: tenant.budget(limit, on=subject, name=name, **more)["budget_id"]
        for name, subject, limit, more in (
            ("company", f"organization:{tenant.tenant_id}", 100, per("month")),
            ("agents", "agent:*", 10, per("day")),
            ("researcher", "agent:researcher", 20, per("day")),
            ("tokens", "user:*", 100_000, {"unit": "tokens"}),
            (MARKUP, "team:data", 5, {}),
        )
    }
    for agent, team, amount in (("researcher", "search", "3.5"), ("coder", "data", "9.25")):
        body = {"subjects": {"agent": agent, "team": team}, "actual": {"usd": amount}}
        tenant.caller.post("/v1/spend", {**body, "description": MARKUP}, expected=201)
    ask = {"subjects": {"agent": "researcher"}, "amounts": {"usd": "2"}, "ttl_seconds": 3600}
    tenant.caller.post("/v1/reservations", ask, expected=201)
    too_much = {"subjects": {"agent": "coder"}, "amounts": {"usd": "5"}}
    tenant.caller.post("/v1/reservations", too_much, expected=429)
    price = {"input_per_million": "0.9", "output_per_million": "1.8"}
    tenant.admin.send("PUT", "/v1/prices/acme/tuned", price, expected=200)
    tenant.admin.send("PUT", "/v1/rates/eur/usd", {"rate": "1.08"}, expected=200)
    chat = {
        "format": "slack",
        "url": "https://hooks.slack.com/services/T000/B000/hush-hush-9xYz",
        "event_types": ["budget.threshold_reached", "request.opened"],
        "subject_prefix": "team:",
    }
    tenant.admin.post("/v1/notifications", chat, expected=201)
    keys = {
        role: tenant.admin.post("/v1/keys", {"role": role, "name": role}, expected=201).body[
            "secret"
        ]
        for role in ("admin", "approver", "reader", "caller")
    }
    requests = {
        "pending": ask_for_more(tenant, "agent:coder", MARKUP),
        "decided": ask_for_more(tenant, "team:data", "a larger sample"),
    }
    path = f"/v1/increase-requests/{requests['decided']}/approve"
    tenant.admin.post(path, {"note": MARKUP}, expected=200)
    return Company(tenant, keys, budgets, requests)


def per(unit: str) -> dict[str, Any]:
    return {"period": {"type": "calendar", "unit": unit}}
