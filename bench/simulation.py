"""Simulates one hot budget under DynamoDB's documented limits (discrete events).

`python -m bench.simulation` runs it and draws docs/hot-budget.svg; docs/hot-budgets.md lists the
assumptions. Nothing is measured, and a seed makes every run the same.
"""

import heapq
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count

from bench.svg import Chart, Line, page
from local.paths import ROOT
from spendgate_service.dead_letters.redelivery import backoff_seconds

SVG = ROOT / "docs" / "hot-budget.svg"

PARTITION_UNITS = 1000.0
"""Write units a second of one partition: of a counter, and of its ledger beside it."""

BURST_UNITS = 1000.0
"""Write units that an idle partition accepts at once: one second's worth of up to five."""

UPDATE_MS = 4.0
"""Time from a call to its response without contention."""

TRANSACTION_MS = 10.0
"""The same for a transaction; meanwhile it conflicts with every write of its items."""

TRANSACTED_UNITS = 2
"""Write units of each KB in a transaction."""

LEDGER_KB = {1: 1, 10: 1, 30: 2}
"""The ledger item of a batch of so many settlements, as `test_write_units.py` counts it."""

TRIES_MAX = 5
FIRST_WAIT_MS = 25.0
"""As in `spendgate_service.store.client`: full jitter, doubled with each attempt."""

OFFERED = (10, 25, 50, 100, 150, 200, 300, 400, 600, 800, 1000, 1200, 1500)
SECONDS = 20.0
_END_MS = SECONDS * 1000
_SEED = 12


@dataclass(slots=True)
class Outcome:
    """The results of one run.

    `settled` are the settlements within it, `returned` how often a batch went back to the queue,
    `drained_seconds` how long after it the last batch was applied.
    """

    granted: int = 0
    settled: int = 0
    given_up: int = 0
    returned: int = 0
    drained_seconds: float = 0.0
    waited_ms: list[float] = field(default_factory=list)

    @property
    def goodput(self) -> float:
        """The grants a second."""
        return self.granted / SECONDS

    def latency_ms(self, share: float) -> float:
        """Return the latency that this share of the grants does not exceed."""
        ordered = sorted(self.waited_ms) or [0.0]
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


class Partition:
    """A bucket of write units that fills every second, and its item."""

    def __init__(self) -> None:
        self._units = BURST_UNITS
        self._at_ms = 0.0
        self._in_transaction_until_ms = -1.0

    def takes(self, units: float, now_ms: float) -> bool:
        """Return whether these units are available, and take them."""
        gained = (now_ms - self._at_ms) / 1000 * PARTITION_UNITS
        self._units, self._at_ms = min(BURST_UNITS, self._units + gained), now_ms
        if self._units < units:
            return False
        self._units -= units
        return True

    def is_in_transaction(self, now_ms: float) -> bool:
        """Return whether a transaction holds the item."""
        return now_ms < self._in_transaction_until_ms

    def begin_transaction(self, now_ms: float) -> None:
        """Hold the item until the transaction has ended."""
        self._in_transaction_until_ms = now_ms + TRANSACTION_MS


type Attempt = Callable[[Partition, float], float | None]
"""Returns the duration of a successful attempt, or None if it was refused."""


def conditional_update(partition: Partition, now_ms: float) -> float | None:
    """Attempt an update of one write unit; only a transaction on the item refuses it."""
    if not partition.takes(1, now_ms):
        return None
    return None if partition.is_in_transaction(now_ms) else UPDATE_MS


def transaction(partition: Partition, now_ms: float) -> float | None:
    """Attempt to hold by a transaction on the counter alone."""
    return _transacted(partition, TRANSACTED_UNITS, now_ms)


def settlement(partition: Partition, now_ms: float, *, batch: int) -> float | None:
    """Attempt to settle a batch: its counter, and its ledger item in the same partition."""
    return _transacted(partition, TRANSACTED_UNITS * (1 + LEDGER_KB[batch]), now_ms)


def _transacted(partition: Partition, units: float, now_ms: float) -> float | None:
    """Attempt a transaction; a concurrent one on the counter cancels it."""
    if not partition.takes(units, now_ms) or partition.is_in_transaction(now_ms):
        return None
    partition.begin_transaction(now_ms)
    return TRANSACTION_MS


@dataclass(slots=True)
class Event:
    """An attempt to reserve, or to settle a batch, which was received so often."""

    order: int
    arrived_ms: float
    settles: bool = False
    tried: int = 1
    received: int = 1


class Simulation:
    """Requests that arrive at random, so many a second, all on one budget.

    What was granted settles in transactions of so many. One that gives up comes back from the
    queue after its backoff.
    """

    def __init__(self, attempt: Attempt, offered: float, *, batch: int) -> None:
        self.outcome = Outcome()
        self._attempt, self._batch = attempt, batch
        self._chance = random.Random(f"{_SEED} {attempt.__name__} {offered}")
        self._partition, self._order = Partition(), count()
        self._events: list[tuple[float, int, Event]] = []
        arrives_ms = 0.0
        while (arrives_ms := arrives_ms + self._chance.expovariate(offered / 1000)) < _END_MS:
            self._add(arrives_ms, arrives_ms)

    def run(self) -> Outcome:
        """Run until every grant is settled."""
        while self._events:
            at_ms, _order, event = heapq.heappop(self._events)
            if event.settles:
                took_ms = settlement(self._partition, at_ms, batch=self._batch)
            else:
                took_ms = self._attempt(self._partition, at_ms)
            if took_ms is None:
                self._refused(event, at_ms)
            elif event.settles:
                self._settled(at_ms + took_ms)
            else:
                self._granted(event, at_ms + took_ms)
        return self.outcome

    def _refused(self, event: Event, at_ms: float) -> None:
        if event.tried < TRIES_MAX:
            longest_ms = FIRST_WAIT_MS * 2 ** (event.tried - 1)
            wait_ms = UPDATE_MS + self._chance.uniform(0, longest_ms)
            event.tried += 1
            self._schedule(event, at_ms + wait_ms)
        elif event.settles:
            self.outcome.returned += 1
            back_ms = at_ms + backoff_seconds(event.received) * 1000
            event.tried, event.received = 1, event.received + 1
            self._schedule(event, back_ms)
        else:
            self.outcome.given_up += 1

    def _settled(self, at_ms: float) -> None:
        if at_ms < _END_MS:
            self.outcome.settled += self._batch
        self.outcome.drained_seconds = max(0.0, (at_ms - _END_MS) / 1000)

    def _granted(self, event: Event, at_ms: float) -> None:
        self.outcome.granted += 1
        self.outcome.waited_ms.append(at_ms - event.arrived_ms)
        if self.outcome.granted % self._batch == 0:
            self._add(at_ms, at_ms, settles=True)

    def _add(self, at_ms: float, arrived_ms: float, *, settles: bool = False) -> None:
        self._schedule(Event(next(self._order), arrived_ms, settles), at_ms)

    def _schedule(self, event: Event, at_ms: float) -> None:
        heapq.heappush(self._events, (at_ms, event.order, event))


@dataclass(frozen=True, slots=True)
class Design:
    """A way to hold and settle, and the color of its curve."""

    name: str
    colour: str
    attempt: Attempt
    batch: int

    def under_all_loads(self) -> list[tuple[int, Outcome]]:
        """Return the outcome for each offered load."""
        return [(load, Simulation(self.attempt, load, batch=self.batch).run()) for load in OFFERED]


DESIGNS = (
    Design("conditional updates, settled by 30", "#1a7f37", conditional_update, 30),
    Design("conditional updates, settled by 10", "#1f6feb", conditional_update, 10),
    Design("a transaction per reserve, settled by 10", "#d1242f", transaction, 10),
)


def drawn(outcomes: Mapping[Design, Sequence[tuple[int, Outcome]]]) -> str:
    """Return the two charts as SVG."""
    goodput = [
        Line(design.name, design.colour, [(load, outcome.goodput) for load, outcome in per_load])
        for design, per_load in outcomes.items()
    ]
    latency = [
        Line(
            design.name,
            design.colour,
            [(load, outcome.latency_ms(0.99)) for load, outcome in per_load],
        )
        for design, per_load in outcomes.items()
    ]
    across = "offered, reservations a second"
    return page(
        [
            Chart("Goodput of one hot budget", across, "granted a second", goodput),
            Chart("Latency of grants, 99th percentile", across, "milliseconds", latency),
        ]
    )


def main() -> None:
    """Simulate every design under every load, draw the charts and print the figures."""
    outcomes = {design: design.under_all_loads() for design in DESIGNS}
    SVG.write_text(drawn(outcomes), encoding="utf-8")
    for design, per_load in outcomes.items():
        print(design.name)
        for load, outcome in per_load:
            print(
                f"  {load:5} offered  {outcome.goodput:7.1f} granted  "
                f"{outcome.given_up / SECONDS:7.1f} given up  "
                f"{outcome.settled / SECONDS:7.1f} settled  "
                f"{outcome.returned:5} returned, drained {outcome.drained_seconds:6.1f} s later  "
                f"p99 {outcome.latency_ms(0.99):6.1f} ms"
            )


if __name__ == "__main__":
    main()
