"""Writes docs/cost.md: counted calls and capacity units at the prices of `prices.json`.

`python -m bench.cost` counts on DynamoDB Local and writes the page; a test keeps it up to date.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from local.dynamodb_local import dynamodb_local
from local.paths import ROOT
from tests.support import operation_costs
from tests.support.engines import parameter_of, table_at, template
from tests.support.operation_costs import BUDGETS, FULL_BATCH, Cost

COST_MD = ROOT / "docs" / "cost.md"
_TEMPLATE = Path(__file__).with_name("cost.md.in")
_PRICES = Path(__file__).with_name("prices.json")

SETTLED_TOGETHER = 10
"""A usual batch; a busy queue delivers full ones (`FULL_BATCH`)."""

# Assumptions, which the page states: these values cannot be counted here.
RESERVE_MS = {1: 15, 3: 17, 6: 20}
_SETTLE_BATCH_MS = {SETTLED_TOGETHER: {1: 40, 3: 50, 6: 60}, FULL_BATCH: {1: 60, 3: 70, 6: 95}}
_REFUSE_MS, _REFUSE_FROM_MEMORY_MS = 12, 2
_LOG_BYTES = 1000
_PLATFORM_LOG_BYTES = 500
_ACCESS_LOG_BYTES = 400
_SENT_TOGETHER = 10
_PROVISIONED = "dynamodb_provisioned_million_"
_PROVISIONED_USE = Decimal("0.7")
_TRACED = Decimal("0.05")
_POLLS_A_MINUTE = 15
_GB = 1024**3
_MINUTES_A_MONTH = 43_800
_ROLLOVER_MS = 100

_CALLS_A_SECOND, _CAPTURE_SECONDS, _LINES_A_CAPTURE = 100, 5, 100
_CALLS_AN_EXTENSION = 375
"""Of a lease: what 5 seconds use, less the quarter that is left when it asks for more."""


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
    """Return the price of one unit.

    A provisioned unit lasts an hour and takes one write or read each second of it.
    """
    if name.startswith(_PROVISIONED):
        kind = name.removeprefix(_PROVISIONED).removesuffix("_units")
        an_hour = price_of(f"dynamodb_provisioned_{kind}_unit_hour")
        return an_hour / 3600 * 1_000_000 / _PROVISIONED_USE
    return Decimal(_price_file()["prices"][name]["price"])


def cost_md(url: str) -> str:
    """Return the page, with figures counted on an engine."""
    filled = {
        "prices": "\n".join(_price_table()),
        "cycles": "\n\n".join(_cycle_section(url, budgets) for budgets in BUDGETS),
        "levers": "\n".join(_levers_table(url)),
        "ceiling": "\n".join(_ceiling_table(url)),
        "concurrency": str(parameter_of("SettlementConcurrency")["Default"]),
        "admitted": f"{parameter_of('ApiRateLimit')['Default']:,}",
        "refused": "\n".join(_refused_table(url)),
        "leases": "\n".join(_lease_table(url)),
        "idle": "\n".join(_idle_table(url)),
        "as-of": _price_file()["as_of"],
        "metric": str(price_of("metric_month")),
    }
    text = _TEMPLATE.read_text(encoding="utf-8")
    for name, content in filled.items():
        text = text.replace(f"<!-- {name} -->", content)
    return text


@dataclass(frozen=True, slots=True)
class Levers:
    """How a cycle is run; the defaults are those of the tables for each number of budgets."""

    batch: int = SETTLED_TOGETHER
    sent_together: int = 1
    traces: bool = True
    platform_logs: bool = True
    provisioned: bool = False


LEVERS = {
    "send ten messages in one `SendMessageBatch`": Levers(sent_together=_SENT_TOGETHER),
    "full batches of thirty: a busy queue, or a longer `SettlementBatchingSeconds`": Levers(
        batch=FULL_BATCH
    ),
    "X-Ray off: `TraceSamplingRate=0`": Levers(traces=False),
    "logs without the platform's lines: `LogFormat: JSON`, `SystemLogLevel: WARN`": Levers(
        platform_logs=False
    ),
    "provisioned capacity, 70 % of it used": Levers(provisioned=True),
    "all of them": Levers(FULL_BATCH, _SENT_TOGETHER, False, False, True),
}
"""What makes a cycle cheaper."""


@cache
def _counted(url: str, budgets: int, batch: int | None) -> Cost:
    """Count a reservation, or one of a batch of settlements."""
    if batch is None:
        return operation_costs.reserve_granted(table_at(url), budgets)
    return operation_costs.settled(table_at(url), budgets, batch)


def _cycle(url: str, budgets: int, levers: Levers) -> list[Row]:
    """Return the rows of a million cycles."""
    reserve = _counted(url, budgets, None)
    settled = _counted(url, budgets, levers.batch)
    part = {SETTLED_TOGETHER: "a tenth", FULL_BATCH: "a thirtieth"}[levers.batch]
    batches = Decimal(1) / levers.batch
    milliseconds = RESERVE_MS[budgets] + _SETTLE_BATCH_MS[levers.batch][budgets] * batches
    capacity = "provisioned_million" if levers.provisioned else "million"
    rows = [
        Row("API Gateway", "one request to reserve", Decimal(1), "api_gateway_million_requests"),
        Row(
            "Lambda, requests",
            f"reserve; {part} of a batch to settle",
            1 + batches,
            "lambda_million_requests",
        ),
        _duration(f"reserve, and {part} of a batch", milliseconds),
        Row(
            "DynamoDB, writes",
            f"{_number(reserve.write_units)} units to reserve, "
            f"{_number(settled.write_units)} to settle",
            Decimal(str(reserve.write_units + settled.write_units)),
            f"dynamodb_{capacity}_write_units",
        ),
        Row(
            "DynamoDB, reads",
            f"{_number(settled.read_units)} units to settle",
            Decimal(str(settled.read_units)),
            f"dynamodb_{capacity}_read_units",
        ),
        Row(
            "SQS",
            f"one message sent; {part} of a receive and of a delete",
            Decimal(1) / levers.sent_together + 2 * batches,
            "sqs_million_requests",
        ),
        _logs(requests=1, invocations=1 + batches, platform=levers.platform_logs),
    ]
    return [*rows, _traces(1 + batches)] if levers.traces else rows


def _cycle_section(url: str, budgets: int) -> str:
    rows = _cycle(url, budgets, Levers())
    hot, alone = _counted(url, budgets, SETTLED_TOGETHER), _counted(url, budgets, 1)
    more = (alone.write_units - hot.write_units) * float(price_of("dynamodb_million_write_units"))
    head = f"### {_budgets(budgets)}\n\n"
    tail = (
        f"\n\nSettled one by one over HTTP: {_number(alone.write_units)} write units, "
        f"{more:.2f} more, plus {price_of('api_gateway_million_requests')} for the requests."
    )
    return head + "\n".join(_table(rows)) + tail


def _levers_table(url: str) -> Iterator[str]:
    yield f"| what | {' | '.join(map(_budgets, BUDGETS))} |"
    yield f"| --- |{' ---: |' * len(BUDGETS)}"
    totals = [_sum(_cycle(url, budgets, Levers())) for budgets in BUDGETS]
    for name, levers in LEVERS.items():
        saved = [
            total - _sum(_cycle(url, budgets, levers))
            for total, budgets in zip(totals, BUDGETS, strict=True)
        ]
        yield f"| {name} | {' | '.join(f'{usd:.2f}' for usd in saved)} |"
    left = [_sum(_cycle(url, budgets, LEVERS["all of them"])) for budgets in BUDGETS]
    yield f"| **a million cycles then cost** | {' | '.join(f'**{usd:.2f}**' for usd in left)} |"


def settlements_a_second(budgets: int) -> int:
    """Return how many settlements the queue's consumer applies at most, on many budgets."""
    batches = parameter_of("SettlementConcurrency")["Default"]
    return int(batches * FULL_BATCH * 1000 / _SETTLE_BATCH_MS[FULL_BATCH][budgets])


def _ceiling_table(url: str) -> Iterator[str]:
    admitted = parameter_of("ApiRateLimit")["Default"]
    yield (
        "| budgets | a batch of thirty, ms | settlements a second "
        f"| write units a second at {admitted:,} cycles |"
    )
    yield "| ---: | ---: | ---: | ---: |"
    for budgets in BUDGETS:
        units = _counted(url, budgets, None).write_units
        units += _counted(url, budgets, FULL_BATCH).write_units
        yield (
            f"| {budgets} | {_SETTLE_BATCH_MS[FULL_BATCH][budgets]} "
            f"| {settlements_a_second(budgets):,} | {round(units * admitted):,} |"
        )


def _budgets(number: int) -> str:
    return f"{number} budget{'s' * (number > 1)}"


def _sum(rows: Iterable[Row]) -> Decimal:
    return sum((row.usd for row in rows), Decimal())


def _refused_table(url: str) -> Iterator[str]:
    yield "| budgets | write units | a million cost | from memory: write units | a million cost |"
    yield "| ---: | ---: | ---: | ---: | ---: |"
    for budgets in BUDGETS:
        asked = operation_costs.reserve_refused(table_at(url), budgets).write_units
        remembered = operation_costs.reserve_refused_from_memory(table_at(url), budgets).write_units
        yield (
            f"| {budgets} | {_number(asked)} | {usd_of_a_million_requests(asked, _REFUSE_MS):.2f} "
            f"| {_number(remembered)} "
            f"| {usd_of_a_million_requests(remembered, _REFUSE_FROM_MEMORY_MS):.2f} |"
        )


def _lease_table(url: str) -> Iterator[str]:
    extension = operation_costs.lease_grown(table_at(url), 1).write_units
    yield "| lines of the usage log | calls a capture | write units a call | usd |"
    yield "| --- | ---: | ---: | ---: |"
    for name, lines, calls in (
        ("gathered", 1, _CALLS_A_SECOND * _CAPTURE_SECONDS),
        ("one per call", _LINES_A_CAPTURE, _LINES_A_CAPTURE),
    ):
        capture = operation_costs.lease_captured(table_at(url), 1, 1, lines=lines).write_units
        usd = usd_of_a_million_requests(extension, RESERVE_MS[1]) / _CALLS_AN_EXTENSION
        usd += usd_of_a_million_messages(capture) / calls
        units = extension / _CALLS_AN_EXTENSION + capture / calls
        yield f"| {name} | {calls} | {units:.3f} | {usd:.3f} |"


def usd_of_a_million_messages(write_units: float) -> Decimal:
    """Return the cost of a million messages of so many write units, each a batch of its own."""
    rows = [
        Row("", "", Decimal(3), "sqs_million_requests"),
        Row("", "", Decimal(1), "lambda_million_requests"),
        _duration("", Decimal(_SETTLE_BATCH_MS[SETTLED_TOGETHER][1])),
        Row("", "", Decimal(str(write_units)), "dynamodb_million_write_units"),
        _logs(requests=0, invocations=Decimal(1)),
        _traces(Decimal(1)),
    ]
    return _sum(rows)


def usd_of_a_million_requests(write_units: float, milliseconds: int) -> Decimal:
    """Return the cost of a million requests of so many write units and milliseconds."""
    rows = [
        Row("", "", Decimal(1), "api_gateway_million_requests"),
        Row("", "", Decimal(1), "lambda_million_requests"),
        _duration("", Decimal(milliseconds)),
        Row("", "", Decimal(str(write_units)), "dynamodb_million_write_units"),
        _logs(requests=1, invocations=Decimal(1)),
        _traces(Decimal(1)),
    ]
    return _sum(rows)


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


def _logs(*, requests: int, invocations: Decimal, platform: bool = True) -> Row:
    """Return the cost of a million times the logs of these requests and invocations."""
    each = _LOG_BYTES if platform else _LOG_BYTES - _PLATFORM_LOG_BYTES
    written = requests * _ACCESS_LOG_BYTES + invocations * each
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
    yield f"| **together** | | **{_sum(rows):.2f}** |"


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
