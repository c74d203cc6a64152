"""Measures 64 workers on one budget: goodput, wrong refusals, and the cost of a spent budget."""

import math
import multiprocessing
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass, field

from rich.console import Console

from bench.report import Aim, Report
from local.dynamodb_local import dynamodb_local
from spendgate_service.domain.amounts import ONE
from spendgate_service.domain.errors import BudgetExceeded
from spendgate_service.metrics import MetricName
from spendgate_service.store.client import Table
from spendgate_service.store.errors import Unavailable
from tests.support.clock import FakeClock
from tests.support.counting_client import counting
from tests.support.engines import client_at, table_at
from tests.support.world import AGENT, ORGANIZATION, World, settle

PROCESSES, THREADS = 8, 8
ROUNDS = 12
_SETTLED_TOGETHER = 4
_HAMMERED = 500


@dataclass(slots=True)
class Score:
    """The results of a process's requests."""

    granted: int = 0
    refused: int = 0
    unavailable: int = 0
    started: float = math.inf
    ended: float = 0.0
    happened: Counter[MetricName] = field(default_factory=Counter)

    def add(self, other: "Score") -> None:
        """Add the results of another process."""
        self.granted += other.granted
        self.refused += other.refused
        self.unavailable += other.unavailable
        self.started = min(self.started, other.started)
        self.ended = max(self.ended, other.ended)
        self.happened += other.happened


def run(console: Console) -> Report:
    """Compete for a budget that suffices for all, then for half; then hit a spent budget."""
    report = Report("hot_budget", f"{PROCESSES * THREADS} concurrent workers on one budget")
    asked = PROCESSES * THREADS * ROUNDS
    with dynamodb_local() as url:
        for title, limit, subjects in (
            ("money for all", asked, (AGENT,)),
            ("money for half", asked // 2, (AGENT,)),
            ("two budgets, money for half", asked // 2, (ORGANIZATION, AGENT)),
        ):
            console.print(f"  {title}: {asked} requests")
            score = _race(url, limit, subjects)
            report.add(
                {
                    "race": title,
                    "asked": asked,
                    "granted": score.granted,
                    "refused": score.refused,
                    "wrong": max(0, min(limit, asked) - score.granted - score.unavailable),
                    "503": score.unavailable,
                    "compensations": score.happened["compensations"],
                    "granted/s": round(score.granted / (score.ended - score.started), 1),
                }
            )
        report.notes.append(_hammered(url))
    errors = sum(int(str(row["wrong"])) for row in report.rows)
    report.aims.append(Aim("wrong refusals", "0", str(errors), errors == 0))
    report.notes.append("Grants are settled at their estimate while other workers reserve.")
    return report


def _race(url: str, limit: int, subjects: Sequence[str]) -> Score:
    """Let every worker reserve 1 and settle it in full, so that granted amounts stay spent."""
    table, clock = table_at(url), FakeClock()
    world = World(table, clock)
    for subject in subjects[:-1]:
        world.budget(10 * limit, on=subject)
    world.budget(limit, on=subjects[-1])
    score = Score()
    work = (url, table.name, tuple(subjects))
    with ProcessPoolExecutor(PROCESSES, multiprocessing.get_context("spawn")) as processes:
        for result in processes.map(_worker, [work] * PROCESSES):
            score.add(result)
    balance = World(table, clock).balance_of(subjects[-1])
    assert balance.spent + balance.held <= limit * ONE, "granted past the limit"
    return score


def _worker(work: tuple[str, str, tuple[str, ...]]) -> Score:
    url, table_name, by = work
    score = Score()

    def observe(metric: MetricName, times: int) -> None:
        score.happened[metric] += times

    table = Table(client_at(url), table_name, observe=observe)

    def ask(_thread: int) -> None:
        world = World(table, FakeClock())
        held: list[str] = []
        for _ in range(ROUNDS):
            try:
                held.append(world.reserve(1, by=by))
                score.granted += 1
            except BudgetExceeded:
                score.refused += 1
            except Unavailable:
                score.unavailable += 1
            if len(held) == _SETTLED_TOGETHER:
                world.settlements.apply([settle(reservation_id, 1) for reservation_id in held])
                held.clear()

    score.started = time.time()
    with ThreadPoolExecutor(THREADS) as threads:
        list(threads.map(ask, range(THREADS)))
    score.ended = time.time()
    return score


def _hammered(url: str) -> str:
    """Return the cost of requests to a spent budget within a second."""
    table, client = counting(table_at(url))
    world = World(table)
    world.budget(1)
    world.settle(world.reserve(1), 1)
    client.forget()
    started = time.process_time()
    for _ in range(_HAMMERED):
        try:
            world.reserve(1)
        except BudgetExceeded:
            continue
    micros = (time.process_time() - started) / _HAMMERED * 1e6
    return (
        f"a spent budget, {_HAMMERED} requests in a second: {sum(client.calls.values())} calls, "
        f"{client.write_units} write units, {micros:.0f} us of CPU per refusal"
    )
