"""Runs the named benchmarks or all of them: `python -m bench floor cold_start`."""

import importlib
import sys

from bench.report import CONSOLE, machine, show, write

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
    CONSOLE.print(f"machine: {machine()}", highlight=False)
    for name in wanted or PARTS:
        CONSOLE.print(f"==> {name}", style="bold")
        report = importlib.import_module(f"bench.{name}").run(CONSOLE)
        show(report, CONSOLE)
        CONSOLE.print(f"  written to {write(report)}\n", style="dim", highlight=False)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
