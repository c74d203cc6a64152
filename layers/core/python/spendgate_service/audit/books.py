"""Audit one budget by three books: its counters, its ledger, and the usage log.

The same transactions write the ledger and the log, so for each period both have the same spend,
reversals included. What was recorded within the last minute is left out of both: it may have been
written while they were read.
"""

from collections import Counter as Sums
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from itertools import batched, chain

from spendgate_service.audit.budget import audit_budget, audit_subject
from spendgate_service.audit.scan_index import CLOCKS_DIFFER_MS
from spendgate_service.domain.audit import Audit, Difference
from spendgate_service.domain.budgets import Budget
from spendgate_service.domain.ledger import LedgerEntry
from spendgate_service.domain.occurrence import OCCURRED_SECONDS_AGO_MAX
from spendgate_service.domain.periods import period_of
from spendgate_service.domain.subjects import Subject
from spendgate_service.domain.usage_days import days_between
from spendgate_service.domain.usage_records import UsageRecord
from spendgate_service.store import keys
from spendgate_service.store.client import Table
from spendgate_service.store.counters import is_forgotten
from spendgate_service.store.paging import PageRequest
from spendgate_service.store.usage import read_usage, usage_items

RECORDS_MAX = 100_000
"""How many usage records one request compares: about five of the function's fifteen seconds."""

_DAYS_AT_ONCE = 16

type _Spent = Sums[tuple[Subject, str]]
"""What was spent by each subject in each period."""


@dataclass(frozen=True, slots=True)
class Audited:
    """A budget, and which of its counters: those of one subject, or (None) a page of them."""

    budget: Budget
    subject: Subject | None
    page_request: PageRequest


@dataclass(slots=True)
class _Ledger:
    """The spend that the ledger has, and the days on which it may have occurred."""

    until_ms: int
    spent: _Spent = field(default_factory=Sums)
    days: set[str] = field(default_factory=set)

    def note(self, entry: LedgerEntry) -> None:
        if entry.kind not in {"spend", "reversal"} or entry.created_at_ms >= self.until_ms:
            return
        place = entry.subject, entry.period_key
        if place not in self.spent or period_of(entry.period_key).starts_at is None:
            self.days.update(_days_of(entry))
        self.spent[place] += entry.amount


def audit_books(
    table: Table,
    tenant_id: str,
    audited: Audited,
    *,
    now_ms: int,
    pool: Executor,
    note: Callable[[LedgerEntry], None],
) -> Audit:
    """Audit a budget by its ledger, and its ledger by the usage log.

    Reads the tenant's usage log of the days of its periods, until it is too long for one request.
    """
    ledger = _Ledger(now_ms - CLOCKS_DIFFER_MS)

    def noted(entry: LedgerEntry) -> None:
        note(entry)
        ledger.note(entry)

    budget, subject = audited.budget, audited.subject
    audit = (
        audit_budget(table, tenant_id, budget, audited.page_request, now_ms=now_ms, note=noted)
        if subject is None
        else audit_subject(table, tenant_id, budget.budget_id, subject, now_ms=now_ms, note=noted)
    )
    logged: _Spent = Sums()
    subjects, compared = {counted for counted, _ in ledger.spent}, 0
    records = _records(table, tenant_id, sorted(ledger.days), pool)
    for read, record in enumerate(records):
        if read == RECORDS_MAX:
            return audit
        if record.recorded_at_ms < ledger.until_ms:
            compared += _add_shares(logged, record, budget.budget_id)
    found = tuple(
        Difference(*place, "usage_log", ledger.spent[place], logged[place])
        for place in sorted(ledger.spent.keys() | logged.keys(), key=str)
        if place[0] in subjects
        and ledger.spent[place] != logged[place]
        and not is_forgotten(place[1], now_ms=now_ms)
    )
    return replace(audit, differences=audit.differences + found, records=compared)


def _days_of(entry: LedgerEntry) -> list[str]:
    """Return the days on which the spend of the period of an entry may have occurred."""
    period = period_of(entry.period_key)
    if period.starts_at is not None and period.ends_at is not None:
        return days_between(
            period.starts_at * 1000 - CLOCKS_DIFFER_MS, period.ends_at * 1000 + CLOCKS_DIFFER_MS
        )
    since_ms = entry.created_at_ms - OCCURRED_SECONDS_AGO_MAX * 1000
    return days_between(max(0, since_ms), entry.created_at_ms + CLOCKS_DIFFER_MS)


def _records(
    table: Table, tenant_id: str, days: list[str], pool: Executor
) -> Iterator[UsageRecord]:
    """Read the usage log of some days, several at a time."""

    def read(partition: str) -> list[UsageRecord]:
        items = usage_items(table, partition)
        return [record for item in items for record in read_usage(item)]

    for some in batched(days, _DAYS_AT_ONCE, strict=False):
        partitions = [
            keys.usage_partition(tenant_id, day, shard)
            for day in some
            for shard in range(keys.USAGE_SHARDS)
        ]
        yield from chain.from_iterable(pool.map(read, partitions))


def _add_shares(logged: _Spent, record: UsageRecord, budget_id: str) -> bool:
    """Add what a budget counts of a record; return whether it counts anything."""
    shares = [share for share in record.budgets if share.budget_id == budget_id and share.counted]
    for share in shares:
        assert share.period_key is not None
        logged[share.subject, share.period_key] += share.amount
    return bool(shares)
