"""Totals of the usage log by group and interval, a page at a time.

Days are read in order, so that a page is complete once the intervals after it begin; a report of
many intervals is never in memory as a whole.
"""

from collections.abc import Iterator
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from itertools import batched, islice, product

from spendgate_service.domain.errors import InvalidValue
from spendgate_service.domain.usage_report import (
    Group,
    Interval,
    Report,
    ReportQuery,
    UsageLine,
    UsageRow,
    days_of,
    group_position,
    line_of,
    position_of,
)
from spendgate_service.store import keys
from spendgate_service.store.client import Table
from spendgate_service.store.usage import read_usage, usage_items

LINES_MAX = 400_000
"""How many lines one request may add: about ten of the function's fifteen seconds."""

_DAYS_AT_ONCE = 4


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
) -> ReportPage:
    """Read a page of totals. Raises InvalidValue where it is about too many lines."""
    found = islice(_rows(table, tenant_id, query, after, pool), limit + 1)
    rows = tuple(found)
    if len(rows) <= limit:
        return ReportPage(rows, None)
    last = rows[limit - 1]
    return ReportPage(rows[:limit], RowPlace(last.interval.starts_at, last.group))


def _rows(
    table: Table, tenant_id: str, query: ReportQuery, after: RowPlace | None, pool: Executor
) -> Iterator[UsageRow]:
    """Yield the rows after a place, in order."""
    place = None if after is None else (after.starts_at, group_position(after.group))
    since = query.span if after is None else replace(query.span, starts_at=after.starts_at)
    report, lines, done = Report(query), 0, since.starts_at
    for ended_at, day in _days(table, tenant_id, query, since, pool):
        for line in day:
            lines += 1
            if lines > LINES_MAX:
                _refuse_size()
            report.add(line)
        for row in report.take(until=ended_at):
            if place is None or position_of(row) > place:
                yield row
        done = ended_at
    assert done >= since.ends_at


def _days(
    table: Table, tenant_id: str, query: ReportQuery, span: Interval, pool: Executor
) -> Iterator[tuple[int, list[UsageLine]]]:
    """Yield the lines of some days at a time, with the end of the last one."""
    metadata = query.metadata

    def read(partition: str) -> list[UsageLine]:
        return [
            line_of(record, metadata=metadata)
            for item in usage_items(table, partition)
            for record in read_usage(item)
        ]

    for days in batched(days_of(span), _DAYS_AT_ONCE, strict=False):
        partitions = [
            keys.usage_partition(tenant_id, day, shard)
            for (day, _), shard in product(days, range(keys.USAGE_SHARDS))
        ]
        lines = [line for found in pool.map(read, partitions) for line in found]
        yield days[-1][1], lines


def _refuse_size() -> None:
    raise InvalidValue(
        f"one report reads at most {LINES_MAX} records; send a shorter span", param="query.from"
    )
