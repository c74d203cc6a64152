"""Short words for what a party says to the service: every one is a request to a function."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import ModuleType
from typing import Any

from spendgate_service.api.routes import route_at
from spendgate_service.app import Spendgate
from spendgate_service.store.client import Table
from tests.support.app import spendgate_over
from tests.support.clock import FakeClock
from tests.support.functions import (
    HttpAnswer,
    answer_of,
    load_function,
)
from tests.support.http_events import Context, a_principal, http_event

FUNCTIONS = ("admin", "check", "reserve", "settle")
HOUR, DAY = 3600, 86_400
CLOCKS_DIFFER_SECONDS = 1
"""By which the clocks of two functions may differ: that much later what was spent comes back."""

TRIES_MAX = 20

RULES_SECONDS_MAX = 5
"""How long a function may go by rules that it has read."""

type Body = dict[str, Any]


@dataclass
class Service:
    """The functions behind the gateway, over one table and by one clock.

    `parts` take the place of those of the service, also after a restart.
    """

    table: Table
    clock: FakeClock
    parts: Mapping[str, object] = field(default_factory=dict)

    @cached_property
    def app(self) -> Spendgate:
        return spendgate_over(self.table, self.clock, **self.parts)

    @cached_property
    def functions(self) -> Mapping[str, ModuleType]:
        return {name: load_function(name, self.app) for name in FUNCTIONS}

    def restart(self) -> None:
        """Forget what the functions keep between invocations."""
        for kept in ("app", "functions"):
            vars(self).pop(kept, None)

    def ask(self, method: str, path: str, body: object = None, **more: Any) -> HttpAnswer:
        route = route_at(method, path)
        event = http_event(method, path, body=body, **more)
        return answer_of(self.functions[route.function if route else "admin"], event)


def insist(ask: Callable[[], HttpAnswer], *, tries: int = TRIES_MAX) -> HttpAnswer:
    """Ask again while the answer is 503."""
    answer = ask()
    for _ in range(tries - 1):
        if answer.status != 503:
            break
        answer = ask()
    return answer


def tenant(service: Service, tenant_id: str) -> "Party":
    """A new tenant with default settings, as its admin sees the service."""
    operator = Party(service, a_principal("operator", tenant_id="-"))
    operator.done("POST", "/v1/tenants", {"tenant_id": tenant_id})
    return Party(service, a_principal("admin", tenant_id=tenant_id, key_id=f"key_{tenant_id}"))


@dataclass
class Party:
    """Somebody with a key; `subjects` are named in all that it asks."""

    service: Service
    principal: Context
    subjects: Mapping[str, str] = field(default_factory=dict)

    def on(self, **subjects: str) -> "Party":
        """The same party, spending for these subjects too."""
        return Party(self.service, self.principal, {**self.subjects, **subjects})

    def ask(self, method: str, path: str, body: object = None, **more: Any) -> HttpAnswer:
        return self.service.ask(method, path, body, principal=self.principal, **more)

    def done(self, method: str, path: str, body: object = None, **more: Any) -> Body:
        """What is answered to a request that succeeds.

        One that may be repeated safely is, while the table fails to answer: a real engine does so
        where many ask at once on a busy machine.
        """
        may_be_repeated = method == "GET" or path.endswith(("/settle", "/release"))
        answer = insist(
            lambda: self.ask(method, path, body, **more), tries=TRIES_MAX if may_be_repeated else 1
        )
        assert answer.status in {200, 201}, (answer.status, answer.body)
        return answer.body

    def wait(self, seconds: float) -> None:
        self.service.clock.advance(seconds)

    # What admins do.

    def budget(self, subject: str, limit: object, unit: str = "usd", **more: Any) -> Body:
        body = {"subject": subject, "unit": unit, "limit": str(limit), **more}
        return self.done("POST", "/v1/budgets", body)

    def patch(self, budget: Body, **changes: Any) -> Body:
        return self.done("PATCH", f"/v1/budgets/{budget['budget_id']}", changes)

    def delete(self, budget: Body) -> Body:
        return self.done("DELETE", f"/v1/budgets/{budget['budget_id']}")

    def switch(self, budget: Body, action: str) -> Body:
        return self.done("POST", f"/v1/budgets/{budget['budget_id']}/{action}")

    def credit(self, budget: Body, amount: object, **more: Any) -> Body:
        path = f"/v1/budgets/{budget['budget_id']}/credits"
        return self.done("POST", path, {"amount": str(amount), **more})

    def view(self, budget: Body, of: str = "", **query: str) -> Body:
        """A budget, or its `ledger`, `balance`, `statements` or `audit`."""
        path = f"/v1/budgets/{budget['budget_id']}" + (f"/{of}" if of else "")
        return self.done("GET", path, query=query)

    def export(self, **query: str) -> list[HttpAnswer]:
        """The parts of an export, to its end."""
        parts = [self.ask("GET", "/v1/export/ledger", query=query)]
        while "X-Next-Cursor" in parts[-1].headers:
            query = {**query, "cursor": parts[-1].headers["X-Next-Cursor"]}
            parts.append(self.ask("GET", "/v1/export/ledger", query=query))
        return parts

    def exported(self, **query: str) -> list[Body]:
        """The entries of an export, all parts together."""
        parts = self.export(format="jsonl", **query)
        return [json.loads(line) for part in parts for line in part.text.splitlines()]

    # What callers do.

    def check(self, amount: object = None, unit: str = "usd", **more: Any) -> Body:
        return self.done("POST", "/v1/check", self._wish(amount, unit, more))

    def try_reserve(self, amount: object = None, unit: str = "usd", **more: Any) -> HttpAnswer:
        return self.ask("POST", "/v1/reservations", self._wish(amount, unit, more))

    def reserve(self, amount: object = None, unit: str = "usd", **more: Any) -> Body:
        answer = self.try_reserve(amount, unit, **more)
        assert answer.status == 201, (answer.status, answer.body)
        return answer.body

    def settle(self, reservation: Body, amount: object, unit: str = "usd") -> Body:
        path = f"/v1/reservations/{reservation['reservation_id']}/settle"
        return self.done("POST", path, {"actual": {unit: str(amount)}})

    def release(self, reservation: Body) -> Body:
        return self.done("POST", f"/v1/reservations/{reservation['reservation_id']}/release")

    def find(self, reservation: Body) -> Body:
        return self.done("GET", f"/v1/reservations/{reservation['reservation_id']}")

    def spend(self, amount: object, unit: str = "usd", **more: Any) -> Body:
        """Record what was spent without a reservation."""
        body = {"subjects": dict(self.subjects), "actual": {unit: str(amount)}, **more}
        return self.done("POST", "/v1/spend", body)

    def balances(self) -> list[Body]:
        """The snapshot of every budget on the subjects."""
        answer = self.done("GET", "/v1/spend", query=dict(self.subjects))
        budgets: list[Body] = answer["budgets"]
        return budgets

    @property
    def balance(self) -> Body:
        """The snapshot of the only budget on the subjects."""
        (balance,) = self.balances()
        return balance

    def _wish(self, amount: object, unit: str, more: Mapping[str, Any]) -> Body:
        amounts = {} if amount is None else {"amounts": {unit: str(amount)}}
        return {"subjects": dict(self.subjects), **amounts, **more}


def calendar(unit: str, timezone: str = "UTC") -> dict[str, str]:
    return {"type": "calendar", "unit": unit, "timezone": timezone}


def rolling(window: str) -> dict[str, str]:
    return {"type": "rolling", "window": window}


def duration(window: str) -> dict[str, str]:
    return {"type": "duration", "window": window}


def scopes(refused: HttpAnswer) -> list[str]:
    """Who refused, in the order of the answer."""
    assert refused.status == 429, refused.body
    return [violation["scope"] for violation in refused.body["error"]["violations"]]
