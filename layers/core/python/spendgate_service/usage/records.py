"""Read usage records, newest first: by the UTC day of their spend, then by when recorded."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from spendgate_service.domain.usage_records import UsageRecord
from spendgate_service.domain.usage_report import Interval, UsageFilter, days_of
from spendgate_service.store import keys
from spendgate_service.store.client import Table
from spendgate_service.store.paging import Page, PageRequest, cursor_after
from spendgate_service.store.usage import key_of_record, read_usage
from spendgate_service.usage.days import items_of_day

RECORDS_READ_MAX = 20_000
"""How many records are read for one page; a page may be shorter than its limit, and go on."""

DAYS_READ_MAX = 100
"""How many days without a record are passed for one page."""

_POSITION = re.compile(
    r"(?P<from>\d{1,13}) (?P<to>\d{1,13}) (?P<day>\d{8}) (?P<after>(use_[0-9a-z]{36})?)"
)


@dataclass(frozen=True, slots=True)
class RecordsQuery:
    """Which records: from one moment to before another, with these values, of a reservation."""

    from_ms: int
    to_ms: int
    only: UsageFilter
    reservation_id: str | None = None

    def admits(self, record: UsageRecord) -> bool:
        """Whether a record is one of them."""
        if not self.from_ms <= record.occurred_at_ms < self.to_ms:
            return False
        if self.reservation_id not in {None, record.reservation_id}:
            return False
        return self.only.admits_record(record)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a page begins: after a record of a day, or with its newest record."""

    day: str
    after: str = ""


def records_page(
    table: Table, tenant_id: str, query: RecordsQuery, page_request: PageRequest
) -> Page[UsageRecord]:
    """Read a page of records; what is written meanwhile does not move the pages that follow.

    Raises InvalidValue for a foreign cursor.
    """
    start: _Place | None = None
    if position := page_request.position(_POSITION):
        query = replace(query, from_ms=int(position["from"]), to_ms=int(position["to"]))
        start = _Place(position["day"], position["after"])
    found: list[UsageRecord] = []
    for place, record in _steps(table, tenant_id, query, start):
        if record is None or len(found) == page_request.limit:
            return Page(tuple(found), _cursor(query, place))
        if query.admits(record):
            found.append(record)
    return Page(tuple(found), None)


def _steps(
    table: Table, tenant_id: str, query: RecordsQuery, start: _Place | None
) -> Iterator[tuple[_Place, UsageRecord | None]]:
    """Yield the records, each with the place before it; None where enough was read for a page."""
    span = Interval(query.from_ms // 1000, -(-query.to_ms // 1000))
    days = [day for day, _ in reversed(days_of(span)) if start is None or day <= start.day]
    read = 0
    for number, day in enumerate(days):
        place = start if start is not None and start.day == day else _Place(day)
        if number == DAYS_READ_MAX:
            yield place, None
        for record in _records_of_day(table, tenant_id, place):
            if read == RECORDS_READ_MAX:
                yield place, None
            read += 1
            yield place, record
            place = _Place(day, record.record_id)


def _records_of_day(table: Table, tenant_id: str, place: _Place) -> Iterator[UsageRecord]:
    last = keys.USAGE_LAST
    if place.after:
        last = key_of_record(tenant_id, place.after)[1]
    for item in items_of_day(table, tenant_id, place.day, last=last, newest_first=True):
        for record in reversed(read_usage(item)):
            if item["sk"]["S"] != last or record.record_id < place.after:
                yield record


def _cursor(query: RecordsQuery, place: _Place) -> str:
    return cursor_after(f"{query.from_ms} {query.to_ms} {place.day} {place.after}")
