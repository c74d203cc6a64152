"""Rules that change while eight processes reserve by them, all on the real clock.

Once a change to a budget on one subject is answered, no request that starts then is granted by
the old rule; a change to a default takes the seconds for which a cached policy is believed.
"""

import json
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from multiprocessing.synchronize import Barrier, Event

import pytest

from spendgate_service.budgets.change import change_budget
from spendgate_service.domain.budgets import Budget
from spendgate_service.domain.calendar import CalendarPeriod
from spendgate_service.domain.errors import SpendgateError
from spendgate_service.domain.periods import DurationPeriod, NoPeriod, PeriodRule
from spendgate_service.store.client import Table
from spendgate_service.store.policy_cache import PRESENT_SECONDS_MAX
from tests.concurrency.pools import forked_context
from tests.support.clock import FakeClock
from tests.support.engines import patient_client_at
from tests.support.ledger_invariants import assert_books_balance, read_books
from tests.support.world import AGENT, TENANT, World

PROCESSES = 8
PLENTY, LITTLE = 1_000_000, 1
A_WHILE_SECONDS = float(os.environ.get("SPENDGATE_WHILE_SECONDS", "0.1"))
"""How long all processes reserve by a rule before and after it changes, beside a round of each."""

PAUSE_SECONDS = 0.05
"""Between the rounds of the seconds for which a default is believed: many rounds prove no more."""

_START_SECONDS_MAX = 60

type Change = Callable[[World, Budget], None]


class RealClock(FakeClock):
    """The one that everybody on this machine has."""

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def monotonic(self) -> float:
        return time.monotonic()


@dataclass
class Log:
    """What one process was granted: when it asked, and the limits of the budgets that granted."""

    grants: list[tuple[float, dict[str, str]]] = field(default_factory=list)
    last_asked: float = 0.0

    def by_rule(self, budget_id: str, limit: int) -> list[float]:
        """When it asked for what that budget granted under that limit."""
        return [asked for asked, limits in self.grants if limits.get(budget_id) == str(limit)]


@dataclass(frozen=True)
class Signals:
    """How the processes and the test start and stop together."""

    start: Barrier
    stop: Event


_signals: Signals


def keep_signals(signals: Signals) -> None:
    global _signals  # noqa: PLW0603 (they can be given to a process only when it is started)
    _signals = signals


def reserve_until_stopped(
    url: str, table_name: str, subjects: list[str], pause_seconds: float
) -> Log:
    """Reserve for one subject after the other, with a pause after each round.

    The first round comes before the start and the last one after the stop, however slow it all is.
    """
    log = Log()
    with ThreadPoolExecutor(1) as pool:
        world = World(Table(patient_client_at(url), table_name), RealClock(), pool)
        _reserve_once(world, subjects, log)
        _signals.start.wait(_START_SECONDS_MAX)
        while not _signals.stop.is_set():
            _reserve_once(world, subjects, log)
            time.sleep(pause_seconds)
        _reserve_once(world, subjects, log)
    return log


def _reserve_once(world: World, subjects: list[str], log: Log) -> None:
    for subject in subjects:
        log.last_asked = time.monotonic()
        try:
            answered = world.ask(1, by=(subject,))
        except SpendgateError:
            continue
        budgets = json.loads(answered.answer)["budgets"]
        limits = {budget["budget_id"]: budget["limit"] for budget in budgets}
        log.grants.append((log.last_asked, limits))


@dataclass
class Crowd:
    """Eight processes that reserve while the rules change."""

    pool: ProcessPoolExecutor
    signals: Signals
    url: str

    @contextmanager
    def reserving(
        self,
        world: World,
        subjects_of: Callable[[int], list[str]],
        *,
        pause_seconds: float = 0,
    ) -> Iterator[list[Log]]:
        """While the block runs they reserve; their logs are there after it."""
        logs: list[Log] = []
        self.signals.stop.clear()
        running: list[Future[Log]] = [
            self.pool.submit(
                reserve_until_stopped, self.url, world.table.name, subjects_of(number),
                pause_seconds,
            )
            for number in range(PROCESSES)
        ]  # fmt: skip
        try:
            self.signals.start.wait(_START_SECONDS_MAX)
            time.sleep(A_WHILE_SECONDS)
            yield logs
            time.sleep(A_WHILE_SECONDS)
        finally:
            self.signals.stop.set()
        logs += [process.result() for process in running]


@pytest.fixture(scope="module")
def crowd(dynamodb_local_url: str) -> Iterator[Crowd]:
    context = forked_context()
    signals = Signals(context.Barrier(PROCESSES + 1), context.Event())
    with ProcessPoolExecutor(
        PROCESSES, mp_context=context, initializer=keep_signals, initargs=(signals,)
    ) as pool:
        yield Crowd(pool, signals, dynamodb_local_url)


@pytest.fixture
def world(local_table: Table) -> World:
    return World(local_table, RealClock())


def lower(world: World, budget: Budget) -> None:
    world.set_limit(budget, LITTLE)


def pause(world: World, budget: Budget) -> None:
    change_budget(
        world.table, TENANT, budget.budget_id,
        lambda found: replace(found, paused=True), now_ms=world.clock.now_ms(),
    )  # fmt: skip


def delete(world: World, budget: Budget) -> None:
    world.delete(budget)


CHANGES: tuple[Change, ...] = (lower, pause, delete)


@pytest.mark.parametrize(
    "period",
    [NoPeriod(), CalendarPeriod("year"), DurationPeriod(86_400)],
    ids=lambda period: period.label,
)
@pytest.mark.parametrize("change", CHANGES)
def test_no_request_after_the_answer_to_a_change_is_granted_by_the_old_rule(
    crowd: Crowd, world: World, change: Change, period: PeriodRule
) -> None:
    budget = world.budget(PLENTY, period=period)

    with crowd.reserving(world, lambda _number: [AGENT]) as logs:
        change(world, budget)
        answered = time.monotonic()
        held = _held(world)

    by_old_rule = _granted_by_old_rule(logs, budget)
    assert len(by_old_rule) >= PROCESSES, "nothing was granted before the change"
    assert [asked for asked in by_old_rule if asked > answered] == []
    assert min(log.last_asked for log in logs) > answered
    assert _held(world) == held, "a request that was under way was granted after all"
    assert_books_balance(world.table, now_ms=world.clock.now_ms())


@pytest.mark.slow
def test_five_seconds_after_a_change_to_a_default_nobody_is_granted_by_the_old_rule(
    crowd: Crowd, world: World
) -> None:
    """Every process has subjects of its own, so that nobody learns of the change from others."""
    types = ("agent", "session", "app")
    defaults = [world.budget(PLENTY, on=f"{kind}:*") for kind in types]

    def subjects_of(number: int) -> list[str]:
        return [f"{kind}:{number}" for kind in types]

    with crowd.reserving(world, subjects_of, pause_seconds=PAUSE_SECONDS) as logs:
        for change, budget in zip(CHANGES, defaults, strict=True):
            change(world, budget)
        believed_until = time.monotonic() + PRESENT_SECONDS_MAX
        time.sleep(PRESENT_SECONDS_MAX)

    for budget in defaults:
        by_old_rule = _granted_by_old_rule(logs, budget)
        assert len(by_old_rule) >= PROCESSES, "nothing was granted before the change"
        assert [asked for asked in by_old_rule if asked > believed_until] == []
    assert min(log.last_asked for log in logs) > believed_until
    assert_books_balance(world.table, now_ms=world.clock.now_ms())


def _granted_by_old_rule(logs: list[Log], budget: Budget) -> list[float]:
    return [asked for log in logs for asked in log.by_rule(budget.budget_id, PLENTY)]


def _held(world: World) -> int:
    """What is held on all counters."""
    counters = read_books(world.table).counters.values()
    return sum(sum(counter.holds.values()) for counter in counters)
