"""Export the ledger of a whole tenant for a span of time, in parts.

The order is: budgets by id (that is, by creation), deleted ones included; for a default, subject by
subject in the order of the index; for one budget and subject, by time. Every step returns its
place, so that an export of any size continues where the last response ended.

The subjects of a default are those that have counters: a subject whose last counter was removed by
TTL is not found. A subject is exported at its first counter that may have entries in the span, not
at an older one: TTL may remove the older one during the export, and the subject would come twice.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Self

from spendgate_service.domain.ledger import LedgerEntry
from spendgate_service.domain.periods import period_of
from spendgate_service.domain.subjects import Subject, parse_subject
from spendgate_service.store import keys
from spendgate_service.store.client import Table
from spendgate_service.store.counter_index import counters_listed, earlier_periods
from spendgate_service.store.ledger import ledger_items, ledger_until, read_past_ledger
from spendgate_service.store.listings import ListedBudget, budgets_ever, find_listed

LATEST_ENTRY_SECONDS = 31 * 86_400
"""How long after its end a period may get entries: longer than a settlement can be late, and longer
than the closing of periods can fail unnoticed."""

_PAGE_SIZE = 200
"""How many ledger items are read at a time: 2 MB at most, usually far less."""

_ROWS_AT_ONCE = 1000
"""How many rows of the index are read at a time: they have keys only, 200 KB of them."""

_PLACE = re.compile(
    r"(?P<budget_id>bud_[0-9a-z]{26})\n(?P<period_key>[^\n]{0,100})\n(?P<subject>[^\n]*)\n"
    r"(?P<after>(LEDGER#\d{15}#[0-9a-z]{26})?|~)"
)
_DONE = "~"


@dataclass(frozen=True, slots=True)
class Place:
    """How far an export has come: everything up to this place has been returned.

    `period_key` and `subject` name a row of the index of a default's counters; they are empty for a
    budget on one subject. `after` is the sort key of the last ledger item; `~` stands for the end.
    """

    budget_id: str
    period_key: str = ""
    subject: str = ""
    after: str = ""

    @property
    def text(self) -> str:
        """The place as text, for a cursor."""
        return f"{self.budget_id}\n{self.period_key}\n{self.subject}\n{self.after}"

    @property
    def ends_a_budget(self) -> bool:
        """Whether the whole budget has been exported."""
        return not self.subject and self.after == _DONE

    @classmethod
    def read(cls, text: str) -> Self | None:
        """Read a place from the text of a cursor; None if it is malformed."""
        matched = _PLACE.fullmatch(text)
        return cls(**{name: matched[name] for name in cls.__slots__}) if matched else None


@dataclass(frozen=True, slots=True)
class Span:
    """A span of time in epoch milliseconds, with its start and without its end.

    Credits that have not ended at `as_of_ms` (None: at the end of the span) are not taken off yet.
    """

    from_ms: int
    to_ms: int
    as_of_ms: int | None = field(default=None, compare=False)

    @property
    def now_ms(self) -> int:
        """The moment as of which credits have ended or not."""
        return self.to_ms if self.as_of_ms is None else self.as_of_ms

    def may_have_entries_of(self, period_key: str) -> bool:
        """Whether a period may have ledger entries in this span."""
        ends_at = period_of(period_key).ends_at
        return ends_at is None or self.from_ms <= (ends_at + LATEST_ENTRY_SECONDS) * 1000


type Step = tuple[Place, list[LedgerEntry]]
"""The entries of one ledger item, oldest first, and the place after them. A step without entries
reports that a budget, a subject or a part of the index was passed. It costs two reads at most."""


def export_ledger(
    table: Table, tenant_id: str, span: Span, *, start: Place | None
) -> Iterator[Step]:
    """Export the ledger of a tenant, step by step, from the place that the last part reached."""
    if start is not None and not start.ends_a_budget:
        budget = find_listed(table, tenant_id, start.budget_id)
        yield from _of_budget(table, tenant_id, budget, span, start)
    after = start.budget_id if start else ""
    for budget in budgets_ever(table, tenant_id, after=after):
        yield from _of_budget(table, tenant_id, budget, span, None)


def _of_budget(
    table: Table, tenant_id: str, budget: ListedBudget, span: Span, start: Place | None
) -> Iterator[Step]:
    if not budget.subject.is_default:
        place = start or Place(budget.budget_id)
        yield from _of_subject(table, tenant_id, place, budget.subject, span)
        return
    if start is not None and start.subject:
        yield from _of_subject(table, tenant_id, start, parse_subject(start.subject), span)
    row = (start.period_key, parse_subject(start.subject)) if start and start.subject else None
    rows = counters_listed(table, tenant_id, budget.budget_id, after=row, page_size=_ROWS_AT_ONCE)
    for passed, (period_key, subject) in enumerate(rows, start=1):
        place = Place(budget.budget_id, period_key, str(subject))
        if span.may_have_entries_of(period_key):
            earlier = earlier_periods(table, tenant_id, budget.budget_id, subject, period_key)
            if any(map(span.may_have_entries_of, earlier)):
                yield _at_its_end(place), []
            else:
                yield from _of_subject(table, tenant_id, place, subject, span)
        elif passed % _ROWS_AT_ONCE == 0:
            yield _at_its_end(place), []
    yield Place(budget.budget_id, after=_DONE), []


def _of_subject(
    table: Table, tenant_id: str, place: Place, subject: Subject, span: Span
) -> Iterator[Step]:
    """Export the ledger of one budget and subject, from that place on."""
    if place.after == _DONE:
        return
    first, last = keys.ledger_moment(span.from_ms), _end_of(span)
    if place.after:
        first = max(first, f"{place.after} ")
    if first <= last:
        partition = keys.counter_partition(tenant_id, place.budget_id, subject)
        for item in ledger_items(table, partition, first=first, last=last, page_size=_PAGE_SIZE):
            here = Place(place.budget_id, place.period_key, place.subject, item["sk"]["S"])
            yield here, read_past_ledger(item, now_ms=span.now_ms)
    yield _at_its_end(place), []


def _end_of(span: Span) -> str:
    return min(keys.ledger_moment(span.to_ms), ledger_until(span.now_ms))


def _at_its_end(place: Place) -> Place:
    return Place(place.budget_id, place.period_key, place.subject, _DONE)
