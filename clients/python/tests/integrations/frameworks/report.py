"""Print the scenario table: `make frameworks-table`. Tokens; held is what expires by itself."""

from __future__ import annotations

import logging
import sys

from spendgate.testing import FakeProvider
from tests.integrations.frameworks.drivers import DRIVERS, name_of
from tests.integrations.frameworks.scenarios import SCENARIOS, Row, play, problems, versions
from tests.support.service import running_service

_HEADER = (
    "| way in | scenario | requests | spent | served | held | raises |\n"
    "| --- | --- | --- | --- | --- | --- | --- |"
)


def main() -> int:
    """Play every scenario with every framework; 1 if a row is not as it must be."""
    logging.disable(logging.CRITICAL)  # holds that are left to expire are part of the table
    found: list[str] = []
    with running_service() as service, service.admin() as admin, FakeProvider() as fake:
        packages = {name: None for kind, _ in DRIVERS for name in kind.packages}
        print(f"{versions(tuple(packages))}\n\n{_HEADER}")
        for kind, is_async in DRIVERS:
            name = name_of(kind, is_async)
            for scenario in SCENARIOS:
                driver = kind(service, fake, is_async)
                row = play(driver, scenario, admin=admin, fake=fake)
                print(f"| {name} | {scenario.name} | {_cells(row)} |", flush=True)
                found += [
                    f"{name}, {scenario.name}: {text}" for text in problems(driver, scenario, row)
                ]
    print("\n".join(["", *found]) if found else "\nEvery row is as it must be.")
    return 1 if found else 0


def _cells(row: Row) -> str:
    raised = "" if row.error is None else f"`{type(row.error).__name__}`"
    return f"{row.requests} | {row.spent} | {row.served} | {row.held} | {raised}"


if __name__ == "__main__":
    sys.exit(main())
