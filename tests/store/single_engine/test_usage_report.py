"""Reports of 20,000 spends over 90 days equal a plain sum in Python, to the last digit."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from spendgate_service.domain.calendar import CalendarPeriod
from spendgate_service.domain.usage_report import Interval, ReportQuery, UsageRow
from spendgate_service.store.client import Table
from spendgate_service.usage.report import report_page
from tests.support.app import Inline
from tests.support.exact_table import ExactTable
from tests.support.synthetic_usage import DAY_MS, TENANTS, Spend, synthetic_usage, write_usage

UNTIL_MS = 1_775_001_600_000
"""2026-04-01: the 90 days before have the change of the clocks in Paris."""

DAYS = 90
type Sums = Counter[tuple[str, str | None, str]]


@pytest.fixture(scope="module")
def spends() -> list[Spend]:
    return synthetic_usage(20_000, days=DAYS, until_ms=UNTIL_MS, seed=14)


@pytest.fixture(scope="module")
def table(spends: list[Spend]) -> Table:
    table = Table(ExactTable(), "usage")
    write_usage(table, spends)
    return table


def plain_sum(spends: Iterable[Spend], tenant_id: str, timezone: str) -> Sums:
    """What was spent by day and model, the calls and the tokens, added up one by one."""
    sums: Sums = Counter()
    for owner, record in spends:
        if owner == tenant_id:
            moment = datetime.fromtimestamp(record.occurred_at_ms / 1000, ZoneInfo(timezone))
            assert record.metered is not None
            row = f"{moment:%Y-%m-%d}", record.metered.model
            sums[*row, "usd"] += record.amounts["usd"]
            sums[*row, "calls"] += record.calls
            sums[*row, "input"] += record.metered.usage.input_tokens
            sums[*row, "output"] += record.metered.usage.output_tokens
    return sums


def reported(rows: Iterable[UsageRow], timezone: str) -> Sums:
    sums: Sums = Counter()
    for row in rows:
        moment = datetime.fromtimestamp(row.interval.starts_at, ZoneInfo(timezone))
        key = f"{moment:%Y-%m-%d}", row.group[0]
        sums[*key, "usd"] += row.total.amounts["usd"]
        sums[*key, "calls"] += row.total.calls
        sums[*key, "input"] += row.total.tokens.get("input", 0)
        sums[*key, "output"] += row.total.tokens.get("output", 0)
    return sums


def report_of(table: Table, tenant_id: str, timezone: str) -> Sums:
    """By model and day, all pages."""
    span = Interval((UNTIL_MS - (DAYS + 1) * DAY_MS) // 1000, (UNTIL_MS + DAY_MS) // 1000)
    query = ReportQuery(span, ("model",), CalendarPeriod("day", timezone))
    rows: list[UsageRow] = []
    after = None
    while True:
        page = report_page(table, tenant_id, query, limit=150, after=after, pool=Inline())
        rows += page.rows
        if page.last is None:
            return reported(rows, timezone)
        after = page.last


@pytest.mark.parametrize(
    ("tenant_id", "timezone"),
    [(TENANTS[0], "Asia/Kathmandu"), (TENANTS[1], "Europe/Paris")],
)
def test_by_model_and_day_is_the_plain_sum(
    table: Table, spends: list[Spend], tenant_id: str, timezone: str
) -> None:
    """In any time zone, also where the clocks change."""
    expected = plain_sum(spends, tenant_id, timezone)

    assert len(expected) > DAYS * 4 * 3
    assert report_of(table, tenant_id, timezone) == expected
