"""What the template promises: who may do what, which doors need a key, what outlives the stack."""

import re
from typing import Any

import pytest

from spendgate.events.schema import SAYS
from tests.engines import template

_FUNCTIONS = ("Admin", "Authorizer", "Check", "Publish", "Reserve", "Rollover", "Settle")
_READING = {"dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:Query"}


def _properties(logical_id: str) -> dict[str, Any]:
    properties: dict[str, Any] = template()["Resources"][logical_id]["Properties"]
    return properties


def _statements(function: str) -> list[dict[str, Any]]:
    return [
        statement
        for policy in _properties(f"{function}Role")["Policies"]
        for statement in policy["PolicyDocument"]["Statement"]
    ]


def _actions(statement: dict[str, Any]) -> set[str]:
    action = statement["Action"]
    return {action} if isinstance(action, str) else set(action)


def _actions_on(function: str, service: str) -> set[str]:
    every = set[str]().union(*(_actions(statement) for statement in _statements(function)))
    return {action for action in every if action.startswith(f"{service}:")}


def _http_events() -> list[dict[str, Any]]:
    return [
        event["Properties"]
        for function in _FUNCTIONS
        for event in _properties(f"{function}Function").get("Events", {}).values()
        if event["Type"] == "HttpApi"
    ]


def _parameter(name: str) -> dict[str, Any]:
    parameter: dict[str, Any] = template()["Parameters"][name]
    return parameter


def test_these_are_all_the_functions() -> None:
    functions = {
        name.removesuffix("Function")
        for name, resource in template()["Resources"].items()
        if resource["Type"] == "AWS::Serverless::Function"
    }

    assert functions == set(_FUNCTIONS)


@pytest.mark.parametrize("function", _FUNCTIONS)
def test_a_function_has_a_role_and_a_log_group_of_its_own(function: str) -> None:
    properties = _properties(f"{function}Function")

    assert properties["Role"] == f"{function}Role.Arn"
    assert properties["LoggingConfig"] == {"LogGroup": f"{function}Logs"}
    assert _properties(f"{function}Logs")["RetentionInDays"] == "LogRetentionDays"
    assert f"{function}Logs.Arn" in [statement["Resource"] for statement in _statements(function)]


@pytest.mark.parametrize("function", _FUNCTIONS)
def test_a_role_names_every_action_and_every_resource_but_those_of_tracing(function: str) -> None:
    for statement in _statements(function):
        assert statement["Effect"] == "Allow"
        assert not [action for action in _actions(statement) if "*" in action]
        if _actions(statement) == {"dynamodb:ListStreams"}:
            assert statement["Resource"] == "${Table.Arn}/stream/*"  # which one, only AWS knows
        elif "*" in statement["Resource"]:
            assert _actions(statement) == {"xray:PutTelemetryRecords", "xray:PutTraceSegments"}


@pytest.mark.parametrize("function", ["Authorizer", "Check"])
def test_who_only_answers_questions_can_only_read(function: str) -> None:
    assert _actions_on(function, "dynamodb") <= _READING


def test_only_administration_can_delete() -> None:
    deleting = {f for f in _FUNCTIONS if "dynamodb:DeleteItem" in _actions_on(f, "dynamodb")}

    assert deleting == {"Admin"}


def test_every_route_needs_a_key_but_health_the_description_and_the_catch_all() -> None:
    open_routes = {
        event.get("Path") for event in _http_events() if event.get("Auth") == {"Authorizer": "NONE"}
    }

    assert open_routes == {"/v1/health", "/v1/openapi.json", None}
    assert _properties("Api")["Auth"]["DefaultAuthorizer"] == "KeyAuthorizer"
    assert all(
        "Auth" not in event for event in _http_events() if event.get("Path") not in open_routes
    )


def test_no_route_is_given_twice() -> None:
    routes = [(event.get("Method"), event.get("Path")) for event in _http_events()]

    assert len(routes) == len(set(routes))


def test_a_revoked_key_dies_within_a_minute() -> None:
    identity = _properties("Api")["Auth"]["Authorizers"]["KeyAuthorizer"]["Identity"]

    assert identity["ReauthorizeEvery"] == "AuthorizerCacheSeconds"
    assert _parameter("AuthorizerCacheSeconds")["MaxValue"] <= 60


def test_a_settlement_in_work_is_hidden_for_six_times_as_long_as_its_function_may_run() -> None:
    timeout = _properties("SettleFunction")["Timeout"]
    window = _parameter("SettlementBatchingSeconds")["MaxValue"]

    assert _properties("SettlementQueue")["VisibilityTimeout"] >= 6 * timeout + window


def test_a_settlement_that_fails_five_times_is_kept_for_two_weeks() -> None:
    redrive = _properties("SettlementQueue")["RedrivePolicy"]

    assert redrive == {"deadLetterTargetArn": "DeadLetterQueue.Arn", "maxReceiveCount": 5}
    assert _properties("DeadLetterQueue")["MessageRetentionPeriod"] == 14 * 24 * 3600


def test_a_settlement_fails_alone_and_not_with_its_batch() -> None:
    source = _properties("SettleFunction")["Events"]["Settlements"]["Properties"]

    assert source["FunctionResponseTypes"] == ["ReportBatchItemFailures"]


def test_the_queues_refuse_what_is_not_encrypted_on_the_way() -> None:
    policy = _properties("QueuePolicy")
    statement = policy["PolicyDocument"]["Statement"][0]

    queues = {"SettlementQueue", "DeadLetterQueue", "UndeliveredEvents"}
    assert set(policy["Queues"]) == queues
    assert set(statement["Resource"]) == {f"{queue}.Arn" for queue in queues}
    assert statement["Effect"] == "Deny"
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_settlements_are_taken_from_named_senders_only_where_any_are_named() -> None:
    _, *others, _ = _properties("QueuePolicy")["PolicyDocument"]["Statement"]
    named = {"aws:PrincipalArn": "SettlementSenders"}

    assert [condition for condition, _, _ in others] == ["NamesSenders"] * 2
    deny, allow = (statement for _, statement, _ in others)
    assert (deny["Effect"], deny["Condition"]) == ("Deny", {"ArnNotLike": named})
    assert (allow["Effect"], allow["Condition"]) == ("Allow", {"ArnLike": named})
    assert {one["Resource"] for one in (deny, allow)} == {"SettlementQueue.Arn"}
    assert {one["Action"] for one in (deny, allow)} == {"sqs:SendMessage"}
    assert _parameter("SettlementSenders")["Default"] == ""


def test_the_table_outlives_its_stack_and_can_go_back_in_time() -> None:
    resource = template()["Resources"]["Table"]

    assert resource["DeletionPolicy"] == resource["UpdateReplacePolicy"] == "Retain"
    assert _parameter("TableDeletionProtection")["Default"] == "true"
    assert resource["Properties"]["PointInTimeRecoverySpecification"] == {
        "PointInTimeRecoveryEnabled": True
    }


def test_an_index_holds_keys_only_so_that_a_balance_never_writes_one() -> None:
    for index in _properties("Table")["GlobalSecondaryIndexes"]:
        assert index["Projection"] == {"ProjectionType": "KEYS_ONLY"}


def test_one_rollover_ends_before_the_next_begins() -> None:
    properties = _properties("RolloverFunction")
    schedule = properties["Events"]["EveryMinute"]["Properties"]

    assert schedule["ScheduleExpression"] == "rate(1 minute)"
    assert properties["Timeout"] < 60


def _source_of_events() -> dict[str, Any]:
    source: dict[str, Any] = _properties("PublishFunction")["Events"]["Changes"]["Properties"]
    return source


def test_an_event_waits_in_a_queue_long_before_the_stream_forgets_it() -> None:
    source = _source_of_events()
    a_day = 24 * 3600

    assert _parameter("EventRetrySeconds")["MaxValue"] < source["MaximumRecordAgeInSeconds"]
    assert source["MaximumRecordAgeInSeconds"] <= a_day // 4
    assert source["MaximumRetryAttempts"] == -1
    assert source["DestinationConfig"] == {"OnFailure": {"Destination": "UndeliveredEvents.Arn"}}
    assert _properties("UndeliveredEvents")["MessageRetentionPeriod"] == 14 * a_day


def test_events_are_read_from_the_first_on_and_a_broken_one_holds_up_no_other_for_long() -> None:
    source = _source_of_events()

    assert source["StartingPosition"] == "TRIM_HORIZON"
    assert source["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert source["BisectBatchOnFunctionError"] is True
    assert len(source["FilterCriteria"]["Filters"]) <= 5, "AWS takes no more without asking"


def test_only_the_publisher_knows_the_bus() -> None:
    variables = {
        function: _properties(f"{function}Function")["Environment"]["Variables"]
        for function in _FUNCTIONS
    }

    assert [one for one, names in variables.items() if "EVENT_BUS_NAME" in names] == ["Publish"]
    assert _actions_on("Publish", "events") == {"events:PutEvents"}
    assert not any(_actions_on(one, "events") for one in _FUNCTIONS if one != "Publish")


def test_only_the_rule_of_this_stack_may_publish_to_the_topic_of_events() -> None:
    (statement,) = _properties("EventTopicPolicy")["PolicyDocument"]["Statement"]

    assert statement["Principal"] == {"Service": "events.amazonaws.com"}
    assert statement["Action"] == "sns:Publish"
    assert statement["Condition"] == {"ArnEquals": {"aws:SourceArn": "EventRule.Arn"}}
    assert _properties("EventTopic")["KmsMasterKeyId"] == "EventTopicKey"
    assert _properties("EventRule")["EventPattern"]["source"] == ["spendgate"]


def test_what_the_topic_does_not_take_waits_with_the_other_undelivered_events() -> None:
    (target,) = _properties("EventRule")["Targets"]
    condition, statement, _ = _properties("QueuePolicy")["PolicyDocument"]["Statement"][-1]

    assert target["DeadLetterConfig"] == {"Arn": "UndeliveredEvents.Arn"}
    assert condition == template()["Resources"]["EventRule"]["Condition"] == "TellsEvents"
    assert (statement["Effect"], statement["Action"]) == ("Allow", "sqs:SendMessage")
    assert statement["Principal"] == {"Service": "events.amazonaws.com"}
    assert statement["Resource"] == "UndeliveredEvents.Arn"
    assert statement["Condition"] == {"ArnEquals": {"aws:SourceArn": "EventRule.Arn"}}


def test_nobody_is_told_of_events_and_no_key_is_paid_for_unless_somebody_asks() -> None:
    resources = template()["Resources"]

    assert _parameter("EventEmail")["Default"] == _parameter("EventWebhookUrl")["Default"] == ""
    told = {name: resource.get("Condition") for name, resource in resources.items()}
    assert {name for name, condition in told.items() if condition == "TellsEvents"} == {
        "EventTopicKey",
        "EventTopic",
        "EventTopicPolicy",
        "EventRule",
    }
    assert told["EventMailSubscription"] == "MailsEvents"
    assert told["EventWebhookSubscription"] == "PostsEvents"


def test_a_webhook_is_called_over_https_alone() -> None:
    pattern = _parameter("EventWebhookUrl")["AllowedPattern"]

    assert re.fullmatch(pattern, "") and re.fullmatch(pattern, "https://example.com/hook")
    assert not re.fullmatch(pattern, "http://example.com/hook")


def test_every_type_of_event_is_told_unless_a_choice_is_made() -> None:
    types = [one.strip() for one in _parameter("EventTypes")["Default"].split(",")]

    assert types == list(SAYS)


def test_nothing_is_paid_for_while_nobody_calls() -> None:
    assert _properties("Table")["BillingMode"] == "PAY_PER_REQUEST"
    for function in _FUNCTIONS:
        properties = _properties(f"{function}Function")
        assert not {"SnapStart", "ProvisionedConcurrencyConfig"} & set(properties)
