"""From what a batch of commands does to counters and the ledger to the writes of one transaction.

What several commands do to one counter is summed, so a hot budget is written once per batch; the
ledger entries of a batch on one budget and subject share an item.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from spendgate_service.domain.amounts import Amount
from spendgate_service.domain.counters import Counter
from spendgate_service.domain.ledger import LedgerEntry
from spendgate_service.domain.period_keys import period_of
from spendgate_service.store import expressions, keys, values
from spendgate_service.store.codec.counters import hold_attribute, slice_attribute
from spendgate_service.store.codec.ledger import ENTRIES_PER_ITEM_MAX, entry_id, ledger_attributes
from spendgate_service.store.errors import Item
from spendgate_service.store.ids import new_ulid
from spendgate_service.store.retention import expiry_of

WRITES_MAX = 100
"""DynamoDB's limit on one transaction."""


@dataclass(frozen=True, slots=True)
class Posting:
    """What one command does to one counter.

    `returned` goes back from `bucket` to what is available, then `entry.amount` is spent; a release
    has no entry. `creation` has the values of a counter that may not be there yet. In a rolling
    window, `leaves_at` is the moment at which what is spent leaves it.
    """

    counter: keys.Key
    returned: Amount = 0
    bucket: int | None = None
    entry: LedgerEntry | None = None
    creation: Item | None = None
    leaves_at: int | None = None


@dataclass(slots=True)
class CounterDelta:
    """All postings of a batch on one counter."""

    spent: Amount = 0
    returned: dict[int, Amount] = field(default_factory=dict)
    slices: dict[int, Amount] = field(default_factory=dict)
    creation: Item | None = None

    def add(self, posting: Posting) -> None:
        """Add one posting to the counter's total."""
        spent = posting.entry.amount if posting.entry else 0
        self.spent += spent
        if posting.leaves_at is not None and spent:
            self.slices[posting.leaves_at] = self.slices.get(posting.leaves_at, 0) + spent
        self.creation = self.creation or posting.creation
        if posting.bucket is not None and posting.returned:
            self.returned[posting.bucket] = self.returned.get(posting.bucket, 0) + posting.returned


def writes_of_counters(
    table_name: str, postings: Sequence[Posting], seen: Mapping[keys.Key, Counter]
) -> list[tuple[keys.Key, dict[str, Any]]]:
    """One write for each counter that changes.

    `seen` are counters that refused an earlier try: a bucket that was reclaimed since gives back
    only what is left in it.
    """
    sums: dict[keys.Key, CounterDelta] = {}
    for posting in postings:
        sums.setdefault(posting.counter, CounterDelta()).add(posting)
    for key, total in sums.items():
        if key in seen:
            holds = seen[key].holds
            total.returned = {
                bucket: min(wanted, holds[bucket])
                for bucket, wanted in total.returned.items()
                if holds.get(bucket)
            }
    return [
        (key, {"Update": _counter_update(table_name, key, total)})
        for key, total in sums.items()
        if total.spent or total.returned or total.creation
    ]


def _counter_update(table_name: str, key: keys.Key, total: CounterDelta) -> dict[str, Any]:
    attribute_values: Item = {
        ":spent": values.amount(total.spent),
        ":change": values.amount(sum(total.returned.values()) - total.spent),
        **(total.creation or {}),
    }
    if total.creation is None:
        expression, conditions = expressions.SETTLE, [expressions.COUNTER_EXISTS]
        if total.spent and _has_end(key):
            expression = expressions.SETTLE_IN_PERIOD
            attribute_values[":due_shard"] = values.text(keys.due_shard_of(key))
    else:
        has_end = ":ends_at" in total.creation
        expression = expressions.RECORD_IN_PERIOD if has_end else expressions.RECORD
        conditions = []
    names: dict[str, str] = {}
    if total.returned:
        holds = expressions.Buckets(_by_attribute(hold_attribute, total.returned))
        expression = f"{expression}, {holds.reduced}"
        conditions.append(holds.sufficient)
        attribute_values |= holds.values
        names |= holds.names
    if total.slices:
        slices = expressions.Buckets(_by_attribute(slice_attribute, total.slices), prefix="s")
        expression = f"{expression}, {expressions.COUNT_ALL_TIME}, {slices.increased}"
        attribute_values |= {**slices.values, ":zero": values.number(0)}
        names |= slices.names
    update: dict[str, Any] = {
        "TableName": table_name,
        "Key": values.key(key),
        "UpdateExpression": expression,
        "ExpressionAttributeValues": attribute_values,
    }
    if names:
        update["ExpressionAttributeNames"] = names
    if conditions:
        update["ConditionExpression"] = " AND ".join(conditions)
        update["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD"
    return update


def _has_end(counter: keys.Key) -> bool:
    return period_of(counter[1].removeprefix(keys.PERIOD_PREFIX)).ends_at is not None


def _by_attribute(
    attribute: Callable[[int], str], buckets: Mapping[int, Amount]
) -> dict[str, Amount]:
    return {attribute(moment): amount for moment, amount in buckets.items()}


def writes_of_ledger(
    table_name: str, postings: Sequence[Posting], *, now_ms: int
) -> tuple[list[dict[str, Any]], list[LedgerEntry | None]]:
    """One put for each budget and subject, and every posting's entry with its id."""
    by_partition: dict[str, list[LedgerEntry]] = {}
    batch_ids: dict[str, str] = {}
    numbered: list[LedgerEntry | None] = []
    for posting in postings:
        if posting.entry is None:
            numbered.append(None)
            continue
        partition = posting.counter[0]
        together = by_partition.setdefault(partition, [])
        assert len(together) < ENTRIES_PER_ITEM_MAX
        batch_id = batch_ids.setdefault(partition, new_ulid(now_ms=now_ms))
        entry = replace(posting.entry, entry_id=entry_id(batch_id, len(together)))
        together.append(entry)
        numbered.append(entry)
    puts = [
        {
            "Put": {
                "TableName": table_name,
                "Item": {
                    **values.key((partition, keys.ledger_sort_key(now_ms, batch_ids[partition]))),
                    **ledger_attributes(batch_ids[partition], entries),
                    **expiry_of({entry.period_key for entry in entries}),
                },
                "ConditionExpression": expressions.IS_NEW,
            }
        }
        for partition, entries in by_partition.items()
    ]
    return puts, numbered
