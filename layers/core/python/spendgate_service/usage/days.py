"""Read the items of one day of the usage log, which is spread over shards."""

import heapq
from collections.abc import Iterator

from spendgate_service.store import keys
from spendgate_service.store.client import Table
from spendgate_service.store.usage import usage_items
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
        for shard in range(keys.USAGE_SHARDS)
    ]  # fmt: skip
    return heapq.merge(*shards, key=lambda item: str(item["sk"]["S"]), reverse=newest_first)
