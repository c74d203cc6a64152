"""Export usage records in the order of days, and in a day of recording; each spend once."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from spendgate_service.domain.usage_records import UsageRecord
from spendgate_service.domain.usage_report import Interval, UsageFilter, days_of
from spendgate_service.store import keys
from spendgate_service.store.client import Table
from spendgate_service.store.usage import read_usage
from spendgate_service.usage.days import items_of_day

PLACE = re.compile(r"(?P<day>\d{8}) (?P<after>(\d{15}#[0-9a-z]{26})?|~)")

_DONE = keys.USAGE_LAST


@dataclass(frozen=True, slots=True)
class ExportPlace:
    """How far an export has come: the item of that sort key was exported, `~` is a whole day."""

    day: str
    after: str

    @property
    def text(self) -> str:
        """The place as text, for a cursor."""
        return f"{self.day} {self.after}"


type UsageStep = tuple[str, list[UsageRecord]]
"""The place up to which records were exported, and those of the step."""


def export_usage(
    table: Table,
    tenant_id: str,
    only: UsageFilter,
    *,
    from_ms: int,
    to_ms: int,
    start: ExportPlace | None,
) -> Iterator[UsageStep]:
    """Yield the records of a span that pass the filter, item by item."""
    span = Interval(from_ms // 1000, -(-to_ms // 1000))
    for day, _ in days_of(span):
        if start is not None and (day < start.day or start == ExportPlace(day, _DONE)):
            continue
        first = f"{start.after} " if start is not None and start.day == day else keys.USAGE_FIRST
        for item in items_of_day(table, tenant_id, day, first=first):
            records = [
                record
                for record in read_usage(item)
                if from_ms <= record.occurred_at_ms < to_ms and only.admits_record(record)
            ]
            yield ExportPlace(day, item["sk"]["S"]).text, records
        yield ExportPlace(day, _DONE).text, []
