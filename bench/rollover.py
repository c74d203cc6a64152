"""Measures closing a backlog: calls and write units per period, and the peak of memory.

`BENCH_PERIODS` is the number of due periods in the last round.
"""

import os
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import batched
from typing import Any, cast

from rich.console import Console
from rich.progress import track

from bench.report import Report
from local.dynamodb_local import dynamodb_local
from spendgate_service.domain.amounts import ONE
from spendgate_service.domain.budgets import Budget, CarryOver
from spendgate_service.domain.calendar import CalendarPeriod
from spendgate_service.domain.periods import period_in_force
from spendgate_service.domain.subjects import Subject
from spendgate_service.periods.run import Progress, close_due_periods
from spendgate_service.store import keys, values
from spendgate_service.store.client import Table
from spendgate_service.store.clients import DynamoClient
from spendgate_service.store.counters import creation_values
from spendgate_service.store.values import Item
from tests.support.clock import NOON_MS
from tests.support.engines import table_at
from tests.support.world import TENANT, World

PERIODS = int(os.environ.get("BENCH_PERIODS", "100000"))
DAY = CalendarPeriod("day")
_A_DAY_LATER_MS = NOON_MS + 86_400_000


@dataclass
class Tallying:
    """A client that counts without storing calls, because memory is measured as well."""

    engine: Any
    calls: int = 0
    read_units: float = 0
    writes: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        def call(**arguments: Any) -> Any:
            response = getattr(self.engine, operation)(**arguments, ReturnConsumedCapacity="TOTAL")
            consumed = response.get("ConsumedCapacity", [])
            with self._lock:
                self.calls += 1
                self.writes += len(arguments.get("TransactItems", ()))
                if operation in {"query", "get_item", "batch_get_item"}:
                    capacities = consumed if isinstance(consumed, list) else [consumed]
                    self.read_units += sum(capacity["CapacityUnits"] for capacity in capacities)
            return response

        return call


def run(console: Console) -> Report:
    """Close backlogs of growing size, one of them with carry-over."""
    report = Report("rollover", "Closing due periods with eight threads")
    for periods in sorted({PERIODS // 100, PERIODS // 10, PERIODS}):
        _close(report, periods, None, console)
    _close(report, PERIODS // 10, CarryOver(unused=True), console)
    small, large = report.rows[0], report.rows[2]
    report.aim_at_most(
        "memory, the largest backlog against the smallest",
        float(str(large["peak MB"])) / float(str(small["peak MB"])),
        1.5,
    )
    report.notes.append(
        "A write in a transaction counts double, plus one for a counter that leaves the index "
        "`due` and two for a new counter in both indexes."
    )
    return report


def _close(report: Report, periods: int, terms: CarryOver | None, console: Console) -> None:
    with dynamodb_local() as url:
        world = World(table_at(url))
        budget = world.budget(10, on="agent:*", period=DAY, carry_over=terms)
        for counters in track(
            list(batched(_counters(budget, periods), 25, strict=False)),
            description=f"{periods} counters",
            console=console,
            transient=True,
        ):
            puts = [{"PutRequest": {"Item": item}} for item in counters]
            world.table.client.batch_write_item(RequestItems={world.table.name: puts})  # type: ignore[attr-defined] # (boto3 has it)
        client = Tallying(world.table.client)
        table = Table(cast("DynamoClient", client), world.table.name)
        tracemalloc.start()
        began = time.process_time()
        with ThreadPoolExecutor(keys.DUE_SHARDS) as pool:
            done = close_due_periods(
                table, now_ms=_A_DAY_LATER_MS, has_time=lambda: True, pool=pool
            )
        cpu_seconds = time.process_time() - began
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        # A transaction whose response was lost is applied as well, but not counted.
        left = close_due_periods(world.table, now_ms=_A_DAY_LATER_MS, has_time=lambda: True)
    assert (done.failed, left) == (0, Progress()), (done, left)
    report.add(
        {
            "backlog": f"{periods:,} periods" + (", carrying over" if terms else ""),
            "calls each": client.calls / periods,
            "read units each": client.read_units / periods,
            "write units each": (2 * client.writes + (3 if terms else 1) * periods) / periods,
            "CPU ms each": 1000 * cpu_seconds / periods,
            "peak MB": peak / 2**20,
        }
    )


def _counters(budget: Budget, count: int) -> Iterator[Item]:
    period = period_in_force(DAY, now_ms=NOON_MS)
    for number in range(count):
        subject = Subject("agent", f"a{number}")
        attribute_values = creation_values(TENANT, budget, subject, period, version=1)
        attribute_values |= {":spent": values.amount(number * ONE // count)}
        yield {
            **values.key(keys.counter_key(TENANT, budget.budget_id, subject, period.key)),
            "limit_amount": attribute_values[":limit"],
            "spent": attribute_values[":spent"],
            "available": values.amount(10 * ONE - number * ONE // count),
            **{
                name.removeprefix(":"): attribute_values[name]
                for name in (":version", ":budget_ref", ":starts_at", ":ends_at", ":due_shard")
            },
        }
