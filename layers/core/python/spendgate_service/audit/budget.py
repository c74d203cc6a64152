"""The audit compares every counter of a budget with its ledger.

    spent = the sum of the debits        carried_in - carried_out = the sum of the carry-overs
    available + spent + holds + carried_out = limit + carried_in + the sum of the credits

Both are kept by the same transactions, so a difference is a defect of ours, or somebody's hand in
the table. Counters are read before and after their ledger: one that moves meanwhile is right if the
ledger stands between the two.
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
    """The ledger of one period."""

    debits: Amount = 0
    credits: Amount = 0
    carried: Amount = 0
    entries: int = 0

    def add(self, entry: LedgerEntry) -> None:
        match entry.kind:
            case "spend":
                self.debits += entry.amount
            case "credit":
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
    """Audit all periods of one subject under a budget; `note` is told of every entry, newest first.

    Reads the whole ledger of the subject, page by page; keeps two sums for each period.
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
    wanted: PageRequest,
    *,
    now_ms: int,
    note: Callable[[LedgerEntry], None] = lambda _entry: None,
) -> Audit:
    """Audit a budget: a default, for as many of its counters as are wanted at a time.

    A subject is audited, with all its periods, where its first counter comes up in the index. The
    index follows within moments: a counter created just now may be missing.
    """
    if not budget.subject.is_default:
        return audit_subject(
            table, tenant_id, budget.budget_id, budget.subject, now_ms=now_ms, note=note
        )
    page = _listed_counters(table, tenant_id, budget.budget_id, wanted)
    audits = [
        audit_subject(table, tenant_id, budget.budget_id, subject, now_ms=now_ms, note=note)
        for period_key, subject in page.data
        if period_key == first_period(table, tenant_id, budget.budget_id, subject)
    ]
    return Audit(
        counters=sum(one.counters for one in audits),
        entries=sum(one.entries for one in audits),
        differences=tuple(difference for one in audits for difference in one.differences),
        next_cursor=page.next_cursor,
    )


def _differences(
    subject: Subject, period_key: str, ledger: _Sums, seen: tuple[Counter, Counter]
) -> Iterator[Difference]:
    before, after = seen
    if not _between(ledger.debits, before.spent_of_all_time, after.spent_of_all_time):
        found = after.spent_of_all_time
        yield Difference(subject, period_key, "spent", ledger.debits, found)
    if not _between(ledger.credits, before.credits, after.credits):
        expected = after.limit + after.carried_in + ledger.credits
        yield Difference(subject, period_key, "entitlement", expected, after.entitlement)
    carried = [one.carried_in - one.carried_out for one in seen]
    if not _between(ledger.carried, *carried):
        yield Difference(subject, period_key, "carried", ledger.carried, carried[-1])


def _between(amount: Amount, one: Amount, other: Amount) -> bool:
    return min(one, other) <= amount <= max(one, other)


def _counters(table: Table, partition: str) -> Mapping[str, Counter]:
    """All counters of a budget and subject, by period."""
    return {
        item["sk"]["S"].removeprefix(keys.PERIOD_PREFIX): read_counter(item)
        for item in table.query_items(**counters_of(partition))
    }


def _listed_counters(
    table: Table, tenant_id: str, budget_id: str, wanted: PageRequest
) -> Page[Row]:
    """The counters of a budget as the index lists them: period and subject."""
    position = wanted.position(_POSITION)
    after = (position["period_key"], parse_subject(position["subject"])) if position else None
    found = counters_listed(table, tenant_id, budget_id, after=after, page_size=wanted.limit + 1)
    return wanted.page_of(list(islice(found, wanted.limit + 1)), lambda one: f"{one[0]}\n{one[1]}")
