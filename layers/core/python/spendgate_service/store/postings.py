"""Postings: what commands do to counters and the ledger, as the writes of one transaction.

What several commands do to one counter is summed, so a hot budget is written once per batch; the
ledger entries of a batch on one budget and subject share an item.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from spendgate_service.domain.amounts import Amount
from spendgate_service.domain.counters import Counter
from spendgate_service.domain.ledger import LedgerEntry
from spendgate_service.store import counters, keys, values
from spendgate_service.store.ids import new_ulid
from spendgate_service.store.ledger import ENTRIES_PER_ITEM_MAX, entry_id, put_of_entries
from spendgate_service.store.values import Item

WRITES_MAX = 100
"""DynamoDB's limit on one transaction."""

# A settlement or a release: what was held comes back, what was spent is taken.
SETTLE = "SET spent = spent + :spent, available = available + :change"
COUNTER_EXISTS = "attribute_exists(pk)"

# What is spent in a period that was closed already makes it due once more.
DUE_AGAIN = "due_shard = if_not_exists(due_shard, :due_shard)"

# A direct debit, also on a counter that is absent.
RECORDED = (
    "spent = if_not_exists(spent, :zero) + :spent, "
    "available = if_not_exists(available, :limit) + :change"
)

# In a rolling window what is spent counts in slices; the total of all time is kept for the audit.
COUNT_ALL_TIME = "spent_ever = if_not_exists(spent_ever, :zero) + :spent"

# The same where a part of what is spent has left the window, so that `:spent` lacks it.
COUNT_EVER = "spent_ever = if_not_exists(spent_ever, :zero) + :ever"

# A reversal in a rolling window: the spend is in its slice, or the slice has been reclaimed.
OUT_OF_SLICE = "#slice = #slice + :spent"
IS_IN_WINDOW = "attribute_exists(#slice)"
HAS_LEFT_WINDOW = "attribute_exists(pk) AND attribute_not_exists(#slice)"


@dataclass(frozen=True, slots=True)
class Posting:
    """What one command does to one counter.

    `returned` goes back from `bucket` to what is available, then `entry.amount` is spent; a release
    has no entry. `creation` has the values of a counter that may be absent. One that `must_exist`
    counts only if the counter is there, also an amount of 0. In a rolling window, `leaves_at` is
    the moment at which what is spent leaves it.
    """

    counter: keys.Key
    returned: Amount = 0
    bucket: int | None = None
    entry: LedgerEntry | None = None
    creation: Item | None = None
    leaves_at: int | None = None
    must_exist: bool = False


@dataclass(slots=True)
class CounterDelta:
    """The sum of all postings of a batch on one counter."""

    spent: Amount = 0
    returned: dict[int, Amount] = field(default_factory=dict)
    slices: dict[int, Amount] = field(default_factory=dict)
    left_window: Amount = 0
    """The part of `spent` whose slice has left a rolling window: only `spent_ever` counts it."""
    creation: Item | None = None
    must_exist: bool = False

    def add(self, posting: Posting) -> None:
        """Add one posting."""
        spent = posting.entry.amount if posting.entry else 0
        self.spent += spent
        if posting.leaves_at is not None and spent:
            self.slices[posting.leaves_at] = self.slices.get(posting.leaves_at, 0) + spent
        self.creation = self.creation or posting.creation
        self.must_exist = self.must_exist or posting.must_exist
        if posting.bucket is not None and posting.returned:
            self.returned[posting.bucket] = self.returned.get(posting.bucket, 0) + posting.returned

    def limit_returns(self, holds: Mapping[int, Amount]) -> None:
        """Return from each bucket at most what is left in it: it may have been reclaimed."""
        self.returned = {
            bucket: min(amount, holds[bucket])
            for bucket, amount in self.returned.items()
            if holds.get(bucket)
        }

    def leave_window(self, slices: Mapping[int, Amount]) -> None:
        """Take nothing out of a slice that has been reclaimed."""
        for moment, amount in list(self.slices.items()):
            if slices.get(moment, 0) + amount < 0:
                self.left_window += self.slices.pop(moment)

    @property
    def is_empty(self) -> bool:
        """Whether nothing has to be written; a counter may have to be created, or to exist.

        What is spent may be nothing in all, and something in each of two slices.
        """
        is_spent = self.spent or any(self.slices.values())
        return not (is_spent or self.returned or self.creation or self.must_exist)


def writes_of_counters(
    table_name: str, postings: Sequence[Posting], seen: Mapping[keys.Key, Counter]
) -> list[tuple[keys.Key, dict[str, Any]]]:
    """Make one write for each counter that changes.

    `seen` are counters that refused an earlier try, as they were then.
    """
    deltas: dict[keys.Key, CounterDelta] = {}
    for posting in postings:
        deltas.setdefault(posting.counter, CounterDelta()).add(posting)
    for key in deltas.keys() & seen.keys():
        deltas[key].limit_returns(seen[key].holds)
        deltas[key].leave_window(seen[key].slices)
    return [
        (key, {"Update": _counter_update(table_name, key, delta)})
        for key, delta in deltas.items()
        if not delta.is_empty
    ]


def _counter_update(table_name: str, key: keys.Key, delta: CounterDelta) -> dict[str, Any]:
    attribute_values: Item = {
        ":spent": values.amount(delta.spent - delta.left_window),
        ":change": values.amount(sum(delta.returned.values()) - delta.spent + delta.left_window),
        **(delta.creation or {}),
    }
    conditions: list[str] = []
    if delta.creation is not None:
        expression = counters.creating(delta.creation, RECORDED)
    else:
        expression, conditions = SETTLE, [COUNTER_EXISTS]
        if delta.spent and counters.period_of_counter(key).ends_at is not None:
            expression = f"{SETTLE}, {DUE_AGAIN}"
            attribute_values[":due_shard"] = values.text(keys.due_shard_of(key))
    names: dict[str, str] = {}
    if delta.returned:
        holds = counters.Buckets(_by_attribute(counters.hold_attribute, delta.returned))
        expression = f"{expression}, {holds.reduced}"
        conditions.append(holds.sufficient)
        attribute_values |= holds.values
        names |= holds.names
    if delta.slices or delta.left_window:
        expression = f"{expression}, {COUNT_EVER}"
        attribute_values |= {":zero": values.number(0), ":ever": values.amount(delta.spent)}
    if delta.slices:
        slices = counters.Buckets(_by_attribute(counters.slice_attribute, delta.slices), prefix="s")
        expression = f"{expression}, {slices.increased}"
        attribute_values |= slices.values
        names |= slices.names
        taken = {moment: -amount for moment, amount in delta.slices.items() if amount < 0}
        if taken:
            there = counters.Buckets(_by_attribute(counters.slice_attribute, taken), prefix="t")
            conditions.append(there.sufficient)
            attribute_values |= there.values
            names |= there.names
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


def reversal_update(table_name: str, posting: Posting, seen: Counter) -> dict[str, Any]:
    """Make the write that takes a spend off a counter; the entry's amount is negative.

    `seen` is the counter as it was read: in a rolling window it shows whether the spend is still in
    it. If that changes before the write, the condition fails.
    """
    assert posting.entry is not None
    spent = posting.entry.amount
    update: dict[str, Any] = {
        "TableName": table_name,
        "Key": values.key(posting.counter),
        "UpdateExpression": SETTLE,
        "ConditionExpression": COUNTER_EXISTS,
        "ExpressionAttributeValues": {
            ":spent": values.amount(spent),
            ":change": values.amount(-spent),
        },
    }
    if counters.period_of_counter(posting.counter).ends_at is not None:
        update["UpdateExpression"] = f"{SETTLE}, {DUE_AGAIN}"
        due_shard = values.text(keys.due_shard_of(posting.counter))
        update["ExpressionAttributeValues"][":due_shard"] = due_shard
    if posting.leaves_at is None or not spent:
        return {"Update": update}
    attribute = counters.slice_attribute(posting.leaves_at)
    update["ExpressionAttributeNames"] = {"#slice": attribute}
    update["ExpressionAttributeValues"][":zero"] = values.number(0)
    if posting.leaves_at in seen.slices:
        update["UpdateExpression"] = f"{SETTLE}, {COUNT_ALL_TIME}, {OUT_OF_SLICE}"
        update["ConditionExpression"] = IS_IN_WINDOW
    else:
        update["UpdateExpression"] = f"SET {COUNT_ALL_TIME}"
        update["ConditionExpression"] = HAS_LEFT_WINDOW
        del update["ExpressionAttributeValues"][":change"]
    return {"Update": update}


def _by_attribute(
    attribute: Callable[[int], str], buckets: Mapping[int, Amount]
) -> dict[str, Amount]:
    return {attribute(moment): amount for moment, amount in buckets.items()}


def writes_of_ledger(
    table_name: str, postings: Sequence[Posting], *, now_ms: int
) -> tuple[list[dict[str, Any]], list[str | None]]:
    """Make one put for each budget and subject, and the id of every posting's entry."""
    by_partition: dict[str, list[LedgerEntry]] = {}
    batch_ids: dict[str, str] = {}
    entry_ids: list[str | None] = []
    for posting in postings:
        if posting.entry is None:
            entry_ids.append(None)
            continue
        partition = posting.counter[0]
        if partition not in batch_ids:
            batch_ids[partition], by_partition[partition] = new_ulid(now_ms=now_ms), []
        together = by_partition[partition]
        assert len(together) < ENTRIES_PER_ITEM_MAX
        entry_ids.append(entry_id(batch_ids[partition], len(together)))
        together.append(posting.entry)
    puts = [
        put_of_entries(
            table_name, partition, batch_ids[partition], entries,
            counters.expiry_of({entry.period_key for entry in entries}),
        )
        for partition, entries in by_partition.items()
    ]  # fmt: skip
    return puts, entry_ids
