"""Closing the periods that have ended, in bounded slices, several at once.

Nothing waits for this: the period in force follows from the clock. It may run late, twice at a
time, or stop anywhere, and goes on with whatever is still in the index.
"""

import logging
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field

from spendgate_service.domain.period_keys import period_of
from spendgate_service.domain.statements import may_close
from spendgate_service.periods.close import (
    CLOSING_WRITES_MAX,
    BudgetInfo,
    Closing,
    DueCounter,
    closing_of,
)
from spendgate_service.store import expressions, keys, values
from spendgate_service.store.client import Table
from spendgate_service.store.counters import catch_up
from spendgate_service.store.errors import Item, TransactionFailed
from spendgate_service.store.listings import ListedBudget, find_listed_many
from spendgate_service.store.policies import read_policy
from spendgate_service.store.postings import WRITES_MAX

DUE_INDEX = "due"
_PAGE_SIZE = 100
_TOGETHER_MAX = WRITES_MAX // CLOSING_WRITES_MAX
_TRIES_MAX = 4

_KNOWN_MAX = 1000

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
        """Both together."""
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


@dataclass(slots=True)
class _Shard:
    """One partition of the index of what is due."""

    table: Table
    name: str
    now_ms: int
    has_time: Callable[[], bool]
    done: Progress = field(default_factory=Progress)
    entered: list[keys.Key] = field(default_factory=list)
    """Counters into which something was carried just now."""
    known: dict[_Owner, BudgetInfo] = field(default_factory=dict)
    """What is known of budgets, so that a run through many periods of one reads it once."""

    def close(self) -> Progress:
        """Close what is due in it, the oldest first, and what becomes due by that."""
        try:
            for page in self._pages():
                wanted = page
                while wanted:
                    self._close_all(wanted)
                    wanted = self._ended_among_the_entered()
        except OutOfTime:
            self.done += Progress(ran_out_of_time=True)
        except Exception:  # noqa: BLE001 (one partition must not keep the others from closing)
            _log.exception("a partition of the index cannot be read", extra={"shard": self.name})
            self.done += Progress(failed=1)
        return self.done

    def _close_all(self, wanted: Sequence[Item]) -> None:
        try:
            read = self.table.get_many(wanted, consistent=True)
            read.sort(key=lambda item: values.read_number(item["ends_at"]))
            several = self._with_knowledge(read)
        except Exception:  # noqa: BLE001 (which of them cannot be read is found one by one)
            for key in wanted:
                self._close_alone((key["pk"]["S"], key["sk"]["S"]))
            return
        for together in _transactions(several):
            self._close_together(together)

    def _ended_among_the_entered(self) -> list[Item]:
        """The keys of the counters that are due by what was carried into them."""
        entered, self.entered = set(self.entered), []
        return [
            values.key(key)
            for key in entered
            for ends_at in (period_of(key[1].removeprefix(keys.PERIOD_PREFIX)).ends_at,)
            if ends_at is not None and may_close(ends_at=ends_at, now_ms=self.now_ms)
        ]

    def _pages(self) -> Iterator[list[Item]]:
        """The keys of the counters whose period has ended."""
        pages = self.table.query_pages(
            IndexName=DUE_INDEX,
            KeyConditionExpression=expressions.IS_DUE,
            ExpressionAttributeValues={
                ":due_shard": values.text(self.name),
                ":now": values.number(self.now_ms // 1000),
            },
            Limit=_PAGE_SIZE,
        )
        for page in pages:
            yield [{"pk": entry["pk"], "sk": entry["sk"]} for entry in page]

    def _close_together(self, several: Sequence[DueCounter]) -> None:
        """Close several periods in one transaction, or one by one if any of them objects."""
        self._stop_in_time()
        try:
            if not any(due.is_stale or due.key in self.entered for due in several):
                self._write([self._closing_of(due) for due in several])
                return
        except Exception:  # noqa: BLE001, S110 (who is to blame is found one by one)
            pass
        for due in several:
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
            for _ in range(_TRIES_MAX):
                item = self.table.get(values.key(key))
                if item is None or "due_shard" not in item:
                    return  # another run was first
                self.known.clear()
                (due,) = self._with_knowledge([item])
                if due.is_stale:
                    catch_up(self.table, due.target(due.period), due.counter)
                    continue
                try:
                    self._write([self._closing_of(due)])
                except TransactionFailed as failed:
                    _raise_unless_changed_meanwhile(failed)
                    continue
                return
            self.done += Progress(waiting=1)
        except Exception:  # noqa: BLE001 (one period must not keep the others from closing)
            _log.exception("a period cannot be closed", extra={"pk": key[0], "sk": key[1]})
            self.done += Progress(failed=1)

    def _with_knowledge(self, read: Iterable[Item]) -> list[DueCounter]:
        """Counters with what is known of their budgets; three reads for all that are new."""
        owned = [(keys.read_counter_partition(item["pk"]["S"])[:2], item) for item in read]
        if len(self.known) > _KNOWN_MAX:
            self.known.clear()
        unknown = {owner for owner, _ in owned} - self.known.keys()
        if unknown:
            self.known |= _knowledge_of(self.table, unknown)
        return [DueCounter(item, self.known[owner]) for owner, item in owned]


def _raise_unless_changed_meanwhile(failed: TransactionFailed) -> None:
    """Only what others have changed since it was read can be otherwise the next time."""
    if not all(one is None or one.is_condition or one.is_busy for one in failed.objections):
        raise failed


def _transactions(several: Iterable[DueCounter]) -> Iterator[list[DueCounter]]:
    """As many as fit one transaction together, which takes no two of one budget and subject.

    What one of them leaves may go into the other.
    """
    together: dict[str, DueCounter] = {}
    for due in several:
        partition, _ = due.key
        if partition in together or len(together) == _TOGETHER_MAX:
            yield list(together.values())
            together = {}
        together[partition] = due
    if together:
        yield list(together.values())


def _knowledge_of(table: Table, owners: Collection[_Owner]) -> dict[_Owner, BudgetInfo]:
    listed = find_listed_many(table, owners)
    at = {owner: keys.policy_key(owner[0], one.subject) for owner, one in listed.items()}
    read = table.get_many(map(values.key, set(at.values())))
    policies = {(item["pk"]["S"], item["sk"]["S"]): item for item in read}
    return {
        owner: _knowledge(owner[1], listed.get(owner), policies.get(at.get(owner, ("", ""))))
        for owner in owners
    }


def _knowledge(budget_id: str, listed: ListedBudget | None, policy_item: Item | None) -> BudgetInfo:
    if listed is None:
        return BudgetInfo(None, 0, None)
    policy = read_policy(listed.subject, policy_item)
    budget = policy.budget(budget_id)
    return BudgetInfo(budget, policy.version, budget.unit if budget else listed.unit)
