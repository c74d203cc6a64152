"""The report of a benchmark: a table for people, JSON to compare runs."""

import json
import os
import platform
import statistics
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table

from local.paths import LOCAL

RESULTS = LOCAL / "bench"

CONSOLE = Console(file=sys.stdout, width=None if sys.stdout.isatty() else 120)
"""Prints also while the output of functions is discarded."""


@dataclass(frozen=True, slots=True)
class Aim:
    """A figure and its target; `is_met` is None if it could not be measured."""

    name: str
    wanted: str
    measured: str
    is_met: bool | None


@dataclass(slots=True)
class Report:
    """The figures of one benchmark. All `rows` have the same columns."""

    part: str
    title: str
    rows: list[Mapping[str, object]] = field(default_factory=list)
    aims: list[Aim] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(self, row: Mapping[str, object]) -> None:
        """Add a row, and print it at once."""
        self.rows.append(row)
        shown = ", ".join(f"{column} {_shown(value)}" for column, value in row.items())
        CONSOLE.print(f"  {shown}", style="dim", highlight=False, soft_wrap=True)

    def aim_at_most(self, name: str, measured: float, most: float) -> None:
        """Compare a ratio or an amount with an upper limit."""
        self.aims.append(Aim(name, f"<= {most:g}", f"{measured:.2f}", measured <= most))

    def aim_at_least(self, name: str, measured: float, least: float) -> None:
        """Compare a ratio or an amount with a lower limit."""
        self.aims.append(Aim(name, f">= {least:g}", f"{measured:.2f}", measured >= least))


def machine() -> dict[str, object]:
    """Describe this machine."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "load": [round(load, 1) for load in os.getloadavg()],
    }


def _processor() -> str:
    """Return the processor's model on Linux, otherwise what Python knows of it."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text(encoding="utf-8").splitlines() if cpuinfo.exists() else []
    models = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(models, platform.processor())


def show(report: Report, console: Console) -> None:
    """Print the figures and targets of a benchmark."""
    columns = list(report.rows[0]) if report.rows else []
    table = Table(title=report.title, box=box.SIMPLE_HEAD, title_justify="left")
    for place, column in enumerate(columns):
        table.add_column(column, justify="left" if place == 0 else "right")
    for row in report.rows:
        table.add_row(*(_shown(row[column]) for column in columns))
    console.print(table)
    for note in report.notes:
        console.print(f"  {note}", style="dim", highlight=False)
    for aim in report.aims:
        verdict = {True: "met", False: "NOT MET", None: "unknown"}[aim.is_met]
        console.print(f"  {verdict:8} {aim.name}: {aim.measured} (target {aim.wanted})")


def write(report: Report) -> Path:
    """Write the figures as JSON and return the path."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    path = RESULTS / f"{report.part}.json"
    path.write_text(json.dumps({"machine": machine(), **asdict(report)}, indent=2) + "\n")
    return path


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value below which this share of the values lies."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def median(values: Sequence[float]) -> float:
    """Return the median, which other load on the machine affects least."""
    return statistics.median(values)


def _shown(value: object) -> str:
    return f"{value:,.2f}" if isinstance(value, float) else str(value)
