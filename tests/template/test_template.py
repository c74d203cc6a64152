"""What the template promises: who may do what, which doors need a key, what outlives the stack."""

from typing import Any

import pytest

from tests.support.engines import parameter_of, properties_of, template
from tests.support.sam import transformed

_FUNCTIONS = (
    "Admin", "Authorizer", "Check", "Console", "Notify", "Publish", "Reserve", "Rollover", "Settle",
)  # fmt: skip
_PHYSICAL_NAMES = {
    "AlarmName", "DashboardName", "FunctionName", "LayerName", "LogGroupName", "Name", "QueueName",
    "RoleName", "TableName", "TopicName",
}  # fmt: skip
_READING = {"dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:Query"}


def _statements(function: str) -> list[dict[str, Any]]:
    return [
        statement
        for policy in properties_of(f"{function}Role")["Policies"]
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
        for event in properties_of(f"{function}Function").get("Events", {}).values()
        if event["Type"] == "HttpApi"
    ]


def test_these_are_all_the_functions() -> None:
    functions = {
        name.removesuffix("Function")
        for name, resource in template()["Resources"].items()
        if resource["Type"] == "AWS::Serverless::Function"
    }

    assert functions == set(_FUNCTIONS)


@pytest.mark.parametrize("function", _FUNCTIONS)
def test_a_function_has_a_role_and_a_log_group_of_its_own(function: str) -> None:
    properties = properties_of(f"{function}Function")

    assert properties["Role"] == f"{function}Role.Arn"
    assert properties["LoggingConfig"] == {"LogGroup": f"{function}Logs"}
    assert properties_of(f"{function}Logs")["RetentionInDays"] == "LogRetentionDays"
    assert f"{function}Logs.Arn" in [statement["Resource"] for statement in _statements(function)]


@pytest.mark.parametrize("function", _FUNCTIONS)
def test_a_role_names_every_action_and_every_resource_but_those_of_tracing(function: str) -> None:
    for statement in _statements(function):
        assert statement["Effect"] == "Allow"
        assert not [action for action in _actions(statement) if "*" in action]
        if "dynamodb:GetRecords" in _actions(statement):
            assert statement["Resource"] == "${Table.Arn}/stream/*"  # a restored table has another
        elif "*" in statement["Resource"]:
            assert _actions(statement) == {"xray:PutTelemetryRecords", "xray:PutTraceSegments"}


@pytest.mark.parametrize("function", ["Authorizer", "Check"])
def test_who_only_answers_questions_can_only_read(function: str) -> None:
    assert _actions_on(function, "dynamodb") <= _READING


def test_only_administration_can_delete() -> None:
    deleting = {f for f in _FUNCTIONS if "dynamodb:DeleteItem" in _actions_on(f, "dynamodb")}

    assert deleting == {"Admin"}


def test_every_route_needs_a_key_but_health_the_description_the_console_and_the_catch_all() -> None:
    open_routes = {
        event.get("Path") for event in _http_events() if event.get("Auth") == {"Authorizer": "NONE"}
    }

    assert open_routes == {
        "/v1/health", "/v1/openapi.json", "/console", "/console/{path+}", None,
    }  # fmt: skip
    assert properties_of("Api")["Auth"]["DefaultAuthorizer"] == "KeyAuthorizer"
    assert all(
        "Auth" not in event for event in _http_events() if event.get("Path") not in open_routes
    )


def test_the_console_can_be_left_out_with_all_that_belongs_to_it() -> None:
    console = {
        name: resource.get("Condition")
        for name, resource in template()["Resources"].items()
        if name.startswith("Console")
    }

    assert console == {
        "ConsoleFunction": "HasConsole",
        "ConsoleRole": "HasConsole",
        "ConsoleLogs": "HasConsole",
        "ConsoleErrors": "HasConsoleAlarms",
        "ConsoleThrottles": "HasConsoleAlarms",
    }
    assert template()["Outputs"]["ConsoleUrl"]["Condition"] == "HasConsole"
    assert template()["Conditions"]["HasConsole"] == ["Console", "true"]
    assert template()["Conditions"]["HasConsoleAlarms"] == ["HasAlarms", "HasConsole"]
    assert parameter_of("Console")["Default"] == "true"


def test_the_console_reads_no_table() -> None:
    assert _actions_on("Console", "dynamodb") == set()


def test_no_route_is_given_twice() -> None:
    routes = [(event.get("Method"), event.get("Path")) for event in _http_events()]

    assert len(routes) == len(set(routes))


def test_a_revoked_key_dies_within_a_minute() -> None:
    assert max(parameter_of("AuthorizerCacheSeconds")["AllowedValues"]) <= 60


def test_each_time_that_a_key_is_cached_is_a_number_in_the_deployed_api() -> None:
    """The value of a parameter would be a string, which API Gateway may not take."""
    body = transformed()["Resources"]["Api"]["Properties"]["Body"]
    scheme = body["components"]["securitySchemes"]["KeyAuthorizer"]
    seconds = scheme["x-amazon-apigateway-authorizer"]["authorizerResultTtlInSeconds"]
    conditions = transformed()["Conditions"]

    for allowed in parameter_of("AuthorizerCacheSeconds")["AllowedValues"]:
        value = seconds
        while isinstance(value, dict):
            condition, then, otherwise = value["Fn::If"]
            value = then if _holds(conditions[condition], str(allowed)) else otherwise
        assert value == allowed
        assert type(value) is int


def _holds(condition: dict[str, Any], cache_seconds: str) -> bool:
    if "Fn::Not" in condition:
        return not _holds(condition["Fn::Not"][0], cache_seconds)
    parameter, value = condition["Fn::Equals"]
    assert parameter == {"Ref": "AuthorizerCacheSeconds"}
    return bool(value == cache_seconds)


def test_the_table_outlives_its_stack_and_can_go_back_in_time() -> None:
    resource = template()["Resources"]["Table"]

    assert resource["DeletionPolicy"] == "RetainExceptOnCreate"
    assert resource["UpdateReplacePolicy"] == "Retain"
    assert parameter_of("TableDeletionProtection")["Default"] == "true"
    assert resource["Properties"]["PointInTimeRecoverySpecification"] == {
        "PointInTimeRecoveryEnabled": True
    }


@pytest.mark.parametrize("logical_id", [
    "Table", "SettlementQueue", "DeadLetterQueue", "UndeliveredEvents", "EventTopicKey",
    "NotificationQueue", "UndeliveredNotifications",
])  # fmt: skip
def test_what_keeps_data_says_whether_it_outlives_the_stack(logical_id: str) -> None:
    resource = template()["Resources"][logical_id]
    policies = (resource["DeletionPolicy"], resource["UpdateReplacePolicy"])

    assert policies == {
        "UndeliveredEvents": ("Delete", "Retain"),
        "NotificationQueue": ("Delete", "Retain"),
        "UndeliveredNotifications": ("Delete", "Retain"),
        "EventTopicKey": ("Delete", "Delete"),
    }.get(logical_id, ("RetainExceptOnCreate", "Retain"))


def test_an_index_holds_keys_only_so_that_a_balance_never_writes_one() -> None:
    for index in properties_of("Table")["GlobalSecondaryIndexes"]:
        assert index["Projection"] == {"ProjectionType": "KEYS_ONLY"}


def test_one_rollover_ends_before_the_next_begins() -> None:
    properties = properties_of("RolloverFunction")
    schedule = properties["Events"]["EveryMinute"]["Properties"]

    assert schedule["ScheduleExpression"] == "rate(1 minute)"
    assert properties["Timeout"] < 60


def test_rollovers_that_could_not_run_do_not_all_run_at_once_afterwards() -> None:
    properties = properties_of("RolloverFunction")
    schedule = properties["Events"]["EveryMinute"]["Properties"]

    assert schedule["RetryPolicy"] == {"MaximumRetryAttempts": 0}
    assert properties["EventInvokeConfig"] == {
        "MaximumRetryAttempts": 0,
        "MaximumEventAgeInSeconds": 60,
    }


def test_a_second_stack_in_the_account_has_a_schedule_of_its_own() -> None:
    """Without OmitName, SAM names the schedule alike in every stack, and the second one fails."""
    schedule = properties_of("RolloverFunction")["Events"]["EveryMinute"]["Properties"]

    assert schedule["OmitName"] is True
    assert "Name" not in schedule


def test_what_has_a_name_of_its_own_is_named_after_its_stack() -> None:
    named = {
        resource["Properties"][name]
        for resource in template()["Resources"].values()
        for name in resource.get("Properties", {})
        if name in _PHYSICAL_NAMES
    }

    assert named
    # Such as the log group of a metric filter, or the API's own domain.
    references = template()["Resources"].keys() | template()["Parameters"].keys()
    assert not [reference for reference in named - references if "AWS::StackName" not in reference]


def test_only_the_publisher_knows_the_bus() -> None:
    variables = {
        function: properties_of(f"{function}Function")["Environment"]["Variables"]
        for function in _FUNCTIONS
    }

    assert [one for one, names in variables.items() if "EVENT_BUS_NAME" in names] == ["Publish"]
    assert _actions_on("Publish", "events") == {"events:PutEvents"}
    assert not any(_actions_on(name, "events") for name in _FUNCTIONS if name != "Publish")


def test_nothing_is_paid_for_while_nobody_calls() -> None:
    assert properties_of("Table")["BillingMode"] == "PAY_PER_REQUEST"
    for function in _FUNCTIONS:
        properties = properties_of(f"{function}Function")
        assert not {"SnapStart", "ProvisionedConcurrencyConfig"} & set(properties)
