"""Writes docs/cost.md: counted calls and capacity units at the prices of `prices.json`.

`python -m bench.cost` counts on DynamoDB Local and writes the page; a test keeps it up to date.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from local.dynamodb_local import dynamodb_local
from local.paths import ROOT
from tests.support import operation_costs
from tests.support.engines import table_at, template
from tests.support.operation_costs import BUDGETS

COST_MD = ROOT / "docs" / "cost.md"
_TEMPLATE = Path(__file__).with_name("cost.md.in")
_PRICES = Path(__file__).with_name("prices.json")

SETTLED_TOGETHER = 10
"""A usual batch; a busy queue delivers up to thirty messages (`BatchSize` in the template)."""

# Assumptions, which the page states: these values cannot be counted here.
_RESERVE_MS = {1: 15, 3: 17, 6: 20}
_SETTLE_BATCH_MS = {1: 40, 3: 50, 6: 60}
_REFUSE_MS, _REFUSE_FROM_MEMORY_MS = 12, 2
_LOG_BYTES = 1000
_ACCESS_LOG_BYTES = 400
_TRACED = Decimal("0.05")
_POLLS_A_MINUTE = 15
_GB = 1024**3
_MINUTES_A_MONTH = 43_800
_ROLLOVER_MS = 100


@dataclass(frozen=True, slots=True)
class Row:
    """A service, its cost driver, the amount per million, and the name of its price."""

    service: str
    driver: str
    amount: Decimal
    price: str

    @property
    def usd(self) -> Decimal:
        """The cost in USD."""
        return self.amount * price_of(self.price)


def price_of(name: str) -> Decimal:
    """Return the price of one unit."""
    return Decimal(_price_file()["prices"][name]["price"])


def cost_md(url: str) -> str:
    """Return the page, with figures counted on an engine."""
    filled = {
        "prices": "\n".join(_price_table()),
        "cycles": "\n\n".join(_cycle_section(url, budgets) for budgets in BUDGETS),
        "refused": "\n".join(_refused_table(url)),
        "idle": "\n".join(_idle_table(url)),
        "as-of": _price_file()["as_of"],
        "metric": str(price_of("metric_month")),
    }
    text = _TEMPLATE.read_text(encoding="utf-8")
    for name, content in filled.items():
        text = text.replace(f"<!-- {name} -->", content)
    return text


def _cycle_section(url: str, budgets: int) -> str:
    reserve = operation_costs.reserve_granted(table_at(url), budgets)
    hot = operation_costs.settled(table_at(url), budgets, SETTLED_TOGETHER)
    alone = operation_costs.settled(table_at(url), budgets, 1)
    batches = Decimal(1) / SETTLED_TOGETHER
    milliseconds = _RESERVE_MS[budgets] + _SETTLE_BATCH_MS[budgets] * batches
    rows = [
        Row("API Gateway", "one request to reserve", Decimal(1), "api_gateway_million_requests"),
        Row(
            "Lambda, requests",
            "reserve; a tenth of a batch to settle",
            1 + batches,
            "lambda_million_requests",
        ),
        _duration("reserve, and a tenth of a batch", milliseconds),
        Row(
            "DynamoDB, writes",
            f"{_number(reserve.write_units)} units to reserve, "
            f"{_number(hot.write_units)} to settle",
            Decimal(str(reserve.write_units + hot.write_units)),
            "dynamodb_million_write_units",
        ),
        Row(
            "DynamoDB, reads",
            f"{_number(hot.read_units)} units to settle",
            Decimal(str(hot.read_units)),
            "dynamodb_million_read_units",
        ),
        Row(
            "SQS",
            "one message sent; a tenth of a receive and of a delete",
            1 + 2 * batches,
            "sqs_million_requests",
        ),
        _logs(requests=1, invocations=1 + batches),
        _traces(1 + batches),
    ]
    more = (alone.write_units - hot.write_units) * float(price_of("dynamodb_million_write_units"))
    head = f"### {budgets} budget{'s' * (budgets > 1)}\n\n"
    tail = (
        f"\n\nSettled one by one over HTTP: {_number(alone.write_units)} write units, "
        f"{more:.2f} more, plus {price_of('api_gateway_million_requests')} for the requests."
    )
    return head + "\n".join(_table(rows)) + tail


def _refused_table(url: str) -> Iterator[str]:
    yield "| budgets | write units | a million cost | from memory: write units | a million cost |"
    yield "| ---: | ---: | ---: | ---: | ---: |"
    for budgets in BUDGETS:
        asked = operation_costs.reserve_refused(table_at(url), budgets).write_units
        remembered = operation_costs.reserve_refused_from_memory(table_at(url), budgets).write_units
        yield (
            f"| {budgets} | {_number(asked)} | {_refused_usd(asked, _REFUSE_MS):.2f} "
            f"| {_number(remembered)} "
            f"| {_refused_usd(remembered, _REFUSE_FROM_MEMORY_MS):.2f} |"
        )


def _refused_usd(write_units: float, milliseconds: int) -> Decimal:
    rows = [
        Row("", "", Decimal(1), "api_gateway_million_requests"),
        Row("", "", Decimal(1), "lambda_million_requests"),
        _duration("", Decimal(milliseconds)),
        Row("", "", Decimal(str(write_units)), "dynamodb_million_write_units"),
        _logs(requests=1, invocations=Decimal(1)),
        _traces(Decimal(1)),
    ]
    return sum((row.usd for row in rows), Decimal())


def _idle_table(url: str) -> Iterator[str]:
    resources = template()["Resources"].values()
    alarms = [  # each is paid for by its metrics
        max(1, len(resource["Properties"].get("Metrics", [])) - 1)
        for resource in resources
        if resource.get("Condition") in {"HasAlarms", "HasConsoleAlarms"}
        and resource["Type"] == "AWS::CloudWatch::Alarm"
    ]
    dashboards = sum(resource["Type"] == "AWS::CloudWatch::Dashboard" for resource in resources)
    memory = Decimal(template()["Resources"]["RolloverFunction"]["Properties"]["MemorySize"])
    minutes = Decimal(_MINUTES_A_MONTH)
    million = minutes / 1_000_000
    gb_seconds = minutes * _ROLLOVER_MS / 1000 * memory / 1024
    queries = operation_costs.rollover_idle(table_at(url)).round_trips
    yield "| service | driver | usd a month |"
    yield "| --- | --- | ---: |"
    for row in (
        Row("CloudWatch, alarms", _alarms(alarms), Decimal(sum(alarms)), "alarm_month"),
        Row("CloudWatch, dashboard", f"{dashboards}", Decimal(dashboards), "dashboard_month"),
        Row("Scheduler", "once a minute", million, "scheduler_million_invocations"),
        Row("Lambda, requests", "rollover once a minute", million, "lambda_million_requests"),
        Row("Lambda, duration", f"{_ROLLOVER_MS} ms each", gb_seconds, "lambda_gb_second"),
        Row(
            "DynamoDB, reads",
            f"{queries} index queries a minute, half a unit each",
            million * queries / 2,
            "dynamodb_million_read_units",
        ),
        Row(
            "SQS",
            f"Lambda polls the queue {_POLLS_A_MINUTE} times a minute",
            million * _POLLS_A_MINUTE,
            "sqs_million_requests",
        ),
        Row("X-Ray", "every run of the rollover is traced", million, "xray_million_traces"),
        Row("CloudWatch, logs", "1 KB a minute", minutes * _LOG_BYTES / _GB, "logs_gb"),
    ):
        yield f"| {row.service} | {row.driver} | {row.usd:.2f} |"


def _alarms(metrics: Sequence[int]) -> str:
    return f"{len(metrics)} alarms on {sum(metrics)} metrics"


def _duration(driver: str, milliseconds: Decimal) -> Row:
    """Return the cost of a million times this duration at 1 GB."""
    gb_seconds = milliseconds / 1000 * 1_000_000
    text = f"{_number(float(milliseconds))} ms at 1 GB: {driver}"
    return Row("Lambda, duration", text, gb_seconds, "lambda_gb_second")


def _logs(*, requests: int, invocations: Decimal) -> Row:
    """Return the cost of a million times the logs of these requests and invocations."""
    written = requests * _ACCESS_LOG_BYTES + invocations * _LOG_BYTES
    driver = "0.4 KB for each request, 1 KB for each invocation"
    return Row("CloudWatch, logs", driver, written * 1_000_000 / _GB, "logs_gb")


def _traces(invocations: Decimal) -> Row:
    return Row(
        "X-Ray", "one invocation in 20 is traced", invocations * _TRACED, "xray_million_traces"
    )


def _table(rows: Sequence[Row]) -> Iterator[str]:
    yield "| service | driver | usd |"
    yield "| --- | --- | ---: |"
    for row in rows:
        yield f"| {row.service} | {row.driver} | {row.usd:.2f} |"
    yield f"| **together** | | **{sum(row.usd for row in rows):.2f}** |"


def _price_table() -> Iterator[str]:
    yield "| price, usd | of | page |"
    yield "| ---: | --- | --- |"
    for name, priced in _price_file()["prices"].items():
        yield f"| {priced['price']} | {name.replace('_', ' ')} | {priced['page']} |"


def _number(value: float) -> str:
    return f"{value:g}"


@cache
def _price_file() -> Mapping[str, Any]:
    prices: Mapping[str, Any] = json.loads(_PRICES.read_text(encoding="utf-8"))
    return prices


def main() -> None:
    """Write the page."""
    with dynamodb_local() as url:
        COST_MD.write_text(cost_md(url), encoding="utf-8")


if __name__ == "__main__":
    main()
