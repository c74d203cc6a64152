"""Measures reserve under load: many clients on one budget, against bare boto3 doing the same calls.

Each client is a process. All contenders run on one machine and take turns.
"""

import sys

from rich.console import Console
from rich.progress import track

from bench.load_client import BARE
from bench.peers import Side, started
from bench.peers_client import HOT_AGENT
from bench.report import Report, median, percentile
from bench.service import KINDS, service_at
from local.dynamodb_local import dynamodb_local

CLIENTS = 24
TURNS = 5
TURN_SECONDS = 2.0
P99_AIM = 0.6


def run(console: Console) -> Report:
    """Measure each client of DynamoDB, and the floor."""
    report = Report("load", f"Reserve by {CLIENTS} clients on one budget, in turn (times in ms)")
    with dynamodb_local() as url, service_at(url) as service:
        service.budget(f"agent:{HOT_AGENT}", "1000000000")
        command = [sys.executable, "-m", "bench.load_client", url, service.table.name]
        sides = [Side(kind, [*command, kind], {}) for kind in (BARE, *KINDS)]
        with started(sides, CLIENTS):
            for turn in track(range(TURNS + 1), console=console, transient=True):
                for side in sides if turn % 2 else reversed(sides):
                    side.turn(1, TURN_SECONDS)
    p99s = {side.name: [percentile(waits, 0.99) for waits in side.waits_ms[1:]] for side in sides}
    for side in sides:
        against = [a / b for a, b in zip(p99s[side.name], p99s[BARE], strict=True)]
        report.add(
            {
                "client": side.name,
                "reservations/s": round(median(side.rates[1:])),
                "CPU ms each": round(median(side.cpu_ms[1:]), 2),
                "p50": round(median([median(waits) for waits in side.waits_ms[1:]]), 1),
                "p99": round(median(p99s[side.name]), 1),
                "p99 x": round(median(against), 2),
            }
        )
        if side.name == KINDS[0]:
            report.aim_at_most("p99 of reserve against bare boto3", median(against), P99_AIM)
    report.notes.append("The first turn is a warm-up and left out; x is against bare boto3.")
    return report
