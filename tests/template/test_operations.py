"""What the template promises to its operator: the dashboard."""

import json
import re
from typing import Any

from spendgate_service.api.errors import REFUSALS
from tests.support.engines import parameter_of, template
from tests.support.sources import service_sources

_RESOURCES: dict[str, Any] = template()["Resources"]


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


def test_a_dashboard_is_paid_for_only_where_it_was_asked_for() -> None:
    assert _RESOURCES["ServiceDashboard"]["Condition"] == "HasDashboard"
    assert parameter_of("Dashboard")["Default"] == "false"


def test_the_dashboards_of_two_regions_have_two_names() -> None:
    """An account has one list of dashboards for all regions."""
    name = _RESOURCES["ServiceDashboard"]["Properties"]["DashboardName"]

    assert name == "${AWS::StackName}-${AWS::Region}"


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
    refusals = {f"refused_{code}" for code in REFUSALS}

    for namespace, name, *dimensions in _drawn():
        if namespace == "Spendgate":
            assert dimensions[::2] == ["service", "stack"]
            assert name in refusals or f'"{name}"' in service_sources()
