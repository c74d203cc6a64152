"""Counters in the table: holding, giving back, bringing up to a policy, reading balances."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from spendgate_service.domain.amounts import Amount
from spendgate_service.domain.counters import Balance, Counter
from spendgate_service.domain.decisions import Verdict, refuses
from spendgate_service.domain.hold_buckets import DEAD_BUCKETS_MAX
from spendgate_service.store import expressions, keys, values
from spendgate_service.store.claims import CounterClaim, Rule
from spendgate_service.store.client import Table
from spendgate_service.store.codec.counters import hold_attribute, read_counter, slice_attribute
from spendgate_service.store.errors import ConditionFailed, PolicyChanged, Throttled, Unavailable

_TRIES_MAX = 6

_BUCKETS_PER_WRITE_MAX = 60
"""DynamoDB takes 300 operators in an expression; a bucket needs two, and its name and value."""


@dataclass(frozen=True, slots=True)
class _Passed:
    """What time has given back and is still in the item, or as much of it as one write may name.

    `back` is the sum of the buckets, `left_window` the part of it that was spent.
    """

    buckets: Mapping[str, Amount]
    back: Amount
    left_window: Amount


def _passed(counter: Counter, *, now_ms: int) -> _Passed:
    """The largest buckets first: if so many of them do not suffice, the next try goes on."""
    holds = counter.reclaimable_holds(now_ms=now_ms)
    slices = counter.reclaimable_slices(now_ms=now_ms)
    found = [(hold_attribute(bucket), amount, 0) for bucket, amount in holds.items()]
    found += [(slice_attribute(moment), amount, amount) for moment, amount in slices.items()]
    taken = sorted(found, key=lambda one: one[1], reverse=True)[:_BUCKETS_PER_WRITE_MAX]
    return _Passed(
        buckets={attribute: amount for attribute, amount, _ in taken},
        back=sum(amount for _, amount, _ in taken),
        left_window=sum(spent for _, _, spent in taken),
    )


def take_hold(
    table: Table, target: CounterClaim, *, bucket: int, now_ms: int
) -> tuple[Verdict, Counter]:
    """Hold the claim's amount if its budget grants it: the verdict, and the counter then.

    The amount is held unless the budget refuses (`decisions.refuses`).

    One write unit where the policy is known, one more to bring the counter up to it, or to reclaim
    expired holds. Raises PolicyChanged, Throttled, OutcomeUnknown.
    """
    claim = target.claim
    if claim.budget.paused and not claim.budget.is_shadow:
        return "paused", target.unused
    for _ in range(_TRIES_MAX):
        try:
            counter = _hold(table, target, bucket, now_ms=now_ms)
            _sweep(table, target.address, counter, now_ms=now_ms)
            return "granted", counter
        except ConditionFailed as failed:
            seen = read_counter(failed.item) if failed.item else target.unused
        if seen.version > claim.policy_version:
            raise PolicyChanged
        if seen.version < claim.policy_version:
            catch_up(table, target, seen)
            continue
        verdict = target.verdict(seen, now_ms=now_ms)
        if refuses(claim.budget, verdict):
            return verdict, seen
        reclaimed = _reclaim_and_hold(table, target, seen, bucket=bucket, now_ms=now_ms)
        if reclaimed is not None:
            return "granted", reclaimed
    raise Throttled("too many changes to one budget at once; try again")


def _hold(table: Table, target: CounterClaim, bucket: int, *, now_ms: int) -> Counter:
    has_end = target.period.ends_at is not None
    is_granted_when_new = not refuses(
        target.claim.budget, target.verdict(target.unused, now_ms=now_ms)
    )
    item = table.update(
        target.key,
        UpdateExpression=expressions.HOLD_IN_PERIOD if has_end else expressions.HOLD,
        ConditionExpression=_CONDITIONS[target.rule, is_granted_when_new],
        ExpressionAttributeNames={"#hold": hold_attribute(bucket)},
        ExpressionAttributeValues={
            ":amount": values.amount(target.claim.amount),
            **target.creation,
            **target.pause_value(),
        },
    )
    return read_counter(item)


_CONDITIONS: Mapping[tuple[Rule, bool], str] = {
    ("shadow", True): expressions.POLICY_IS_KNOWN_OR_IS_NEW,
    ("limit", True): expressions.CAN_GRANT_OR_IS_NEW,
    ("limit", False): expressions.CAN_GRANT,
    ("limit and pause", True): expressions.CAN_GRANT_BELOW_PAUSE_OR_IS_NEW,
    ("limit and pause", False): expressions.CAN_GRANT_BELOW_PAUSE,
}
"""By the rule of a budget, and whether it grants the amount when nothing was used of it yet."""


def _reclaim_and_hold(
    table: Table, target: CounterClaim, seen: Counter, *, bucket: int, now_ms: int
) -> Counter | None:
    """Hold what time has given back; None if somebody else changed that first."""
    passed = _passed(seen, now_ms=now_ms)
    if not passed.buckets:
        return None
    wanted = target.claim.amount
    pauses_at = target.claim.budget.pauses_at(target.period)
    still_paused = pauses_at is not None and seen.spent - passed.left_window >= pauses_at
    if seen.available + passed.back < wanted or still_paused:
        _reclaim(table, target.address, passed)
        return None
    clauses = expressions.Buckets(passed.buckets)
    pauses = target.rule == "limit and pause"
    condition = (
        expressions.ENOUGH_COMES_BACK_BELOW_PAUSE if pauses else expressions.ENOUGH_COMES_BACK
    )
    try:
        item = table.update(
            target.key,
            UpdateExpression=expressions.RECLAIM_AND_HOLD + clauses.removed,
            ConditionExpression=condition + clauses.unchanged,
            ExpressionAttributeNames={"#hold": hold_attribute(bucket), **clauses.names},
            ExpressionAttributeValues={
                ":version": values.number(target.claim.policy_version),
                ":amount": values.amount(wanted),
                ":change": values.amount(passed.back - wanted),
                ":needed": values.amount(wanted - passed.back),
                ":left_window": values.amount(passed.left_window),
                ":zero": values.number(0),
                **target.pause_value(passed.left_window),
                **clauses.values,
            },
        )
    except ConditionFailed:
        return None
    table.observe("reclaimed", len(passed.buckets))
    return read_counter(item)


def reclaim_expired(table: Table, addresses: Iterable[keys.Key], *, now_ms: int) -> None:
    """Sweep counters after writes that leave buckets behind and do not see what has gathered.

    Every reservation sweeps what it holds on. Where nobody reserves, somebody else has to: an item
    that only grows costs more with every write, and takes no further one at 400 KB.

    One batch read, and a write for each counter where much has gathered.
    """
    with suppress(Unavailable):
        for item in table.get_many(map(values.key, addresses)):
            address = item["pk"]["S"], item["sk"]["S"]
            _sweep(table, address, read_counter(item), now_ms=now_ms)


def _sweep(table: Table, address: keys.Key, counter: Counter, *, now_ms: int) -> None:
    """Reclaim what time has given back when much has gathered, so that the item stays small.

    A matter of tidiness: if it fails, the next one tries again.
    """
    passed = _passed(counter, now_ms=now_ms)
    if len(passed.buckets) < DEAD_BUCKETS_MAX:
        return
    with suppress(Unavailable):
        _reclaim(table, address, passed)


def _reclaim(table: Table, address: keys.Key, passed: _Passed) -> None:
    """Take back what time has given back, unless somebody else was first."""
    clauses = expressions.Buckets(passed.buckets)
    with suppress(ConditionFailed):
        table.update(
            values.key(address),
            UpdateExpression=expressions.RECLAIM + clauses.removed,
            ConditionExpression=clauses.unchanged,
            ExpressionAttributeNames=clauses.names,
            ExpressionAttributeValues={
                ":change": values.amount(passed.back),
                ":left_window": values.amount(passed.left_window),
                **clauses.values,
            },
        )
        table.observe("reclaimed", len(passed.buckets))


def return_hold(table: Table, target: CounterClaim, *, bucket: int) -> None:
    """Give back a hold that led to nothing. Raises Throttled, OutcomeUnknown.

    Where the hold has expired and was reclaimed, there is nothing left to give back.
    """
    try:
        table.update(
            target.key,
            UpdateExpression=expressions.RETURN_HOLD,
            ConditionExpression=expressions.IS_STILL_HELD,
            ExpressionAttributeNames={"#hold": hold_attribute(bucket)},
            ExpressionAttributeValues={":amount": values.amount(target.claim.amount)},
        )
    except ConditionFailed:
        return
    table.observe("compensations", 1)


def catch_up(table: Table, target: CounterClaim, seen: Counter) -> None:
    """Bring a counter up to the claim's policy; somebody else may have done so first."""
    with suppress(ConditionFailed):
        table.update(target.key, **bringing_up(target, seen))


def bringing_up(target: CounterClaim, seen: Counter) -> dict[str, Any]:
    """The update of a counter that was seen to what the claim's policy says."""
    limit, version = target.limit, target.claim.policy_version
    return {
        "UpdateExpression": expressions.CATCH_UP,
        "ConditionExpression": expressions.IS_AS_SEEN,
        "ExpressionAttributeValues": {
            ":limit": values.amount(limit),
            ":change": values.amount(limit - seen.limit),
            ":version": values.number(version),
            ":seen_version": values.number(seen.version),
            ":seen_limit": values.amount(seen.limit),
        },
    }


def read_balances(table: Table, targets: Sequence[CounterClaim], *, now_ms: int) -> list[Balance]:
    """The balances of counters, in the order of the targets; read consistently.

    A counter that lags behind its policy is shown as the policy has it. Raises PolicyChanged
    where a counter knows a newer policy than the target.
    """
    found = {
        (item["pk"]["S"], item["sk"]["S"]): read_counter(item)
        for item in table.get_many([target.key for target in targets], consistent=True)
    }
    balances = []
    for target in targets:
        counter = found.get(target.address, target.unused)
        claim = target.claim
        if counter.version > claim.policy_version:
            raise PolicyChanged
        if counter.version < claim.policy_version:
            counter = counter.with_limit(target.limit, version=claim.policy_version)
        balances.append(target.balance(counter, now_ms=now_ms))
    return balances
