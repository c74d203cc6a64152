"""Totals of the usage log by group and interval, a page at a time.

Days are read in order, so that a page is complete once the intervals after it begin; a report of
many intervals is never in memory as a whole.
"""

from collections.abc import Iterator
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from itertools import islice

from spendgate_service.domain.usage_report import (
    Group,
    Report,
    ReportQuery,
    UsageRow,
    group_position,
    position_of,
)
from spendgate_service.store.client import Table
from spendgate_service.usage.remembered_days import RememberedDays
from spendgate_service.usage.sources import Source


@dataclass(frozen=True, slots=True)
class RowPlace:
    """The last row of a page: its interval's start, and its group."""

    starts_at: int
    group: Group


@dataclass(frozen=True, slots=True)
class ReportPage:
    """Rows in order; `last` is where the next page begins, None at the end."""

    rows: tuple[UsageRow, ...]
    last: RowPlace | None


def report_page(
    table: Table,
    tenant_id: str,
    query: ReportQuery,
    *,
    limit: int,
    after: RowPlace | None = None,
    pool: Executor,
    remembered: RememberedDays | None = None,
) -> ReportPage:
    """Read a page of totals. Raises InvalidValue where it is about too many lines."""
    since = query.span if after is None else replace(query.span, starts_at=after.starts_at)
    asked = replace(query, span=since)
    source = Source(table, tenant_id, asked, pool, remembered or RememberedDays())
    found = islice(_rows(source, asked, after), limit + 1)
    rows = tuple(found)
    if len(rows) <= limit:
        return ReportPage(rows, None)
    last = rows[limit - 1]
    return ReportPage(rows[:limit], RowPlace(last.interval.starts_at, last.group))


def _rows(source: Source, query: ReportQuery, after: RowPlace | None) -> Iterator[UsageRow]:
    """Yield the rows after a place, in order."""
    place = None if after is None else (after.starts_at, group_position(after.group))
    report, done = Report(query), query.span.starts_at
    for ended_at, day in source.days():
        for line in day:
            report.add(line)
        for row in report.take(until=ended_at):
            if place is None or position_of(row) > place:
                yield row
        done = ended_at
    assert done >= query.span.ends_at
