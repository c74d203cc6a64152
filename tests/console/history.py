"""Two months of one company: budgets of every kind, and what its agents spent."""

import json
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.console.service import OPERATOR, Service
from tests.support.clock import in_seconds
from tests.support.http_events import Context

DAY_MS = 86_400_000
TENANT = "acme"

BUDGETS: tuple[Mapping[str, object], ...] = (
    {"subject": "organization:acme", "limit": "1000", "period": "month", "name": "The company"},
    {"subject": "team:search", "limit": "450", "period": "month", "name": "Search team"},
    {"subject": "team:support", "limit": "260", "period": "month", "name": "Support team"},
    {"subject": "team:data", "limit": "200", "period": "month", "name": "Data team"},
    {"subject": "agent:*", "limit": "12", "period": "day", "name": "Every agent, daily"},
    {"subject": "agent:researcher", "limit": "30", "period": "day", "soft_limit": "24",
     "carry_over": {"unused": True, "max": "10"}, "name": "Researcher"},
    {"subject": "agent:scraper", "limit": "15", "period": "week", "name": "Scraper"},
    {"subject": "user:*", "unit": "tokens", "limit": "2000000", "period": "day",
     "name": "Every person's tokens"},
    {"subject": "model:gpt-4o", "limit": "300", "period": "month", "mode": "shadow",
     "name": "Try a limit on gpt-4o"},
    {"subject": "agent:migration", "limit": "80", "name": "Data migration, in all"},
)  # fmt: skip

CALLS = (
    # agent, team, user, provider, model, calls a day, dearness
    ("researcher", "search", "ada", "openai", "gpt-4o", 5, 2.6),
    ("indexer", "search", "grace", "openai", "gpt-4o-mini", 4, 6.0),
    ("helpdesk", "support", "linus", "anthropic", "claude-3-5-sonnet-latest", 5, 0.9),
    ("summarizer", "support", "ada", "openai", "gpt-4o-mini", 4, 4.0),
    ("analyst", "data", "barbara", "google", "gemini-1.5-pro", 3, 2.2),
    ("migration", "data", "barbara", "anthropic", "claude-3-5-sonnet-latest", 1, 1.2),
    ("scraper", "data", "grace", "openai", "gpt-4o-mini", 2, 3.0),
)


@dataclass
class History:
    """Writes the history of a company through the API."""

    service: Service
    days: int = 60
    keys: dict[str, str] = field(default_factory=dict)
    _admin: Context = field(default_factory=dict)
    _caller: Context = field(default_factory=dict)

    def write(self, *, until_ms: int) -> None:
        """Let `days` days go by, up to now."""
        chance = random.Random(7)
        clock = self.service.clock
        clock.at_ms = until_ms - self.days * DAY_MS
        self._begin()
        for day in range(self.days):
            start = until_ms - (self.days - day) * DAY_MS
            self._one_day(start, day, chance)
            clock.at_ms = start + DAY_MS
            self.service.close_periods()
        self._today()

    def ask(self, method: str, path: str, body: object = None, **more: Any) -> dict[str, Any]:
        """Send a request of the admin, unless another principal is given; it must succeed."""
        response = self.service.ask(method, path, body, **{"principal": self._admin, **more})
        assert response["statusCode"] < 300, (method, path, body, response)
        answered: dict[str, Any] = json.loads(response["body"])
        return answered

    def _begin(self) -> None:
        body = {"tenant_id": TENANT, "name": "Acme"}
        made = self.ask("POST", "/v1/tenants", body, principal=OPERATOR)
        self.keys["admin"] = made["admin_key"]
        self._admin = self._principal("admin")
        for role, name in (
            ("caller", "agents in production"),
            ("reader", "finance"),
            ("approver", "Ada"),
        ):
            key = self.ask("POST", "/v1/keys", {"role": role, "name": name})
            self.keys[role] = key["secret"]
        self._caller = self._principal("caller")
        laptop = {"role": "caller", "name": "Ada's laptop", "subjects": {"user": "ada"}}
        self.ask("POST", "/v1/keys", laptop)
        for budget in BUDGETS:
            self.ask("POST", "/v1/budgets", budget_body(budget))
        self.ask("PUT", "/v1/prices/acme/llama-70b-tuned",
                 {"input_per_million": "0.6", "output_per_million": "1.8"})  # fmt: skip
        self.ask("PUT", "/v1/rates/gbp/usd", {"rate": "1.27", "max_age_seconds": 86400})

    def _one_day(self, start_ms: int, day: int, chance: random.Random) -> None:
        is_weekend = day % 7 in {5, 6}
        for agent, team, user, provider, model, calls, dearness in CALLS:
            if agent == "migration" and day % 3:
                continue
            for number in range(calls if not is_weekend else max(1, calls // 3)):
                offset = int((number + chance.random()) * DAY_MS * 0.9 / calls)
                self.service.clock.at_ms = start_ms + offset
                size = dearness * (0.6 + chance.random()) * (0.6 + day / 90)
                usage = {
                    "provider": provider,
                    "model": model,
                    "input_tokens": int(220_000 * size),
                    "output_tokens": int(42_000 * size),
                }
                subjects = {
                    "agent": agent,
                    "team": team,
                    "user": user,
                    "session": f"s-{day}{agent[:2]}",
                }
                self.ask("POST", "/v1/spend", {"subjects": subjects, "usage": usage},
                         principal=self._caller)  # fmt: skip

    def _today(self) -> None:
        """What is going on right now: open reservations, a refusal, a pause and a fresh rate."""
        self.ask("PUT", "/v1/rates/eur/usd", {"rate": "1.08", "max_age_seconds": 86400})
        budgets = self.ask("GET", "/v1/budgets", query={"limit": "100"})["data"]
        ids = {budget["subject"]: budget["budget_id"] for budget in budgets}
        self.ask("POST", f"/v1/budgets/{ids['agent:scraper']}/pause", {},
                 headers={"Spendgate-Reason": "it fetched one site again and again"})  # fmt: skip
        self.ask("POST", f"/v1/budgets/{ids['team:search']}/credits",
                 {"amount": "50", "description": "one more study before the launch"})  # fmt: skip
        for agent, amount, seconds in (("researcher", "3.2", 3600), ("helpdesk", "1.1", 900)):
            team = "search" if agent == "researcher" else "support"
            subjects = {"agent": agent, "team": team, "session": "s-now"}
            body = {"subjects": subjects, "amounts": {"usd": amount}, "ttl_seconds": seconds}
            self.service.ask("POST", "/v1/reservations", body, principal=self._caller)
        self._ask_for_more()
        for agent, amount in (("analyst", "15"), ("helpdesk", "14"), ("scraper", "3")):
            body = {"subjects": {"agent": agent}, "amounts": {"usd": amount}}
            self.service.ask("POST", "/v1/reservations", body, principal=self._caller)

    def _ask_for_more(self) -> None:
        """Two requests wait; one was granted in part, and one denied."""
        until = in_seconds(self.service.clock, 5 * 86_400)
        approver = self._principal("approver")
        decisions = {
            "approve": {"note": "Half of it for now", "amount": "20"},
            "deny": {"note": "Switch this week instead"},
        }
        for subject, amount, reason, decision in (
            ("agent:migration", "5", "The old tables are read twice until the switch", "deny"),
            ("team:search", "40", "Ranking is measured on twice as many queries", "approve"),
            ("agent:analyst", "25", "The quarter's report has 40 more charts than planned", None),
            ("agent:helpdesk", "10", "A backlog of tickets since the outage on Monday", None),
        ):
            wish = {"subject": subject, "unit": "usd", "amount": amount, "reason": reason}
            asked = self.ask("POST", "/v1/increase-requests", {**wish, "until": until},
                             principal=self._caller)  # fmt: skip
            if decision is not None:
                path = f"/v1/increase-requests/{asked['id']}/{decision}"
                self.ask("POST", path, decisions[decision], principal=approver)

    def _principal(self, role: str) -> Context:
        return self.service.principal({"authorization": f"Bearer {self.keys[role]}"})


def budget_body(budget: Mapping[str, object]) -> dict[str, object]:
    """The body that creates a budget; its period is a word here."""
    unit = budget.get("period")
    period = {"type": "calendar", "unit": unit} if unit else {"type": "none"}
    return {"unit": "usd", **budget, "period": period}
