"""Runs the named benchmarks or all of them: `python -m bench floor cold_start`."""

import importlib
import sys

from rich.console import Console

from bench.report import machine, show, write

PARTS = (
    "floor", "load", "cold_start", "peers", "growth", "hot_budget", "rollover", "usage", "client",
    "leases", "console",
)  # fmt: skip
"""The benchmarks in the order in which they run."""


def main(wanted: list[str]) -> int:
    """Run the benchmarks; return 1 if a name is unknown."""
    unknown = [name for name in wanted if name not in PARTS]
    if unknown:
        print(f"unknown benchmark: {', '.join(unknown)}; the benchmarks are {', '.join(PARTS)}")
        return 1
    console = Console(width=None if sys.stdout.isatty() else 120)
    console.print(f"machine: {machine()}", highlight=False)
    for name in wanted or PARTS:
        console.print(f"==> {name}", style="bold")
        report = importlib.import_module(f"bench.{name}").run(console)
        show(report, console)
        console.print(f"  written to {write(report)}\n", style="dim", highlight=False)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
