"""Counters in the table: holding, giving back, bringing up to a policy, reading balances."""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from spendgate.domain.budgets import Budget, Claim
from spendgate.domain.counters import Balance, Counter, new_counter
from spendgate.domain.holds import DEAD_BUCKETS_MAX
from spendgate.domain.periods import Period, period_in_force
from spendgate.domain.reservations import Line
from spendgate.domain.subjects import Subject
from spendgate.store import expressions, items, keys
from spendgate.store.codec.counters import hold_attribute, read_counter
from spendgate.store.errors import ConditionFailed, Item, StoreError, Throttled, Unavailable
from spendgate.store.table import Table

COUNTER_RETENTION_SECONDS = 400 * 86_400
"""How long a counter outlives its period."""

_TRIES_MAX = 6


class PolicyChanged(StoreError):
    """The counter knows a newer policy than the one that the request was judged by."""


@dataclass(frozen=True)
class Target:
    """A counter that a request wants something of: a claim, in the period in force."""

    tenant_id: str
    claim: Claim
    period: Period

    @cached_property
    def address(self) -> keys.Key:
        """Where the counter's item is."""
        budget_id, subject = self.claim.budget.budget_id, self.claim.subject
        return keys.counter_key(self.tenant_id, budget_id, subject, self.period.key)

    @property
    def key(self) -> Item:
        """The key of the counter's item, as DynamoDB takes it."""
        return items.key(self.address)

    @property
    def creation(self) -> Item:
        """The values that the counter gets if it is not there yet."""
        return creation_values(
            self.tenant_id, self.claim.budget, self.claim.subject, self.period,
            version=self.claim.policy_version,
        )  # fmt: skip

    @property
    def unused(self) -> Counter:
        """The counter while nobody has used it."""
        return new_counter(self.claim.budget, version=self.claim.policy_version)

    @property
    def line(self) -> Line:
        """The claim as a reservation keeps it."""
        claim = self.claim
        budget = claim.budget
        return Line(budget.budget_id, claim.subject, budget.unit, self.period.key, claim.amount)

    def balance(self, counter: Counter, *, now_ms: int) -> Balance:
        """The balance that a counter amounts to."""
        return Balance(self.claim.budget, self.claim.subject, self.period, counter, now_ms)


def target_of(tenant_id: str, claim: Claim, *, now_ms: int) -> Target:
    """The counter that a claim is on at that moment."""
    return Target(tenant_id, claim, period_in_force(claim.budget.period, now_ms=now_ms))


def creation_values(
    tenant_id: str, budget: Budget, subject: Subject, period: Period, *, version: int
) -> Item:
    """The values of a new counter.

    Only a counter whose period ends has `:ends_at` and its companions.
    """
    values: Item = {
        ":limit": items.amount(budget.limit),
        ":version": items.number(version),
        ":budget_ref": items.text(keys.budget_ref(tenant_id, budget.budget_id)),
        ":zero": items.number(0),
    }
    if period.starts_at is not None and period.ends_at is not None:
        spread = zlib.crc32(f"{budget.budget_id}{subject}{period.key}".encode())
        values[":starts_at"] = items.number(period.starts_at)
        values[":ends_at"] = items.number(period.ends_at)
        values[":due_shard"] = items.text(keys.due_shard(spread % keys.DUE_SHARDS))
        values[":expires_ttl"] = items.number(period.ends_at + COUNTER_RETENTION_SECONDS)
    return values


def take_hold(table: Table, target: Target, *, bucket: int, now_ms: int) -> tuple[bool, Counter]:
    """Hold the claim's amount if it is available: whether it is held, and the counter then.

    One write unit where the policy is known, one more to bring the counter up to it, or to reclaim
    expired holds. Raises PolicyChanged, Throttled, OutcomeUnknown.
    """
    claim = target.claim
    for _ in range(_TRIES_MAX):
        try:
            counter = _hold(table, target, bucket)
            _sweep(table, target, counter, now_ms=now_ms)
            return True, counter
        except ConditionFailed as failed:
            if failed.item is None:
                return False, target.unused
            seen = read_counter(failed.item)
        if seen.version > claim.policy_version:
            raise PolicyChanged
        if seen.version < claim.policy_version:
            bring_up(table, target, seen)
        elif not seen.can_grant(claim.amount, now_ms=now_ms):
            return False, seen
        else:
            reclaimed = _reclaim_and_hold(table, target, seen, bucket=bucket, now_ms=now_ms)
            if reclaimed is not None:
                return True, reclaimed
    raise Throttled("too many changes to one budget at once; try again")


def _hold(table: Table, target: Target, bucket: int) -> Counter:
    claim, has_end = target.claim, target.period.ends_at is not None
    fits_a_new_one = claim.amount <= claim.budget.limit
    item = table.update(
        target.key,
        UpdateExpression=expressions.HOLD_IN_PERIOD if has_end else expressions.HOLD,
        ConditionExpression=(
            expressions.CAN_GRANT_OR_IS_NEW if fits_a_new_one else expressions.CAN_GRANT
        ),
        ExpressionAttributeNames={"#hold": hold_attribute(bucket)},
        ExpressionAttributeValues={":amount": items.amount(claim.amount), **target.creation},
    )
    return read_counter(item)


def _reclaim_and_hold(
    table: Table, target: Target, seen: Counter, *, bucket: int, now_ms: int
) -> Counter | None:
    """Hold what expired holds give back; None if somebody else changed them first."""
    expired = seen.expired_holds(now_ms=now_ms)
    if not expired:
        return None
    wanted, back = target.claim.amount, sum(expired.values())
    clauses = expressions.Buckets(expired)
    try:
        item = table.update(
            target.key,
            UpdateExpression=expressions.RECLAIM_AND_HOLD + clauses.removed,
            ConditionExpression=expressions.ENOUGH_COMES_BACK + clauses.unchanged,
            ExpressionAttributeNames={"#hold": hold_attribute(bucket), **clauses.names},
            ExpressionAttributeValues={
                ":version": items.number(target.claim.policy_version),
                ":amount": items.amount(wanted),
                ":change": items.amount(back - wanted),
                ":needed": items.amount(wanted - back),
                ":zero": items.number(0),
                **clauses.values,
            },
        )
    except ConditionFailed:
        return None
    table.observe("reclaimed", len(expired))
    return read_counter(item)


def _sweep(table: Table, target: Target, counter: Counter, *, now_ms: int) -> None:
    """Reclaim expired holds when many have gathered, so that the item stays small.

    A matter of tidiness: if it fails, the next reservation tries again.
    """
    expired = counter.expired_holds(now_ms=now_ms)
    if len(expired) < DEAD_BUCKETS_MAX:
        return
    clauses = expressions.Buckets(expired)
    try:
        table.update(
            target.key,
            UpdateExpression=expressions.SWEEP + clauses.removed,
            ConditionExpression=clauses.unchanged,
            ExpressionAttributeNames=clauses.names,
            ExpressionAttributeValues={
                ":change": items.amount(sum(expired.values())),
                **clauses.values,
            },
        )
    except (ConditionFailed, Unavailable):
        return
    table.observe("reclaimed", len(expired))


def give_back(table: Table, target: Target, *, bucket: int) -> None:
    """Give back a hold that led to nothing. Raises Throttled, OutcomeUnknown.

    Where the hold has expired and was reclaimed, there is nothing left to give back.
    """
    try:
        table.update(
            target.key,
            UpdateExpression=expressions.GIVE_BACK,
            ConditionExpression=expressions.IS_STILL_HELD,
            ExpressionAttributeNames={"#hold": hold_attribute(bucket)},
            ExpressionAttributeValues={":amount": items.amount(target.claim.amount)},
        )
    except ConditionFailed:
        return
    table.observe("compensations", 1)


def bring_up(table: Table, target: Target, seen: Counter) -> None:
    """Bring a counter up to the claim's policy; somebody else may have done so first."""
    claim = target.claim
    try:
        table.update(
            target.key,
            UpdateExpression=expressions.BRING_UP,
            ConditionExpression=expressions.IS_AS_SEEN,
            ExpressionAttributeValues={
                ":limit": items.amount(claim.budget.limit),
                ":change": items.amount(claim.budget.limit - seen.limit),
                ":version": items.number(claim.policy_version),
                ":seen_version": items.number(seen.version),
                ":seen_limit": items.amount(seen.limit),
            },
        )
    except ConditionFailed:
        return


def read_balances(table: Table, targets: Sequence[Target], *, now_ms: int) -> list[Balance]:
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
            counter = counter.with_limit(claim.budget.limit, version=claim.policy_version)
        balances.append(target.balance(counter, now_ms=now_ms))
    return balances
