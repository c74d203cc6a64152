"""A model of one hot budget behind the service: its counter, its table and its queue.

Discrete events in milliseconds, under the limits that `bench.simulation` documents.
"""

import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from itertools import count

from spendgate.errors import BudgetExceeded, InternalServerError

from bench.simulation import (
    FIRST_WAIT_MS,
    TRIES_MAX,
    UPDATE_MS,
    Attempt,
    Partition,
    conditional_update,
    settlement,
    transaction,
)

BATCH_MAX = 30
BATCH_WAIT_MS = 1000.0
"""The template's batch of the settlement queue, and how long it waits to fill."""

CLIENT_REPEATS = 2
"""How often a client repeats a request to a service that is unavailable."""


@dataclass(slots=True)
class Outcome:
    """What became of the requests of a run."""

    asked: int = 0
    demanded: int = 0
    spent: int = 0
    admitted: int = 0
    refused: int = 0
    unavailable: int = 0
    lost: int = 0
    """Spent, and not reported because the client crashed."""
    waited_ms: list[float] = field(default_factory=list)
    stranded: int | None = None
    """What lay unused in leases when the first request was refused."""
    steps: dict[str, int] = field(default_factory=dict)

    def took(self, step: str) -> None:
        """Count a request to the service, or a message to its queue."""
        self.steps[step] = self.steps.get(step, 0) + 1


class Clock:
    """The events of a run, in their order."""

    def __init__(self) -> None:
        self.now = 0.0
        self._order = count()
        self._events: list[tuple[float, int, Callable[[], None]]] = []

    def after(self, milliseconds: float, work: Callable[[], None]) -> None:
        """Do something later."""
        heapq.heappush(self._events, (self.now + milliseconds, next(self._order), work))

    def run(self, until: float) -> None:
        """Let time pass."""
        while self._events and self._events[0][0] <= until:
            self.now, _, work = heapq.heappop(self._events)
            work()


@dataclass(slots=True)
class Held:
    """One reservation."""

    granted: int
    ends_at: float
    captured: int = 0
    returned: int = 0
    is_open: bool = True

    @property
    def held(self) -> int:
        """What it holds."""
        return max(0, self.granted - self.captured - self.returned) if self.is_open else 0


class Service:
    """One budget behind the service, its table and its queue."""

    def __init__(self, clock: Clock, chance: random.Random, limit: int, outcome: Outcome) -> None:
        self.holds: dict[str, Held] = {}
        self.available = limit
        self.outcome = outcome
        self._clock = clock
        self._chance = chance
        self._partition = Partition()
        self._queue: list[Callable[[], None]] = []
        self._next_end = 0.0

    def hold(
        self,
        reservation_id: str,
        more: int,
        ttl_seconds: float,
        done: Callable[[Exception | None], None],
    ) -> None:
        """Take a hold, or raise the one that is there, with a conditional update."""

        def apply() -> None:
            now = self._clock.now
            if more > self.available:
                self._reclaim()
            if more > self.available:
                done(BudgetExceeded("too little is left", status_code=429))
                return
            self.available -= more
            hold = self.holds.setdefault(reservation_id, Held(0, 0.0))
            hold.granted += more
            hold.ends_at = now + ttl_seconds * 1000
            done(None)

        def again(repeats: int) -> Callable[[], None]:
            """The client repeats what was unavailable, after a pause."""

            def give_up() -> None:
                if repeats == 0:
                    done(_unavailable())
                    return
                wait_ms = self._chance.uniform(0, 500.0 * 2 ** (CLIENT_REPEATS - repeats))
                self._clock.after(
                    wait_ms, lambda: self._attempt(conditional_update, apply, again(repeats - 1))
                )

            return give_up

        self._attempt(conditional_update, apply, again(CLIENT_REPEATS))

    def release(self, reservation_id: str, done: Callable[[], None]) -> None:
        """Release by HTTP: a transaction of its own."""

        def apply() -> None:
            self.give_back(reservation_id)
            done()

        self.transact(apply)

    def enqueue(self, apply: Callable[[], None]) -> None:
        """Send a message to the queue; a batch of them is one transaction."""
        self._queue.append(apply)
        if len(self._queue) == 1:
            self._clock.after(BATCH_WAIT_MS, self._consume)
        elif len(self._queue) >= BATCH_MAX:
            self._consume()

    def capture(self, reservation_id: str, captured: int, returned: int | None) -> None:
        """Apply totals: what is spent leaves the hold, what is returned can be granted."""
        hold = self.holds[reservation_id]
        before = hold.held
        more = max(0, captured - hold.captured)
        hold.captured += more
        hold.returned = max(hold.returned, returned or 0)
        self.available += before - hold.held - more

    def give_back(self, reservation_id: str) -> None:
        """Release what a reservation still holds."""
        hold = self.holds[reservation_id]
        self.available += hold.held
        hold.is_open = False

    def _consume(self) -> None:
        batch, self._queue = self._queue[:BATCH_MAX], self._queue[BATCH_MAX:]
        if not batch:
            return

        def apply() -> None:
            for message in batch:
                message()

        self.transact(apply, partial(settlement, batch=BATCH_MAX))
        if self._queue:
            self._clock.after(BATCH_WAIT_MS, self._consume)

    def transact(self, apply: Callable[[], None], write: Attempt = transaction) -> None:
        """Repeat a transaction until it succeeds; the queue brings it back after a second."""
        self._attempt(
            write,
            apply,
            lambda: self._clock.after(1000.0, lambda: self.transact(apply, write)),
        )

    def _attempt(
        self,
        write: Attempt,
        apply: Callable[[], None],
        give_up: Callable[[], None],
        tried: int = 1,
    ) -> None:
        took_ms = write(self._partition, self._clock.now)
        if took_ms is not None:
            self._clock.after(took_ms, apply)
        elif tried >= TRIES_MAX:
            give_up()
        else:
            wait_ms = UPDATE_MS + self._chance.uniform(0, FIRST_WAIT_MS * 2 ** (tried - 1))
            self._clock.after(wait_ms, lambda: self._attempt(write, apply, give_up, tried + 1))

    def _reclaim(self) -> None:
        """Take back what expired a second ago."""
        if self._clock.now < self._next_end:
            return
        for hold in self.holds.values():
            if hold.is_open and self._clock.now >= hold.ends_at + 1000:
                self.available += hold.held
                hold.is_open = False
        ends = [hold.ends_at for hold in self.holds.values() if hold.is_open]
        self._next_end = min(ends, default=self._clock.now) + 1000


def _unavailable() -> InternalServerError:
    return InternalServerError("too much contention", status_code=503)
