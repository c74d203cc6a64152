"""Every metric that the page and the dashboard name is one that the service emits."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from spendgate_service.api.errors import REFUSALS
from spendgate_service.wire.openmetrics import openmetrics_text
from tests.support.engines import ROOT
from tests.support.handlers import Ask
from tests.support.http_events import a_principal
from tests.support.sources import service_sources

_PAGE = (ROOT / "docs/metrics.md").read_text(encoding="utf-8")
_DASHBOARD: dict[str, Any] = json.loads(
    (ROOT / "docs/addons/grafana-dashboard.json").read_text(encoding="utf-8")
)
_LABELS_OF_QUERIES = re.compile(r'(\w+)=~?"')


def _targets() -> Iterator[dict[str, Any]]:
    for panel in _DASHBOARD["panels"]:
        yield from panel["targets"]


def _queries() -> list[str]:
    variables = [variable["query"]["query"] for variable in _DASHBOARD["templating"]["list"][3:]]
    return [target["expr"] for target in _targets() if "expr" in target] + variables


@pytest.fixture
def scraped(ask: Ask) -> str:
    """A scrape of one budget."""
    ask("POST", "/v1/budgets", {"subject": "agent:a", "unit": "usd", "limit": "1"})
    ask("POST", "/v1/spend", {"subjects": {"model": "gpt-4o"}, "actual": {"usd": "1"}})
    return ask("GET", "/v1/metrics", principal=a_principal("reader")).text


def test_the_page_and_the_dashboard_name_the_gauges_that_are_emitted(scraped: str) -> None:
    emitted = set(re.findall(r"^# TYPE (\w+)", scraped, flags=re.MULTILINE))

    assert set(re.findall(r"spendgate_\w+", " ".join(_queries()))) == emitted
    assert set(re.findall(r"\bspendgate_\w+", _PAGE)) == emitted


def test_the_labels_of_the_queries_are_those_of_the_gauges(scraped: str) -> None:
    series = re.findall(
        r"^spendgate_(?:budget_spent|usage_today)\{(.*)\}", scraped, flags=re.MULTILINE
    )
    emitted = {label for labels in series for label in re.findall(r'(\w+)="', labels)}
    asked = {label for query in _queries() for label in _LABELS_OF_QUERIES.findall(query)}
    asked |= {label for query in _queries() for label in re.findall(r"by \((\w+)\)", query)}
    legends = "".join(target.get("legendFormat", "") for target in _targets())
    asked |= set(re.findall(r"\{\{(\w+)\}\}", legends))

    assert asked <= emitted
    assert all(f"`{label}`" in _PAGE for label in emitted)


def test_the_metrics_of_cloudwatch_are_counted_by_the_service() -> None:
    counted = {target["metricName"] for target in _targets() if "metricName" in target}
    operations = (ROOT / "docs/operations.md").read_text(encoding="utf-8")

    assert counted
    for name in counted:
        assert f'"{name}"' in service_sources() or name.removeprefix("refused_") in REFUSALS
        assert f"`{name}`" in operations
    for target in _targets():
        assert "expr" in target or target["dimensions"].keys() == {"service", "stack"}


def test_the_page_says_which_query_feeds_which_panel() -> None:
    for panel in _DASHBOARD["panels"]:
        (row,) = [line for line in _PAGE.splitlines() if line.startswith(f"| {panel['title']} |")]
        for target in panel["targets"]:
            query = target.get("expr") or target["metricName"]
            assert query.replace("|", "\\|") in row


def test_without_a_balance_every_gauge_is_declared_all_the_same() -> None:
    text = openmetrics_text([], [], complete=True)

    assert text.count("# TYPE") == 6
