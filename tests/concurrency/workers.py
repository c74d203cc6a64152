"""What the processes of a race do: each has its own client, rules and threads."""

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from spendgate_service.domain.errors import BudgetExceeded, SpendgateError
from spendgate_service.domain.requests import SettlementCommand
from spendgate_service.settlements.plan import Recorded, Settled
from spendgate_service.store.client import Table
from spendgate_service.store.errors import Unavailable
from tests.support.clock import FakeClock
from tests.support.engines import CLIENT_KIND, patient_client_at
from tests.support.world import World, id_in, record, release, settle

PROCESSES = 4
_TRIES_MAX = 50


@dataclass(frozen=True)
class Track:
    """Where a race is run: an engine, a table, the time on everybody's clock, and the start."""

    url: str
    table_name: str
    at_ms: int
    starts_at: float
    kind: str = CLIENT_KIND

    def world(self, pool: ThreadPoolExecutor) -> World:
        # Throttles and lost transactions are waited for in earnest: they are what a race is about.
        table = Table(patient_client_at(self.url, kind=self.kind), self.table_name)
        return World(table, FakeClock(self.at_ms), pool)

    def wait_for_the_start(self) -> None:
        time.sleep(max(0.0, self.starts_at - time.time()))


@dataclass
class Score:
    """What became of one process's requests."""

    granted: list[str] = field(default_factory=list)
    replayed: list[str] = field(default_factory=list)
    refused_by: list[tuple[str, ...]] = field(default_factory=list)
    unavailable: int = 0
    spent: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)

    def add(self, other: "Score") -> None:
        self.granted += other.granted
        self.replayed += other.replayed
        self.refused_by += other.refused_by
        self.unavailable += other.unavailable
        self.spent += other.spent
        self.outcomes += other.outcomes


def warm_up(url: str) -> str:
    patient_client_at(url)
    time.sleep(0.2)  # long enough for every process of the pool to take one
    return url


def reserve_many(
    track: Track, amounts: list[int], by: tuple[str, ...], arguments: list[dict[str, Any]]
) -> Score:
    """Reserve each amount, four at a time."""
    with ThreadPoolExecutor(12) as pool, ThreadPoolExecutor(4) as callers:
        world, score = track.world(pool), Score()
        track.wait_for_the_start()

        def reserve(amount: int, named: dict[str, Any]) -> None:
            try:
                answered = world.ask(amount, by=by, **named)
            except BudgetExceeded as refusal:
                score.refused_by.append(
                    tuple(violation.budget_id for violation in refusal.violations)
                )
            except Unavailable:
                score.unavailable += 1
            else:
                (score.replayed if answered.replayed else score.granted).append(id_in(answered))

        list(callers.map(reserve, amounts, arguments))
        return score


def apply_commands(track: Track, batches: list[list[tuple[str, str, int]]]) -> Score:
    """Settle, release or record, batch by batch, until none has to be sent again."""
    with ThreadPoolExecutor(1) as pool:
        world, score = track.world(pool), Score()
        track.wait_for_the_start()
        for batch in batches:
            waiting = [_command(*message) for message in batch]
            for _ in range(_TRIES_MAX):
                outcomes = world.settlements.apply(waiting)
                for outcome in outcomes:
                    if isinstance(outcome, Settled | Recorded):
                        score.outcomes["replayed" if outcome.replayed else "new"] += 1
                    elif isinstance(outcome, SpendgateError):
                        score.outcomes[type(outcome).__name__] += 1
                waiting = [
                    command
                    for command, outcome in zip(waiting, outcomes, strict=True)
                    if isinstance(outcome, Unavailable)
                ]
                if not waiting:
                    break
            score.unavailable += len(waiting)
        return score


def _command(kind: str, name: str, amount: int) -> SettlementCommand:
    match kind:
        case "settle":
            return settle(name, amount)
        case "release":
            return release(name)
        case _:
            return record(amount, key=name)


def live(track: Track, by: tuple[str, ...], seed: int, rounds: int) -> Score:
    """Reserve, then settle, release or forget, while holds expire as the clock goes on."""
    with ThreadPoolExecutor(4) as pool:
        world, score = track.world(pool), Score()
        track.wait_for_the_start()
        for turn in range(rounds):
            world.clock.advance(1)
            try:
                reservation = world.reserve(1 + (seed + turn) % 3, by=by, ttl_seconds=3)
            except (BudgetExceeded, Unavailable):
                continue
            score.granted.append(reservation)
            match (seed + turn) % 4:
                case 0:
                    world.clock.advance(6)
                    command: Any = settle(reservation, 1)
                case 1:
                    command = release(reservation)
                case 2:
                    command = settle(reservation, 1)
                case _:
                    continue
            for _ in range(_TRIES_MAX):
                (outcome,) = world.settlements.apply([command])
                if isinstance(outcome, Settled):
                    score.spent += sum((outcome.reservation.actual or {}).values())
                    break
        return score
