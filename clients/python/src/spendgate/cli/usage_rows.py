"""Totals of the usage log, added up and drawn: bars by group, a line over time. No I/O."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from spendgate.cli import values

_BLOCKS = "\u2581\u2582\u2583\u2584\u2585\u2586\u2587\u2588"
_ASCII = "._-~=+*#"
NO_SPEND = " "
NONE = "(none)"


@dataclass(frozen=True, slots=True)
class Row:
    """One total of the API: a group in an interval."""

    starts_at: datetime
    ends_at: datetime
    group: Mapping[str, str | None]
    amounts: Mapping[str, Decimal]
    tokens: Mapping[str, int]
    calls: int

    @classmethod
    def of(cls, shown: Mapping[str, Any]) -> Row:
        """Read a row as the API sends it."""
        return cls(
            datetime.fromisoformat(shown["from"]),
            datetime.fromisoformat(shown["to"]),
            shown["group"],
            {unit: Decimal(text) for unit, text in shown["amounts"].items()},
            shown["tokens"],
            shown["calls"],
        )

    def group_value(self, *, name: str) -> str | None:
        """The value of one of the names that it is grouped by."""
        return self.group[name]

    def amount_in(self, *, unit: str) -> Decimal | None:
        """What was spent in a unit."""
        return self.amounts.get(unit)


@dataclass(slots=True)
class Group:
    """The rows of one group, added up."""

    labels: tuple[str, ...]
    amount: Decimal = Decimal(0)
    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    by_interval: dict[datetime, Decimal] = field(default_factory=dict)

    def label(self, *, at: int) -> str:
        """The value of one of the names that it is grouped by."""
        return self.labels[at]

    def series(self, starts: Sequence[datetime]) -> list[Decimal]:
        """What was spent in each interval."""
        return [self.by_interval.get(start, Decimal(0)) for start in starts]

    def add(self, row: Row, unit: str) -> None:
        """Add one interval."""
        amount = row.amounts.get(unit, Decimal(0))
        self.amount += amount
        self.calls += row.calls
        self.input_tokens += row.tokens.get("input", 0)
        self.output_tokens += row.tokens.get("output", 0)
        self.by_interval[row.starts_at] = self.by_interval.get(row.starts_at, Decimal(0)) + amount


def groups_of(rows: Sequence[Row], names: Sequence[str], unit: str) -> list[Group]:
    """The groups, the one that spent most first."""
    groups: dict[tuple[str, ...], Group] = {}
    for row in rows:
        labels = tuple(row.group_value(name=name) or NONE for name in names)
        groups.setdefault(labels, Group(labels)).add(row, unit)
    return sorted(groups.values(), key=lambda group: (-group.amount, group.labels))


def total_of(rows: Sequence[Row], width: int, unit: str) -> Group:
    """All rows as one group, with so many labels."""
    whole = Group(tuple(["total", *([""] * width)][:width]))
    for row in rows:
        whole.add(row, unit)
    return whole


def units_of(rows: Sequence[Row]) -> list[str]:
    """The units that were spent: money first, tokens last."""
    units = {unit for row in rows for unit in row.amounts}
    return sorted(units, key=lambda unit: (unit == "tokens", unit != "usd", unit))


def intervals_of(rows: Sequence[Row]) -> list[datetime]:
    """The start of every interval from the first to the last, also of those without spend."""
    lengths = {row.starts_at: row.ends_at - row.starts_at for row in rows}
    starts = sorted(lengths)
    return list(_with_gaps(starts, lengths))


def _with_gaps(
    starts: Sequence[datetime], lengths: Mapping[datetime, timedelta]
) -> Iterator[datetime]:
    for start, following in zip(starts, [*starts[1:], None], strict=True):
        yield start
        length, gap = lengths[start], start + lengths[start]
        while following is not None and following - gap > length / 2:
            yield gap
            gap += length


def line(amounts: Sequence[Decimal], *, width: int) -> str:
    """A line of block characters; more intervals than there is room for are added up in turn."""
    size = -(-len(amounts) // width) if amounts else 1
    points = [sum(amounts[at : at + size], Decimal(0)) for at in range(0, len(amounts), size)]
    highest = max(points, default=Decimal(0))
    levels = _BLOCKS if values.draws_blocks(sys.stdout.encoding) else _ASCII
    return "".join(_level(point, highest, levels) for point in points)


def _level(point: Decimal, highest: Decimal, levels: str) -> str:
    if point <= 0 or highest <= 0:
        return NO_SPEND
    return levels[min(len(levels) - 1, int(point / highest * len(levels)))]
