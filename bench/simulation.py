"""One hot budget beyond one machine: a discrete-event simulation of DynamoDB's documented limits.

`python -m bench.simulation` runs it and draws docs/hot-budget.svg; docs/hot-budgets.md says what it
assumes. Nothing in it is measured, and a seed makes every run the same.
"""

import heapq
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count

from bench.svg import Chart, Line, page
from local.paths import ROOT

SVG = ROOT / "docs" / "hot-budget.svg"

PARTITION_UNITS = 1000.0
"""Write units a second that one partition takes, and therefore one item."""

BURST_UNITS = 1000.0
"""What a partition that was idle takes at once: one second's worth, of the five that may be."""

UPDATE_MS = 4.0
"""From a call to its answer, where nothing stands in the way."""

TRANSACTION_MS = 10.0
"""The same of a transaction; it conflicts with every other write of its items meanwhile."""

TRIES_MAX = 5
FIRST_WAIT_MS = 25.0
"""As `spendgate_service.store.client` waits: full jitter, doubled from try to try."""

OFFERED = (10, 25, 50, 100, 150, 200, 300, 400, 600, 800, 1000, 1200, 1500)
SECONDS = 20.0
_SEED = 12


@dataclass(slots=True)
class Outcome:
    """What came of the requests of one run."""

    granted: int = 0
    settled: int = 0
    given_up: int = 0
    waited_ms: list[float] = field(default_factory=list)

    @property
    def goodput(self) -> float:
        """Grants a second."""
        return self.granted / SECONDS

    def latency_ms(self, share: float) -> float:
        """What that share of the grants took at most."""
        ordered = sorted(self.waited_ms) or [0.0]
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


class Partition:
    """A bucket of write units that fills by the second, and the item in it."""

    def __init__(self) -> None:
        self._units = BURST_UNITS
        self._at_ms = 0.0
        self._in_transaction_until_ms = -1.0

    def takes(self, units: float, now_ms: float) -> bool:
        """Whether it has so many units left; a call that it refuses costs none."""
        gained = (now_ms - self._at_ms) / 1000 * PARTITION_UNITS
        self._units, self._at_ms = min(BURST_UNITS, self._units + gained), now_ms
        if self._units < units:
            return False
        self._units -= units
        return True

    def is_in_transaction(self, now_ms: float) -> bool:
        """Whether a transaction has the item."""
        return now_ms < self._in_transaction_until_ms

    def begin_transaction(self, now_ms: float) -> None:
        """Keep the item until the transaction has ended."""
        self._in_transaction_until_ms = now_ms + TRANSACTION_MS


type Attempt = Callable[[Partition, float], float | None]
"""How long a try takes that succeeds; None if it was refused and has to be repeated."""


def conditional_update(partition: Partition, now_ms: float) -> float | None:
    """One write unit; updates of one item line up, and only a transaction on it refuses one."""
    if not partition.takes(1, now_ms):
        return None
    return None if partition.is_in_transaction(now_ms) else UPDATE_MS


def transaction(partition: Partition, now_ms: float) -> float | None:
    """Two write units, and a transaction in flight on the same item cancels this one."""
    if not partition.takes(2, now_ms) or partition.is_in_transaction(now_ms):
        return None
    partition.begin_transaction(now_ms)
    return TRANSACTION_MS


@dataclass(order=True, slots=True)
class Event:
    """A try: of a reserve, or of the settlement of a batch."""

    at_ms: float
    order: int
    arrived_ms: float = field(compare=False)
    settles: bool = field(compare=False, default=False)
    tried: int = field(compare=False, default=1)


def simulate(attempt: Attempt, offered: float, *, batch: int) -> Outcome:
    """Requests that arrive at random, so many a second, all on one budget.

    What was granted settles in transactions of so many. One that gives up comes back from the
    queue a second later.
    """
    chance = random.Random(f"{_SEED} {attempt.__name__} {offered}")
    partition, outcome, order = Partition(), Outcome(), count()
    events: list[Event] = []
    arrives_ms = 0.0
    while (arrives_ms := arrives_ms + chance.expovariate(offered / 1000)) < SECONDS * 1000:
        heapq.heappush(events, Event(arrives_ms, next(order), arrives_ms))
    while events and events[0].at_ms < SECONDS * 1000:
        event = heapq.heappop(events)
        took_ms = (transaction if event.settles else attempt)(partition, event.at_ms)
        if took_ms is None:
            if event.tried < TRIES_MAX:
                wait_ms = UPDATE_MS + chance.uniform(0, FIRST_WAIT_MS * 2 ** (event.tried - 1))
                tried = event.tried + 1
            elif event.settles:
                wait_ms, tried = 1000.0, 1
            else:
                outcome.given_up += 1
                continue
            again = Event(
                event.at_ms + wait_ms, next(order), event.arrived_ms, event.settles, tried
            )
            heapq.heappush(events, again)
        elif event.settles:
            outcome.settled += batch
        else:
            outcome.granted += 1
            outcome.waited_ms.append(event.at_ms + took_ms - event.arrived_ms)
            if outcome.granted % batch == 0:
                done_ms = event.at_ms + took_ms
                heapq.heappush(events, Event(done_ms, next(order), done_ms, settles=True))
    return outcome


@dataclass(frozen=True, slots=True)
class Design:
    """How budgets are held and settled, and the colour of its curve."""

    name: str
    colour: str
    attempt: Attempt
    batch: int

    def under_all_loads(self) -> list[tuple[int, Outcome]]:
        """What came of each load that was offered."""
        return [(load, simulate(self.attempt, load, batch=self.batch)) for load in OFFERED]


DESIGNS = (
    Design("conditional updates, settled by 100", "#1a7f37", conditional_update, 100),
    Design("conditional updates, settled by 10", "#1f6feb", conditional_update, 10),
    Design("a transaction per reserve, settled by 10", "#d1242f", transaction, 10),
)


def drawn(outcomes: Mapping[Design, Sequence[tuple[int, Outcome]]]) -> str:
    """The two charts."""
    goodput = [
        Line(design.name, design.colour, [(load, one.goodput) for load, one in per_load])
        for design, per_load in outcomes.items()
    ]
    latency = [
        Line(design.name, design.colour, [(load, one.latency_ms(0.99)) for load, one in per_load])
        for design, per_load in outcomes.items()
    ]
    across = "offered, reservations a second"
    return page(
        [
            Chart("Goodput of one hot budget", across, "granted a second", goodput),
            Chart("What 99 of 100 grants took at most", across, "milliseconds", latency),
        ]
    )


def main() -> None:
    """Simulate every design under every load, draw it, and say it in figures."""
    outcomes = {design: design.under_all_loads() for design in DESIGNS}
    SVG.write_text(drawn(outcomes), encoding="utf-8")
    for design, per_load in outcomes.items():
        print(design.name)
        for load, one in per_load:
            print(
                f"  {load:5} offered  {one.goodput:7.1f} granted  "
                f"{one.given_up / SECONDS:7.1f} given up  {one.settled / SECONDS:7.1f} settled  "
                f"p99 {one.latency_ms(0.99):6.1f} ms"
            )


if __name__ == "__main__":
    main()
