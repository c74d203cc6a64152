"""Closing periods: a statement for each, written once, and the counter leaves the index of the due.

Nothing waits for this: the period in force follows from the clock. It may run late, twice, or stop
half-way, and goes on with whatever is still in the index.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass

from spendgate.domain.statements import may_close, statement_of
from spendgate.store import expressions, items, keys
from spendgate.store.codec.counters import read_counter
from spendgate.store.codec.statements import statement_item
from spendgate.store.errors import ConditionFailed, Item
from spendgate.store.table import Table

DUE_INDEX = "due"
_PAGE_SIZE = 100


@dataclass(slots=True)
class Progress:
    """What one run did: periods closed, and those that still wait for a hold to expire."""

    closed: int = 0
    waiting: int = 0
    ran_out_of_time: bool = False


def close_due_periods(table: Table, *, now_ms: int, has_time: Callable[[], bool]) -> Progress:
    """Close every period that has ended, until `has_time` says no.

    Per period one read and two write units. Raises Throttled, OutcomeUnknown; what was closed
    before stays closed.
    """
    progress = Progress()
    first = now_ms // 60_000  # whatever takes too long today comes first in another minute
    for shard in ((first + place) % keys.DUE_SHARDS for place in range(keys.DUE_SHARDS)):
        for key in _due(table, keys.due_shard(shard), now_ms=now_ms):
            if not has_time():
                progress.ran_out_of_time = True
                return progress
            if _close(table, key, now_ms=now_ms):
                progress.closed += 1
            else:
                progress.waiting += 1
    return progress


def _due(table: Table, shard: str, *, now_ms: int) -> Iterator[Item]:
    """The keys of one shard's counters whose period has ended, the oldest first."""
    start: Item | None = None
    while True:
        page = table.query(
            IndexName=DUE_INDEX,
            KeyConditionExpression=expressions.IS_DUE,
            ExpressionAttributeValues={
                ":due_shard": items.text(shard),
                ":now": items.number(now_ms // 1000),
            },
            Limit=_PAGE_SIZE,
            **({"ExclusiveStartKey": start} if start else {}),
        )
        for entry in page["Items"]:
            yield {"pk": entry["pk"], "sk": entry["sk"]}
        start = page.get("LastEvaluatedKey")
        if not start:
            return


def _close(table: Table, key: Item, *, now_ms: int) -> bool:
    """Write the statement, then take the counter out of the index: so nothing is lost."""
    item = table.get(key)
    if item is None or "due_shard" not in item:
        return True
    counter = read_counter(item)
    starts_at, ends_at = items.read_number(item["starts_at"]), items.read_number(item["ends_at"])
    if not may_close(counter, ends_at=ends_at, now_ms=now_ms):
        return False
    statement = statement_of(counter, starts_at=starts_at, ends_at=ends_at, now_ms=now_ms)
    spent: Item = {":spent": items.amount(counter.spent)}
    with suppress(ConditionFailed):  # an earlier run wrote it, and stopped before the next step
        table.put(
            statement_item(item, statement),
            ConditionExpression=expressions.IS_NEW_OR_SAYS_OTHERWISE,
            ExpressionAttributeValues=spent,
        )
    with suppress(ConditionFailed):  # something was spent meanwhile: it is looked at once more
        table.update(
            key,
            UpdateExpression=expressions.IS_NO_LONGER_DUE,
            ConditionExpression=expressions.SPENT_IS_AS_SEEN,
            ExpressionAttributeValues=spent,
        )
    return True
