"""Closing the periods that have ended, in bounded slices, several at once.

Nothing waits for this: the period in force follows from the clock. It may run late, twice at a
time, or stop anywhere, and goes on with whatever is still in the index. What is carried on may make
the next period due as well, so it goes round until a round finds nothing to close.
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import dataclass

from spendgate.store import expressions, items, keys
from spendgate.store.closing import CLOSING_WRITES_MAX, Due, Knowledge, writes_of_closing
from spendgate.store.codec.policies import read_policy
from spendgate.store.counters import bring_up
from spendgate.store.directory import ListedBudget, find_listed_many
from spendgate.store.errors import Item, TransactionFailed
from spendgate.store.postings import WRITES_MAX
from spendgate.store.table import Table

DUE_INDEX = "due"
_PAGE_SIZE = 100
_TOGETHER_MAX = WRITES_MAX // CLOSING_WRITES_MAX
_TRIES_MAX = 4

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

    `pool` closes those of several partitions of the index side by side. Per period without
    carry-over four write units, and six with it, all in a transaction with others; per hundred
    periods five reads. One that cannot be closed is logged, counted, and tried again by the next
    run. Raises nothing that one period is to blame for.
    """
    done = Progress()
    while True:
        rounds = (pool.map if pool else map)(
            lambda shard: _Shard(table, shard, now_ms, has_time).close(), range(keys.DUE_SHARDS)
        )
        this_round = sum(rounds, Progress())
        done = Progress(closed=done.closed) + this_round
        if not this_round.closed or this_round.ran_out_of_time:
            return done


@dataclass(frozen=True, slots=True)
class _Shard:
    """One partition of the index of what is due."""

    table: Table
    number: int
    now_ms: int
    has_time: Callable[[], bool]

    def close(self) -> Progress:
        """Close what is due in it, the oldest first."""
        done = Progress()
        for page in self._pages():
            read = self.table.get_many(page, consistent=True)
            for together in _transactions(_with_knowledge(self.table, read)):
                if not self.has_time():
                    return done + Progress(ran_out_of_time=True)
                done += self._close_together(together)
        return done

    def _pages(self) -> Iterator[list[Item]]:
        """The keys of the counters whose period has ended."""
        start: Item | None = None
        while True:
            page = self.table.query(
                IndexName=DUE_INDEX,
                KeyConditionExpression=expressions.IS_DUE,
                ExpressionAttributeValues={
                    ":due_shard": items.text(keys.due_shard(self.number)),
                    ":now": items.number(self.now_ms // 1000),
                },
                Limit=_PAGE_SIZE,
                **({"ExclusiveStartKey": start} if start else {}),
            )
            yield [{"pk": entry["pk"], "sk": entry["sk"]} for entry in page["Items"]]
            start = page.get("LastEvaluatedKey")
            if not start:
                return

    def _close_together(self, several: Sequence[Due]) -> Progress:
        """Close several periods in one transaction, or one by one if any of them objects."""
        try:
            if any(due.lags for due in several):
                return self._one_by_one(several)
            planned = [writes_of_closing(self.table, due, now_ms=self.now_ms) for due in several]
            writes = [write for one in planned for write in one]
            if writes:
                self.table.transact(writes)
        except Exception:  # noqa: BLE001 (who is to blame is found one by one)
            return self._one_by_one(several)
        closed = sum(map(bool, planned))
        return Progress(closed=closed, waiting=len(planned) - closed)

    def _one_by_one(self, several: Sequence[Due]) -> Progress:
        return sum((self._close_alone(due.key) for due in several), Progress())

    def _close_alone(self, key: keys.Key) -> Progress:
        """Close one period, which others may be changing meanwhile."""
        try:
            for _ in range(_TRIES_MAX):
                item = self.table.get(items.key(key))
                if item is None or "due_shard" not in item:
                    return Progress()  # another run was first
                (due,) = _with_knowledge(self.table, [item])
                if due.lags:
                    bring_up(self.table, due.target(due.period), due.counter)
                    continue
                writes = writes_of_closing(self.table, due, now_ms=self.now_ms)
                if not writes:
                    return Progress(waiting=1)
                with suppress(TransactionFailed):
                    self.table.transact(writes)
                    return Progress(closed=1)
        except Exception:  # noqa: BLE001 (one period must not keep the others from closing)
            _log.exception("a period cannot be closed", extra={"pk": key[0], "sk": key[1]})
            return Progress(failed=1)
        return Progress(waiting=1)


def _transactions(several: Iterable[Due]) -> Iterator[list[Due]]:
    """As many as fit one transaction together, which takes no two of one budget and subject.

    What one of them leaves may go into the other.
    """
    together: dict[str, Due] = {}
    for due in several:
        partition, _ = due.key
        if partition in together or len(together) == _TOGETHER_MAX:
            yield list(together.values())
            together = {}
        together[partition] = due
    if together:
        yield list(together.values())


def _with_knowledge(table: Table, read: Iterable[Item]) -> list[Due]:
    """Counters with what is known of their budgets. Three reads, whatever their number."""
    found = list(read)
    owners = [keys.read_counter_partition(item["pk"]["S"])[:2] for item in found]
    listed = find_listed_many(table, set(owners))
    at = {
        (tenant_id, budget_id): keys.policy_key(tenant_id, one.subject)
        for (tenant_id, budget_id), one in listed.items()
    }
    policies = {
        (item["pk"]["S"], item["sk"]["S"]): item
        for item in table.get_many(map(items.key, set(at.values())))
    }
    return [
        Due(item, _knowledge(owner[1], listed.get(owner), policies.get(at.get(owner, ("", "")))))
        for item, owner in zip(found, owners, strict=True)
    ]


def _knowledge(budget_id: str, listed: ListedBudget | None, policy_item: Item | None) -> Knowledge:
    if listed is None:
        return Knowledge(None, 0, None)
    policy = read_policy(listed.subject, policy_item)
    budget = policy.budget(budget_id)
    return Knowledge(budget, policy.version, budget.unit if budget else listed.unit)
