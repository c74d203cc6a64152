"""Audit one budget: compare every counter with its ledger.

    spent = the sum of the debits        carried_in - carried_out = the sum of the carry-overs
    available + spent + holds + carried_out = limit + carried_in + the sum of the credits
                                              + the credits on the counter that are to end

A credit with an end has two entries, the second at its end. They cancel each other, so the sum of
all entries is that of the credits without an end, before and after a write takes the credit out.

The same transactions write both, so a difference is a bug of Spendgate or a manual change of the
table. Counters are read before and after their ledger: one that changes meanwhile is correct if the
ledger's sum lies between the two.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

from spendgate_service.domain.amounts import Amount
from spendgate_service.domain.audit import Audit, Difference
from spendgate_service.domain.budgets import Budget
from spendgate_service.domain.counters import Counter
from spendgate_service.domain.ledger import LedgerEntry
from spendgate_service.domain.subjects import Subject, parse_subject
from spendgate_service.store import keys
from spendgate_service.store.client import Table
from spendgate_service.store.counter_index import Row, counters_listed, counters_of, first_period
from spendgate_service.store.counters import is_forgotten, read_counter
from spendgate_service.store.ledger import ledger_entries
from spendgate_service.store.paging import Page, PageRequest

_POSITION = re.compile(r"(?P<period_key>[^\n]{1,100})\n(?P<subject>[a-z][a-z0-9_]*:.+)")
_NO_COUNTER = Counter(limit=0, spent=0, available=0, version=0)


@dataclass(slots=True)
class _Sums:
    """The sums of the ledger entries of one period."""

    debits: Amount = 0
    credits: Amount = 0
    carried: Amount = 0
    entries: int = 0

    def add(self, entry: LedgerEntry) -> None:
        match entry.kind:
            case "spend" | "opening" | "reversal":
                self.debits += entry.amount
            case "credit" | "credit_expired":
                self.credits -= entry.amount
            case "carry_over":
                self.carried -= entry.amount
        self.entries += 1


def audit_subject(
    table: Table,
    tenant_id: str,
    budget_id: str,
    subject: Subject,
    *,
    now_ms: int,
    note: Callable[[LedgerEntry], None] = lambda _entry: None,
) -> Audit:
    """Audit all periods of a budget and subject; `note` is called for every entry, newest first.

    Reads the whole ledger of the subject page by page; keeps three sums for each period.
    """
    partition = keys.counter_partition(tenant_id, budget_id, subject)
    before = _counters(table, partition)
    ledger: dict[str, _Sums] = {}
    for entry in ledger_entries(table, tenant_id, budget_id, subject):
        ledger.setdefault(entry.period_key, _Sums()).add(entry)
        note(entry)
    after = _counters(table, partition)
    periods = sorted(key for key in {*after, *ledger} if not is_forgotten(key, now_ms=now_ms))
    differences = [
        difference
        for key in periods
        for difference in _differences(
            subject, key, ledger.get(key, _Sums()),
            (before.get(key, _NO_COUNTER), after.get(key, _NO_COUNTER)),
        )
    ]  # fmt: skip
    entries = sum(sums.entries for sums in ledger.values())
    return Audit(len(after), entries, tuple(differences))


def audit_budget(
    table: Table,
    tenant_id: str,
    budget: Budget,
    page_request: PageRequest,
    *,
    now_ms: int,
    note: Callable[[LedgerEntry], None] = lambda _entry: None,
) -> Audit:
    """Audit a budget; of a default, one page of its counters at a time.

    A subject is audited, with all its periods, at its first counter in the index. The index follows
    the table within moments: a counter that was created just now may be missing.
    """
    if not budget.subject.is_default:
        return audit_subject(
            table, tenant_id, budget.budget_id, budget.subject, now_ms=now_ms, note=note
        )
    page = _listed_counters(table, tenant_id, budget.budget_id, page_request)
    audits = [
        audit_subject(table, tenant_id, budget.budget_id, subject, now_ms=now_ms, note=note)
        for period_key, subject in page.data
        if period_key == first_period(table, tenant_id, budget.budget_id, subject)
    ]
    return Audit(
        counters=sum(audit.counters for audit in audits),
        entries=sum(audit.entries for audit in audits),
        differences=tuple(difference for audit in audits for difference in audit.differences),
        next_cursor=page.next_cursor,
    )


def _differences(
    subject: Subject, period_key: str, ledger: _Sums, seen: tuple[Counter, Counter]
) -> Iterator[Difference]:
    before, after = seen
    if not _between(ledger.debits, before.spent_of_all_time, after.spent_of_all_time):
        found = after.spent_of_all_time
        yield Difference(subject, period_key, "spent", ledger.debits, found)
    if not _between(ledger.credits, before.credits_without_end, after.credits_without_end):
        ending = sum(after.ending.values())
        expected = after.limit + after.carried_in + ledger.credits + ending
        yield Difference(subject, period_key, "entitlement", expected, after.entitlement)
    carried = [counter.carried_in - counter.carried_out for counter in seen]
    if not _between(ledger.carried, *carried):
        yield Difference(subject, period_key, "carried", ledger.carried, carried[-1])


def _between(amount: Amount, before: Amount, after: Amount) -> bool:
    return min(before, after) <= amount <= max(before, after)


def _counters(table: Table, partition: str) -> Mapping[str, Counter]:
    """Read all counters of a budget and subject, by period."""
    return {
        keys.period_key_of(item["sk"]["S"]): read_counter(item)
        for item in table.query_items(**counters_of(partition))
    }


def _listed_counters(
    table: Table, tenant_id: str, budget_id: str, page_request: PageRequest
) -> Page[Row]:
    """Read a page of a budget's counters from the index: their periods and subjects."""
    position = page_request.position(_POSITION)
    after = (position["period_key"], parse_subject(position["subject"])) if position else None
    found = counters_listed(
        table, tenant_id, budget_id, after=after, page_size=page_request.limit + 1
    )
    return page_request.page_of(list(islice(found, page_request.limit + 1)), _position_of)


def _position_of(row: Row) -> str:
    period_key, subject = row
    return f"{period_key}\n{subject}"
