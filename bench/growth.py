"""Measures whether the cost and time of operations stay constant while the data grows.

Each kind of growth has a small and a large tenant in separate tables on one engine; they take
turns. `BENCH_ITEMS=1000,100000` skips the largest table, which takes minutes to fill.
"""

import os
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import batched
from typing import Any

from botocore.exceptions import ReadTimeoutError
from rich.console import Console
from rich.progress import track

from bench.growth_of_usage import add_reports
from bench.measurements import Measurements
from bench.report import Report
from local.dynamodb_local import dynamodb_local
from spendgate_service.domain.amounts import ONE
from spendgate_service.domain.budgets import Budget, Policy
from spendgate_service.domain.calendar import CalendarPeriod
from spendgate_service.domain.periods import PeriodRule
from spendgate_service.domain.subjects import parse_subject
from spendgate_service.reports.ledger import ledger_page
from spendgate_service.store import keys, values
from spendgate_service.store.client import Table
from spendgate_service.store.ids import new_id, new_ulid
from spendgate_service.store.paging import PageRequest
from spendgate_service.store.policies import policy_attributes
from spendgate_service.store.values import Item
from tests.support.counting_client import counting, item_bytes
from tests.support.crowded_counter import WINDOW, crowd
from tests.support.engines import table_at
from tests.support.world import AGENT, TENANT, World

ITEMS = tuple(map(int, os.environ.get("BENCH_ITEMS", "1000,100000,1000000").split(",")))
BUDGETS = (10, 10_000)
HOLDS = (1, 10_000)
HOLD_TIMES = (30, 60, 300, 900, 3600)
OPEN_HOLDS = "open holds on the counter"
MIXED = "hold times, 24 slices, 3 ending credits"
MONTH = CalendarPeriod("month")
ROUNDS = 300
AIM = 1.1

_BATCH = 25
_WRITERS = 4


@dataclass(slots=True)
class Place:
    """A tenant of some size, and what its operations took."""

    growth: str
    size: int
    world: World
    budget: Budget
    measured: Measurements

    def operations(self) -> Mapping[str, Callable[[], object]]:
        """Return the measured operations; a settlement settles the last reservation."""
        held: list[str] = []
        return {
            "reserve": lambda: held.append(self.world.reserve(1)),
            "settle": lambda: self.world.settle(held.pop(), 1),
            "spend": lambda: self.world.balance_of(AGENT),
            "ledger page": lambda: ledger_page(
                self.world.table,
                TENANT,
                self.budget.budget_id,
                self.budget.subject,
                PageRequest(),
                now_ms=self.world.clock.now_ms(),
            ),
        }

    def counter_bytes(self) -> int:
        """Return the size of the counter's item."""
        item = self.world.table.get(values.key(self.world.counter_key(self.budget)))
        assert item is not None
        return item_bytes(item)


def run(console: Console) -> Report:
    """Fill the tables, measure in turn and compare each size with the smallest of its kind."""
    report = Report("growth", f"Growth (p50 of {ROUNDS} in us, in turn)")
    with dynamodb_local() as url:
        for growth, sizes, period, grow in (
            ("items in the table", ITEMS, MONTH, _with_items),
            ("budgets in the tenant", BUDGETS, MONTH, _with_budgets),
            (OPEN_HOLDS, HOLDS, MONTH, _with_holds),
            (MIXED, (1, len(HOLD_TIMES)), WINDOW, _with_hold_times),
        ):
            places = []
            for size in sizes:
                console.print(f"  filling: {size:,} {growth}")
                started = time.monotonic()
                places.append(_place(url, growth, size, period, grow))
                console.print(f"  filled in {time.monotonic() - started:.0f} s")
            _measure(places, console)
            _add_rows(report, places)
        add_reports(report, url, console)
    return report


def _place(
    url: str,
    growth: str,
    size: int,
    period: PeriodRule,
    grow: Callable[[World, Budget, int], None],
) -> Place:
    table, client = counting(table_at(url, kind="boto3"))  # the lean client writes no batches
    world = World(table)
    budget = world.budget(10**9, period=period)
    world.settle(world.reserve(1), 1)
    grow(world, budget, size)
    return Place(growth, size, world, budget, Measurements(client))


def _measure(places: list[Place], console: Console) -> None:
    done = [place.operations() for place in places]
    for _ in track(range(ROUNDS), description="rounds", console=console, transient=True):
        for place, operations in zip(places, done, strict=True):
            for name, operation in operations.items():
                place.measured.take(name, operation)


def _add_rows(report: Report, places: list[Place]) -> None:
    least = places[0].measured
    for place in places:
        grown = f"{place.size:,} {place.growth}"
        for name, ratio in place.measured.add_rows(report, grown, least):
            if place is not places[0]:
                label = f"{name} at {grown}"
                report.aim_at_most(f"{label}, p50", ratio, AIM)
                cost, least_cost = place.measured.costs[name], least.costs[name]
                assert cost == least_cost, f"{label} costs {cost}, not {least_cost}"
        if place.growth in (OPEN_HOLDS, MIXED):
            report.aim_at_most(f"bytes of the counter, {grown}", place.counter_bytes(), 1024)


def _with_items(world: World, budget: Budget, size: int) -> None:
    """Add ledger entries of the budget and settled reservations, half of each."""
    reservation, entry = _settled_items(world)
    partition = keys.counter_partition(TENANT, budget.budget_id, budget.subject)
    now_ms = world.clock.now_ms()

    def grown() -> Iterable[Item]:
        for number in range(size // 2):
            sort_key = keys.ledger_sort_key(now_ms - number - 1, new_ulid(now_ms=now_ms))
            yield {**entry, **values.key((partition, sort_key))}
            key = keys.reservation_key(TENANT, new_id("rsv_", now_ms=now_ms))
            yield {**reservation, **values.key(key)}

    _write(world.table, grown())


def _with_budgets(world: World, budget: Budget, size: int) -> None:
    """Add budgets, each on its own agent."""

    def grown() -> Iterable[Item]:
        for number in range(size):
            subject = parse_subject(f"agent:other-{number}")
            other = Budget(
                new_id("bud_", now_ms=world.clock.now_ms()),
                subject,
                "usd",
                ONE,
                budget.period,
                0,
                0,
            )
            attributes = policy_attributes(Policy(subject, 1, (other,)))
            yield {**values.key(keys.policy_key(TENANT, subject)), **attributes}

    _write(world.table, grown())


def _with_holds(world: World, _budget: Budget, size: int) -> None:
    """Add holds over a whole time to live, so that every bucket is used; copy the rest."""
    for _ in range(min(size - 1, 100)):
        world.reserve(1)
        world.clock.advance(2.9)
    reservation = world.table.get(values.key(world.reservation_key(world.reserve(1))))
    assert reservation is not None
    now_ms = world.clock.now_ms()
    more = (
        {**reservation, **values.key(keys.reservation_key(TENANT, new_id("rsv_", now_ms=now_ms)))}
        for _ in range(size - 101)
    )
    _write(world.table, more)


def _with_hold_times(world: World, budget: Budget, size: int) -> None:
    """Fill the counter with as many hold times, slices and ending credits."""
    crowd(world, budget, HOLD_TIMES[:size])


def _settled_items(world: World) -> tuple[Item, Item]:
    reservation_id = world.reserve(1)
    world.settle(reservation_id, 1)
    reservation = world.table.get(values.key(world.reservation_key(reservation_id)))
    client: Any = world.table.client
    found = client.engine.scan(TableName=world.table.name, ConsistentRead=True)["Items"]
    entry = next(item for item in found if item["sk"]["S"].startswith(keys.LEDGER_PREFIX))
    assert reservation is not None
    return reservation, entry


def _write(table: Table, grown: Iterable[Item]) -> None:
    client: Any = table.client

    def put(batch: tuple[Item, ...]) -> None:
        requests = [{"PutRequest": {"Item": item}} for item in batch]
        while requests:
            try:
                response = client.engine.batch_write_item(RequestItems={table.name: requests})
            except ReadTimeoutError:  # writing the same items again is harmless
                continue
            requests = response["UnprocessedItems"].get(table.name, [])

    with ThreadPoolExecutor(_WRITERS) as writers:
        for group in batched(batched(grown, _BATCH, strict=False), 100, strict=False):
            list(writers.map(put, group))
