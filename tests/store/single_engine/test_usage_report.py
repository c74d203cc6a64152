"""Reports of 20,000 spends over 90 days equal a plain sum in Python, to the last digit."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import pytest

from spendgate_service.domain.calendar import CalendarPeriod
from spendgate_service.domain.rollups import Rollup
from spendgate_service.domain.usage_days import day_of
from spendgate_service.domain.usage_report import Interval, ReportQuery
from spendgate_service.store import keys
from spendgate_service.store.client import Table
from spendgate_service.store.rollups import (
    RolledDay,
    StoredRollup,
    put_of_rolled_day,
    puts_of_rollup,
)
from spendgate_service.usage.remembered_days import RememberedDays
from spendgate_service.usage.report import report_page
from spendgate_service.usage.roll_up import BEHIND_MS, roll_up_usage
from tests.support.app import Inline
from tests.support.exact_table import Answer, ExactTable
from tests.support.rollover import list_for_rollups
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
    """Counts what queries return, and the queries by kind of item."""

    items_read: int = 0
    usage_items: int = 0
    queries: Counter[str] = field(default_factory=Counter)

    def query(self, **arguments: Any) -> Answer:
        answer = super().query(**arguments)
        self.items_read += len(answer["Items"])
        self.usage_items += sum("usage_lines" in item for item in answer["Items"])
        values = arguments["ExpressionAttributeValues"]
        if ":pk" in values:
            self.queries[keys.parts_of(values[":pk"]["S"])[2]] += 1
        return answer

    def forget(self) -> None:
        self.items_read = self.usage_items = 0
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


@pytest.fixture(scope="module")
def remembered() -> RememberedDays:
    """One for all reports, as an environment has it: no day may outlive a change of it."""
    return RememberedDays()


def report_of(
    table: Table,
    tenant_id: str,
    timezone: str,
    *,
    limit: int = 1000,
    remembered: RememberedDays | None = None,
) -> object:
    return reported_sum(
        table, tenant_id, timezone, days=DAYS + 2, until_ms=UNTIL_MS + DAY_MS, limit=limit,
        remembered=remembered,
    )  # fmt: skip


def test_by_model_and_day_is_the_plain_sum_of_the_records(
    table: Table, spends: list[Spend]
) -> None:
    """Also before anything is rolled up, and in pages."""
    expected = plain_sum(spends, TENANTS[0], "Asia/Kathmandu")

    assert len(expected) > DAYS * 4 * 3
    assert report_of(table, TENANTS[0], "Asia/Kathmandu", limit=150) == expected


def test_by_model_and_day_is_the_plain_sum_of_the_roll_ups(
    table: Table, engine: WatchedTable, spends: list[Spend], remembered: RememberedDays
) -> None:
    """Of roll-ups alone, in any time zone; also after reversals and late records.

    These are counted at once, and rolled up later; a second run over the same changes nothing.
    """
    list_tenants_for_rollups(table, since_ms=UNTIL_MS - DAYS * DAY_MS)
    rolled = roll_up_usage(table, now_ms=NOW_MS, has_time=lambda: True)
    assert (rolled.tenants, rolled.records, rolled.failed) == (5, len(spends), 0)
    _assert_equal(table, spends, remembered)
    assert engine.usage_items == 0
    read_first = engine.items_read
    _assert_equal(table, spends, remembered)
    assert engine.items_read < read_first / 10

    late = synthetic_usage(100, days=35, until_ms=UNTIL_MS, seed=15)
    changed = [
        *spends,
        *write_usage(table, late, recorded_at_ms=NOW_MS),
        *reverse_some(table, spends, 100, now_ms=NOW_MS),
    ]
    _assert_equal(table, changed, remembered)
    assert engine.usage_items > 0

    for number in range(2):
        again = roll_up_usage(table, now_ms=LATER_MS + number * DAY_MS, has_time=lambda: True)
        assert (again.records, again.failed) == (0 if number else 200, 0)
        _assert_equal(table, changed, remembered)
        assert engine.usage_items == 0


def _assert_equal(table: Table, spends: list[Spend], remembered: RememberedDays) -> None:
    """Compare the reports of three tenants and time zones with the plain sum."""
    engine = table.client
    assert isinstance(engine, WatchedTable)
    engine.forget()
    for tenant_id, timezone in zip(
        TENANTS, ("UTC", "Europe/Paris", "Asia/Kathmandu"), strict=False
    ):
        found = report_of(table, tenant_id, timezone, remembered=remembered)
        assert found == plain_sum(spends, tenant_id, timezone)


def test_a_year_of_ten_million_records_is_reported_from_its_roll_ups_alone() -> None:
    """An item of each day and its position are read, and none of the records that the log has."""
    engine = WatchedTable()
    table = Table(engine, "usage")
    first_ms = UNTIL_MS - 365 * DAY_MS
    list_for_rollups(table, TENANTS[0], since_ms=UNTIL_MS)
    for place in range(365):
        start_ms = first_ms + place * DAY_MS
        _write_day(table, start_ms, records=27_398 if place < 95 else 27_397)
    span = Interval(first_ms // 1000, UNTIL_MS // 1000)
    query = ReportQuery(span, ("model", "agent"), CalendarPeriod("month"))

    page = report_page(table, TENANTS[0], query, limit=1000, pool=Inline())

    assert (page.last, sum(row.total.calls for row in page.rows)) == (None, 10_000_000)
    assert engine.usage_items == 0
    assert engine.items_read == 2 * 365
    of_months_and_open_days = {"ROLLUPS": 12, "DAYS": 12, "USAGE": 39, "CHANGES": 1}
    assert engine.queries == of_months_and_open_days


def _write_day(table: Table, start_ms: int, *, records: int) -> None:
    """Write some records of a day, and its roll-up as if there were many more like the first."""
    until_ms = start_ms + DAY_MS
    made = synthetic_usage(8, days=1, until_ms=until_ms, seed=start_ms, tenants=TENANTS[:1])
    write_usage(table, made)
    rollup = Rollup()
    for _, record in made:
        rollup.add_record(record)
    rollup.records = records
    next(iter(rollup.totals.values())).calls += records - len(made)
    day, stored = day_of(start_ms), StoredRollup(rollup, keys.usage_moment(until_ms))
    rolled = RolledDay(stored.counted_to, records, is_whole=True)
    table.transact(
        [
            put_of_rolled_day(table.name, TENANTS[0], day, seen=None, after=rolled),
            *puts_of_rollup(table.name, keys.days_partition(TENANTS[0], day[:6]), day, stored),
        ]
    )
