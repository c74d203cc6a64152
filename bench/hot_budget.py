"""Sixty-four workers on one budget: goodput, refusals in error, and what a spent budget costs."""

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
from spendgate_service.store.client import Table
from spendgate_service.store.errors import Unavailable
from spendgate_service.store.metrics import MetricName
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
    """What became of a process's requests."""

    granted: int = 0
    refused: int = 0
    unavailable: int = 0
    started: float = math.inf
    ended: float = 0.0
    happened: Counter[MetricName] = field(default_factory=Counter)

    def add(self, other: "Score") -> None:
        """Both together."""
        self.granted += other.granted
        self.refused += other.refused
        self.unavailable += other.unavailable
        self.started = min(self.started, other.started)
        self.ended = max(self.ended, other.ended)
        self.happened += other.happened


def run(console: Console) -> Report:
    """Race for money that suffices for all, then for half of it, then hammer a spent budget."""
    report = Report("hot_budget", f"{PROCESSES * THREADS} concurrent workers on one budget")
    asked = PROCESSES * THREADS * ROUNDS
    with dynamodb_local() as url:
        for title, limit, on in (
            ("money for all", asked, (AGENT,)),
            ("money for half", asked // 2, (AGENT,)),
            ("two budgets, money for half", asked // 2, (ORGANIZATION, AGENT)),
        ):
            console.print(f"  {title}: {asked} requests")
            score = _race(url, limit, on)
            report.rows.append(
                {
                    "race": title,
                    "asked": asked,
                    "granted": score.granted,
                    "refused": score.refused,
                    "in error": max(0, min(limit, asked) - score.granted - score.unavailable),
                    "503": score.unavailable,
                    "compensations": score.happened["compensations"],
                    "granted/s": round(score.granted / (score.ended - score.started), 1),
                }
            )
        report.notes.append(_hammered(url))
    errors = sum(int(str(row["in error"])) for row in report.rows)
    report.aims.append(Aim("refused in error", "0", str(errors), errors == 0))
    report.notes.append("What is granted is settled at its estimate while others ask.")
    return report


def _race(url: str, limit: int, on: Sequence[str]) -> Score:
    """Everybody asks for 1 of a limit and settles it in full: what is granted stays spent."""
    table, clock = table_at(url), FakeClock()
    world = World(table, clock)
    for subject in on[:-1]:
        world.budget(10 * limit, on=subject)
    world.budget(limit, on=on[-1])
    score = Score()
    work = (url, table.name, tuple(on))
    with ProcessPoolExecutor(PROCESSES, multiprocessing.get_context("spawn")) as processes:
        for one in processes.map(_worker, [work] * PROCESSES):
            score.add(one)
    balance = World(table, clock).balance_of(on[-1])
    assert balance.spent + balance.held <= limit * ONE, "granted past the limit"
    return score


def _worker(work: tuple[str, str, tuple[str, ...]]) -> Score:
    url, table_name, by = work
    score = Score()

    def observe(happening: MetricName, times: int) -> None:
        score.happened[happening] += times

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
                world.settlements.apply([settle(one, 1) for one in held])
                held.clear()

    score.started = time.time()
    with ThreadPoolExecutor(THREADS) as threads:
        list(threads.map(ask, range(THREADS)))
    score.ended = time.time()
    return score


def _hammered(url: str) -> str:
    """What a spent budget costs that is asked again and again within a second."""
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
        f"a spent budget, asked {_HAMMERED} times in a second: {sum(client.calls.values())} calls, "
        f"{client.write_units} write units, {micros:.0f} us of CPU for each refusal"
    )
