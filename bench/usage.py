"""Measures reports on 200,000 usage records of 90 days, which must equal a plain sum in Python.

`BENCH_RECORDS` is the number of records.
"""

import os
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import count

from rich.console import Console

from bench.report import Report
from local.dynamodb_local import dynamodb_local
from spendgate_service.store.client import Table
from spendgate_service.usage.roll_up import BEHIND_MS, roll_up_usage
from tests.support.clock import NOON_MS
from tests.support.counting_client import CountingClient, counting
from tests.support.engines import table_at
from tests.support.synthetic_usage import (
    DAY_MS,
    TENANTS,
    Spend,
    list_tenants_for_rollups,
    plain_sum,
    reported_sum,
    reverse_some,
    synthetic_usage,
    write_usage,
)

RECORDS = int(os.environ.get("BENCH_RECORDS", "200000"))
DAYS = 90
UNTIL_MS = NOON_MS + DAY_MS // 2
CHANGES = 100
"""How many records are reversed, and how many are recorded late."""

ZONES = ("UTC", "Europe/Paris")
STEPS_BETWEEN_LINES = 200
_THREADS = 16


def run(console: Console) -> Report:
    """Write the records, and compare the reports before and after they are rolled up."""
    report = Report("usage", f"By model and day, {DAYS} days of {RECORDS:,} records, one tenant")
    with dynamodb_local() as url, ThreadPoolExecutor(_THREADS) as pool:
        table, client = counting(table_at(url))
        started = time.monotonic()
        made = synthetic_usage(RECORDS, days=DAYS, until_ms=UNTIL_MS, seed=1)
        spends = write_usage(table, made)
        console.print(f"  written in {time.monotonic() - started:.0f} s")
        measuring = _Measuring(table, client, pool, report, console)
        measuring.compare("from records", spends)

        list_tenants_for_rollups(table, since_ms=UNTIL_MS - DAYS * DAY_MS)
        measuring.roll_up("roll up all tenants", UNTIL_MS + BEHIND_MS)
        measuring.compare("from roll-ups", spends)

        now_ms = UNTIL_MS + 2 * BEHIND_MS
        late = synthetic_usage(CHANGES, days=30, until_ms=UNTIL_MS, seed=2)
        spends += write_usage(table, late, recorded_at_ms=now_ms)
        spends += reverse_some(table, spends, CHANGES, now_ms=now_ms)
        measuring.compare(f"and {2 * CHANGES} changes", spends)
        measuring.roll_up("roll up the changes", now_ms + DAY_MS)
        measuring.compare("all rolled up", spends)
    report.notes.append("every report equals a plain sum in Python, to the last digit")
    return report


class _Measuring:
    """Adds a row to a report for what is done to the table."""

    def __init__(
        self, table: Table, client: CountingClient, pool: ThreadPoolExecutor, report: Report,
        console: Console,
    ) -> None:  # fmt: skip
        self._console = console
        self._table = table
        self._client = client
        self._pool = pool
        self._report = report

    def compare(self, name: str, spends: Sequence[Spend]) -> None:
        """Compare the reports of one tenant in two time zones with the plain sum."""
        for timezone in ZONES:
            expected = plain_sum(spends, TENANTS[0], timezone)
            self._client.forget()
            started = time.monotonic()
            found = reported_sum(
                self._table, TENANTS[0], timezone,
                days=DAYS + 1, until_ms=UNTIL_MS + DAY_MS, pool=self._pool,
            )  # fmt: skip
            self._add(f"{name}, {timezone}", time.monotonic() - started)
            if found != expected:
                raise AssertionError(f"{name} in {timezone} is not the plain sum")

    def roll_up(self, name: str, now_ms: int) -> None:
        """Run the scheduled function's part until nothing is left to do."""
        self._client.forget()
        started = time.monotonic()
        steps = count(1)

        def has_time() -> bool:
            """Show the progress; a step is a transaction."""
            if (step := next(steps)) % STEPS_BETWEEN_LINES == 0:
                self._console.print(f"  {name}: {step:,} steps, {time.monotonic() - started:.0f} s")
            return True

        # One day at a time: DynamoDB Local lets transactions wait for each other, on any items.
        rolled = roll_up_usage(self._table, now_ms=now_ms, has_time=has_time)
        assert not rolled.failed
        self._add(f"{name}: {rolled.records:,} records", time.monotonic() - started)

    def _add(self, name: str, seconds: float) -> None:
        self._report.add(
            {
                "what": name,
                "seconds": round(seconds, 2),
                "calls": sum(self._client.calls.values()),
                "read units": self._client.read_units,
                "write units": self._client.write_units,
            }
        )
