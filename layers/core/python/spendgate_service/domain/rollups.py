"""Roll-ups of the usage log: the sums of many records, for a quarter of an hour or a day.

A roll-up has a line for each combination of dimensions that its records have, sessions and metadata
left out. So it is as long as the tenant's spend is varied, however many calls were made.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from spendgate_service.domain.subjects import SESSION
from spendgate_service.domain.usage_days import DAY_SECONDS, start_of_day
from spendgate_service.domain.usage_records import UsageRecord
from spendgate_service.domain.usage_report import (
    QUARTER_HOUR_SECONDS,
    ReportQuery,
    UsageLine,
    UsageTotal,
    is_cut,
    line_of,
)

FIRST_QUARTER = "0000"
LAST_QUARTER = "2345"

type Combination = tuple[tuple[str, str], ...]
"""Dimensions and their values, sorted by name."""


@dataclass(slots=True)
class Rollup:
    """Totals by combination, and how many records they count."""

    totals: dict[Combination, UsageTotal] = field(default_factory=dict)
    records: int = 0

    def add_record(self, record: UsageRecord) -> None:
        """Count a record."""
        line = line_of(record)
        dimensions = (entry for entry in line.dimensions.items() if entry[0] != SESSION)
        self._total_of(tuple(sorted(dimensions))).add(line)
        self.records += 1

    def add(self, other: "Rollup") -> None:
        """Count what another roll-up counts."""
        for combination, total in other.totals.items():
            self._total_of(combination).add(total)
        self.records += other.records

    def lines(self, *, at: int) -> Iterator[UsageLine]:
        """Yield a line of each combination, as of one moment (epoch seconds)."""
        for combination, total in self.totals.items():
            yield UsageLine(at, dict(combination), total.amounts, total.tokens, total.calls)

    def _total_of(self, combination: Combination) -> UsageTotal:
        return self.totals.setdefault(combination, UsageTotal())


def rollups_by_quarter(records: Iterable[UsageRecord]) -> dict[int, Rollup]:
    """Sum up records by the quarter of an hour in which they occurred (its start)."""
    quarters: dict[int, Rollup] = {}
    for record in records:
        quarters.setdefault(quarter_of(record), Rollup()).add_record(record)
    return quarters


def quarter_of(record: UsageRecord) -> int:
    """Return the start of the quarter of an hour in which a record occurred (epoch seconds)."""
    moment = record.occurred_at_ms // 1000
    return moment - moment % QUARTER_HOUR_SECONDS


def name_of_quarter(moment: int) -> str:
    """Return the name of a quarter of an hour in its UTC day, by its start: `0915`."""
    hours, seconds = divmod(moment % DAY_SECONDS, 3600)
    return f"{hours:02d}{seconds // 60:02d}"


def start_of_quarter(day: str, name: str) -> int:
    """Return the start of a quarter of an hour, by its day and its name (epoch seconds)."""
    return start_of_day(day) + int(name[:2]) * 3600 + int(name[2:]) * 60


def sum_of(rollups: Iterable[Rollup]) -> Rollup:
    """Return the roll-up that counts what all of these count."""
    whole = Rollup()
    for rollup in rollups:
        whole.add(rollup)
    return whole


def is_undivided(query: ReportQuery, day: str) -> bool:
    """Whether a UTC day lies in one interval of a report, so that its total is enough."""
    starts_at = start_of_day(day)
    if is_cut(query, day):
        return False
    interval = query.interval_at(starts_at)
    return interval.starts_at <= starts_at and starts_at + DAY_SECONDS <= interval.ends_at
