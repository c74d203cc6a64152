"""Reverse a spend: undo it once on every budget that counted it, in open and closed periods.

One transaction writes a usage record with negative amounts, a ledger entry for each budget, the
counters, and a marker that makes it happen once. A closed period becomes due once more: its next
statement and what it carries over follow. In a rolling window, a spend that has left the window
changes its total of all time only.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from spendgate_service.domain.changes import BY_COMMAND, Author
from spendgate_service.domain.counters import Counter
from spendgate_service.domain.errors import InvalidValue, NotFound
from spendgate_service.domain.ledger import LedgerEntry, entry_on
from spendgate_service.domain.reservations import Line
from spendgate_service.domain.subjects import SESSION
from spendgate_service.domain.usage_records import BudgetShare, UsageRecord, reversal_of
from spendgate_service.events.change_log import Changed, change_entry
from spendgate_service.events.threshold_events import ThresholdEvents
from spendgate_service.store import keys
from spendgate_service.store.client import Table
from spendgate_service.store.counters import read_counters
from spendgate_service.store.errors import Throttled, TransactionFailed
from spendgate_service.store.postings import Posting, reversal_update, writes_of_ledger
from spendgate_service.store.retrying import CHANGE_TRIES_MAX, LoopEnded, attempts
from spendgate_service.store.usage import (
    UsageBatch,
    find_reversal,
    find_usage_record,
    put_of_reversal,
)
from spendgate_service.wire.changes import reversal_fields


@dataclass(frozen=True, slots=True)
class Reversed:
    """The usage record of a reversal; `replayed` if it was written before."""

    record: UsageRecord
    replayed: bool


def reverse(
    table: Table,
    tenant_id: str,
    record_id: str,
    reason: str | None,
    *,
    by: Author = BY_COMMAND,
    now_ms: int,
    threshold_events: ThresholdEvents | None = None,
) -> Reversed:
    """Reverse a record, or return the reversal that it has.

    Where the author gives no reason, the change log has the one of the reversal.

    Two write units for the record, the marker, the entry of the change log, each counter and each
    ledger entry. Raises NotFound for a record that is not in the log, InvalidValue for a reversal,
    Throttled.
    """
    changing = "the budgets are being changed right now; try again"
    for _ in attempts(CHANGE_TRIES_MAX, exhausted=lambda: Throttled(changing)):
        if (before := find_reversal(table, tenant_id, record_id)) is not None:
            return Reversed(before, replayed=True)
        record = find_usage_record(table, tenant_id, record_id)
        if record is None:
            raise NotFound("usage record", record_id)
        if record.reverses is not None:
            raise InvalidValue(
                f"path.id: {record_id} is a reversal; record the spend again instead",
                param="path.id",
            )
        plan = _planned(table, tenant_id, record, reason, now_ms)
        writes, written = plan.writes(table, tenant_id, now_ms)
        changed = Changed("usage.reversed", record_id, None, reversal_fields(written))
        author = replace(by, reason=by.reason or reason)
        writes.append(change_entry(table, tenant_id, author, changed, now_ms=now_ms))
        try:
            table.transact(writes)
        except TransactionFailed as failed:
            if not any(objection and objection.is_condition for objection in failed.objections):
                raise
            continue
        if threshold_events is not None:
            threshold_events.after_spending(
                [(posting.counter, posting.entry) for posting in plan.postings if posting.entry],
                now_ms=now_ms,
            )
        return Reversed(written, replayed=False)
    raise LoopEnded


@dataclass(frozen=True, slots=True)
class _Plan:
    """What a reversal writes, by the counters as they were read."""

    reversal: UsageRecord
    postings: Sequence[Posting]
    seen: Mapping[keys.Key, Counter]

    def writes(
        self, table: Table, tenant_id: str, now_ms: int
    ) -> tuple[list[dict[str, Any]], UsageRecord]:
        """Make the transaction, and the record with its id."""
        puts, _ = writes_of_ledger(table.name, self.postings, now_ms=now_ms)
        log = UsageBatch(table.name, now_ms=now_ms)
        counted = [posting.entry for posting in self.postings if posting.entry is not None]
        written = log.add(tenant_id, self.reversal.counting(counted))
        marker = put_of_reversal(table.name, tenant_id, written)
        updates = [
            reversal_update(table.name, posting, self.seen[posting.counter])
            for posting in self.postings
        ]
        return [marker, *updates, *puts, *log.puts()], written


def _planned(
    table: Table, tenant_id: str, record: UsageRecord, reason: str | None, now_ms: int
) -> _Plan:
    """Plan a reversal; a budget whose counter TTL has removed is left out."""
    reversal = reversal_of(record, reason)
    shares = {
        keys.counter_key(tenant_id, share.budget_id, share.subject, share.period_key): share
        for share in reversal.budgets
        if share.counted and share.period_key is not None
    }
    seen = read_counters(table, shares, consistent=True) if shares else {}
    postings = [
        Posting(
            counter=key,
            entry=_entry(share, reversal, now_ms),
            leaves_at=share.leaves_at,
            must_exist=True,
        )
        for key, share in shares.items()
        if key in seen
    ]
    return _Plan(reversal, postings, seen)


def _entry(share: BudgetShare, reversal: UsageRecord, now_ms: int) -> LedgerEntry:
    """Make the ledger entry on one budget; it names the record that is reversed."""
    assert share.period_key is not None
    line = Line(share.budget_id, share.subject, share.unit, share.period_key, share.amount)
    return entry_on(
        line,
        share.amount,
        reversal.provenance,
        now_ms=now_ms,
        session_id=reversal.subject_id(SESSION),
        kind="reversal",
    )
