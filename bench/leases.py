"""Leases on one hot budget: simulated by `python -m bench.leases`, measured by `make bench`.

The simulation is part of `make docs`: it draws docs/leases.svg and writes the table of
docs/hot-budgets.md. A seed makes every run the same.
"""

import logging
import math
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from rich.console import Console

from bench.cost import RESERVE_MS, price_of, usd_of_a_million_requests
from bench.lease_model import (
    ACTUAL_SHARES,
    ESTIMATE,
    Client,
    LeasingClient,
    PlainClient,
)
from bench.lease_service import Clock, Outcome, Service
from bench.report import Report
from bench.svg import Chart, Line, page
from local.paths import ROOT

SVG = ROOT / "docs" / "leases.svg"
PAGE = ROOT / "docs" / "hot-budgets.md"
BEGIN, END = "<!-- leases begins: generated -->", "<!-- leases ends -->"

CLIENTS = (1, 10, 30, 100, 700)
PER_SECOND = 500.0
SECONDS = 60.0
_DRAIN_SECONDS = 90.0
_SEED = 18

GRANTED_AIM, STRANDED_AIM = 0.99, 0.12

WRITE_UNITS: Mapping[str, float] = {
    "reserve": 2,
    "settle": 2.2,
    "open": 2,
    "extend": 2,
    "renew": 4,
    "refusal": 1,
    "capture": 2.2,
    "last capture": 8,
    "release": 4,
}
"""Per operation with one budget; reports by the queue in full batches. A test counts them."""

_BY_QUEUE = ("settle", "capture")
_MESSAGE_MS = 2


@dataclass(frozen=True, slots=True)
class Case:
    """How much money there is, and what clients do after a quarter of the time."""

    name: str
    money: float
    stop: bool = False
    crash: bool = False

    def limit(self) -> int:
        """The limit: a share of what all calls come to."""
        mean = ESTIMATE * sum(ACTUAL_SHARES) / 2
        return int(PER_SECOND * SECONDS * mean * self.money)


ENOUGH = Case("money for all", 1.1)
HALF = Case("money for half", 0.5)
CASES = (
    ENOUGH,
    HALF,
    Case("half, half of the clients stop", 0.5, stop=True),
    Case("half, half of the clients crash", 0.5, crash=True),
)


@dataclass(frozen=True, slots=True)
class Design:
    """A way to admit calls, and the color of its curve."""

    name: str
    colour: str
    make: Callable[[Clock, Service, random.Random], Client]


def _fixed(share: float) -> Callable[[Clock, Service, random.Random], Client]:
    size = int(HALF.limit() * share)
    return lambda clock, service, chance: LeasingClient(clock, service, chance, fixed=size)


BY_RATE = Design("sized by its own rate", "#1a7f37", LeasingClient)
RESERVED = Design("a reservation per call", "#1f6feb", PlainClient)
DESIGNS = (
    BY_RATE,
    RESERVED,
    Design("fixed, 0.1 % of the budget", "#9a6700", _fixed(0.001)),
    Design("fixed, 1 % of the budget", "#d1242f", _fixed(0.01)),
)


@dataclass(frozen=True, slots=True)
class Result:
    """What a run came to."""

    clients: int
    case: Case
    outcome: Outcome

    @property
    def granted(self) -> float:
        """The share of what the money allows that was spent by granted calls."""
        used = self.outcome.spent + self.outcome.lost
        return used / min(self.case.limit(), self.outcome.demanded)

    @property
    def stranded(self) -> float:
        """The share of the budget that lay unused in leases when a call was first refused."""
        return (self.outcome.stranded or 0) / self.case.limit()

    @property
    def write_units(self) -> float:
        """The write units per admitted call."""
        return self._per_call(WRITE_UNITS.__getitem__)

    @property
    def usd(self) -> float:
        """The cost of a million admitted calls."""
        return self._per_call(usd_of)

    @property
    def meets_aims(self) -> bool:
        """Whether nearly all that the money allows was granted, and little was stranded."""
        is_met = self.granted >= GRANTED_AIM and self.stranded <= STRANDED_AIM
        return self.case.crash or is_met

    def _per_call(self, of_step: Callable[[str], float]) -> float:
        steps = self.outcome.steps.items()
        return sum(times * of_step(step) for step, times in steps) / self.outcome.admitted


def usd_of(step: str) -> float:
    """The cost of a million of an operation."""
    units = WRITE_UNITS[step]
    if step not in _BY_QUEUE:
        return float(usd_of_a_million_requests(units, RESERVE_MS[1]))
    message = price_of("sqs_million_requests") + price_of("lambda_gb_second") * _MESSAGE_MS * 1000
    return float(message) + units * float(price_of("dynamodb_million_write_units"))


def simulate(design: Design, case: Case, clients: int) -> Result:
    """Let so many clients make calls that together arrive at one rate, on one budget."""
    chance = random.Random(f"{_SEED} {clients} {case.name}")
    clock, outcome = Clock(), Outcome()
    service = Service(clock, chance, case.limit(), outcome)
    everyone = [design.make(clock, service, chance) for _ in range(clients)]
    for client in everyone:
        client.arrive(PER_SECOND / clients)
        client.others = everyone

    def half() -> None:
        for client in everyone[: clients // 2]:
            client.is_alive = not case.crash
            client.asks = not case.stop

    def end() -> None:
        for client in everyone:
            client.asks = False

    clock.after(SECONDS * 1000 / 4, half)
    clock.after(SECONDS * 1000, end)
    clock.run((SECONDS + _DRAIN_SECONDS) * 1000)
    return Result(clients, case, outcome)


def results_of(design: Design, cases: Sequence[Case] = CASES) -> list[Result]:
    """Simulate a design in every case, with every number of clients."""
    return [simulate(design, case, clients) for case in cases for clients in CLIENTS]


def drawn(results: Mapping[Design, Sequence[Result]]) -> str:
    """Return the two charts as SVG."""

    def lines(value: Callable[[Result], float]) -> list[Line]:
        return [
            Line(
                design.name,
                design.colour,
                [
                    (100 * math.log10(result.clients) / math.log10(CLIENTS[-1]), value(result))
                    for result in found
                    if result.case is HALF
                ],
            )
            for design, found in results.items()
        ]

    across = "clients: 1 (left) to 700 (right), on a logarithmic scale"
    return page(
        [
            Chart(
                "Stranded when a call is first refused",
                across,
                "per cent of the budget",
                lines(lambda result: 100 * result.stranded),
            ),
            Chart(
                "Write units per admitted call, money for half",
                across,
                "write units",
                lines(lambda result: result.write_units),
            ),
        ]
    )


def table(results: Mapping[Design, Sequence[Result]]) -> Iterator[str]:
    """Return the rows of the page."""
    yield "| design | money and clients | clients | granted | stranded | units | usd | p99 |"
    yield "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |"
    for design, found in results.items():
        for result in found:
            yield row(design, result)


def row(design: Design, result: Result) -> str:
    """Return a row: shares in per cent, units per call, usd per million, wait in milliseconds."""
    waited = sorted(result.outcome.waited_ms)
    return (
        f"| {design.name} | {result.case.name} | {result.clients} | {100 * result.granted:.1f} % "
        f"| {100 * result.stranded:.1f} % | {result.write_units:.2f} | {result.usd:.2f} "
        f"| {waited[int(0.99 * len(waited))]:.0f} ms |"
    )


def run(console: Console) -> Report:
    """Measure leases on DynamoDB Local."""
    from bench.lease_race import measured  # noqa: PLC0415 (the simulation needs no engine)

    return measured(console)


def main() -> None:
    """Simulate every design, draw the charts and write the table."""
    logging.getLogger("spendgate").setLevel(logging.CRITICAL)
    results = {
        design: results_of(design, CASES if design is BY_RATE else (HALF,)) for design in DESIGNS
    }
    SVG.write_text(drawn(results), encoding="utf-8")
    text = PAGE.read_text(encoding="utf-8")
    before, _, after = text.partition(BEGIN)
    _, _, rest = after.partition(END)
    rows = "\n".join(table(results))
    PAGE.write_text(f"{before}{BEGIN}\n\n{rows}\n\n{END}{rest}", encoding="utf-8")
    print(rows)
    for result in results[BY_RATE]:
        if not result.meets_aims:
            print(f"NOT MET: {row(BY_RATE, result)}")


if __name__ == "__main__":
    main()
