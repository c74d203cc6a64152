"""The engine in memory against DynamoDB Local: the same calls, the same answers, the same table."""

import random
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from botocore.exceptions import ClientError

from spendgate_service.store.clients import ErrorAnswer, explain
from tests.interleavings.pairs import all_pairs
from tests.interleavings.runs import Run, patched_ids
from tests.interleavings.scenarios import PreparedScenario
from tests.support.clock import NOON_MS
from tests.support.dynamo_expressions import Unsupported, normalized
from tests.support.engines import table_at
from tests.support.exact_table import ExactTable

SCHEDULES = 30

type Call = tuple[str, Mapping[str, Any]]


def outcome_of(engine: Any, call: Call, table: str) -> Any:
    """What a call answers, but for what engines put in words of their own."""
    operation, arguments = on_table(call, table)
    try:
        answer = getattr(engine, operation)(**arguments)
    except (ClientError, ErrorAnswer) as error:
        refused = explain(error)
        assert isinstance(refused, ErrorAnswer)
        reasons = refused.answer.get("CancellationReasons", [])
        objections = [(reason["Code"], sorted_item(reason.get("Item"))) for reason in reasons]
        return refused.code, sorted_item(refused.answer.get("Item")), objections
    found = answer.get("Responses", {}).get(table)
    if found is not None:
        return sorted(map(sorted_item, found))  # a batch is answered in no order
    if "Items" in answer:
        return [sorted_item(item) for item in answer["Items"]], "LastEvaluatedKey" in answer
    return sorted_item(answer.get("Item") or answer.get("Attributes"))


def sorted_item(item: Any) -> str:
    """An item as text, its attributes in order, and numbers as AWS writes them.

    DynamoDB Local answers a number as it was sent.
    """
    if isinstance(item, dict) and item.keys() == {"N"}:
        return normalized(item["N"])
    if isinstance(item, dict) and item.keys() == {"SS"}:
        return repr(sorted(item["SS"]))
    if isinstance(item, dict):
        return "{" + ", ".join(f"{name}: {sorted_item(item[name])}" for name in sorted(item)) + "}"
    if isinstance(item, list):
        return f"[{', '.join(map(sorted_item, item))}]"
    return repr(item)


def on_table(call: Call, name: str) -> tuple[str, dict[str, Any]]:
    """The same call on a table of another name."""
    operation, arguments = call
    if operation == "batch_get_item":
        ((_, request),) = arguments["RequestItems"].items()
        return operation, {"RequestItems": {name: request}}
    if operation == "transact_write_items":
        writes = [
            {kind: {**request, "TableName": name} for kind, request in write.items()}
            for write in arguments["TransactItems"]
        ]
        return operation, {"TransactItems": writes}
    return operation, {**arguments, "TableName": name}


def drawn_schedules() -> Iterator[tuple[str, ExactTable, list[Call]]]:
    """Tables before random schedules of random pairs, and all calls of those."""
    chance = random.Random(8)
    for scenario in chance.sample(all_pairs(), SCHEDULES):
        prepared: list[PreparedScenario] = []
        before = Run(ExactTable(), now_ms=NOON_MS)
        with patched_ids(lambda: prepared[0].run if prepared else before):  # noqa: B023
            prepared.append(PreparedScenario(scenario))
            run = prepared[0].start()
            while choices := run.choices():
                run.step(chance.choice(choices))
            run.end()
        yield scenario.name, ExactTable(dict(prepared[0].items)), run.calls


def test_random_schedules_leave_the_same_table_in_dynamodb_local(dynamodb_local_url: str) -> None:
    compared, cancelled = 0, 0
    for name, exact, calls in drawn_schedules():
        local = table_at(dynamodb_local_url)
        for item in exact.items.values():
            local.client.put_item(TableName=local.name, Item=item)
        for call in calls:
            expected = outcome_of(local.client, call, local.name)
            assert outcome_of(exact, call, local.name) == expected, (name, call)
            compared += 1
            cancelled += "TransactionCanceledException" in expected
        assert outcome_of(exact, ("scan", {}), local.name) == sorted_scan(local.client, local.name)
    assert compared > 7 * SCHEDULES
    assert cancelled > 0


def sorted_scan(client: Any, table: str) -> Any:
    """All items; DynamoDB scans them in the order of its own hashes."""
    items = client.scan(TableName=table, ConsistentRead=True)["Items"]
    items.sort(key=lambda item: (item["pk"]["S"], item["sk"]["S"]))
    return [sorted_item(item) for item in items], False


KEY = {"pk": {"S": "p"}, "sk": {"S": "s"}}
ONE = {":one": {"N": "1"}}


def update(expression: str, **values: str) -> Call:
    named = {f":{name}": {"N": number} for name, number in values.items()}
    return "update_item", {
        "Key": KEY, "UpdateExpression": expression, "ExpressionAttributeValues": named,
        "ReturnValues": "ALL_NEW",
    }  # fmt: skip


def add(name: str, *strings: str) -> Call:
    return "update_item", {
        "Key": KEY, "UpdateExpression": f"ADD {name} :strings", "ReturnValues": "ALL_NEW",
        "ExpressionAttributeValues": {":strings": {"SS": list(strings)}},
    }  # fmt: skip


def only_if(condition: str, number: str) -> Call:
    operation, arguments = update("SET checked = :number", number=number)
    return operation, {**arguments, "ConditionExpression": condition}


def put(sort_key: str, **attributes: Any) -> Call:
    return "put_item", {"Item": {"pk": {"S": "p"}, "sk": {"S": sort_key}, **attributes}}


def query(condition: str, **more: Any) -> Call:
    return "query", {"KeyConditionExpression": condition, **more}


EDGES: list[Call] = [
    ("get_item", {"Key": KEY}),
    update("SET a = :a", a="1.500"),
    update("SET a = a + :a", a="0.000000001"),
    update("SET a = a - :a", a="100000000000000000000"),
    update("SET a = a + :a", a="1E-30"),
    update("SET b = nowhere + :a", a="1"),
    update("SET b = if_not_exists(nowhere, :a) - :a", a="7"),
    update("SET a = :a, a = :b", a="1", b="2"),
    update("SET a = :a", a="1", unused="2"),
    ("update_item", {"Key": KEY, "UpdateExpression": "REMOVE nowhere, b"}),
    ("put_item", {"Item": KEY, "ConditionExpression": "attribute_not_exists(pk)"}),
    put("t", due_shard={"S": "d"}, ends_at={"N": "20"}, budget_ref={"S": "r"}),
    put("u", due_shard={"S": "d"}, ends_at={"N": "3"}),
    put("v", due_shard={"S": "d"}, ends_at={"N": "100"}, more={"L": [{"N": "1.0"}]}),
    query("pk = :pk", ExpressionAttributeValues={":pk": {"S": "p"}}),
    query("pk = :pk", ExpressionAttributeValues={":pk": {"S": "p"}}, Limit=2),
    query("pk = :pk", ExpressionAttributeValues={":pk": {"S": "p"}}, ScanIndexForward=False),
    query(
        "pk = :pk AND sk BETWEEN :first AND :last", ProjectionExpression="sk",
        ExpressionAttributeValues={":pk": {"S": "p"}, ":first": {"S": "t"}, ":last": {"S": "u"}},
    ),
    *(
        query(
            "pk = :pk AND sk BETWEEN :first AND :last",
            ExpressionAttributeValues={
                ":pk": {"S": partition}, ":first": {"S": first}, ":last": {"S": "u"}
            },
        )
        for partition in ("p", "empty")
        for first in ("u", "u ")
    ),
    query(
        "pk = :pk AND begins_with(sk, :start)",
        ExpressionAttributeValues={":pk": {"S": "p"}, ":start": {"S": "u"}},
    ),
    query(
        "due_shard = :shard AND ends_at <= :now", IndexName="due",
        ExpressionAttributeValues={":shard": {"S": "d"}, ":now": {"N": "20"}},
    ),
    query("budget_ref = :r", IndexName="by_budget", ExpressionAttributeValues={":r": {"S": "r"}}),
    (
        "query",
        {
            "KeyConditionExpression": "pk = :pk", "ExpressionAttributeValues": {":pk": {"S": "p"}},
            "ExclusiveStartKey": {"pk": {"S": "p"}, "sk": {"S": "t"}},
        },
    ),
    (
        "delete_item",
        {"Key": KEY, "ConditionExpression": "a > :one", "ExpressionAttributeValues": ONE},
    ),
    ("batch_get_item", {"RequestItems": {"t": {"Keys": [KEY, KEY]}}}),
    ("transact_write_items", {"TransactItems": 2 * [{"Delete": {"Key": KEY}}]}),
    (
        "transact_write_items",
        {
            "TransactItems": [
                {
                    "Update": {
                        "Key": KEY, "UpdateExpression": "SET c = :one",
                        "ConditionExpression": "NOT a < :one OR (nowhere = :one AND a >= :one)",
                        "ExpressionAttributeValues": ONE,
                        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
                    }
                },
                {"ConditionCheck": {
                    "Key": {"pk": {"S": "p"}, "sk": {"S": "u"}},
                    "ConditionExpression": "attribute_exists(nothing)",
                }},
            ]
        },
    ),
    add("timezone", "b", "a"),
    add("known", "b", "a"),
    add("known", "c", "a"),
    add("a", "b"),
    only_if("size(known) = :number", "3"),
    only_if("size(known) = :number", "2"),
    only_if("size(nowhere) = :number", "0"),
    query(
        "pk = :pk", FilterExpression="ends_at > :low", Limit=2,
        ExpressionAttributeValues={":pk": {"S": "p"}, ":low": {"N": "10"}},
    ),
    query(
        "pk = :pk", FilterExpression="attribute_not_exists(due_shard)",
        ExpressionAttributeValues={":pk": {"S": "p"}},
    ),
    ("delete_item", {"Key": KEY}),
    ("get_item", {"Key": KEY}),
]  # fmt: skip


@pytest.mark.parametrize("kind", ["lean", "boto3"])
def test_every_edge_is_answered_as_dynamodb_local_answers_it(
    dynamodb_local_url: str, kind: str
) -> None:
    local, exact = table_at(dynamodb_local_url, kind=kind), ExactTable()
    for call in EDGES:
        expected = outcome_of(local.client, call, local.name)
        assert outcome_of(exact, call, local.name) == expected, call
    assert outcome_of(exact, ("scan", {}), local.name) == sorted_scan(local.client, local.name)


@pytest.mark.parametrize(
    "expression", ["ADD a :one", "DELETE a :one", "SET a = list_append(a, :one)"]
)
def test_what_the_service_does_not_send_is_not_guessed(expression: str) -> None:
    with pytest.raises(Unsupported):
        ExactTable().update_item(
            Key=KEY, UpdateExpression=expression, ExpressionAttributeValues=ONE
        )
