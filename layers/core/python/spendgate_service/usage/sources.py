"""Where the totals of a report come from: roll-ups, and the records that they do not count yet.

A day that lies in one interval is read from its own roll-up, other days from those of quarters of
an hour. Roll-ups are read for half price, eventually consistent: where they do not belong
together, because they were being written, they are read again. Records are read consistently.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from itertools import batched, chain, groupby

from spendgate_service.domain.errors import InvalidValue
from spendgate_service.domain.rollups import (
    FIRST_QUARTER,
    LAST_QUARTER,
    is_undivided,
    start_of_quarter,
)
from spendgate_service.domain.usage_days import start_of_day
from spendgate_service.domain.usage_report import ReportQuery, UsageLine, days_of, line_of
from spendgate_service.store import keys
from spendgate_service.store.client import Table
from spendgate_service.store.errors import Throttled
from spendgate_service.store.retrying import ROLLUP_READS_MAX, LoopEnded, attempts
from spendgate_service.store.rollups import (
    RolledDay,
    RollupState,
    StoredRollup,
    are_together,
    read_rolled_days,
    read_rollup_state,
    read_rollups,
    rollup_items,
)
from spendgate_service.store.usage import read_usage
from spendgate_service.store.values import Item
from spendgate_service.usage.days import days_reversed_since, items_after
from spendgate_service.usage.remembered_days import RememberedDays

LINES_MAX = 400_000
"""How many lines one request may add: about ten of the function's fifteen seconds."""

_DAYS_OF_RECORDS = 4
"""How many days of records are in memory at once."""

type DayOfLines = tuple[int, Iterator[UsageLine]]
"""The end of a day (epoch seconds), and the lines of it."""


@dataclass(frozen=True, slots=True)
class _Read:
    """What was read of a day from roll-ups: up to which position, and its lines."""

    position: str
    lines: Sequence[UsageLine] = ()


class Source:
    """The usage of one tenant, as one report reads it."""

    def __init__(
        self,
        table: Table,
        tenant_id: str,
        query: ReportQuery,
        pool: Executor,
        remembered: RememberedDays,
    ) -> None:
        self._table = table
        self._tenant_id = tenant_id
        self._query = query
        self._pool = pool
        self._remembered = remembered
        self._lines = 0
        self._state: RollupState | None = None
        self._reversed: set[str] = set()

    def days(self) -> Iterator[DayOfLines]:
        """Yield the days of the report in order. Raises InvalidValue for too many lines."""
        days = days_of(self._query.span)
        if not self._query.needs_records:
            self._state = read_rollup_state(self._table, self._tenant_id)
        if self._state is not None and days and days[0][0] < self._state.first_open_day:
            self._reversed = days_reversed_since(
                self._table, self._tenant_id, self._state.counted_to_ms
            )
        for together in self._together(days):
            yield from self._read(dict(together))

    def _together(self, days: Sequence[tuple[str, int]]) -> Iterator[Iterable[tuple[str, int]]]:
        """Divide days into those that are in memory at once: of roll-ups, those of a month."""
        if self._state is None:
            return batched(days, _DAYS_OF_RECORDS, strict=False)
        return (month for _, month in groupby(days, key=lambda day: day[0][:6]))

    def _read(self, ends: Mapping[str, int]) -> Iterator[DayOfLines]:
        """Read some days side by side."""
        rolled = self._rolled(list(ends))
        records = self._pool.map(lambda day: self._records_of(day, rolled[day]), ends)
        for (day, ended_at), found in zip(ends.items(), records, strict=True):
            yield ended_at, chain(rolled[day].lines, self._counted(self._record_lines(found)))

    def _counted(self, lines: Iterable[UsageLine]) -> Iterator[UsageLine]:
        """Pass lines on until there are too many."""
        for line in lines:
            self._lines += 1
            if self._lines > LINES_MAX:
                raise InvalidValue(
                    f"one report reads at most {LINES_MAX} records; send a shorter span",
                    param="query.from",
                )
            yield line

    # ------------------------------------------------------------------ records

    def _records_of(self, day: str, rolled: _Read) -> list[Item]:
        """Read the items of a day that its roll-ups do not count."""
        if self._state is not None and not self._may_have_more(day, self._state):
            return []
        return list(items_after(self._table, self._tenant_id, day, rolled.position))

    def _may_have_more(self, day: str, state: RollupState) -> bool:
        """Whether anything of a day may have been recorded after all was counted."""
        return day >= state.first_open_day or day in self._reversed

    def _record_lines(self, items: Iterable[Item]) -> Iterator[UsageLine]:
        metadata = self._query.metadata
        return (line_of(record, metadata=metadata) for item in items for record in read_usage(item))

    # ------------------------------------------------------------------ roll-ups

    def _rolled(self, days: Sequence[str]) -> dict[str, _Read]:
        """Read the roll-ups of some days of a month. Raises Throttled."""
        if self._state is None:
            return {day: _Read("") for day in days}
        found: dict[str, _Read] = {}
        changing = "the usage is being summed up right now; try again"
        for attempt in attempts(ROLLUP_READS_MAX, exhausted=lambda: Throttled(changing)):
            missing = [day for day in days if day not in found]
            found |= self._try_to_read(missing, self._state, consistent=attempt > 0)
            if len(found) == len(days):
                return found
        raise LoopEnded

    def _try_to_read(
        self, days: Sequence[str], state: RollupState, *, consistent: bool
    ) -> dict[str, _Read]:
        """Read the days whose roll-ups belong together; the others are left out."""
        rolled = read_rolled_days(
            self._table, self._tenant_id, days[0], days[-1], consistent=consistent
        )
        found = {day: _Read(state.position) for day in days if day not in rolled}
        for day in [day for day in days if day in rolled]:
            known = self._remembered.get(self._tenant_id, day, rolled[day], self._query)
            if known is not None:
                found[day] = _read_to(rolled[day], state, known)
        unknown = [day for day in days if day not in found]
        whole = [day for day in unknown if self._is_read_whole(day, rolled[day])]
        if whole:
            partition = keys.days_partition(self._tenant_id, days[0][:6])
            stored = self._stored(partition, whole[0], whole[-1], consistent=consistent)
            for day in whole:
                lines = [(start_of_day(day), stored[day])] if day in stored else []
                found |= self._read_if_together(day, rolled[day], lines, state)
        divided = [day for day in unknown if day not in whole]
        for day, lines in zip(
            divided,
            self._pool.map(lambda day: self._quarters(day, consistent=consistent), divided),
            strict=True,
        ):
            found |= self._read_if_together(day, rolled[day], lines, state)
        return found

    def _read_if_together(
        self,
        day: str,
        rolled: RolledDay,
        stored: Sequence[tuple[int, StoredRollup]],
        state: RollupState,
    ) -> dict[str, _Read]:
        """Return a day by its name if its roll-ups belong together; otherwise nothing."""
        if not are_together(rolled, [rollup for _, rollup in stored]):
            return {}
        lines = (line for at, rollup in stored for line in rollup.rollup.lines(at=at))
        added_up = self._remembered.add_up(
            self._tenant_id, day, rolled, self._query, self._counted(lines)
        )
        return {day: _read_to(rolled, state, added_up)}

    def _is_read_whole(self, day: str, rolled: RolledDay) -> bool:
        return rolled.is_whole and is_undivided(self._query, day)

    def _quarters(self, day: str, *, consistent: bool) -> list[tuple[int, StoredRollup]]:
        partition = keys.quarters_partition(self._tenant_id, day)
        stored = self._stored(partition, FIRST_QUARTER, LAST_QUARTER, consistent=consistent)
        return [(start_of_quarter(day, name), rollup) for name, rollup in stored.items()]

    def _stored(
        self, partition: str, first: str, last: str, *, consistent: bool
    ) -> Mapping[str, StoredRollup]:
        items = rollup_items(self._table, partition, first, last, consistent=consistent)
        return read_rollups(items) or {}


def _read_to(rolled: RolledDay, state: RollupState, lines: Sequence[UsageLine]) -> _Read:
    """Make what was read of a day: its roll-ups count up to its own position if that is later."""
    return _Read(max(state.position, rolled.counted_to), lines)
