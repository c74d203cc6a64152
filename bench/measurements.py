"""What each operation took and cost at one size, and its rows beside those of the smallest."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from bench.report import Report, median
from tests.support.counting_client import CountingClient


@dataclass(slots=True)
class Measurements:
    """Times (us) and costs by operation, on one table."""

    client: CountingClient
    waited_us: dict[str, list[float]] = field(default_factory=dict)
    costs: dict[str, tuple[int, float, float]] = field(default_factory=dict)
    """Of an operation, the last time: calls, read units, write units."""

    def take(self, name: str, operation: Callable[[], object]) -> None:
        """Run an operation, and keep what it took."""
        self.client.forget()
        started = time.perf_counter_ns()
        operation()
        self.waited_us.setdefault(name, []).append((time.perf_counter_ns() - started) / 1000)
        self.costs[name] = self.client.cost()

    def add_rows(
        self, report: Report, growth: str, least: "Measurements"
    ) -> Iterator[tuple[str, float]]:
        """Add a row for each operation; yield its name and how many times the smallest it took."""
        for name, waited in self.waited_us.items():
            ratio = median(waited) / median(least.waited_us[name])
            calls, read_units, write_units = self.costs[name]
            report.add(
                {
                    "growth": growth,
                    "operation": name,
                    "p50": round(median(waited)),
                    "x": round(ratio, 2),
                    "calls": calls,
                    "read units": read_units,
                    "write units": write_units,
                }
            )
            yield name, ratio
