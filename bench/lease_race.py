"""Measures leases on one budget, on DynamoDB Local: admissions a second, calls, units, usd.

Each process is an application with the Python client; the service runs in it, function by function,
and every capture, renewal and line of the usage log reaches the table.
"""

import sys
import time
from collections.abc import Sequence

from rich.console import Console

from bench.cost import (
    RESERVE_MS,
    price_of,
    usd_of_a_million_messages,
    usd_of_a_million_requests,
)
from bench.lease_client import AGENT
from bench.peers import Side, spendgate_side, started, zae_limiter_side
from bench.report import Aim, Report, median
from bench.service import KINDS, Service, service_at
from local.dynamodb_local import dynamodb_local
from spendgate_service.audit.__main__ import audit_table

PROCESSES = (1, 8, 32)
SECONDS = 5.0
PACED_PROCESSES, PACED_PER_SECOND, PACED_SECONDS = 8, 100.0, 20.0
PLAIN_SECONDS = 3.0

ADMISSIONS_AIM = 100_000
UNITS_AIMS = {"gathered": 0.15, "each": 0.35}
USD_AIMS = {"gathered": 0.20, "each": 0.45}

type Turn = dict[str, float]


def measured(console: Console) -> Report:
    """Lease from one budget as fast as possible, then at a pace; compare and audit."""
    report = Report("leases", "Admissions from one exact budget, on DynamoDB Local")
    with dynamodb_local() as url:
        with service_at(url) as service:
            service.budget("agent:*", "1000000000")
            _fast(report, console, url, service)
            _paced(report, console, url, service)
            findings = audit_table(
                service.table, segments=1, as_json=False, clock=lambda: time.time_ns() // 1_000_000
            )
        text = "equal" if findings == 0 else "differ"
        report.aims.append(Aim("counter, ledger and usage log", "equal", text, findings == 0))
        with service_at(url) as service:
            service.budget("agent:*", "1000000000")
            _plain(report, console, url, service)
    report.notes.append(
        "Leases count one call as one admission; the others count a pair of hold and settle."
    )
    return report


def _fast(report: Report, console: Console, url: str, service: Service) -> None:
    for processes in PROCESSES:
        console.print(f"  {processes} leasing processes, as fast as they can")
        turns = _turns(url, service, processes, seconds=SECONDS, per_second=0, entries="gathered")
        _add_row(report, f"leases, {processes} processes", turns)
        if processes == PACED_PROCESSES:
            name = f"admissions a second, {processes} processes"
            report.aim_at_least(name, _rate(turns), ADMISSIONS_AIM)


def _paced(report: Report, console: Console, url: str, service: Service) -> None:
    for entries in ("gathered", "each"):
        pace = f"{PACED_PROCESSES} x {PACED_PER_SECOND:g} a second, entries {entries}"
        console.print(f"  {pace}")
        turns = _turns(
            url, service, PACED_PROCESSES,
            seconds=PACED_SECONDS, per_second=PACED_PER_SECOND, entries=entries,
        )  # fmt: skip
        units, usd = _add_row(report, f"leases, {pace}", turns)
        report.aim_at_most(
            f"write units per admission, entries {entries}", units, UNITS_AIMS[entries]
        )
        report.aim_at_most(f"usd per million, entries {entries}", usd, USD_AIMS[entries])


def _rate(turns: Sequence[Turn]) -> float:
    return sum(turn["admitted"] / turn["seconds"] for turn in turns)


def _add_row(report: Report, name: str, turns: Sequence[Turn]) -> tuple[float, float]:
    total = {key: sum(turn[key] for turn in turns) for key in turns[0]}
    admitted = total["admitted"]
    units = total["write_units"] / admitted
    usd = (
        float(usd_of_a_million_requests(0, RESERVE_MS[1])) * total["requests"]
        + float(usd_of_a_million_messages(0)) * total["messages"]
    ) / admitted + units * float(price_of("dynamodb_million_write_units"))
    report.add(
        {
            "what": name,
            "admissions/s": round(_rate(turns), 1),
            "requests/s": round((total["requests"] + total["messages"]) / turns[0]["seconds"], 1),
            "write units each": round(units, 4),
            "usd per million": round(usd, 3),
            "CPU us each": round(total["cpu"] / admitted * 1e6, 1),
            "admit p99 us": round(median([turn["p99_us"] for turn in turns]), 1),
        }
    )
    return units, usd


def _turns(url: str, service: Service, processes: int, **wanted: object) -> list[Turn]:
    command = [sys.executable, "-m", "bench.lease_client", url, service.table.name]
    side = Side("leases", command, {})
    with started([side], processes):
        return side.results_of(wanted)


def _plain(report: Report, console: Console, url: str, service: Service) -> None:
    bare = [sys.executable, "-m", "bench.peers_boto3", url, service.table.name]
    contenders = [
        spendgate_side(url, service.table.name, KINDS[0]),
        zae_limiter_side(url),
        Side("bare boto3, two updates", bare, {"one hot budget": 2}),
    ]
    for processes in PROCESSES:
        console.print(f"  {processes} processes without leases")
        for contender in contenders:
            side = contender.afresh()
            with started([side], processes):
                side.turn(1, PLAIN_SECONDS / 3)
                side.turn(1, PLAIN_SECONDS)
            report.add(
                {
                    "what": f"{side.name}, {processes} processes, without leases ({AGENT})",
                    "admissions/s": round(side.rates[-1], 1),
                    "requests/s": "-",
                    "write units each": side.units["one hot budget"],
                    "usd per million": "-",
                    "CPU us each": round(side.cpu_ms[-1] * 1000, 1),
                    "admit p99 us": "-",
                }
            )
