"""Refusals: an item for each minute, environment, budget, subject and code that was refused."""

from collections.abc import Iterator
from typing import Any

from spendgate_service.domain.refusals import Refusals
from spendgate_service.store import keys, values
from spendgate_service.store.client import Table
from spendgate_service.store.ids import new_ulid
from spendgate_service.store.values import Item

REFUSALS_RETENTION_SECONDS = 35 * 86_400

_MINUTE_MS = 60_000


def minute_of(moment_ms: int) -> int:
    """Return the minute of a moment, in epoch seconds."""
    return moment_ms // _MINUTE_MS * 60


def put_refusals(table: Table, tenant_id: str, refusals: Refusals) -> None:
    """Write refusals of one environment. One write unit."""
    partition = keys.refusals_partition(tenant_id, refusals.minute // 86_400)
    sort_key = f"{keys.refusals_minute(refusals.minute)}#{new_ulid(now_ms=refusals.last_at_ms)}"
    item: Item = {
        **values.key((partition, sort_key)),
        "refused_at": values.number(refusals.minute),
        "budget_id": values.text(refusals.budget_id),
        "subject": values.text(refusals.subject),
        "code": values.text(refusals.code),
        "counted_in": values.text(refusals.unit),
        "times": values.number(refusals.count),
        "requested_max": values.amount(refusals.requested_max),
        "first_at_ms": values.number(refusals.first_at_ms),
        "last_at_ms": values.number(refusals.last_at_ms),
        "says": values.text(refusals.says),
        "request_id": values.text(refusals.request_id),
        "expires_ttl": values.number(refusals.minute + REFUSALS_RETENTION_SECONDS),
    }
    table.put(item)


def refusals_of_day(
    table: Table, tenant_id: str, day: int, *, first: int, last: int
) -> Iterator[Refusals]:
    """Yield what was written on a day (since the epoch) between two minutes, newest first."""
    found: Iterator[Item] = table.query_items(
        KeyConditionExpression=keys.SORTED_BETWEEN,
        ExpressionAttributeValues={
            ":pk": values.text(keys.refusals_partition(tenant_id, day)),
            ":first": values.text(keys.refusals_minute(first)),
            ":last": values.text(f"{keys.refusals_minute(last)}~"),
        },
        ScanIndexForward=False,
    )
    return map(_read, found)


def _read(item: Item) -> Refusals:
    numbers: dict[str, Any] = {
        name: values.read_number(item[name]) for name in ("first_at_ms", "last_at_ms")
    }
    texts: dict[str, Any] = {
        name: item[name]["S"] for name in ("budget_id", "subject", "code", "says", "request_id")
    }
    return Refusals(
        minute=values.read_number(item["refused_at"]),
        unit=item["counted_in"]["S"],
        count=values.read_number(item["times"]),
        requested_max=values.read_amount(item["requested_max"]),
        **numbers,
        **texts,
    )
