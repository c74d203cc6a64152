"""Totals of the usage log: by group and by interval of the calendar."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import NamedTuple

from spendgate_service.domain.amounts import Amount
from spendgate_service.domain.calendar import CalendarPeriod
from spendgate_service.domain.model_usage import Usage
from spendgate_service.domain.periods import period_in_force
from spendgate_service.domain.subjects import API_KEY, MODEL, ORGANIZATION, SESSION
from spendgate_service.domain.usage_days import DAY_MS, DAY_SECONDS, days_between, start_of_day
from spendgate_service.domain.usage_records import MeteredUsage, UsageRecord

QUARTER_HOUR_SECONDS = 900
"""The clocks of every time zone turn on a quarter of an hour: intervals are made of quarters."""

PROVIDER = "provider"
KEY_ID = "key_id"
METADATA_PREFIX = "metadata."

TOKEN_KINDS = {
    usage_field.name: usage_field.name.removesuffix("_tokens")
    for usage_field in fields(Usage)
    if usage_field.name.endswith("_tokens")
}
"""The kinds of token by the counts of a usage: `input` of `input_tokens`."""

type Group = tuple[str | None, ...]
"""The values by which a total is grouped; None where a spend has none."""


class UsageLine(NamedTuple):
    """Usage of one combination of dimensions at one time (epoch seconds)."""

    at: int
    dimensions: Mapping[str, str]
    amounts: Mapping[str, Amount]
    tokens: Mapping[str, int]
    calls: int


@dataclass(slots=True)
class UsageTotal:
    """The sum of usage lines."""

    amounts: dict[str, Amount] = field(default_factory=dict)
    tokens: dict[str, int] = field(default_factory=dict)
    calls: int = 0

    def add(self, line: "UsageLine | UsageTotal") -> None:
        """Add a line, or another sum."""
        for unit, amount in line.amounts.items():
            self.amounts[unit] = self.amounts.get(unit, 0) + amount
        for kind, count in line.tokens.items():
            self.tokens[kind] = self.tokens.get(kind, 0) + count
        self.calls += line.calls


@dataclass(frozen=True, slots=True)
class Interval:
    """From a moment to another one, exclusive (epoch seconds)."""

    starts_at: int
    ends_at: int


@dataclass(frozen=True, slots=True)
class UsageRow:
    """The total of one group in one interval."""

    interval: Interval
    group: Group
    total: UsageTotal


@dataclass(frozen=True, slots=True)
class UsageFilter:
    """Which lines count: those that have each of these values."""

    values: Mapping[str, str] = field(default_factory=dict)

    @property
    def metadata(self) -> tuple[str, ...]:
        """The names of the metadata that the filter needs."""
        return metadata_in(self.values)

    def admits(self, dimensions: Mapping[str, str]) -> bool:
        """Whether a line with these dimensions counts."""
        return not self.values or all(
            dimensions.get(name) == value for name, value in self.values.items()
        )

    def admits_record(self, record: UsageRecord) -> bool:
        """Whether a record counts."""
        return self.admits(line_of(record, metadata=self.metadata).dimensions)


def metadata_in(names: Iterable[str]) -> tuple[str, ...]:
    """Return the names of the metadata among dimensions."""
    return tuple(
        name.removeprefix(METADATA_PREFIX) for name in names if name.startswith(METADATA_PREFIX)
    )


def line_of(record: UsageRecord, *, metadata: Iterable[str] = ()) -> UsageLine:
    """Return what a record adds to totals; `metadata` names the metadata that are dimensions."""
    dimensions = dimensions_of(record)
    for name in metadata:
        value = record.metadata.get(name)
        if value is not None:
            dimensions[METADATA_PREFIX + name] = value if isinstance(value, str) else str(value)
    return UsageLine(
        at=record.occurred_at_ms // 1000,
        dimensions=dimensions,
        amounts=record.amounts,
        tokens=tokens_of(record.metered),
        calls=record.calls,
    )


def dimensions_of(record: UsageRecord) -> dict[str, str]:
    """Return what a record can be grouped by, but for its metadata.

    The model is the one that was priced, else the subject `model`.
    """
    dimensions = {
        subject.type: subject.id
        for subject in record.subjects
        if subject.type not in {ORGANIZATION, API_KEY}
    }
    if record.key_id is not None:
        dimensions[KEY_ID] = record.key_id
    if record.metered is not None:
        dimensions |= {PROVIDER: record.metered.provider, MODEL: record.metered.model}
    return dimensions


def tokens_of(metered: MeteredUsage | None) -> dict[str, int]:
    """Return the counts of tokens that are not 0, by kind."""
    if metered is None:
        return {}
    counted = {kind: getattr(metered.usage, name) for name, kind in TOKEN_KINDS.items()}
    return {kind: count for kind, count in counted.items() if count}


@dataclass(frozen=True, slots=True)
class ReportQuery:
    """What a report is about: a span of quarter hours, and how it is divided."""

    span: Interval
    group_by: tuple[str, ...] = ()
    period: CalendarPeriod | None = None
    only: UsageFilter = field(default_factory=UsageFilter)

    def interval_at(self, moment: int) -> Interval:
        """Return the interval of a moment in the span; its ends are those of the span at most."""
        if self.period is None:
            return self.span
        period = period_in_force(self.period, now_ms=moment * 1000)
        assert period.starts_at is not None and period.ends_at is not None
        return Interval(
            max(period.starts_at, self.span.starts_at), min(period.ends_at, self.span.ends_at)
        )

    @property
    def named(self) -> tuple[str, ...]:
        """The dimensions that the report needs, sorted."""
        return tuple(sorted({*self.group_by, *self.only.values}))

    @property
    def metadata(self) -> tuple[str, ...]:
        """The names of the metadata that the report needs."""
        return metadata_in(self.named)

    @property
    def needs_records(self) -> bool:
        """Whether it names sessions or metadata, which may differ from record to record."""
        return SESSION in self.named or bool(self.metadata)

    def group_of(self, dimensions: Mapping[str, str]) -> Group:
        """Return the group of a line."""
        return tuple([dimensions.get(name) for name in self.group_by])


def usage_of_day(now_ms: int, *, group_by: tuple[str, ...]) -> ReportQuery:
    """Return the report of the UTC day of a moment."""
    starts_at = now_ms // DAY_MS * DAY_SECONDS
    return ReportQuery(Interval(starts_at, starts_at + DAY_SECONDS), group_by)


class Report:
    """Totals by interval and group, while lines are added in any order."""

    def __init__(self, query: ReportQuery) -> None:
        self._query = query
        self._totals: dict[Interval, dict[Group, UsageTotal]] = {}
        self._interval: Interval | None = None
        self._groups: dict[Group, UsageTotal] = {}
        """The interval of the line before, and its totals."""

    def add(self, line: UsageLine) -> None:
        """Add a line, if it is in the span and passes the filter."""
        query, at = self._query, line.at
        if not query.span.starts_at <= at < query.span.ends_at:
            return
        if not query.only.admits(line.dimensions):
            return
        interval = self._interval
        if interval is None or not interval.starts_at <= at < interval.ends_at:
            interval = self._interval = query.interval_at(at)
            self._groups = self._totals.setdefault(interval, {})
        group = query.group_of(line.dimensions)
        total = self._groups.get(group)
        if total is None:
            total = self._groups[group] = UsageTotal()
        total.add(line)

    def take(self, *, until: int) -> list[UsageRow]:
        """Remove and return the totals of the intervals that have ended by then, in order."""
        ended = [interval for interval in self._totals if interval.ends_at <= until]
        found = [
            UsageRow(interval, group, total)
            for interval in ended
            for group, total in self._totals.pop(interval).items()
        ]
        self._interval = None
        return sorted(found, key=position_of)


def is_cut(query: ReportQuery, day: str) -> bool:
    """Whether a part of a UTC day lies outside of a report's span."""
    starts_at = start_of_day(day)
    return not query.span.starts_at <= starts_at < starts_at + DAY_SECONDS <= query.span.ends_at


def lines_by(query: ReportQuery, day: str, lines: Iterable[UsageLine]) -> list[UsageLine]:
    """Add up the lines of a UTC day that no report of this kind tells apart.

    Such a report names the same dimensions, with any values, and has the same intervals.
    """
    starts_at = start_of_day(day)
    span = Interval(
        max(starts_at, query.span.starts_at), min(starts_at + DAY_SECONDS, query.span.ends_at)
    )
    names = query.named
    report = Report(ReportQuery(span, names, query.period))
    for line in lines:
        report.add(line)
    return [
        UsageLine(
            row.interval.starts_at,
            {
                name: value
                for name, value in zip(names, row.group, strict=True)
                if value is not None
            },
            row.total.amounts,
            row.total.tokens,
            row.total.calls,
        )
        for row in report.take(until=span.ends_at)
    ]


def position_of(row: UsageRow) -> tuple[int, tuple[tuple[bool, str], ...]]:
    """Return the place of a row among others: by time, then by group, absent values last."""
    return row.interval.starts_at, group_position(row.group)


def group_position(group: Group) -> tuple[tuple[bool, str], ...]:
    """Return the place of a group among others."""
    return tuple((value is None, value or "") for value in group)


def days_of(span: Interval) -> list[tuple[str, int]]:
    """List the UTC days of a span, each as `20261128` and with its end (epoch seconds)."""
    days = days_between(span.starts_at * 1000, span.ends_at * 1000 - 1)
    return [(day, start_of_day(day) + DAY_SECONDS) for day in days]
