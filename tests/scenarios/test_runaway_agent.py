"""One story from a budget that runs out to the month's report, with a chat that hears of it all."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from spendgate_service.notifications.sending import Sender
from spendgate_service.settings import LOCAL_RECEIVERS, Settings
from spendgate_service.store.client import Table
from spendgate_service.wire.values import time_on_wire
from tests.handlers.test_published_events import Watched
from tests.scenarios.service import DAY, Service, tenant
from tests.support.functions import HttpAnswer, LongContext, load_function
from tests.support.http_events import Context, a_principal
from tests.support.notifying import CONSOLE, Notifying
from tests.support.receiver import LocalReceiver, local_receiver

TYPES = [
    "budget.threshold_reached", "budget.exhausted", "request.opened", "request.approved",
    "request.denied", "request.expired",
]  # fmt: skip
ADMIN = a_principal("admin", tenant_id="acme", key_id="key_root")
AGENT = a_principal("caller", tenant_id="acme", key_id="key_agent")
APPROVER: Context = {
    **a_principal("approver", tenant_id="acme", key_id="key_ada"), "name": json.dumps("Ada"),
}  # fmt: skip
WHO = {"agent": "researcher"}


class Company:
    """A tenant, an agent that spends without looking, and a channel of its people."""

    def __init__(self, table: Table, channel: LocalReceiver) -> None:
        self.notifying = Notifying(table, local_sender=Sender())
        self.clock = self.notifying.clock
        settings = Settings({LOCAL_RECEIVERS: "1"})
        self.service = Service(table, self.clock, {"settings": settings})
        self._stream = Watched(table)
        self._channel = channel
        tenant(self.service, "acme")

    def ask(self, who: Context, method: str, path: str, body: object = None, **more: Any) -> Any:
        answer = self.service.ask(method, path, body, principal=who, **more)
        assert answer.status in {200, 201}, answer
        return answer.body

    def call_a_model(self) -> HttpAnswer:
        """One call of 2 usd by the agent: reserved and settled, or refused."""
        self.clock.advance(60)
        wish = {"subjects": WHO, "amounts": {"usd": "2"}}
        held = self.service.ask("POST", "/v1/reservations", wish, principal=AGENT)
        if held.status == 201:
            path = f"/v1/reservations/{held.body['reservation_id']}/settle"
            self.ask(AGENT, "POST", path, {"actual": {"usd": "2"}})
        return held

    def calls_until_refused(self) -> int:
        for count in range(100):
            if self.call_a_model().status == 429:
                return count
        raise AssertionError("nothing stops the agent")

    def hear(self) -> list[str]:
        """What the channel has got since it was asked last: sentences with their links."""
        for event in self._stream.events():
            self.notifying.publish(json.loads(event.detail))
        before = len(self._channel.received)
        self.notifying.run(60)
        posts = [json.loads(request.body) for request in self._channel.received[before:]]
        return [block["text"]["text"] for post in posts for block in post["blocks"]]

    def day(self, *, later: int = 0) -> str:
        return time_on_wire(self.clock.now_ms() + later * DAY * 1000)[:10]

    def close_the_month(self) -> None:
        self.clock.advance(30 * DAY)
        load_function("rollover", self.service.app).handler({}, LongContext())


@pytest.fixture
def company(memory_table: Table) -> Iterator[Company]:
    with local_receiver() as channel:
        company = Company(memory_table, channel)
        slack = {"format": "slack", "url": channel.url, "event_types": TYPES}
        company.ask(ADMIN, "POST", "/v1/notifications", slack)
        yield company


def test_a_runaway_agent_is_stopped_asks_for_more_goes_on_and_is_in_the_months_report(
    company: Company,
) -> None:
    month = {"type": "calendar", "unit": "month"}
    budget = {"subject": "agent:*", "unit": "usd", "limit": "10", "period": month}
    budget_id = company.ask(ADMIN, "POST", "/v1/budgets", budget)["budget_id"]
    span = {"from": company.day(), "to": company.day(later=3)}

    assert company.calls_until_refused() == 5
    said = company.hear()
    assert len(said) == 2
    assert any(line.startswith("agent researcher has used 8") for line in said)
    place = f"{CONSOLE}#/budgets/{budget_id}?subject=agent%3Aresearcher"
    assert any("has used up its 10 usd for March" in line and place in line for line in said)

    until = time_on_wire(company.clock.now_ms() + DAY * 1000)
    wish = {
        "subject": "agent:researcher", "unit": "usd", "amount": "6", "until": until,
        "reason": "one <study> more",
    }  # fmt: skip
    request = company.ask(AGENT, "POST", "/v1/increase-requests", wish)
    (asked,) = company.hear()
    assert asked.startswith("agent researcher asks for 6 usd more until ")
    assert '"one &lt;study&gt; more"' in asked
    assert f"<{CONSOLE}#/requests/{request['id']}|Open>" in asked

    path = f"/v1/increase-requests/{request['id']}/approve"
    company.ask(APPROVER, "POST", path, {"amount": "4", "note": "until tomorrow"})
    (approved,) = company.hear()
    assert approved.startswith("the key Ada has given agent researcher 4 usd more until ")
    assert company.call_a_model().status == 201

    company.clock.advance(DAY)
    assert company.call_a_model().status == 429, "the credit has ended, and 2 of it were left"
    company.close_the_month()

    path, whose = f"/v1/budgets/{budget_id}/statements", {"subject": "agent:researcher"}
    statements = company.ask(ADMIN, "GET", path, query=whose)
    (statement,) = statements["data"]
    assert (statement["limit"], statement["spent"]) == ("10", "12")
    refused = company.ask(ADMIN, "GET", "/v1/refusals", query=span)["data"]
    assert sum(entry["count"] for entry in refused) >= 1
    records = company.ask(ADMIN, "GET", "/v1/usage/records", query=span)["data"]
    assert [record["amounts"] for record in records] == [{"usd": "2"}] * 6
    decided = company.ask(ADMIN, "GET", "/v1/changes", query={"actor": "key_ada"})["data"]
    assert "request.approved" in {change["action"] for change in decided}
