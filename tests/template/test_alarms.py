"""What the template promises to the person on call: alarms that matter, each with a runbook."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.engines import ROOT, parameter_of, template
from tests.support.sources import service_sources

_RESOURCES: dict[str, Any] = template()["Resources"]
_ALARMS: dict[str, Any] = {
    name: resource["Properties"]
    for name, resource in _RESOURCES.items()
    if resource["Type"] == "AWS::CloudWatch::Alarm"
}
_FUNCTIONS = [
    name.removesuffix("Function")
    for name, resource in _RESOURCES.items()
    if resource["Type"] == "AWS::Serverless::Function"
]
_INDEXES = [
    index["IndexName"] for index in _RESOURCES["Table"]["Properties"]["GlobalSecondaryIndexes"]
]
_COUNTS = {
    "DeadLettersWaiting", "EventsWaiting", "EventsDelayed", "NotificationsWaiting",
    "SettlementsDelayed", "SettlementsFailing", "RolloverStopped",
}  # fmt: skip
"""Alarms of which one message, one delay or one silence is enough."""

_LOGICAL_IDS = {"TableName": "Table", "ApiId": "Api"}
"""What a dimension must name, where there is one of its kind only."""

_RUNBOOK = re.compile(r"See docs/operations\.md#([a-z-]+)$")
_OPERATIONS = (ROOT / "docs/operations.md").read_text(encoding="utf-8")
_FLOOR = re.compile(r"IF\((\w+) >= (\d+), (.+), 0\)")


def _anchors() -> set[str]:
    """The anchors of the headings, as GitHub names them."""
    headings = re.findall(r"^#+ (.+)$", _OPERATIONS, flags=re.MULTILINE)
    return {re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def _watched(alarm: str) -> Iterator[tuple[str, str, dict[str, str]]]:
    """Yield namespace, name and dimensions of each metric that an alarm reads."""
    properties = _ALARMS[alarm]
    metrics = [query["MetricStat"]["Metric"] for query in properties.get("Metrics", [])[1:]]
    for metric in metrics or [properties]:
        dimensions = {
            dimension["Name"]: dimension["Value"] for dimension in metric.get("Dimensions", [])
        }
        yield metric["Namespace"], metric["MetricName"], dimensions


@pytest.mark.parametrize("alarm", _ALARMS)
def test_an_alarm_has_a_runbook(alarm: str) -> None:
    found = _RUNBOOK.search(_ALARMS[alarm]["AlarmDescription"])

    assert found is not None
    assert found[1] in _anchors()


def test_the_runbook_lists_every_alarm_by_its_name() -> None:
    unnamed = [
        alarm
        for alarm in _ALARMS
        if f"`{alarm}`" not in _OPERATIONS and f"`...{_kind_of(alarm)}`" not in _OPERATIONS
    ]
    assert not unnamed


def _kind_of(alarm: str) -> str:
    return next((kind for kind in ("Errors", "Throttles") if alarm.endswith(kind)), alarm)


@pytest.mark.parametrize("alarm", _ALARMS)
def test_an_alarm_watches_something_that_is_there(alarm: str) -> None:
    for namespace, name, dimensions in _watched(alarm):
        if namespace == "Spendgate":
            assert f'"{name}"' in service_sources()
            assert dimensions == {"service": "settle", "stack": "AWS::StackName"}
        elif namespace.startswith("Spendgate/"):
            (written,) = _RESOURCES["GatewayThrottled"]["Properties"]["MetricTransformations"]
            assert (written["MetricNamespace"], written["MetricName"]) == (namespace, name)
            assert not dimensions
        else:
            assert dimensions
            _check_dimensions(dimensions)


def _check_dimensions(dimensions: dict[str, str]) -> None:
    for name, value in dimensions.items():
        if name == "GlobalSecondaryIndexName":
            assert value in _INDEXES
        elif name != "Operation":
            logical_id = value.removesuffix(".QueueName").removesuffix(".TopicName")
            assert logical_id in _RESOURCES
            assert _LOGICAL_IDS.get(name, logical_id) == logical_id


@pytest.mark.parametrize("alarm", sorted(_ALARMS.keys() - _COUNTS))
def test_an_alarm_on_requests_is_a_ratio_above_a_floor_and_not_for_one_bad_minute(
    alarm: str,
) -> None:
    properties = _ALARMS[alarm]
    expression, *metrics = properties["Metrics"]
    found = _FLOOR.fullmatch(expression["Expression"])

    assert found is not None
    floor, least, value = found.groups()
    ids = {metric["Id"] for metric in metrics}
    assert {floor} | (set(re.findall(r"[a-z]+", value)) - {"IF", "FILL"}) == ids
    assert int(least) >= 1
    assert "/" in value or alarm == "RequestsSlow"
    assert all(metric["ReturnData"] is False for metric in metrics)
    assert len({metric["MetricStat"]["Period"] for metric in metrics}) == 1
    assert 1 <= properties["DatapointsToAlarm"] < properties["EvaluationPeriods"]


def test_an_alarm_on_a_latency_goes_off_at_the_operators_own_limit() -> None:
    assert _ALARMS["RequestsSlow"]["Threshold"] == "LatencyAlarmMs"
    assert ("AWS/ApiGateway", "Latency", {"ApiId": "Api"}) in list(_watched("RequestsSlow"))
    assert _ALARMS["RequestsSlow"]["Metrics"][1]["MetricStat"]["Stat"] == "p99"


def test_only_a_429_that_reached_no_function_counts_as_the_gateways() -> None:
    properties = _RESOURCES["GatewayThrottled"]["Properties"]
    log_format = _RESOURCES["Api"]["Properties"]["AccessLogSettings"]["Format"]

    assert properties["FilterPattern"] == '{ ($.status = "429") && ($.integrationMs = "-") }'
    assert properties["LogGroupName"] == "ApiLogs"
    assert '"status":"$context.status"' in log_format
    assert '"integrationMs":"$context.integrationLatency"' in log_format


@pytest.mark.parametrize("index", _INDEXES)
def test_every_index_has_an_alarm_on_its_throttles(index: str) -> None:
    """An index that is throttled holds up the writes to its table."""
    wanted = {"TableName": "Table", "GlobalSecondaryIndexName": index}

    assert any(
        ("AWS/DynamoDB", "WriteThrottleEvents", wanted) in list(_watched(alarm))
        for alarm in _ALARMS
    )


def test_every_topic_has_an_alarm_on_the_notifications_that_fail() -> None:
    topics = {name for name, found in _RESOURCES.items() if found["Type"] == "AWS::SNS::Topic"}

    watched = {
        dimensions["TopicName"].removesuffix(".TopicName"): alarm
        for alarm in _ALARMS
        for _, name, dimensions in _watched(alarm)
        if name == "NumberOfNotificationsFailed"
    }
    assert watched.keys() == topics == {"EventTopic", "AlarmTopic"}
    assert _RESOURCES[watched["EventTopic"]]["Condition"] == "WatchesEventTopic"


@pytest.mark.parametrize("alarm", _ALARMS)
def test_an_alarm_tells_when_it_starts_and_when_it_is_over(alarm: str) -> None:
    properties = _ALARMS[alarm]

    assert properties["AlarmActions"] == properties["OKActions"] == ["AlarmTopic"]


@pytest.mark.parametrize("function", _FUNCTIONS)
@pytest.mark.parametrize("kind", ["Errors", "Throttles"])
def test_every_function_has_its_alarms(function: str, kind: str) -> None:
    dimensions = {"FunctionName": f"{function}Function"}

    assert list(_watched(f"{function}{kind}")) == [
        ("AWS/Lambda", kind, dimensions),
        ("AWS/Lambda", "Invocations", dimensions),
    ]


def test_one_late_try_is_enough_where_only_an_invocation_writes_the_metric() -> None:
    """Several periods in a row need not each have one while a stream is tried again."""
    delayed = _ALARMS["EventsDelayed"]
    expression = _ALARMS["PublishErrors"]["Metrics"][0]["Expression"]

    assert (delayed["Period"], delayed["EvaluationPeriods"]) == (300, 1)
    assert expression.startswith("IF(failed >= 1,")


def test_an_idle_stack_is_alarmed_by_nothing_but_a_schedule_that_stands_still() -> None:
    by_missing_data = {
        name for name, alarm in _ALARMS.items() if alarm["TreatMissingData"] != "notBreaching"
    }

    assert by_missing_data == {"RolloverStopped"}
    assert _ALARMS["RolloverStopped"]["ComparisonOperator"] == "LessThanThreshold"


_BY_DEFAULT = {"HasAlarms", "HasConsoleAlarms"}
"""The conditions that hold with the default parameters."""


def test_alarms_can_be_turned_off_because_they_are_paid_for_by_the_month() -> None:
    conditions = {name: resource.get("Condition") for name, resource in _RESOURCES.items()}

    assert {conditions[name] for name in _ALARMS} == {*_BY_DEFAULT, "WatchesEventTopic"}
    assert conditions["AlarmTopic"] == conditions["GatewayThrottled"] == "HasAlarms"
    assert conditions["AlarmSubscription"] == "EmailsAlarms"


def test_the_price_of_the_alarms_is_that_of_their_metrics() -> None:
    by_default = [name for name in _ALARMS if _RESOURCES[name]["Condition"] in _BY_DEFAULT]
    metrics = sum(len(list(_watched(alarm))) for alarm in by_default)
    counted = f"{len(by_default)} on {metrics} metrics, {metrics / 10:.2f} USD"

    assert counted in parameter_of("Alarms")["Description"]
