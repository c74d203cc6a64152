"""The ledger of a whole tenant for a stretch of time, bit by bit.

In the order of the budgets' ids (that is, of their creation), deleted ones included; of a default,
subject by subject in the order of the index; within a budget and subject by time. Every step says
where it has come to, so that an export of any size goes on where the last answer ended.

The subjects of a default are those that have counters: whoever's last counter has been removed by
TTL is no longer found. A subject comes where its first counter does that has to do with the span:
not with one of long ago, since TTL may remove that meanwhile, and the subject would come again.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

from spendgate_service.domain.ledger import LedgerEntry
from spendgate_service.domain.period_keys import period_of
from spendgate_service.domain.subjects import Subject, parse_subject
from spendgate_service.store import keys, values
from spendgate_service.store.client import Table
from spendgate_service.store.counter_index import counters_listed, earlier_periods
from spendgate_service.store.ledger import read_ledger
from spendgate_service.store.listings import ListedBudget, budgets_ever, find_listed

LATEST_ENTRY_SECONDS = 31 * 86_400
"""How long after its end a period may get entries: longer than a settlement can be late, or than
the closing of periods may stand still and nobody sees it."""

_PAGE_SIZE = 200
"""How many items of the ledger are read at a time: 2 MB at most, and usually far less."""

_ROWS_AT_ONCE = 1000
"""How many rows of the index are read at a time: keys alone, 200 KB of them."""

_PLACE = re.compile(
    r"(?P<budget_id>bud_[0-9a-z]{26})\n(?P<period_key>[^\n]{0,100})\n(?P<subject>[^\n]*)\n"
    r"(?P<after>(LEDGER#\d{15}#[0-9a-z]{26})?|~)"
)
_DONE = "~"


@dataclass(frozen=True, slots=True)
class Place:
    """How far an export has come: everything up to here is in what was answered.

    `period_key` and `subject` name a row of the index of a default's counters, and are empty for
    a budget on one subject. `after` is the last item of the ledger; `~` stands for its end.
    """

    budget_id: str
    period_key: str = ""
    subject: str = ""
    after: str = ""

    @property
    def text(self) -> str:
        """The place as a cursor has it."""
        return f"{self.budget_id}\n{self.period_key}\n{self.subject}\n{self.after}"

    @property
    def ends_a_budget(self) -> bool:
        """Whether nothing of the budget is left."""
        return not self.subject and self.after == _DONE

    @classmethod
    def read(cls, text: str) -> Self | None:
        """The place that a text stands for, if it does for any."""
        matched = _PLACE.fullmatch(text)
        return cls(**{name: matched[name] for name in cls.__slots__}) if matched else None


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of time, its start included and its end not, in milliseconds since the epoch."""

    from_ms: int
    to_ms: int

    def has_to_do_with(self, period_key: str) -> bool:
        """Whether a period may have entries that were made in it."""
        ends_at = period_of(period_key).ends_at
        return ends_at is None or self.from_ms <= (ends_at + LATEST_ENTRY_SECONDS) * 1000


type Step = tuple[Place, list[LedgerEntry]]
"""The entries of one item of the ledger, oldest first, and the place after them; or none, where
something was looked at that has none in the span. A step costs two reads at most."""


def export_ledger(
    table: Table, tenant_id: str, span: Span, *, start: Place | None
) -> Iterator[Step]:
    """Go through the ledger of a tenant, from the place that was reached before."""
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
        if span.has_to_do_with(period_key):
            earlier = earlier_periods(table, tenant_id, budget.budget_id, subject, period_key)
            if any(map(span.has_to_do_with, earlier)):
                yield _at_its_end(place), []
            else:
                yield from _of_subject(table, tenant_id, place, subject, span)
        elif passed % _ROWS_AT_ONCE == 0:
            yield _at_its_end(place), []
    yield Place(budget.budget_id, after=_DONE), []


def _of_subject(
    table: Table, tenant_id: str, place: Place, subject: Subject, span: Span
) -> Iterator[Step]:
    """The ledger of one budget and subject, from that place on."""
    if place.after == _DONE:
        return
    first, last = keys.ledger_moment(span.from_ms), keys.ledger_moment(span.to_ms)
    if place.after:
        first = max(first, f"{place.after} ")
    if first <= last:
        found = table.query_items(
            KeyConditionExpression=keys.SORTED_BETWEEN,
            ExpressionAttributeValues={
                ":pk": values.text(keys.counter_partition(tenant_id, place.budget_id, subject)),
                ":first": values.text(first),
                ":last": values.text(last),
            },
            ConsistentRead=True,
            Limit=_PAGE_SIZE,
        )
        for item in found:
            here = Place(place.budget_id, place.period_key, place.subject, item["sk"]["S"])
            yield here, read_ledger(item)
    yield _at_its_end(place), []


def _at_its_end(place: Place) -> Place:
    return Place(place.budget_id, place.period_key, place.subject, _DONE)
