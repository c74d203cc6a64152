"""A company of any size: budgets that are partly spent, two months of usage, open requests."""

import json
from dataclasses import dataclass
from typing import Any

from spendgate_service.store.client import Table
from spendgate_service.usage.roll_up import BEHIND_MS, roll_up_usage
from tests.console.__main__ import StartedClock
from tests.console.service import OPERATOR, Service
from tests.support.http_events import Context
from tests.support.synthetic_usage import DAY_MS, synthetic_usage, write_usage

TENANT = "acme"
DAYS = 60
AGENTS = 8
BUDGETS_PER_REQUEST = 10
REQUESTS_MAX = 20
"""One of so many budgets has an open request for more; a key may have so many of them."""

ROLLED_UP_MS_AGO = 2 * BEHIND_MS

_LIMIT = 100
_MONTH = {"type": "calendar", "unit": "month"}
_DAY = {"type": "calendar", "unit": "day"}


@dataclass(frozen=True, slots=True)
class Company:
    """A service with one tenant: an admin's key, and the ids that the addresses of screens name."""

    service: Service
    key: str
    ids: dict[str, str]


def found_company(table: Table, *, budgets: int, records: int, now_ms: int) -> Company:
    """Write a company into an empty table; its clock runs afterwards."""
    clock = StartedClock(now_ms - DAYS * DAY_MS)
    writer = _Writer(Service(table, clock))
    key = writer.create_tenant()
    until_ms = now_ms - ROLLED_UP_MS_AGO
    spends = synthetic_usage(records, days=DAYS, until_ms=until_ms, seed=16, tenants=[TENANT])
    write_usage(table, spends)
    clock.at_ms = now_ms - ROLLED_UP_MS_AGO
    ids = writer.create_budgets(budgets)
    rolled = roll_up_usage(table, now_ms=now_ms, has_time=lambda: True)
    assert not rolled.failed and rolled.records >= records, rolled
    clock.start()
    return Company(writer.service, key, ids)


class _Writer:
    """Sends requests of an admin and of a caller."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self._admin = self._caller = OPERATOR

    def create_tenant(self) -> str:
        """Create the tenant and its keys; return the admin's."""
        key = str(self._ask("POST", "/v1/tenants", {"tenant_id": TENANT}, OPERATOR)["admin_key"])
        self._admin = self._principal(key)
        caller = self._ask("POST", "/v1/keys", {"role": "caller"}, self._admin)
        self._caller = self._principal(caller["secret"])
        return key

    def create_budgets(self, count: int) -> dict[str, str]:
        """Create as many budgets, one of them a default, and spend some of each."""
        ids = {"default": self._budget("agent:*", _DAY)}
        for number in range(AGENTS):
            self._spend(f"agent:agent-{number}", 10 * number)
        for number in range(count - 1):
            subject = f"team:team-{number}"
            ids["budget"] = self._budget(subject, _MONTH)
            self._spend(subject, number * 7 % _LIMIT)
            if number in range(0, REQUESTS_MAX * BUDGETS_PER_REQUEST, BUDGETS_PER_REQUEST):
                wish = {"subject": subject, "unit": "usd", "amount": "20", "reason": "More tests"}
                asked = self._ask("POST", "/v1/increase-requests", wish, self._caller)
                ids["request"] = asked["id"]
        return ids

    def _budget(self, subject: str, period: object) -> str:
        body = {"subject": subject, "unit": "usd", "limit": str(_LIMIT), "period": period}
        return str(self._ask("POST", "/v1/budgets", body, self._admin)["budget_id"])

    def _spend(self, subject: str, amount: int) -> None:
        subject_type, subject_id = subject.split(":")
        body = {"subjects": {subject_type: subject_id}, "actual": {"usd": str(amount)}}
        self._ask("POST", "/v1/spend", body, self._caller)

    def _principal(self, key: str) -> Context:
        return self.service.principal({"authorization": f"Bearer {key}"})

    def _ask(self, method: str, path: str, body: object, principal: Context) -> dict[str, Any]:
        response = self.service.ask(method, path, body, principal=principal)
        assert response["statusCode"] < 300, (method, path, body, response)
        answered: dict[str, Any] = json.loads(response["body"])
        return answered
