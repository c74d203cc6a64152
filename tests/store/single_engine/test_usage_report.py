"""Reports of 20,000 spends over 90 days equal a plain sum in Python, to the last digit."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import pytest

from spendgate_service.store import keys
from spendgate_service.store.client import Table
from spendgate_service.usage.roll_up import BEHIND_MS, roll_up_usage
from tests.support.exact_table import Answer, ExactTable
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

UNTIL_MS = 1_775_001_600_000
"""2026-04-01: the 90 days before have the change of the clocks in Paris."""

DAYS = 90
NOW_MS = UNTIL_MS + BEHIND_MS
LATER_MS = NOW_MS + DAY_MS


@dataclass
class WatchedTable(ExactTable):
    """Counts the usage items that queries return, and the queries by kind of item."""

    usage_items: int = 0
    queries: Counter[str] = field(default_factory=Counter)

    def query(self, **arguments: Any) -> Answer:
        answer = super().query(**arguments)
        self.usage_items += sum("usage_lines" in item for item in answer["Items"])
        values = arguments["ExpressionAttributeValues"]
        if ":pk" in values:
            self.queries[keys.parts_of(values[":pk"]["S"])[2]] += 1
        return answer

    def forget(self) -> None:
        self.usage_items = 0
        self.queries.clear()


@pytest.fixture(scope="module")
def engine() -> WatchedTable:
    return WatchedTable()


@pytest.fixture(scope="module")
def table(engine: WatchedTable) -> Table:
    return Table(engine, "usage")


@pytest.fixture(scope="module")
def spends(table: Table) -> list[Spend]:
    made = synthetic_usage(20_000, days=DAYS, until_ms=UNTIL_MS, seed=14)
    return write_usage(table, made)


def report_of(table: Table, tenant_id: str, timezone: str, *, limit: int = 1000) -> object:
    return reported_sum(
        table, tenant_id, timezone, days=DAYS + 2, until_ms=UNTIL_MS + DAY_MS, limit=limit
    )


def test_by_model_and_day_is_the_plain_sum_of_the_records(
    table: Table, spends: list[Spend]
) -> None:
    """Also before anything is rolled up, and in pages."""
    expected = plain_sum(spends, TENANTS[0], "Asia/Kathmandu")

    assert len(expected) > DAYS * 4 * 3
    assert report_of(table, TENANTS[0], "Asia/Kathmandu", limit=150) == expected


def test_by_model_and_day_is_the_plain_sum_of_the_roll_ups(
    table: Table, engine: WatchedTable, spends: list[Spend]
) -> None:
    """Of roll-ups alone, in any time zone; also after reversals and late records.

    These are counted at once, and rolled up later; a second run over the same changes nothing.
    """
    list_tenants_for_rollups(table, since_ms=UNTIL_MS - DAYS * DAY_MS)
    rolled = roll_up_usage(table, now_ms=NOW_MS, has_time=lambda: True)
    assert (rolled.tenants, rolled.records, rolled.failed) == (5, len(spends), 0)
    _assert_equal(table, spends)
    assert engine.usage_items == 0

    late = synthetic_usage(100, days=35, until_ms=UNTIL_MS, seed=15)
    changed = [
        *spends,
        *write_usage(table, late, recorded_at_ms=NOW_MS),
        *reverse_some(table, spends, 100, now_ms=NOW_MS),
    ]
    _assert_equal(table, changed)
    assert engine.usage_items > 0

    for number in range(2):
        again = roll_up_usage(table, now_ms=LATER_MS + number * DAY_MS, has_time=lambda: True)
        assert (again.records, again.failed) == (0 if number else 200, 0)
        _assert_equal(table, changed)
        assert engine.usage_items == 0


def _assert_equal(table: Table, spends: list[Spend]) -> None:
    """Compare the reports of three tenants and time zones with the plain sum."""
    engine = table.client
    assert isinstance(engine, WatchedTable)
    engine.forget()
    for tenant_id, timezone in zip(
        TENANTS, ("UTC", "Europe/Paris", "Asia/Kathmandu"), strict=False
    ):
        assert report_of(table, tenant_id, timezone) == plain_sum(spends, tenant_id, timezone)
