"""Roll-ups of the usage log: one for each quarter of an hour with usage, one for each past day.

A tenant has a state item and an item for each UTC day with usage. The state says up to when all
usage is counted; a day's item, up to which usage item that day's is, and how many records that are.
Every write of a roll-up is in the transaction that moves the position of its day, so that each
record is counted once. A reader knows by the number of records whether what it read belongs
together.

The lines of a roll-up are sorted JSON, deflated, in parts of less than DynamoDB's 400 KB.
"""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from spendgate_service.domain.occurrence import OCCURRED_SECONDS_AGO_MAX
from spendgate_service.domain.rollups import Combination, Rollup
from spendgate_service.domain.usage_days import DAY_MS, day_of
from spendgate_service.domain.usage_report import UsageTotal
from spendgate_service.store import keys, values
from spendgate_service.store.client import Table
from spendgate_service.store.packing import Packing
from spendgate_service.store.values import Item, Value

PART_BYTES_MAX = 300_000

_PACKED = Packing(b"")
"""Without a dictionary: most lines repeat those before them."""

IS_AS_READ = "counted_to = :seen"
STATE_IS_AS_READ = "counted_to_ms = :seen"
ADVANCE = "SET counted_to_ms = :counted_to_ms, ends_at = :due_at"


@dataclass(frozen=True, slots=True)
class RollupState:
    """Up to when all usage of a tenant is counted, exclusive; and when more is counted next."""

    counted_to_ms: int
    due_at: int

    @property
    def position(self) -> str:
        """A sort key after that of every usage item that is counted."""
        return keys.usage_moment(self.counted_to_ms)

    @property
    def first_open_day(self) -> str:
        """The first UTC day of which more than reversals may have been recorded since then.

        Spend is recorded up to 35 days late; a hold ends after a week at most.
        """
        return day_of(max(0, self.counted_to_ms - OCCURRED_SECONDS_AGO_MAX * 1000 - DAY_MS))


@dataclass(frozen=True, slots=True)
class RolledDay:
    """How far a day's usage is counted: the sort key of its last item, and how many records.

    `is_whole` says that the day has a roll-up of its own, beside those of its quarters of an hour.
    """

    counted_to: str
    records: int
    is_whole: bool = False


@dataclass(frozen=True, slots=True)
class StoredRollup:
    """A roll-up as it was read, with the position of its day when it was written."""

    rollup: Rollup
    counted_to: str


def put_of_state(table_name: str, tenant_id: str, *, now_ms: int) -> dict[str, Any]:
    """Make the write of a new tenant's state, which lists it in the index `due`."""
    item = {
        **values.key(keys.rollup_state_key(tenant_id)),
        "counted_to_ms": values.number(now_ms),
        "due_shard": values.text(keys.ROLLUPS_DUE),
        "ends_at": values.number(now_ms // 1000),
    }
    return {"Put": {"TableName": table_name, "Item": item, "ConditionExpression": keys.IS_NEW}}


def read_rollup_state(table: Table, tenant_id: str) -> RollupState | None:
    """Read a tenant's state consistently; None if no usage of it is rolled up. One read unit."""
    item = table.get(values.key(keys.rollup_state_key(tenant_id)))
    if item is None:
        return None
    return RollupState(
        values.read_number(item["counted_to_ms"]), values.read_number(item["ends_at"])
    )


def advance_state(table: Table, tenant_id: str, seen: RollupState, after: RollupState) -> None:
    """Say that all usage is counted up to a later moment. Raises ConditionFailed."""
    table.update(
        values.key(keys.rollup_state_key(tenant_id)),
        UpdateExpression=ADVANCE,
        ConditionExpression=STATE_IS_AS_READ,
        ExpressionAttributeValues={
            ":seen": values.number(seen.counted_to_ms),
            ":counted_to_ms": values.number(after.counted_to_ms),
            ":due_at": values.number(after.due_at),
        },
    )


def read_rolled_days(
    table: Table, tenant_id: str, first: str, last: str, *, consistent: bool = True
) -> dict[str, RolledDay]:
    """Read how far the days between two are counted; those without any usage are left out."""
    items = _items(table, keys.rollups_partition(tenant_id), first, last, consistent=consistent)
    return {item["sk"]["S"]: read_rolled_day(item) for item in items}


def read_rolled_day(item: Item) -> RolledDay:
    """Read how far a day is counted."""
    return RolledDay(
        counted_to=item["counted_to"]["S"],
        records=values.read_number(item["records"]),
        is_whole=item["is_whole"]["BOOL"],
    )


def put_of_rolled_day(
    table_name: str, tenant_id: str, day: str, *, seen: RolledDay | None, after: RolledDay
) -> dict[str, Any]:
    """Make the write that says how far a day is counted, if it is as it was read."""
    put = {
        "TableName": table_name,
        "Item": {
            **values.key(keys.rollup_day_key(tenant_id, day)),
            "counted_to": values.text(after.counted_to),
            "records": values.number(after.records),
            "is_whole": {"BOOL": after.is_whole},
        },
        "ConditionExpression": keys.IS_NEW,
    }
    if seen is not None:
        put["ConditionExpression"] = IS_AS_READ
        put["ExpressionAttributeValues"] = {":seen": values.text(seen.counted_to)}
    return {"Put": put}


def puts_of_rollup(
    table_name: str, partition: str, name: str, stored: StoredRollup
) -> list[dict[str, Any]]:
    """Make the writes of a roll-up: one for each part. The first part counts the records."""
    parts = list(_packed(sorted(stored.rollup.totals.items())))
    return [
        {
            "Put": {
                "TableName": table_name,
                "Item": {
                    **values.key((partition, keys.rollup_sort_key(name, number))),
                    "counted_to": values.text(stored.counted_to),
                    "records": values.number(0 if number else stored.rollup.records),
                    "parts": values.number(len(parts)),
                    "rollup_lines": part,
                },
            }
        }
        for number, part in enumerate(parts)
    ]


def rollup_items(
    table: Table, partition: str, first: str, last: str, *, consistent: bool = True
) -> Iterator[Item]:
    """Read the items of the roll-ups between two names, both included.

    A read unit for each 4 KB of them, or half of one if not consistent.
    """
    return _items(table, partition, first, keys.after_rollup(last), consistent=consistent)


def read_rollups(items: Iterable[Item]) -> dict[str, StoredRollup] | None:
    """Read roll-ups by name; None if the parts of one were not written together."""
    rollups: dict[str, StoredRollup] = {}
    for name, grouped in groupby(items, key=lambda item: keys.rollup_name_of(item["sk"]["S"])):
        parts = list(grouped)
        first = parts[0]
        counted_to = first["counted_to"]["S"]
        whole = len(parts) == values.read_number(first["parts"])
        if not whole or any(part["counted_to"]["S"] != counted_to for part in parts):
            return None
        rollup = Rollup(records=values.read_number(first["records"]))
        for part in parts:
            rollup.totals.update(_unpacked(part["rollup_lines"]))
        rollups[name] = StoredRollup(rollup, counted_to)
    return rollups


def are_together(rolled: RolledDay, stored: Collection[StoredRollup]) -> bool:
    """Whether roll-ups that were read are those of a day as it was read.

    None is newer, so none is older either if they count as many records as the day.
    """
    return (
        all(rollup.counted_to <= rolled.counted_to for rollup in stored)
        and sum(rollup.rollup.records for rollup in stored) == rolled.records
    )


def _items(
    table: Table, partition: str, first: str, last: str, *, consistent: bool
) -> Iterator[Item]:
    return table.query_items(
        KeyConditionExpression=keys.SORTED_BETWEEN,
        ExpressionAttributeValues={
            ":pk": values.text(partition),
            ":first": values.text(first),
            ":last": values.text(last),
        },
        ConsistentRead=consistent,
    )


def _packed(totals: Sequence[tuple[Combination, UsageTotal]]) -> Iterator[Value]:
    """Deflate lines in as many parts as needed."""
    lines = [
        [dict(combination), total.amounts, total.tokens, total.calls]
        for combination, total in totals
    ]
    text = json.dumps(lines, separators=(",", ":"), ensure_ascii=False)
    packed = _PACKED.pack(text)
    if len(packed["B"]) <= PART_BYTES_MAX:
        yield packed
        return
    middle = len(totals) // 2
    yield from _packed(totals[:middle])
    yield from _packed(totals[middle:])


def _unpacked(value: Value) -> Mapping[Combination, UsageTotal]:
    return {
        tuple(dimensions.items()): UsageTotal(amounts, tokens, calls)
        for dimensions, amounts, tokens, calls in json.loads(_PACKED.read(value))
    }
