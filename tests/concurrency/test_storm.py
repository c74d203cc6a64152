"""Eight processes do everything at once; afterwards the history and the table are audited."""

import json
import os
import time
from collections import Counter as Tally
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from spendgate_service.budgets.change import change_budget
from spendgate_service.domain.amounts import ONE
from spendgate_service.domain.budgets import Budget, CarryOver
from spendgate_service.domain.calendar import CalendarPeriod
from spendgate_service.domain.periods import DurationPeriod, RollingPeriod
from tests.concurrency.history import Event, History
from tests.concurrency.pools import forked_context
from tests.concurrency.storm import PROCESSES, FastClock, Weather, blow, keep_signals
from tests.support.clock import NOON_MS
from tests.support.ledger_invariants import Books, assert_books_balance
from tests.support.rollover import close
from tests.support.world import ORGANIZATION, TENANT, World

ROUNDS = int(os.environ.get("SPENDGATE_ROUNDS", "50"))
WINDOW_SECONDS = 600
CARRIED_MAX = 5 * ONE
TEN_MINUTES_MS = 600_000


@dataclass
class After:
    """What a storm leaves: its history, the table, and who is who."""

    world: World
    history: History
    books: Books
    all_of_it: Budget


@pytest.fixture(scope="module")
def pool() -> Iterator[ProcessPoolExecutor]:
    context = forked_context()
    signals = (context.Barrier(PROCESSES), context.Queue())
    with ProcessPoolExecutor(
        PROCESSES, mp_context=context, initializer=keep_signals, initargs=signals
    ) as pool:
        yield pool


@pytest.fixture
def after(
    pool: ProcessPoolExecutor, world: World, dynamodb_local_url: str, tmp_path: Path
) -> After:
    """Hot and cold budgets of all kinds of periods, after the storm and the last rollover."""
    world.clock.at_ms = NOON_MS - TEN_MINUTES_MS
    hot = world.budget(40, on="agent:hot", period=DurationPeriod(300))
    default = world.budget(20, on="agent:*", period=CalendarPeriod("hour"))
    balance = world.budget(150, on="agent:hot")
    all_of_it = world.budget(200, on=ORGANIZATION, period=RollingPeriod(WINDOW_SECONDS))
    carrying = world.budget(90, on=ORGANIZATION, period=DurationPeriod(200))
    carrying_debt = CarryOver(unused=True, max=CARRIED_MAX, debt=True)
    change_budget(
        world.table, TENANT, carrying.budget_id,
        lambda current: replace(current, carry_over=carrying_debt),
        now_ms=world.clock.now_ms(),
    )  # fmt: skip
    clock = FastClock(world.clock.at_ms, time.time_ns())
    weather = Weather(
        dynamodb_local_url, world.table.name, clock, ROUNDS,
        (hot.budget_id, default.budget_id), str(tmp_path),
    )  # fmt: skip
    for blown in [pool.submit(blow, weather, number) for number in range(PROCESSES)]:
        blown.result()
    world.clock.at_ms = clock.now_ms() + 2 * 86_400_000
    while close(world).closed:
        pass
    history = History(
        _read(tmp_path),
        limits={
            made.budget_id: made.limit for made in (hot, default, balance, all_of_it, carrying)
        },
        windows_ms={all_of_it.budget_id: WINDOW_SECONDS * 1000},
        carried_max={carrying.budget_id: CARRIED_MAX},
    )
    books = assert_books_balance(world.table, now_ms=world.clock.now_ms(), orphans_allowed=True)
    return After(world, history, books, all_of_it)


def _read(folder: Path) -> list[Event]:
    lines = [line for file in folder.glob("*.jsonl") for line in file.read_text().splitlines()]
    events = [Event(**json.loads(line)) for line in lines]
    return [
        replace(
            event, counters=tuple((first, second, third) for first, second, third in event.counters)
        )
        for event in events
    ]


@pytest.mark.slow
def test_a_storm_of_everything_leaves_a_history_that_fits_every_limit_and_books_that_add_up(
    after: After, tell: Callable[[str], None]
) -> None:
    done = Tally(event.did for event in after.history.events)
    tell(f"storm: {sum(done.values())} calls of {PROCESSES} processes: {dict(done)}")

    assert list(after.history.past_limit()) == []
    assert _spent_by_history(after.history) == _spent_by_ledger(after)
    for key, counter in after.books.counters.items():
        credited, carried = after.books.credited_by_ledger[key], after.books.carried_by_ledger[key]
        held = sum(counter.holds.values())
        has = counter.limit + credited + carried
        assert has == counter.spent + held + counter.available, (key, counter)
    assert done["granted"] and done["settled"]


def _spent_by_history(history: History) -> int:
    """Every reservation that was settled, and every record, once."""
    settled = sum(live.settled[0].amount for live in history.lives().values() if live.settled)
    return settled + sum(event.amount for event in history.events if event.did == "recorded")


def _spent_by_ledger(after: After) -> int:
    (spent,) = (
        amount
        for (partition, _), amount in after.books.spent_by_ledger.items()
        if after.all_of_it.budget_id in partition
    )
    return spent
