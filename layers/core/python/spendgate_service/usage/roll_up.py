"""Roll up the usage log: sum up what was recorded, up to a minute ago, tenant by tenant.

The days on which records may still come in are read from where the last run stopped. Reversals may
come in for older days as well: the change log names them. Records and the position of their day
are counted in one transaction, so a run may be late, run twice at a time, or stop anywhere. Reports
do not wait for it: they read the records after the position.
"""

import logging
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from dataclasses import dataclass, replace

from spendgate_service.domain.occurrence import OCCURRED_SECONDS_AGO_MAX
from spendgate_service.domain.rollups import (
    FIRST_QUARTER,
    LAST_QUARTER,
    name_of_quarter,
    quarter_of,
    rollups_by_quarter,
    sum_of,
)
from spendgate_service.domain.usage_days import DAY_MS, DAY_SECONDS, days_between, start_of_day
from spendgate_service.domain.usage_records import UsageRecord
from spendgate_service.store import due_index, keys, values
from spendgate_service.store.client import Table
from spendgate_service.store.counters import RETENTION_SECONDS
from spendgate_service.store.errors import ConditionFailed, TransactionFailed
from spendgate_service.store.rollups import (
    RolledDay,
    RollupState,
    StoredRollup,
    advance_state,
    are_together,
    put_of_rolled_day,
    puts_of_rollup,
    read_rolled_days,
    read_rollup_state,
    read_rollups,
    rollup_items,
)
from spendgate_service.store.usage import read_usage
from spendgate_service.store.values import Item
from spendgate_service.usage.days import days_reversed_since, items_after

BEHIND_MS = 60_000
"""Longer than any transaction takes: what is recorded by then is in the table."""

WHOLE_AFTER_SECONDS = 3600
"""After the end of a day its roll-up is written; most late records have come in by then."""

RECORDS_AT_ONCE = 2_000
QUARTERS_AT_ONCE = 40
BYTES_AT_ONCE = 3_500_000
"""What one transaction counts at most: DynamoDB takes 100 writes and 4 MB."""

AGAIN_SOON_SECONDS = 60
AGAIN_SECONDS = 900
AGAIN_IDLE_SECONDS = 3600
"""After how long a tenant is visited again: after a full step, after any records, after none."""

type _Step = list[tuple[str, list[UsageRecord]]]
"""Usage items that are counted together: their sort keys, and their records."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Rolled:
    """What a run did: tenants, records counted, and tenants that failed."""

    tenants: int = 0
    records: int = 0
    failed: int = 0
    ran_out_of_time: bool = False

    def __add__(self, other: "Rolled") -> "Rolled":
        """Add both together."""
        return Rolled(
            self.tenants + other.tenants,
            self.records + other.records,
            self.failed + other.failed,
            self.ran_out_of_time or other.ran_out_of_time,
        )


class OutOfTime(Exception):
    """The run has to stop here; the next one goes on."""


class _TooLarge(Exception):
    """What a transaction would write is larger than DynamoDB takes."""


def roll_up_usage(
    table: Table, *, now_ms: int, has_time: Callable[[], bool], pool: Executor | None = None
) -> Rolled:
    """Roll up the usage of every tenant that is due, until `has_time` says no.

    `pool` counts the days of a tenant side by side. For a tenant without new usage a run takes
    about 40 queries of half a read unit and three write units, once an hour; with new usage, once
    in a quarter of an hour, two write units for each KB of the roll-ups that change.
    """
    done = Rolled()
    for page in due_index.due_keys(table, keys.ROLLUPS_DUE, now_ms=now_ms):
        for key in page:
            tenant_id = keys.tenant_of(key["pk"]["S"])
            try:
                done += _Visit(table, tenant_id, now_ms, has_time, pool).run()
            except OutOfTime:
                return done + Rolled(ran_out_of_time=True)
            except (ConditionFailed, TransactionFailed):
                pass  # another run was first
            except Exception:  # noqa: BLE001 (one tenant must not keep the others from it)
                _log.exception("usage cannot be rolled up", extra={"tenant_id": tenant_id})
                done += Rolled(failed=1)
    return done


@dataclass(frozen=True, slots=True)
class _Visit:
    """One run over the usage of one tenant."""

    table: Table
    tenant_id: str
    now_ms: int
    has_time: Callable[[], bool]
    pool: Executor | None

    def run(self) -> Rolled:
        """Count everything that was recorded up to a minute ago, and say so.

        Raises OutOfTime, ConditionFailed and TransactionFailed.
        """
        state = read_rollup_state(self.table, self.tenant_id)
        if state is None or state.due_at * 1000 > self.now_ms:
            return Rolled()
        until_ms = max(state.counted_to_ms, self.now_ms - BEHIND_MS)
        oldest = max(start_of_day(state.first_open_day) * 1000, self._first_logged_ms)
        days = set(days_between(oldest, until_ms + DAY_MS))
        days |= days_reversed_since(self.table, self.tenant_id, state.counted_to_ms)
        rolled = read_rolled_days(self.table, self.tenant_id, min(days), max(days))

        def count(day: str) -> tuple[int, bool]:
            return self._count_day(day, rolled.get(day), state, until_ms)

        counted = list((self.pool.map if self.pool else map)(count, sorted(days)))
        records = sum(of_day for of_day, _ in counted)
        after = RollupState(
            counted_to_ms=until_ms if all(done for _, done in counted) else state.counted_to_ms,
            due_at=self.now_ms // 1000 + _wait_after(records),
        )
        advance_state(self.table, self.tenant_id, state, after)
        return Rolled(tenants=1, records=records)

    @property
    def _first_logged_ms(self) -> int:
        """Before it, TTL has removed everything."""
        return self.now_ms - (RETENTION_SECONDS + OCCURRED_SECONDS_AGO_MAX) * 1000

    def _count_day(
        self, day: str, rolled: RolledDay | None, state: RollupState, until_ms: int
    ) -> tuple[int, bool]:
        """Count what was recorded of a day; return how many records, and whether that is all."""
        before = rolled.records if rolled else 0
        position = max(state.position, rolled.counted_to if rolled else "")
        items = items_after(
            self.table, self.tenant_id, day, position, last=keys.usage_moment(until_ms)
        )
        try:
            for step in _steps(items):
                rolled = self._count(day, rolled, step)
        except _TooLarge:
            _log.exception("usage is too varied to be rolled up", extra={"day": day})
            return 0, False
        if rolled is None:
            return 0, True
        is_over = start_of_day(day) + DAY_SECONDS + WHOLE_AFTER_SECONDS <= until_ms // 1000
        if is_over and not rolled.is_whole:
            self._sum_up(day, rolled)
        return rolled.records - before, True

    def _stop_in_time(self) -> None:
        if not self.has_time():
            raise OutOfTime

    def _count(self, day: str, rolled: RolledDay | None, step: _Step) -> RolledDay:
        """Count the records of some items in one transaction, or in several if it is too large."""
        self._stop_in_time()
        try:
            return self._try_to_count(day, rolled, step)
        except _TooLarge:
            if len(step) == 1:
                raise
        middle = len(step) // 2
        return self._count(day, self._count(day, rolled, step[:middle]), step[middle:])

    def _try_to_count(self, day: str, rolled: RolledDay | None, step: _Step) -> RolledDay:
        quarters = rollups_by_quarter(record for _, records in step for record in records)
        names = {name_of_quarter(moment): rollup for moment, rollup in quarters.items()}
        after = RolledDay(
            counted_to=step[-1][0],
            records=sum(rollup.records for rollup in quarters.values())
            + (rolled.records if rolled else 0),
        )
        partition = keys.quarters_partition(self.tenant_id, day)
        stored = self._stored(partition, min(names), max(names)) if rolled else {}
        writes = [
            write
            for name, rollup in names.items()
            for write in puts_of_rollup(
                self.table.name,
                partition,
                name,
                StoredRollup(
                    sum_of([stored[name].rollup, rollup]) if name in stored else rollup,
                    after.counted_to,
                ),
            )
        ]
        self._write(day, rolled, after, writes)
        return after

    def _sum_up(self, day: str, rolled: RolledDay) -> None:
        """Write the roll-up of a day that is over, if it is small enough for one transaction."""
        self._stop_in_time()
        quarters = self._stored(
            keys.quarters_partition(self.tenant_id, day), FIRST_QUARTER, LAST_QUARTER
        )
        if not are_together(rolled, quarters.values()):
            return  # another run was first
        whole = sum_of(stored.rollup for stored in quarters.values())
        writes = puts_of_rollup(
            self.table.name,
            keys.days_partition(self.tenant_id, day[:6]),
            day,
            StoredRollup(whole, rolled.counted_to),
        )
        try:
            self._write(day, rolled, replace(rolled, is_whole=True), writes)
        except _TooLarge:
            _log.info("a day is reported from its quarters of an hour", extra={"day": day})

    def _stored(self, partition: str, first: str, last: str) -> dict[str, StoredRollup]:
        stored = read_rollups(rollup_items(self.table, partition, first, last))
        if stored is None:
            raise ConditionFailed(None)  # another run writes them right now
        return stored

    def _write(
        self, day: str, seen: RolledDay | None, after: RolledDay, writes: list[values.Value]
    ) -> None:
        size = sum(len(write["Put"]["Item"]["rollup_lines"]["B"]) for write in writes)
        if size > BYTES_AT_ONCE or len(writes) >= 100:
            raise _TooLarge
        position = put_of_rolled_day(self.table.name, self.tenant_id, day, seen=seen, after=after)
        self.table.transact([position, *writes])


def _wait_after(records: int) -> int:
    """Return after how many seconds a tenant is due again."""
    if records >= RECORDS_AT_ONCE:
        return AGAIN_SOON_SECONDS
    return AGAIN_SECONDS if records else AGAIN_IDLE_SECONDS


def _steps(items: Iterator[Item]) -> Iterator[_Step]:
    """Group usage items, in order, as one transaction can count them."""
    step: _Step = []
    count, quarters = 0, set[int]()
    for item in items:
        records = read_usage(item)
        of_item = set(map(quarter_of, records))
        is_full = (
            count + len(records) > RECORDS_AT_ONCE or len(quarters | of_item) > QUARTERS_AT_ONCE
        )
        if step and is_full:
            yield step
            step, count, quarters = [], 0, set()
        step.append((keys.read_key(item)[1], records))
        count += len(records)
        quarters |= of_item
    if step:
        yield step
