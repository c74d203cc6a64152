"""What the template promises to whoever operates it: alarms with a runbook, and a dashboard."""

import json
import re
from typing import Any

import pytest

from spendgate_service.api.errors import REFUSALS
from tests.support.engines import ROOT, template

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
_RUNBOOK = re.compile(r"See docs/operations\.md#([a-z-]+)$")


def _anchors() -> set[str]:
    """The anchors of the headings, as GitHub names them."""
    text = (ROOT / "docs/operations.md").read_text(encoding="utf-8")
    headings = re.findall(r"^#+ (.+)$", text, flags=re.MULTILINE)
    return {re.sub(r"[^a-z0-9 -]", "", one.lower()).replace(" ", "-") for one in headings}


def _dimensions(alarm: str) -> dict[str, str]:
    return {one["Name"]: one["Value"] for one in _ALARMS[alarm]["Dimensions"]}


def _widgets() -> list[dict[str, Any]]:
    body = json.loads(_RESOURCES["ServiceDashboard"]["Properties"]["DashboardBody"])
    return [widget["properties"] for widget in body["widgets"]]


def _drawn() -> list[list[str]]:
    """The metrics of the dashboard, without their options."""
    return [
        [part for part in metric if isinstance(part, str)]
        for widget in _widgets()
        for metric in widget["metrics"]
    ]


def _sources() -> str:
    """The code that counts our metrics."""
    return "".join(
        path.read_text(encoding="utf-8")
        for folder in ("functions", "layers/core/python/spendgate_service")
        for path in (ROOT / folder).rglob("*.py")
    )


@pytest.mark.parametrize("alarm", _ALARMS)
def test_an_alarm_has_a_runbook(alarm: str) -> None:
    found = _RUNBOOK.search(_ALARMS[alarm]["AlarmDescription"])

    assert found is not None
    assert found[1] in _anchors()


def test_the_runbook_lists_every_alarm_by_its_name() -> None:
    text = (ROOT / "docs/operations.md").read_text(encoding="utf-8")

    unnamed = [
        alarm
        for alarm in _ALARMS
        if f"`{alarm}`" not in text and f"`...{_kind_of(alarm)}`" not in text
    ]
    assert not unnamed


def _kind_of(alarm: str) -> str:
    return next((kind for kind in ("Errors", "Throttles") if alarm.endswith(kind)), alarm)


@pytest.mark.parametrize("alarm", _ALARMS)
def test_an_alarm_watches_something_that_is_there(alarm: str) -> None:
    resource = {"TableName": "Table", "ApiId": "Api"}

    if _ALARMS[alarm]["Namespace"] == "Spendgate":
        assert f'"{_ALARMS[alarm]["MetricName"]}"' in _sources()
        assert _dimensions(alarm) == {"service": "settle", "stack": "AWS::StackName"}
        return
    for name, value in _dimensions(alarm).items():
        if name != "Operation":
            logical_id = value.removesuffix(".QueueName")
            assert logical_id in _RESOURCES
            assert resource.get(name, logical_id) == logical_id


@pytest.mark.parametrize("alarm", _ALARMS)
def test_an_alarm_tells_when_it_starts_and_when_it_is_over(alarm: str) -> None:
    properties = _ALARMS[alarm]

    assert properties["AlarmActions"] == properties["OKActions"] == ["AlarmTopic"]


@pytest.mark.parametrize("function", _FUNCTIONS)
@pytest.mark.parametrize("kind", ["Errors", "Throttles"])
def test_every_function_has_its_alarms(function: str, kind: str) -> None:
    alarm = _ALARMS[f"{function}{kind}"]

    assert (alarm["Namespace"], alarm["MetricName"]) == ("AWS/Lambda", kind)
    assert _dimensions(f"{function}{kind}") == {"FunctionName": f"{function}Function"}


def test_one_late_try_is_enough_where_only_an_invocation_writes_the_metric() -> None:
    """Several periods in a row need not each have one while a stream is tried again."""
    by_try = [one for one in _ALARMS.values() if one["MetricName"] in {"IteratorAge", "Errors"}]

    assert len(by_try) == len(_FUNCTIONS) + 1
    assert {(one["Period"], one["EvaluationPeriods"]) for one in by_try} == {(300, 1)}


def test_an_idle_stack_is_alarmed_by_nothing_but_a_schedule_that_stands_still() -> None:
    by_missing_data = {
        name for name, alarm in _ALARMS.items() if alarm["TreatMissingData"] != "notBreaching"
    }

    assert by_missing_data == {"RolloverStopped"}
    assert _ALARMS["RolloverStopped"]["ComparisonOperator"] == "LessThanThreshold"


def test_whatever_is_paid_for_by_the_month_can_be_turned_off() -> None:
    conditions = {name: resource.get("Condition") for name, resource in _RESOURCES.items()}

    assert {conditions[name] for name in _ALARMS} == {"HasAlarms"}
    assert conditions["AlarmTopic"] == "HasAlarms"
    assert conditions["AlarmSubscription"] == "EmailsAlarms"
    assert conditions["ServiceDashboard"] == "HasDashboard"
    assert template()["Parameters"]["Dashboard"]["Default"] == "false"


def test_the_dashboard_is_small_enough_to_be_one_of_the_three_that_cost_nothing() -> None:
    assert len(_drawn()) <= 50


def test_the_dashboard_draws_what_is_there() -> None:
    names = {
        reference
        for metric in _drawn()
        for part in metric
        for reference in re.findall(r"\$\{(\w+)", part)
    }

    assert names - {"AWS"} <= _RESOURCES.keys()


def test_the_dashboard_draws_our_metrics_under_the_names_they_are_counted_by() -> None:
    sources = _sources()
    refusals = {f"refused_{code}" for code in REFUSALS}

    for namespace, name, *dimensions in _drawn():
        if namespace == "Spendgate":
            assert dimensions[::2] == ["service", "stack"]
            assert name in refusals or f'"{name}"' in sources
