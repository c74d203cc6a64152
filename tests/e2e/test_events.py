"""What happens to budgets and reservations comes out of the bus, as its schema says it.

The emulator leaves out the table's TTL: `events/publish-reservation-expired.json` stands for it.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import jsonschema_rs
import pytest

from local.bootstrap import StackFile
from local.emulator.account import aws_client, aws_environment
from local.logs import function_logs
from local.paths import ROOT
from local.ports import remembered_ports
from spendgate_service.events import schema
from tests.e2e.client import Json, Tenant, eventually, new_name
from tests.e2e.test_rollover import run_rollover, spend_an_hour_ago, table_of

type Publisher = Callable[..., None]

MISSING_BUS = "arn:aws:events:eu-west-1:000000000000:event-bus/gone"

VALIDATOR = jsonschema_rs.Draft202012Validator(schema.document(), validate_formats=True)


@dataclass
class Subscriber:
    """A queue behind a rule on the bus: whatever is told of one tenant."""

    sqs: Any
    url: str
    events: list[Json] = field(default_factory=list)

    def types(self) -> list[str]:
        """What was told so far, each event once, in the order of its coming."""
        asked = self.sqs.receive_message(QueueUrl=self.url, MaxNumberOfMessages=10)
        for message in asked.get("Messages", ()):
            self.sqs.delete_message(QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"])
            event = json.loads(message["Body"])
            VALIDATOR.validate(event["detail"])
            assert (event["source"], event["detail-type"]) == ("spendgate", event["detail"]["type"])
            if event["detail"]["id"] not in [known["id"] for known in self.events]:
                self.events.append(event["detail"])
        return [known["type"] for known in self.events]

    def waits_for(self, *types: str) -> list[Json]:
        """The events that came, once these types have, and not another one.

        `budget.changed` comes with every change by an admin: it counts only where it is named.
        """

        def are_wanted(seen: list[str]) -> bool:
            return sorted(self._counted(seen, types)) == sorted(types)

        eventually(self.types, are_wanted)
        return [event for event in self.events if self._counted([event["type"]], types)]

    @staticmethod
    def _counted(seen: list[str], types: tuple[str, ...]) -> list[str]:
        return [kind for kind in seen if kind in types or kind != "budget.changed"]


@pytest.fixture
def subscriber(stack: StackFile, tenant: Tenant) -> Iterator[Subscriber]:
    sqs: Any = aws_client("sqs", stack.aws_endpoint_url)
    events: Any = aws_client("events", stack.aws_endpoint_url)
    name, bus = new_name("subscriber"), stack.event_bus_name
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"][
        "QueueArn"
    ]
    pattern = {"source": ["spendgate"], "detail": {"tenant_id": [tenant.tenant_id]}}
    events.put_rule(Name=name, EventBusName=bus, EventPattern=json.dumps(pattern))
    events.put_targets(Rule=name, EventBusName=bus, Targets=[{"Id": "queue", "Arn": arn}])
    yield Subscriber(sqs, url)
    events.remove_targets(Rule=name, EventBusName=bus, Ids=["queue"])
    events.delete_rule(Name=name, EventBusName=bus)
    sqs.delete_queue(QueueUrl=url)


@pytest.fixture
def publisher(stack: StackFile) -> Iterator[Publisher]:
    """Publish the publish function with changed variables; restore its version afterwards."""
    functions: Any = aws_client("lambda", stack.aws_endpoint_url)
    (name,) = (
        function["FunctionName"]
        for page in functions.get_paginator("list_functions").paginate()
        for function in page["Functions"]
        if "PublishFunction" in function["FunctionName"]
    )
    described = functions.get_function_configuration(FunctionName=name)
    variables = described["Environment"]["Variables"]

    alias = {"FunctionName": name, "Name": "live"}
    deployed = functions.get_alias(**alias)["FunctionVersion"]

    def use(**changed: str) -> None:
        environment = {"Variables": {**variables, **changed}}
        functions.update_function_configuration(FunctionName=name, Environment=environment)
        version = functions.publish_version(FunctionName=name)["Version"]
        functions.update_alias(**alias, FunctionVersion=version)

    yield use
    functions.update_function_configuration(FunctionName=name, Environment={"Variables": variables})
    functions.update_alias(**alias, FunctionVersion=deployed)


def test_a_budget_is_told_of_from_its_threshold_to_its_end(
    tenant: Tenant, subscriber: Subscriber
) -> None:
    budget = tenant.budget(10, period={"type": "calendar", "unit": "month"})
    tenant.finish(tenant.reserve(budget, 9), "settle", {"actual": {"usd": "8.5"}})
    (threshold,) = subscriber.waits_for("budget.threshold_reached")

    assert threshold["threshold"] == {"type": "percentage", "pct": 80, "amount": None}
    assert (threshold["budget_id"], threshold["balance"]["spent"]) == (budget["budget_id"], "8.5")

    tenant.finish(tenant.reserve(budget, "0.5"), "settle", {"actual": {"usd": "2"}})
    last = {event["type"]: event for event in subscriber.waits_for(
        "budget.threshold_reached", "reservation.overrun", "budget.exhausted"
    )}  # fmt: skip

    assert last["budget.exhausted"]["balance"]["overrun"] == "0.5"
    reservation = last["reservation.overrun"]["reservation"]
    assert (reservation["amounts"], reservation["actual"]) == ({"usd": "0.5"}, {"usd": "2"})


def test_a_pause_and_a_resume_are_told(tenant: Tenant, subscriber: Subscriber) -> None:
    path = f"/v1/budgets/{tenant.budget(10)['budget_id']}"
    tenant.admin.post(f"{path}/pause", expected=200)
    tenant.admin.post(f"{path}/pause", expected=200)
    tenant.admin.post(f"{path}/resume", expected=200)

    paused, resumed = subscriber.waits_for("budget.paused", "budget.resumed")

    assert (paused["balance"]["status"], paused["by"]) == ("paused", "admin")
    assert resumed["balance"]["status"] == "active"


def test_a_period_that_was_closed_is_told_with_its_statement(
    tenant: Tenant, subscriber: Subscriber, stack: StackFile
) -> None:
    budget = tenant.budget(10, period={"type": "calendar", "unit": "hour"})
    spend_an_hour_ago(table_of(stack), tenant, budget, "2.5")

    run_rollover(stack)

    (closed,) = subscriber.waits_for("budget.period_closed")
    statement = closed["statement"]
    assert (statement["spent"], statement["unused"], statement["is_final"]) == ("2.5", "7.5", True)
    assert (closed["budget_id"], closed["subject"]) == (budget["budget_id"], budget["subject"])


def test_what_a_bus_refuses_for_a_while_is_published_later(
    tenant: Tenant, subscriber: Subscriber, publisher: Publisher, stack: StackFile
) -> None:
    publisher(EVENT_BUS_NAME=MISSING_BUS, EVENT_RETRY_SECONDS="900")
    path = f"/v1/budgets/{tenant.budget(10)['budget_id']}"
    tenant.admin.post(f"{path}/pause", expected=200)
    eventually(
        lambda: [
            line
            for line in function_logs(stack.aws_endpoint_url, function="publish")
            if "will be retried" in line and tenant.tenant_id in line
        ],
        len,
    )

    publisher()

    (paused,) = subscriber.waits_for("budget.paused")
    assert paused["balance"]["status"] == "paused"


def test_what_a_bus_refuses_waits_in_a_queue_and_is_published_from_there(
    tenant: Tenant, subscriber: Subscriber, publisher: Publisher
) -> None:
    publisher(EVENT_BUS_NAME=MISSING_BUS, EVENT_RETRY_SECONDS="0")
    tenant.finish(tenant.reserve(tenant.budget(10), 9), "settle", {"actual": {"usd": 9}})

    (waiting,) = eventually(
        lambda: [
            message
            for message in undelivered("list")
            if message["tenant_id"] == tenant.tenant_id and message["type"] != "budget.changed"
        ],
        len,
    )

    assert (waiting["code"], waiting["type"]) == (
        "ResourceNotFoundException",
        "budget.threshold_reached",
    )
    assert set(subscriber.types()) <= {"budget.changed"}
    undelivered("redrive", "--id", waiting["message_id"])
    (told,) = subscriber.waits_for("budget.threshold_reached")
    assert told == json.loads(waiting["body"])


def undelivered(*arguments: str) -> Any:
    """The command that operators use, as they start it; its answer in JSON."""
    ports = remembered_ports()
    assert ports is not None
    environment = {
        **aws_environment(ports),
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT / "layers/core/python"),
    }
    command = [
        sys.executable,
        "-m",
        "spendgate_service.dead_letters",
        *arguments,
        "--events",
        "--json",
    ]
    ran = subprocess.run(
        command, env=environment, cwd=ROOT, capture_output=True, text=True, check=True
    )
    return json.loads(ran.stdout)
