"""Holds: the single conditional updates of a counter by which an amount is held and returned.

Each mirrors a rule of `domain.counters`; a property test holds the two together. `#hold` is the
attribute of the hold's bucket. No flow: `reservations.hold` decides which update comes next.
"""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from spendgate_service.domain.amounts import Amount
from spendgate_service.domain.counters import Counter
from spendgate_service.domain.decisions import refuses
from spendgate_service.domain.hold_buckets import DEAD_BUCKETS_MAX
from spendgate_service.domain.thresholds import levels_to_arm
from spendgate_service.store import counters, keys, values
from spendgate_service.store.claims import CounterClaim, Rule
from spendgate_service.store.client import Table
from spendgate_service.store.errors import ConditionFailed, Unavailable

_BUCKETS_PER_WRITE_MAX = 60
"""DynamoDB takes 300 operators in an expression; a bucket needs two, and its name and value."""

# Counter.hold: the amount moves from available to the bucket.
HELD = (
    "spent = if_not_exists(spent, :zero), "
    "available = if_not_exists(available, :limit) - :amount, "
    "#hold = if_not_exists(#hold, :zero) + :amount"
)

# decisions.verdict_on, under the policy that the caller has read. A shadow budget never refuses;
# one that pauses at its soft limit does so by what is spent.
_IS_KNOWN = f"{counters.POLICY_IS_KNOWN} AND {counters.NO_CREDIT_HAS_ENDED}"
CAN_GRANT = f"{_IS_KNOWN} AND available >= :amount"
CAN_GRANT_BELOW_PAUSE = f"{CAN_GRANT} AND spent < :pauses_at"
_OR_IS_NEW = "attribute_not_exists(pk) OR "
POLICY_IS_KNOWN_OR_IS_NEW = f"{_OR_IS_NEW}({_IS_KNOWN})"
CAN_GRANT_OR_IS_NEW = f"{_OR_IS_NEW}({CAN_GRANT})"
CAN_GRANT_BELOW_PAUSE_OR_IS_NEW = f"{_OR_IS_NEW}({CAN_GRANT_BELOW_PAUSE})"

# An amount of 0 needs nothing to be available: only a pause refuses it.
IS_BELOW_PAUSE = f"{_IS_KNOWN} AND spent < :pauses_at"
IS_BELOW_PAUSE_OR_IS_NEW = f"{_OR_IS_NEW}({IS_BELOW_PAUSE})"

# Counter.hold where time has returned something: expired holds, and slices that have left a
# rolling window. The buckets are removed as they were seen.
RECLAIM_AND_HOLD = (
    "SET available = available + :change, spent = spent - :left_window, "
    "#hold = if_not_exists(#hold, :zero) + :amount"
)
ENOUGH_COMES_BACK = f"{_IS_KNOWN} AND available >= :needed AND "
ENOUGH_COMES_BACK_BELOW_PAUSE = f"{ENOUGH_COMES_BACK} spent < :pauses_at AND "

# The same without a hold.
RECLAIM = "SET available = available + :change, spent = spent - :left_window REMOVE "

# A hold that led to nothing is returned, unless it has been reclaimed since.
RETURN_HOLD = "SET available = available + :amount, #hold = #hold - :amount"
IS_STILL_HELD = "#hold >= :amount"

# A lease grows: what it holds moves to another bucket, and more is held there; or back again.
MOVE_AND_HOLD = (
    "SET available = available - :amount, #from = #from - :moved, "
    "#hold = if_not_exists(#hold, :zero) + :held"
)
HOLD_IS_THERE = "#from >= :moved"
CAN_MOVE = f"{_IS_KNOWN} AND {HOLD_IS_THERE}"
CAN_MOVE_BELOW_PAUSE = f"{IS_BELOW_PAUSE} AND {HOLD_IS_THERE}"
CAN_MOVE_AND_GRANT = f"{CAN_GRANT} AND {HOLD_IS_THERE}"
CAN_MOVE_AND_GRANT_BELOW_PAUSE = f"{CAN_GRANT_BELOW_PAUSE} AND {HOLD_IS_THERE}"
MOVE_BACK_AND_RETURN = (
    "SET available = available + :amount, #hold = #hold - :held, "
    "#from = if_not_exists(#from, :zero) + :moved"
)
IS_STILL_THERE = "#hold >= :held"

# A hold moves to another bucket.
MOVE_HOLD = "SET #from = #from - :amount, #hold = if_not_exists(#hold, :zero) + :amount"
IS_HELD_THERE = "#from >= :amount"

_CONDITIONS: Mapping[tuple[Rule, bool], str] = {
    ("none", True): POLICY_IS_KNOWN_OR_IS_NEW,
    ("limit", True): CAN_GRANT_OR_IS_NEW,
    ("limit", False): CAN_GRANT,
    ("pause", True): IS_BELOW_PAUSE_OR_IS_NEW,
    ("pause", False): IS_BELOW_PAUSE,
    ("limit and pause", True): CAN_GRANT_BELOW_PAUSE_OR_IS_NEW,
    ("limit and pause", False): CAN_GRANT_BELOW_PAUSE,
}
"""By the rule of a budget, and whether an unused counter of it would grant the amount."""

_MOVING_CONDITIONS: Mapping[Rule, str] = {
    "none": CAN_MOVE,
    "limit": CAN_MOVE_AND_GRANT,
    "pause": CAN_MOVE_BELOW_PAUSE,
    "limit and pause": CAN_MOVE_AND_GRANT_BELOW_PAUSE,
}


def hold(table: Table, claim: CounterClaim, bucket: int, *, now_ms: int) -> Counter:
    """Hold the claim's amount; the counter is created if it is absent. One write unit.

    Raises ConditionFailed.
    """
    is_granted_when_new = not refuses(claim.budget, claim.verdict(claim.unused, now_ms=now_ms))
    item = table.update(
        claim.key,
        UpdateExpression=counters.creating(claim.creation, HELD),
        ConditionExpression=_CONDITIONS[claim.rule, is_granted_when_new],
        ExpressionAttributeNames={"#hold": counters.hold_attribute(bucket)},
        ExpressionAttributeValues={
            ":amount": values.amount(claim.amount),
            **claim.creation,
            **claim.pause_value(),
            **counters.ended_until(now_ms),
        },
    )
    return counters.read_counter(item)


@dataclass(frozen=True, slots=True)
class Moving:
    """What a lease holds on its counters, and the bucket that it leaves with more held."""

    from_bucket: int
    amounts: Mapping[keys.Key, Amount]
    may_be_gone: bool = False
    """Whether the whole is held anew where the hold is no longer there."""
    gone: set[keys.Key] = field(default_factory=set)
    """Counters on which the whole was held anew."""

    def instead(self, claim: CounterClaim) -> CounterClaim:
        """Return the claim on all that shall be held, where nothing can be moved."""
        self.gone.add(claim.address)
        whole = claim.amount + self.amounts[claim.address]
        return replace(claim, claim=replace(claim.claim, amount=whole))

    def is_there(self, claim: CounterClaim, counter: Counter) -> bool:
        """Tell whether the bucket has what the lease holds."""
        return counter.holds.get(self.from_bucket, 0) >= self.amounts[claim.address]

    def change(self, claim: CounterClaim, to_bucket: int) -> dict[str, Any]:
        """Make the names and values of a move that holds the claim's amount as well."""
        moved = self.amounts[claim.address]
        return {
            "ExpressionAttributeNames": {
                "#from": counters.hold_attribute(self.from_bucket),
                "#hold": counters.hold_attribute(to_bucket),
            },
            "ExpressionAttributeValues": {
                ":amount": values.amount(claim.amount),
                ":moved": values.amount(moved),
                ":held": values.amount(moved + claim.amount),
                ":zero": values.number(0),
            },
        }


def move_and_hold(
    table: Table, claim: CounterClaim, moving: Moving, *, bucket: int, now_ms: int
) -> Counter:
    """Hold the claim's amount, and move there what is held. One write unit.

    Raises ConditionFailed.
    """
    change = moving.change(claim, bucket)
    change["ExpressionAttributeValues"] |= {
        ":version": values.number(claim.policy_version),
        **claim.pause_value(),
        **counters.ended_until(now_ms),
    }
    item = table.update(
        claim.key,
        UpdateExpression=MOVE_AND_HOLD,
        ConditionExpression=_MOVING_CONDITIONS[claim.rule],
        **change,
    )
    return counters.read_counter(item)


@dataclass(frozen=True, slots=True)
class Expired:
    """Expired holds and past slices that are still in an item; as many as one write may name.

    `amount` is the sum of the buckets, `left_window` the part of it that was spent.
    """

    buckets: Mapping[str, Amount]
    amount: Amount
    left_window: Amount


def expired_in(counter: Counter, *, now_ms: int) -> Expired:
    """Find what has expired on every clock: the largest buckets, if there are too many to write."""
    holds = counter.reclaimable_holds(now_ms=now_ms)
    slices = counter.reclaimable_slices(now_ms=now_ms)
    found = [(counters.hold_attribute(bucket), amount, 0) for bucket, amount in holds.items()]
    found += [
        (counters.slice_attribute(moment), amount, amount) for moment, amount in slices.items()
    ]
    largest = sorted(found, key=lambda bucket: bucket[1], reverse=True)[:_BUCKETS_PER_WRITE_MAX]
    return Expired(
        buckets={attribute: amount for attribute, amount, _ in largest},
        amount=sum(amount for _, amount, _ in largest),
        left_window=sum(spent for _, _, spent in largest),
    )


def reclaim_and_hold(
    table: Table, claim: CounterClaim, seen: Counter, expired: Expired, *, bucket: int, now_ms: int
) -> Counter | None:
    """Reclaim what has expired and hold the claim's amount; None if another write came first.

    The levels that a rolling window has left are armed.
    """
    left = levels_to_arm(claim.balance(seen, now_ms=now_ms)) if expired.left_window else []
    armed_at = {":armed_at": values.number(now_ms)} if left else {}
    clauses = counters.Buckets(expired.buckets)
    pauses = "pause" in claim.rule
    condition = ENOUGH_COMES_BACK_BELOW_PAUSE if pauses else ENOUGH_COMES_BACK
    try:
        item = table.update(
            claim.key,
            UpdateExpression=(f"{RECLAIM_AND_HOLD}{counters.armed(left)} REMOVE {clauses.removed}"),
            ConditionExpression=condition + clauses.unchanged,
            ExpressionAttributeNames={"#hold": counters.hold_attribute(bucket), **clauses.names},
            ExpressionAttributeValues={
                ":version": values.number(claim.policy_version),
                ":amount": values.amount(claim.amount),
                ":change": values.amount(expired.amount - claim.amount),
                ":needed": values.amount(claim.amount - expired.amount),
                ":left_window": values.amount(expired.left_window),
                ":zero": values.number(0),
                **claim.pause_value(expired.left_window),
                **counters.ended_until(now_ms),
                **armed_at,
                **clauses.values,
            },
        )
    except ConditionFailed:
        return None
    table.observe("reclaimed", len(expired.buckets))
    return counters.read_counter(item)


def reclaim(table: Table, address: keys.Key, expired: Expired) -> None:
    """Reclaim what has expired, unless another write was first."""
    clauses = counters.Buckets(expired.buckets)
    with suppress(ConditionFailed):
        table.update(
            values.key(address),
            UpdateExpression=RECLAIM + clauses.removed,
            ConditionExpression=clauses.unchanged,
            ExpressionAttributeNames=clauses.names,
            ExpressionAttributeValues={
                ":change": values.amount(expired.amount),
                ":left_window": values.amount(expired.left_window),
                **clauses.values,
            },
        )
        table.observe("reclaimed", len(expired.buckets))


def reclaim_if_many(table: Table, address: keys.Key, counter: Counter, *, now_ms: int) -> None:
    """Reclaim when many buckets have expired, so that the item stays small.

    Housekeeping: if it fails, the next write that comes by tries again.
    """
    expired = expired_in(counter, now_ms=now_ms)
    if len(expired.buckets) < DEAD_BUCKETS_MAX:
        return
    with suppress(Unavailable):
        reclaim(table, address, expired)


def reclaim_expired(table: Table, addresses: Iterable[keys.Key], *, now_ms: int) -> None:
    """Reclaim on counters after writes that leave buckets behind without seeing the item.

    Every reservation reclaims on the counters that it holds on. Where there are none, settlements
    and extensions do: an item that only grows costs more with every write, and takes no further
    one at 400 KB. One batch read, and a write for each counter where much has expired.
    """
    with suppress(Unavailable):
        found = counters.read_counters(table, addresses, consistent=False)
        for address, counter in found.items():
            reclaim_if_many(table, address, counter, now_ms=now_ms)


def return_hold(table: Table, claim: CounterClaim, *, bucket: int) -> None:
    """Return a hold that led to nothing; one that was reclaimed meanwhile needs nothing.

    Raises Throttled, OutcomeUnknown.
    """
    try:
        table.update(
            claim.key,
            UpdateExpression=RETURN_HOLD,
            ConditionExpression=IS_STILL_HELD,
            ExpressionAttributeNames={"#hold": counters.hold_attribute(bucket)},
            ExpressionAttributeValues={":amount": values.amount(claim.amount)},
        )
    except ConditionFailed:
        return
    table.observe("compensations", 1)


def move_back(table: Table, claim: CounterClaim, moving: Moving, *, bucket: int) -> None:
    """Undo `move_and_hold`, unless its hold has gone. Raises Throttled, OutcomeUnknown."""
    with suppress(ConditionFailed):
        table.update(
            claim.key,
            UpdateExpression=MOVE_BACK_AND_RETURN,
            ConditionExpression=IS_STILL_THERE,
            **moving.change(claim, bucket),
        )
        table.observe("compensations", 1)


def moving_hold(
    table_name: str, counter: keys.Key, amount: Amount, *, from_bucket: int, to_bucket: int
) -> dict[str, Any]:
    """Make the write, for a transaction, that moves a hold to another bucket of its counter."""
    return {
        "Update": {
            "TableName": table_name,
            "Key": values.key(counter),
            "UpdateExpression": MOVE_HOLD,
            "ConditionExpression": IS_HELD_THERE,
            "ExpressionAttributeNames": {
                "#from": counters.hold_attribute(from_bucket),
                "#hold": counters.hold_attribute(to_bucket),
            },
            "ExpressionAttributeValues": {
                ":amount": values.amount(amount),
                ":zero": values.number(0),
            },
        }
    }
