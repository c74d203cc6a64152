"""Spendgate beside zae-limiter: pairs of reserve and settle, of acquire and adjust, a second.

Both on one engine, as processes that take turns, so that what else the machine does meets both.
Spendgate goes through its handlers, event to answer, and settles ten at a time as its queue does.
"""

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress

from bench.peers_client import COLD_AGENTS
from bench.report import Report, median
from bench.service import service_at
from local.dynamodb_local import dynamodb_local
from local.paths import ROOT, VENVS
from local.processes import base_environment

CLIENTS = (1, 8, 32)
TURNS = 3
TURN_SECONDS = 2.0
AIM = 1.5

ZAE_PYTHON = VENVS / "bench" / "bin" / "python"
_ZAE_SCRIPT = Path(__file__).with_name("peers_zae_limiter.py")
_ZAE_TABLE = "zaebench"

# Read off the calls that a pair makes (tests/integration/test_costs.py holds ours; DynamoDB Local
# does not say what transactions consume).
_UNITS = {
    ("spendgate", "one hot budget"): "4.4",
    ("spendgate", "many cold budgets"): "8",
    ("zae-limiter", "one hot budget"): "2",
    ("zae-limiter", "many cold budgets"): "2",
}


@dataclass
class Side:
    """One contender's clients, and what they made in each turn."""

    name: str
    command: Sequence[str]
    clients: list[subprocess.Popen[str]] = field(default_factory=list)
    rates: list[float] = field(default_factory=list)
    cpu_ms: list[float] = field(default_factory=list)

    def turn(self, agents: int, seconds: float) -> None:
        """All clients at once, for so long."""
        for client in self.clients:
            _tell(client, {"agents": agents, "seconds": seconds})
        told = [_hear(client) for client in self.clients]
        made = sum(one["pairs"] for one in told)
        self.rates.append(sum(one["pairs"] / one["seconds"] for one in told))
        self.cpu_ms.append(sum(one["cpu"] for one in told) / made * 1000)


def run(console: Console) -> Report:
    """Measure every number of clients, on one hot budget and on many cold ones."""
    report = Report("peers", "Pairs of reserve and settle a second, side by side")
    total = len(CLIENTS) * 2 * (TURNS + 1)
    with dynamodb_local() as url, Progress(console=console, transient=True) as progress:
        task = progress.add_task("peers", total=total)
        with service_at(url) as service:
            service.budget("agent:*", "1000000000")
            arguments = [url, _ZAE_TABLE, "create"]
            subprocess.run([*_zae(), *arguments], check=True, env=base_environment())
            ours = [sys.executable, "-m", "bench.peers_spendgate", url, service.table.name]
            theirs = [*_zae(), url, _ZAE_TABLE]
            for clients in CLIENTS:
                for budgets, agents in (("one hot budget", 1), ("many cold budgets", COLD_AGENTS)):
                    sides = Side("spendgate", ours), Side("zae-limiter", theirs)
                    with _started(sides, clients):
                        for turn in range(TURNS + 1):
                            for side in sides if turn % 2 else reversed(sides):
                                side.turn(agents, TURN_SECONDS)
                            progress.advance(task)
                    _add_rows(report, clients, budgets, *sides)
    report.notes.append(
        "A cold budget's first use creates it: 2 units more at zae-limiter (a transaction), "
        "and an index entry or two at Spendgate."
    )
    return report


def _add_rows(report: Report, clients: int, budgets: str, ours: Side, theirs: Side) -> None:
    ratios = [a / b for a, b in zip(ours.rates[1:], theirs.rates[1:], strict=True)]
    for side in (ours, theirs):
        report.rows.append(
            {
                "clients": clients,
                "budgets": budgets,
                "contender": side.name,
                "pairs/s": round(median(side.rates[1:]), 1),
                "x": round(median(ratios), 2) if side is ours else "",
                "CPU ms/pair": round(median(side.cpu_ms[1:]), 2),
                "write units/pair": _UNITS[side.name, budgets],
            }
        )
    if clients == 1:
        report.aim_at_least(f"{budgets}, 1 client, against zae-limiter", median(ratios), AIM)


@contextmanager
def _started(sides: Sequence[Side], clients: int) -> Iterator[None]:
    """The clients of both sides, connected and waiting; none is left behind."""
    with ExitStack() as stack:
        for side in sides:
            for number in range(clients):
                client = subprocess.Popen(
                    [*side.command, str(number)],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                    cwd=ROOT,
                    env=base_environment() | {"PYTHONPATH": f"{ROOT}:{ROOT}/layers/core/python"},
                )
                stack.callback(client.wait)
                stack.callback(client.kill)
                side.clients.append(client)
        for side in sides:
            for client in side.clients:
                assert _hear(client)["ready"]
        yield


def _zae() -> list[str]:
    return [str(ZAE_PYTHON), str(_ZAE_SCRIPT)]


def _tell(client: subprocess.Popen[str], said: dict[str, object]) -> None:
    assert client.stdin is not None
    client.stdin.write(json.dumps(said) + "\n")
    client.stdin.flush()


def _hear(client: subprocess.Popen[str]) -> dict[str, Any]:
    assert client.stdout is not None
    heard: dict[str, Any] = json.loads(client.stdout.readline())
    return heard
