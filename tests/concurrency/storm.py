"""What each of the processes of a storm does: everything at once, and writes down its history."""

import json
import random
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier
from pathlib import Path
from queue import Empty
from typing import Any

from spendgate_service.budgets.change import change_budget
from spendgate_service.budgets.credit import Credit, Credited, apply_credit
from spendgate_service.domain.amounts import ONE, parse_amount
from spendgate_service.domain.errors import BudgetChanged, SpendgateError
from spendgate_service.domain.reservations import Provenance
from spendgate_service.domain.subjects import parse_subject
from spendgate_service.periods.run import close_due_periods
from spendgate_service.settlements.plan import Settled
from spendgate_service.store.client import Table
from spendgate_service.store.errors import Unavailable
from tests.concurrency.history import NEVER_MS, CounterKey, Event
from tests.support.clock import FakeClock
from tests.support.engines import patient_client_at
from tests.support.world import ORGANIZATION, TENANT, World, record, release, settle

PROCESSES = 8
SPEED = 200
"""Seconds of the storm's clock in one of ours: periods end, and are closed, while it blows."""

HOT = ("agent:hot", ORGANIZATION)
COLD = tuple(f"agent:cold-{number}" for number in range(12))
TTLS = (120, 300)
_START_SECONDS_MAX = 90
_TRIES_MAX = 20

type Shared = Queue[tuple[str, int]]


@dataclass(slots=True)
class FastClock(FakeClock):
    """The same fast clock for everybody on this machine."""

    started_ns: int = 0

    def now_ms(self) -> int:
        return self.at_ms + (time.time_ns() - self.started_ns) * SPEED // 1_000_000

    def monotonic(self) -> float:
        return self.now_ms() / 1000


@dataclass(frozen=True, slots=True)
class Weather:
    """Where the storm blows, for how many rounds, and on which budgets."""

    url: str
    table_name: str
    clock: FastClock
    rounds: int
    budget_ids: tuple[str, ...]
    folder: str


_start: Barrier
_shared: Shared


def keep_signals(start: Barrier, shared: Shared) -> None:
    global _start, _shared
    _start, _shared = start, shared


def blow(weather: Weather, number: int) -> int:
    """Live through the storm; the history is in a file of the folder. Answers how many calls."""
    with ThreadPoolExecutor(4) as pool:
        table = Table(patient_client_at(weather.url), weather.table_name)
        one = Storm(World(table, weather.clock, pool), weather, random.Random(number))
        _start.wait(_START_SECONDS_MAX)
        for _ in range(weather.rounds):
            one.act()
        one.finish()
    lines = (json.dumps(asdict(event)) for event in one.events)
    Path(weather.folder, f"{number}.jsonl").write_text("\n".join(lines), encoding="utf-8")
    return len(one.events)


class Storm:
    """One process: draws what it does next, and what it finishes of its own and others'."""

    def __init__(self, world: World, weather: Weather, dice: random.Random) -> None:
        self.world = world
        self.weather = weather
        self.dice = dice
        self.events: list[Event] = []
        self.mine: list[tuple[str, int]] = []
        self.acts: list[Callable[[], None]] = [
            *[self.reserve] * 8, *[self.settle] * 4, self.release, self.extend, self.record,
            self.change_limit, self.credit, self.roll_over,
        ]  # fmt: skip

    def act(self) -> None:
        with suppress(Unavailable, BudgetChanged):
            self.dice.choice(self.acts)()

    def _note(self, did: str, start_ms: int, name: str = "", **more: Any) -> None:
        self.events.append(Event(start_ms, self.world.clock.now_ms(), did, name, **more))

    def reserve(self) -> None:
        by = self.dice.choice([HOT, HOT, (*self.dice.sample(COLD, 1), ORGANIZATION)])
        amount, start_ms = self.dice.randint(1, 4), self.world.clock.now_ms()
        try:
            answered = self.world.ask(amount, by=by, ttl_seconds=self.dice.choice(TTLS))
        except SpendgateError:
            self._note("refused", start_ms)
            return
        body = json.loads(answered.answer)
        self._note(
            "granted", start_ms, body["reservation_id"], amount=amount * ONE,
            counters=_counters(body["budgets"]), until_ms=start_ms + TTLS[0] * 1000,
        )  # fmt: skip
        self.mine.append((body["reservation_id"], self.dice.randint(0, amount + 1)))

    def settle(self) -> None:
        """A batch of own ones and others', some of them twice, in any order."""
        batch = [self.mine.pop() for _ in range(min(len(self.mine), self.dice.randint(1, 5)))]
        with suppress(Empty):
            batch.append(_shared.get_nowait())
        batch += self.dice.sample(batch, len(batch) // 2)
        self.dice.shuffle(batch)
        for message in batch:
            if self.dice.random() < 0.3:
                _shared.put(message)
        self._apply(batch)

    def _apply(self, batch: list[tuple[str, int]]) -> None:
        waiting = batch
        for _ in range(_TRIES_MAX):
            start_ms = self.world.clock.now_ms()
            commands = [settle(name, actual) for name, actual in waiting]
            outcomes = self.world.settlements.apply(commands)
            again = []
            for one, outcome in zip(waiting, outcomes, strict=True):
                if isinstance(outcome, Unavailable):
                    again.append(one)
                is_settled = isinstance(outcome, Settled)
                did = "settled" if is_settled else "tried"
                self._note(did, start_ms, one[0], amount=one[1] * ONE)
            waiting = again
            if not waiting:
                return
        raise AssertionError("a settlement was never applied")

    def release(self) -> None:
        if not self.mine:
            return
        name, _ = self.mine.pop()
        start_ms = self.world.clock.now_ms()
        outcome = self.world.settlements.apply([release(name)])[0]
        self._note("released" if isinstance(outcome, Settled) else "tried", start_ms, name)

    def extend(self) -> None:
        if not self.mine:
            return
        name, start_ms = self.mine[-1][0], self.world.clock.now_ms()
        with suppress(SpendgateError):
            self.world.extend(name, 200)
            self._note("extended", start_ms, name, until_ms=start_ms + 200_000)

    def record(self) -> None:
        """The same event twice; it counts once."""
        name, start_ms = f"evt-{self.dice.random()}", self.world.clock.now_ms()
        command = record(1, by=(COLD[0], ORGANIZATION), key=name)
        answers = [self.world.settlements.apply([command])[0] for _ in range(2)]
        while isinstance(answers[-1], Unavailable):
            answers.append(self.world.settlements.apply([command])[0])
        self._note("recorded", start_ms, name, amount=ONE)

    def change_limit(self) -> None:
        budget_id = self.dice.choice(self.weather.budget_ids)
        limit, start_ms = self.dice.choice([20, 30, 40]) * ONE, self.world.clock.now_ms()
        place = len(self.events)
        self.events.append(Event(start_ms, NEVER_MS, "limit", budget_id, limit))
        change_budget(
            self.world.table, TENANT, budget_id, lambda current: replace(current, limit=limit),
            now_ms=start_ms,
        )  # fmt: skip
        self.events[place] = replace(self.events[place], end_ms=self.world.clock.now_ms())

    def credit(self) -> None:
        """Noted before it is given: whether one that fails took effect, nobody knows."""
        budget_id, start_ms = self.weather.budget_ids[0], self.world.clock.now_ms()
        place = len(self.events)
        self.events.append(Event(start_ms, NEVER_MS, "credited", budget_id, ONE))
        given = Credit(budget_id, parse_subject("agent:hot"), ONE, Provenance())
        credited = apply_credit(self.world.table, TENANT, given, idempotency=None, now_ms=start_ms)
        assert isinstance(credited, Credited)
        balance = credited.balance
        counter = (budget_id, str(balance.subject), balance.period.key)
        self.events[place] = replace(self.events[place], counters=(counter,))

    def roll_over(self) -> None:
        start_ms = self.world.clock.now_ms()
        done = close_due_periods(self.world.table, now_ms=start_ms, has_time=lambda: True)
        self._note("closed", start_ms, amount=done.closed)

    def finish(self) -> None:
        """Settle what is left, and what others have put up for a second time."""
        self._apply([*self.mine])
        with suppress(Empty):
            while True:
                self._apply([_shared.get(timeout=0.2)])


def _counters(balances: list[dict[str, Any]]) -> tuple[CounterKey, ...]:
    assert all(parse_amount(balance["held"]) > 0 for balance in balances)
    return tuple(
        (balance["budget_id"], balance["subject"], balance["period"]["key"]) for balance in balances
    )
