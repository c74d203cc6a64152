"""The end of a period: the scheduled function closes what has ended, and nobody waits for it."""

import json
import time
from typing import Any, cast

import pytest

from local.bootstrap import StackFile
from local.emulator.account import aws_client
from spendgate_service.domain.amounts import parse_amount
from spendgate_service.domain.requests import Record
from spendgate_service.domain.statements import CLOSING_GRACE_SECONDS
from spendgate_service.domain.subjects import parse_subject
from spendgate_service.settlements.apply import Settlements
from spendgate_service.store import keys
from spendgate_service.store.client import Table
from spendgate_service.store.clients import DynamoClient
from spendgate_service.store.policy_cache import PolicyCache
from tests.e2e.client import Json, Tenant, eventually
from tests.support.engines import ROOT

HOUR_MS = 3_600_000


def table_of(stack: StackFile) -> Table:
    """The stack's own table, since nobody can spend in the past from the outside."""
    client = cast("DynamoClient", aws_client("dynamodb", stack.aws_endpoint_url))
    return Table(client, stack.table_name)


@pytest.fixture
def table(stack: StackFile) -> Table:
    return table_of(stack)


def spend_an_hour_ago(table: Table, tenant: Tenant, budget: Json, usd: str) -> None:
    then_ms = time.time_ns() // 1_000_000 - HOUR_MS - CLOSING_GRACE_SECONDS * 1000
    Settlements(
        table, PolicyCache(table), now_ms=lambda: then_ms
    ).apply_one(
        Record(
            tenant.tenant_id,
            (parse_subject(budget["subject"]),),
            {"usd": parse_amount(usd)},
            fingerprint="e2e",
        )
    )  # fmt: skip


def statements(table: Table, tenant: Tenant, budget: Json) -> list[Json]:
    partition = keys.counter_partition(
        tenant.tenant_id, budget["budget_id"], parse_subject(budget["subject"])
    )
    page = table.query(
        KeyConditionExpression="pk = :pk AND begins_with(sk, :statements)",
        ExpressionAttributeValues={
            ":pk": {"S": partition},
            ":statements": {"S": keys.STATEMENT_PREFIX},
        },
    )
    return list(page["Items"])


def run_rollover(stack: StackFile) -> Json:
    functions: Any = aws_client("lambda", stack.aws_endpoint_url)
    (name,) = (
        function["FunctionName"]
        for page in functions.get_paginator("list_functions").paginate()
        for function in page["Functions"]
        if "RolloverFunction" in function["FunctionName"]
    )
    event = (ROOT / "events" / "rollover-every-minute.json").read_bytes()
    answer = functions.invoke(FunctionName=name, Payload=event)
    assert "FunctionError" not in answer, answer["Payload"].read()
    summary: Json = json.loads(answer["Payload"].read())
    return summary


def test_an_hour_that_has_ended_is_closed_once_and_the_next_one_starts_at_nothing(
    tenant: Tenant, stack: StackFile, table: Table
) -> None:
    budget = tenant.budget(10, period={"type": "calendar", "unit": "hour"})
    spend_an_hour_ago(table, tenant, budget, "2.5")

    summary = run_rollover(stack)

    assert summary["ran_out_of_time"] is False
    # The scheduled run may have been first, and may still be writing.
    (statement,) = eventually(lambda: statements(table, tenant, budget), len)
    assert statement["spent"] == {"N": "2.5"}
    assert tenant.amounts(budget) == ("0", "0", "10")
    run_rollover(stack)
    assert statements(table, tenant, budget) == [statement]
