"""Compares Spendgate with its peers: pairs of reserve and settle (acquire and adjust) a second.

All run on one machine as processes that take turns, so that other load affects them alike.
Spendgate runs its handlers, from event to response, and settles in batches as large as its queue's,
by each of its clients. It shares an engine with zae-limiter. snipz takes part if `BENCH_POSTGRES`
names an empty database.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress

from bench.peers_client import COLD_AGENTS
from bench.peers_spendgate import SETTLED_TOGETHER
from bench.report import Report, median
from bench.service import KINDS, service_at
from local.dynamodb_local import dynamodb_local
from local.paths import ROOT, VENVS
from local.processes import base_environment
from tests.support import operation_costs
from tests.support.engines import table_at

CLIENTS = (1, 8, 32)
TURNS = 5
TURN_SECONDS = 2.0
AIMS = {1: 1.5, 8: 1.0, 32: 1.0}
"""Spendgate's pairs in a second against those of zae-limiter, by the number of clients."""

HOT, COLD = "one hot budget", "many cold budgets"

_PYTHON_OF_PEERS = str(VENVS / "bench" / "bin" / "python")
_ZAE_TABLE = "zaebench"


@dataclass(frozen=True)
class Side:
    """The clients of one contender and the results of each turn.

    `units` are the write units of a pair, by kind of budget; empty without DynamoDB.
    """

    name: str
    command: Sequence[str]
    units: dict[str, float]
    clients: list[subprocess.Popen[str]] = field(default_factory=list)
    rates: list[float] = field(default_factory=list)
    cpu_ms: list[float] = field(default_factory=list)
    waits_ms: list[list[float]] = field(default_factory=list)

    def afresh(self) -> "Side":
        """Return the same contender before its first turn."""
        return replace(self, clients=[], rates=[], cpu_ms=[], waits_ms=[])

    def turn(self, agents: int, seconds: float) -> None:
        """Run all clients at once for these seconds."""
        results = self.results_of({"agents": agents, "seconds": seconds})
        made = sum(result["pairs"] for result in results)
        self.rates.append(sum(result["pairs"] / result["seconds"] for result in results))
        self.cpu_ms.append(sum(result["cpu"] for result in results) / made * 1000)
        self.waits_ms.append([wait for result in results for wait in result["waits_ms"]])

    def results_of(self, wanted: dict[str, object]) -> list[dict[str, Any]]:
        """Let all clients take a turn at once."""
        for client in self.clients:
            _send(client, wanted)
        return [_receive(client) for client in self.clients]


def run(console: Console) -> Report:
    """Measure each number of clients on one hot budget and on many cold budgets."""
    report = Report("peers", "Pairs of reserve and settle a second, in turn")
    total = len(CLIENTS) * 2 * (TURNS + 1)
    with (
        dynamodb_local() as url,
        service_at(url) as service,
        Progress(console=console, transient=True) as progress,
    ):
        service.budget("agent:*", "1000000000")
        of_spendgate = [spendgate_side(url, service.table.name, kind) for kind in KINDS]
        contenders = [*of_spendgate, zae_limiter_side(url), *_snipz(report)]
        task = progress.add_task("peers", total=total)
        for clients in CLIENTS:
            for budgets, agents in ((HOT, 1), (COLD, COLD_AGENTS)):
                sides = [contender.afresh() for contender in contenders]
                with started(sides, clients):
                    for turn in range(TURNS + 1):
                        for side in sides if turn % 2 else reversed(sides):
                            side.turn(agents, TURN_SECONDS)
                        progress.advance(task)
                _add_rows(report, clients, budgets, sides)
    report.notes.append("The first turn is a warm-up and left out; x is the lean client's ratio.")
    report.notes.append(
        "The first use of a cold budget creates it: a transaction in zae-limiter, two units for "
        "the index in Spendgate. The pairs a second include that, the units do not."
    )
    return report


def spendgate_side(url: str, table: str, kind: str) -> Side:
    """Return Spendgate, with a reservation for each pair."""
    reserve = operation_costs.reserve_granted(table_at(url), 1).write_units
    hot = operation_costs.settled(table_at(url), 1, SETTLED_TOGETHER).write_units
    cold = operation_costs.settled_cold(table_at(url), 1, SETTLED_TOGETHER).write_units
    command = [sys.executable, "-m", "bench.peers_spendgate", url, table, kind]
    return Side(f"spendgate, {kind}", command, {HOT: reserve + hot, COLD: reserve + cold})


def zae_limiter_side(url: str) -> Side:
    """Return zae-limiter: a pair is two updates of one item, if the item exists."""
    command = _command_of_peer("peers_zae_limiter.py", url, _ZAE_TABLE)
    return Side("zae-limiter", command, {HOT: 2, COLD: 2})


def _snipz(report: Report) -> list[Side]:
    url = os.environ.get("BENCH_POSTGRES")
    if not url:
        report.notes.append("snipz is skipped: BENCH_POSTGRES names no PostgreSQL database")
        return []
    return [Side("snipz", _command_of_peer("peers_snipz.py", url, "-"), {})]


def _command_of_peer(script: str, *arguments: str) -> list[str]:
    """Return the command of a peer's client; create its table or database."""
    command = [_PYTHON_OF_PEERS, str(Path(__file__).with_name(script)), *arguments]
    subprocess.run([*command, "create"], check=True, env=base_environment())
    return command


def _add_rows(report: Report, clients: int, budgets: str, sides: Sequence[Side]) -> None:
    spendgate, *others = sides
    for side in sides:
        ratios = [a / b for a, b in zip(spendgate.rates[1:], side.rates[1:], strict=True)]
        report.add(
            {
                "clients": clients,
                "budgets": budgets,
                "contender": side.name,
                "pairs/s": round(median(side.rates[1:]), 1),
                "x": round(median(ratios), 2),
                "CPU ms/pair": round(median(side.cpu_ms[1:]), 2),
                "write units/pair": side.units.get(budgets, "-"),
            }
        )
        if side in others[len(KINDS) - 1 :]:
            name = f"{budgets}, {clients} client{'s' * (clients > 1)}, against {side.name}"
            report.aim_at_least(name, median(ratios), AIMS[clients])


@contextmanager
def started(sides: Sequence[Side], clients: int) -> Iterator[None]:
    """Start the clients of all sides, wait until they are connected, and stop them at the end."""
    path = ":".join(
        str(ROOT / folder) for folder in ("", "layers/core/python", "clients/python/src")
    )
    environment = base_environment() | {"PYTHONPATH": path}
    with ExitStack() as stack:
        for side in sides:
            for number in range(clients):
                client = subprocess.Popen(
                    [*side.command, str(number)],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                    cwd=ROOT,
                    env=environment,
                )
                stack.callback(client.wait)
                stack.callback(client.kill)
                side.clients.append(client)
        for side in sides:
            for client in side.clients:
                assert _receive(client)["ready"]
        yield


def _send(client: subprocess.Popen[str], message: dict[str, object]) -> None:
    assert client.stdin is not None
    client.stdin.write(json.dumps(message) + "\n")
    client.stdin.flush()


def _receive(client: subprocess.Popen[str]) -> dict[str, Any]:
    assert client.stdout is not None
    message: dict[str, Any] = json.loads(client.stdout.readline())
    return message
