"""Read the items of days of the usage log, each of which is spread over shards."""

import heapq
from collections.abc import Iterator

from spendgate_service.store import keys
from spendgate_service.store.changes import reversed_since
from spendgate_service.store.client import Table
from spendgate_service.store.usage import day_of_record, usage_items
from spendgate_service.store.values import Item


def items_of_day(
    table: Table,
    tenant_id: str,
    day: str,
    *,
    first: str = keys.USAGE_FIRST,
    last: str = keys.USAGE_LAST,
    newest_first: bool = False,
) -> Iterator[Item]:
    """Yield the items of a day between two sort keys, both included, in the order of the keys."""
    shards = [
        usage_items(
            table, keys.usage_partition(tenant_id, day, shard),
            first=first, last=last, newest_first=newest_first,
        )
        for shard in keys.usage_shards_from(day, first)
    ]  # fmt: skip
    return heapq.merge(*shards, key=lambda item: str(item["sk"]["S"]), reverse=newest_first)


def items_after(
    table: Table, tenant_id: str, day: str, position: str, *, last: str = keys.USAGE_LAST
) -> Iterator[Item]:
    """Yield the items of a day that sort after a position."""
    return items_of_day(table, tenant_id, day, first=f"{position} ", last=last)


def days_reversed_since(table: Table, tenant_id: str, moment_ms: int) -> set[str]:
    """Return the days of the records that were reversed from a moment on, by the change log."""
    return {day_of_record(record_id) for record_id in reversed_since(table, tenant_id, moment_ms)}
