"""Close the periods that have ended, in bounded slices, several at once.

Enforcement does not wait for this: the current period follows from the clock. A run may be late,
run twice at a time, or stop anywhere, and the next one goes on with what is still in the index.
"""

import logging
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field

from spendgate_service.domain.statements import may_close
from spendgate_service.periods.close import (
    CLOSING_WRITES_MAX,
    BudgetInfo,
    Closing,
    DueCounter,
    closing_of,
)
from spendgate_service.store import due_index, keys, values
from spendgate_service.store.claims import catch_up
from spendgate_service.store.client import Table
from spendgate_service.store.counters import period_of_counter
from spendgate_service.store.errors import StoreError, TransactionFailed
from spendgate_service.store.listings import ListedBudget, find_listed_many
from spendgate_service.store.policies import read_policy
from spendgate_service.store.postings import WRITES_MAX
from spendgate_service.store.retrying import CLOSE_TRIES_MAX, attempts
from spendgate_service.store.values import Item

_TOGETHER_MAX = WRITES_MAX // CLOSING_WRITES_MAX
_INFOS_MAX = 1000

type _Owner = tuple[str, str]
"""A tenant and one of its budgets, by their ids."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Progress:
    """What one run did: statements written, periods that still wait for their holds, failures."""

    closed: int = 0
    waiting: int = 0
    failed: int = 0
    ran_out_of_time: bool = False

    def __add__(self, other: "Progress") -> "Progress":
        """Add both together."""
        return Progress(
            self.closed + other.closed,
            self.waiting + other.waiting,
            self.failed + other.failed,
            self.ran_out_of_time or other.ran_out_of_time,
        )


def close_due_periods(
    table: Table, *, now_ms: int, has_time: Callable[[], bool], pool: Executor | None = None
) -> Progress:
    """Close every period that has ended, until `has_time` says no.

    `pool` closes those of several partitions of the index side by side; what waits for its holds
    comes last. Per period four write units without carry-over and eight with it, and those of the
    indexes; per hundred periods four calls to read and four to write. What cannot be closed is
    logged, counted, and tried again by the next run, and holds up nothing else.
    """
    done = Progress()
    for shard_of in (keys.due_shard, keys.waiting_shard):
        shards = [
            _Shard(table, shard_of(number), now_ms, has_time) for number in range(keys.DUE_SHARDS)
        ]
        done += sum((pool.map if pool else map)(_Shard.close, shards), Progress())
    return done


class OutOfTime(Exception):
    """The run has to stop here; the next one goes on."""


class _KeepsChanging(StoreError):
    """The counter changed at each try to close it."""


@dataclass(slots=True)
class _Shard:
    """One partition of the index of due counters."""

    table: Table
    name: str
    now_ms: int
    has_time: Callable[[], bool]
    done: Progress = field(default_factory=Progress)
    entered: list[keys.Key] = field(default_factory=list)
    """Counters into which something was carried just now."""
    infos: dict[_Owner, BudgetInfo] = field(default_factory=dict)
    """What is known of budgets, so that a run through many periods of one reads it once."""

    def close(self) -> Progress:
        """Close what is due in it, the oldest first, and what becomes due by that."""
        try:
            for page in due_index.due_keys(self.table, self.name, now_ms=self.now_ms):
                due_keys = page
                while due_keys:
                    self._close_all(due_keys)
                    due_keys = self._ended_among_the_entered()
        except OutOfTime:
            self.done += Progress(ran_out_of_time=True)
        except Exception:  # noqa: BLE001 (one partition must not keep the others from closing)
            _log.exception("a partition of the index cannot be read", extra={"shard": self.name})
            self.done += Progress(failed=1)
        return self.done

    def _close_all(self, due_keys: Sequence[Item]) -> None:
        try:
            read = self.table.get_many(due_keys, consistent=True)
            read.sort(key=lambda item: values.read_number(item["ends_at"]))
            due_counters = self._with_infos(read)
        except Exception:  # noqa: BLE001 (closing one by one finds the one that cannot be read)
            for key in due_keys:
                self._close_alone(keys.read_key(key))
            return
        for together in _transactions(due_counters):
            self._close_together(together)

    def _ended_among_the_entered(self) -> list[Item]:
        """Return the keys of the counters that are due by what was carried into them."""
        entered, self.entered = set(self.entered), []
        return [values.key(counter) for counter in entered if self._may_close(counter)]

    def _may_close(self, counter: keys.Key) -> bool:
        ends_at = period_of_counter(counter).ends_at
        return ends_at is not None and may_close(ends_at=ends_at, now_ms=self.now_ms)

    def _close_together(self, due_counters: Sequence[DueCounter]) -> None:
        """Close several periods in one transaction, or one by one if any of them objects."""
        self._stop_in_time()
        try:
            if not any(due.is_stale or due.key in self.entered for due in due_counters):
                self._write([self._closing_of(due) for due in due_counters])
                return
        except Exception:  # noqa: BLE001, S110 (closing one by one finds the one that fails)
            pass
        for due in due_counters:
            self._close_alone(due.key)

    def _stop_in_time(self) -> None:
        if not self.has_time():
            raise OutOfTime

    def _closing_of(self, due: DueCounter) -> Closing:
        return closing_of(self.table, due, now_ms=self.now_ms)

    def _write(self, closings: Sequence[Closing]) -> None:
        """Write all of them, or none. Raises what `Table.transact` does."""
        writes = [write for closing in closings for write in closing.writes]
        if writes:
            self.table.transact(writes)
        closed = sum(bool(closing.writes) for closing in closings)
        self.done += Progress(closed, waiting=sum(closing.waits for closing in closings))
        self.entered += [closing.entered for closing in closings if closing.entered]

    def _close_alone(self, key: keys.Key) -> None:
        """Close one period, which others may be changing meanwhile."""
        self._stop_in_time()
        try:
            for _ in attempts(CLOSE_TRIES_MAX, exhausted=_KeepsChanging):
                if self._try_to_close(key):
                    return
        except _KeepsChanging:
            self.done += Progress(waiting=1)
        except Exception:  # noqa: BLE001 (one period must not keep the others from closing)
            _log.exception("a period cannot be closed", extra={"pk": key[0], "sk": key[1]})
            self.done += Progress(failed=1)

    def _try_to_close(self, key: keys.Key) -> bool:
        """Close one period as it is now; False if it has to be read again."""
        item = self.table.get(values.key(key))
        if item is None or not due_index.is_listed(item):
            return True  # another run was first
        self.infos.clear()
        (due,) = self._with_infos([item])
        if due.is_stale:
            catch_up(self.table, due.claim_in(due.period), due.counter)
            return False
        try:
            self._write([self._closing_of(due)])
        except TransactionFailed as failed:
            if failed.may_succeed_next:
                return False
            raise
        return True

    def _with_infos(self, read: Iterable[Item]) -> list[DueCounter]:
        """Add what is known of their budgets to counters; three reads for all that are new."""
        owned = [(keys.read_counter_partition(item["pk"]["S"])[:2], item) for item in read]
        if len(self.infos) > _INFOS_MAX:
            self.infos.clear()
        unknown = {owner for owner, _ in owned} - self.infos.keys()
        if unknown:
            self.infos |= _read_infos(self.table, unknown)
        return [DueCounter(item, self.infos[owner]) for owner, item in owned]


def _transactions(due_counters: Iterable[DueCounter]) -> Iterator[list[DueCounter]]:
    """Group as many as fit one transaction, no two of them of one budget and subject.

    What one of them leaves may be carried into the other.
    """
    together: dict[str, DueCounter] = {}
    for due in due_counters:
        partition, _ = due.key
        if partition in together or len(together) == _TOGETHER_MAX:
            yield list(together.values())
            together = {}
        together[partition] = due
    if together:
        yield list(together.values())


def _read_infos(table: Table, owners: Collection[_Owner]) -> dict[_Owner, BudgetInfo]:
    listed = find_listed_many(table, owners)
    policy_keys = {
        owner: keys.policy_key(owner[0], budget.subject) for owner, budget in listed.items()
    }
    read = table.get_many(map(values.key, set(policy_keys.values())))
    policies = {keys.read_key(item): item for item in read}
    return {
        owner: _info(owner[1], listed.get(owner), policies.get(policy_keys.get(owner, ("", ""))))
        for owner in owners
    }


def _info(budget_id: str, listed: ListedBudget | None, policy_item: Item | None) -> BudgetInfo:
    if listed is None:
        return BudgetInfo(None, 0, None)
    policy = read_policy(listed.subject, policy_item)
    budget = policy.budget(budget_id)
    return BudgetInfo(budget, policy.version, budget.unit if budget else listed.unit)
