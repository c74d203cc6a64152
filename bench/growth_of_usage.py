"""Measures whether reports and roll-ups cost the same with two months of usage and with a year.

Every day has as many records; the report is about the last 30 days in both logs.
"""

import os
import time
from dataclasses import dataclass, replace

from rich.console import Console

from bench.measurements import Measurements
from bench.report import Report
from spendgate_service.store.client import Table
from spendgate_service.usage.roll_up import AGAIN_SECONDS, BEHIND_MS, roll_up_usage
from tests.support.clock import NOON_MS
from tests.support.counting_client import counting
from tests.support.engines import table_at
from tests.support.rollover import list_for_rollups
from tests.support.synthetic_usage import (
    DAY_MS,
    Spend,
    plain_sum,
    reported_sum,
    synthetic_usage,
    write_usage,
)

DAYS = tuple(map(int, os.environ.get("BENCH_DAYS", "60,360").split(",")))
RECORDS_A_DAY = 300
REPORTED_DAYS = 30
NEW_RECORDS = 20
ROUNDS = 30
AIM = 1.1

_TENANT = "acme"
_MIDNIGHT_MS = NOON_MS - NOON_MS % DAY_MS
_MINUTE_MS = 60_000


@dataclass(slots=True)
class Log:
    """The usage log of so many days, and what its operations took."""

    table: Table
    measured: Measurements
    spends: list[Spend]
    now_ms: int = _MIDNIGHT_MS

    def report(self) -> object:
        """Report the usage of the last days, until last midnight."""
        return reported_sum(
            self.table, _TENANT, "UTC", days=REPORTED_DAYS, until_ms=_MIDNIGHT_MS, limit=100
        )

    def roll_up(self) -> None:
        """Roll up what was recorded up to now."""
        now_ms = self.now_ms + 2 * BEHIND_MS
        rolled = roll_up_usage(self.table, now_ms=now_ms, has_time=lambda: True)
        assert not rolled.failed and rolled.records >= NEW_RECORDS, rolled

    def spend(self, count: int) -> None:
        """Record so many spends, one a minute, until now."""
        made = synthetic_usage(
            count, days=1, until_ms=self.now_ms, seed=self.now_ms, tenants=[_TENANT]
        )
        self.spends += write_usage(
            self.table,
            [
                (tenant_id, replace(record, occurred_at_ms=self.now_ms - place * _MINUTE_MS))
                for place, (tenant_id, record) in enumerate(made)
            ],
            recorded_at_ms=self.now_ms,
        )


def add_reports(report: Report, url: str, console: Console) -> None:
    """Fill the logs, measure in turn, and compare each with the shortest."""
    logs = []
    for days in DAYS:
        console.print(f"  filling: {days * RECORDS_A_DAY:,} usage records, {days} days")
        started = time.monotonic()
        logs.append(_log(url, days))
        console.print(f"  filled in {time.monotonic() - started:.0f} s")
    for _ in range(ROUNDS):
        for log in logs:
            log.measured.take(f"report by model and day, {REPORTED_DAYS} days", log.report)
            log.now_ms += AGAIN_SECONDS * 1000 + BEHIND_MS  # when the tenant is due again
            log.spend(NEW_RECORDS)
            log.measured.take(f"roll up {NEW_RECORDS} records", log.roll_up)
    for log in logs:
        _assert_sum(log)
        _add_rows(report, log, logs[0])


def _log(url: str, days: int) -> Log:
    table, client = counting(table_at(url))
    log = Log(table, Measurements(client), [])
    list_for_rollups(table, _TENANT, since_ms=_MIDNIGHT_MS - days * DAY_MS)
    for day in range(days):
        log.now_ms = _MIDNIGHT_MS - (days - day) * DAY_MS + DAY_MS // 2
        log.spend(RECORDS_A_DAY)
    log.now_ms = _MIDNIGHT_MS
    log.roll_up()
    return log


def _assert_sum(log: Log) -> None:
    """Compare the report with a plain sum of its days."""
    since_ms = _MIDNIGHT_MS - REPORTED_DAYS * DAY_MS
    reported = [spend for spend in log.spends if since_ms <= spend[1].occurred_at_ms < _MIDNIGHT_MS]
    assert log.report() == plain_sum(reported, _TENANT, "UTC")


def _add_rows(report: Report, log: Log, least: Log) -> None:
    grown = f"{len(log.spends):,} usage records in the log"
    for name, ratio in log.measured.add_rows(report, grown, least.measured):
        if log is not least:
            report.aim_at_most(f"{name} at {grown}, p50", ratio, AIM)
            for unit, much, little in zip(
                ("calls", "read units"),
                log.measured.costs[name],
                least.measured.costs[name],
                strict=False,
            ):
                report.aim_at_most(f"{name} at {grown}, {unit}", much / little, 1)
