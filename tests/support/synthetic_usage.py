"""Synthetic usage over many days and tenants, written into the log in bulk; and its plain sum."""

import random
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Executor
from datetime import datetime
from itertools import batched
from zoneinfo import ZoneInfo

from spendgate_service.domain.amounts import Amount
from spendgate_service.domain.calendar import CalendarPeriod
from spendgate_service.domain.model_usage import Usage
from spendgate_service.domain.subjects import Subject
from spendgate_service.domain.usage_records import MeteredUsage, UsageRecord
from spendgate_service.domain.usage_report import Interval, ReportQuery, UsageRow
from spendgate_service.store.client import Table
from spendgate_service.store.usage import UsageBatch
from spendgate_service.usage.remembered_days import RememberedDays
from spendgate_service.usage.report import report_page
from spendgate_service.usage.reverse import reverse
from tests.support.app import Inline
from tests.support.rollover import list_for_rollups

TENANTS = tuple(f"tenant-{number}" for number in range(5))
MODELS = ("gpt-4o", "gpt-4o-mini", "claude-sonnet-4-5", "gemini-2.5-flash")
DAY_MS = 86_400_000
_BATCH = 20

type Spend = tuple[str, UsageRecord]
"""A tenant, and what it spent."""

type Sums = Counter[tuple[str, str | None, str]]
"""Amounts, calls and tokens by day and model."""


def synthetic_usage(
    count: int, *, days: int, until_ms: int, seed: int, tenants: Sequence[str] = TENANTS
) -> list[Spend]:
    """That many spends, each of one tenant, in the order of time."""
    numbers = random.Random(seed)
    since_ms = until_ms - days * DAY_MS
    moments = sorted(numbers.randrange(since_ms, until_ms) for _ in range(count))
    return [_spend(numbers, moment_ms, tenants) for moment_ms in moments]


def _spend(numbers: random.Random, moment_ms: int, tenants: Sequence[str]) -> Spend:
    tenant_id, model = numbers.choice(tenants), numbers.choice(MODELS)
    usage = Usage("openai", model, numbers.randrange(10_000), numbers.randrange(2_000))
    amount: Amount = numbers.randrange(10**10)
    subjects = (
        Subject("organization", tenant_id),
        Subject("agent", f"agent-{numbers.randrange(8)}"),
        Subject("user", f"user-{numbers.randrange(20)}"),
        Subject("session", f"s-{numbers.randrange(10**9)}"),
    )
    metered = MeteredUsage("openai", model, usage, "builtin")
    return tenant_id, UsageRecord(subjects, {"usd": amount}, moment_ms, metered=metered)


def write_usage(
    table: Table, spends: Iterable[Spend], *, recorded_at_ms: int | None = None
) -> list[Spend]:
    """Write spends as transactions of twenty of one tenant and day would; return the records.

    They are recorded when the last of a batch occurred, if not said.
    """
    return [
        spend
        for together in _by_day(spends)
        for batch in batched(together, _BATCH, strict=False)
        for spend in _write(table, batch, recorded_at_ms or batch[-1][1].occurred_at_ms)
    ]


def _write(table: Table, batch: Sequence[Spend], recorded_at_ms: int) -> list[Spend]:
    log = UsageBatch(table.name, now_ms=recorded_at_ms)
    written = [(tenant_id, log.add(tenant_id, record)) for tenant_id, record in batch]
    for put in log.puts():
        table.put(put["Put"]["Item"])
    return written


def _by_day(spends: Iterable[Spend]) -> Iterator[list[Spend]]:
    groups: dict[tuple[str, int], list[Spend]] = {}
    for tenant_id, record in spends:
        groups.setdefault((tenant_id, record.occurred_at_ms // DAY_MS), []).append(
            (tenant_id, record)
        )
    yield from groups.values()


def list_tenants_for_rollups(table: Table, *, since_ms: int) -> None:
    """Have the usage of each tenant rolled up."""
    for tenant_id in TENANTS:
        list_for_rollups(table, tenant_id, since_ms=since_ms)


def reverse_some(table: Table, spends: Sequence[Spend], count: int, *, now_ms: int) -> list[Spend]:
    """Reverse as many records, spread evenly; return the records of the reversals."""
    return [
        (tenant_id, reverse(table, tenant_id, record.record_id, None, now_ms=now_ms).record)
        for tenant_id, record in spends[:: len(spends) // count][:count]
    ]


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


def reported_sum(
    table: Table,
    tenant_id: str,
    timezone: str,
    *,
    days: int,
    until_ms: int,
    limit: int = 1000,
    pool: Executor | None = None,
    remembered: RememberedDays | None = None,
) -> Sums:
    """The same by the report of the service, all pages."""
    span = Interval((until_ms - days * DAY_MS) // 1000, until_ms // 1000)
    query = ReportQuery(span, ("model",), CalendarPeriod("day", timezone))
    rows: list[UsageRow] = []
    after = None
    while True:
        page = report_page(
            table, tenant_id, query, limit=limit, after=after, pool=pool or Inline(),
            remembered=remembered,
        )  # fmt: skip
        rows += page.rows
        if page.last is None:
            return _sums_of(rows, timezone)
        after = page.last


def _sums_of(rows: Iterable[UsageRow], timezone: str) -> Sums:
    sums: Sums = Counter()
    for row in rows:
        moment = datetime.fromtimestamp(row.interval.starts_at, ZoneInfo(timezone))
        key = f"{moment:%Y-%m-%d}", row.group[0]
        sums[*key, "usd"] += row.total.amounts["usd"]
        sums[*key, "calls"] += row.total.calls
        sums[*key, "input"] += row.total.tokens.get("input", 0)
        sums[*key, "output"] += row.total.tokens.get("output", 0)
    return sums
