"""What a budget starts with in mid-period: an amount, or what was spent under what it replaces.

An own budget replaces the defaults of its type, and another period replaces the one before. Either
starts a new counter. Its opening amount is written in the transaction that creates or changes the
budget, on condition that the spent amount that is inherited is still what was read, with a ledger
entry of the kind `opening`. What is held under the replaced budget is settled there. A reserve that
does not know the new budget yet may hold there for a second more (`budgets.policy_writes`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from spendgate_service.domain.amounts import Amount
from spendgate_service.domain.balances import Balance
from spendgate_service.domain.budgets import Budget, Claim, OpeningSpent, Policy
from spendgate_service.domain.counters import Counter
from spendgate_service.domain.ledger import entry_on
from spendgate_service.domain.periods import DurationPeriod, RollingPeriod, duration_period
from spendgate_service.domain.reservations import Provenance
from spendgate_service.store import counters, keys, values
from spendgate_service.store.claims import CounterClaim, catching_up
from spendgate_service.store.client import Table
from spendgate_service.store.policies import Located, read_policy_of
from spendgate_service.store.postings import COUNT_ALL_TIME, RECORDED, Posting, writes_of_ledger
from spendgate_service.store.windows import Windows

# What is inherited is still what was read.
SPENT_IS_AS_READ = "spent = :read_spent"
SPENT_EVER_IS_AS_READ = f"{SPENT_IS_AS_READ} AND spent_ever = :read_spent_ever"

# Counter.with_limit and a debit: the counter exists already.
SPENT_BEFORE = "spent = spent + :spent"


@dataclass(frozen=True, slots=True)
class Replaced:
    """A counter that no longer counts: None if the subject has not used it."""

    claim: CounterClaim
    counter: Counter | None

    def balance(self, *, now_ms: int) -> Balance:
        """Make its balance."""
        counter = self.claim.unused if self.counter is None else self.counter
        return self.claim.balance(counter, now_ms=now_ms)

    @property
    def condition(self) -> dict[str, Any]:
        """The condition that its spent amount is as it was read."""
        if self.counter is None:
            return {"ConditionExpression": keys.IS_NEW}
        read = {":read_spent": values.amount(self.counter.spent)}
        if self.counter.spent_ever is None:
            return {"ConditionExpression": SPENT_IS_AS_READ, "ExpressionAttributeValues": read}
        read[":read_spent_ever"] = values.amount(self.counter.spent_ever)
        return {"ConditionExpression": SPENT_EVER_IS_AS_READ, "ExpressionAttributeValues": read}

    def check(self, table_name: str) -> dict[str, Any]:
        """Make the write that objects if its spent amount is not as it was read."""
        key = {"TableName": table_name, "Key": self.claim.key}
        return {"ConditionCheck": {**key, **self.condition}}


@dataclass(frozen=True, slots=True)
class Opening:
    """What the counter of `claim` starts with; in a rolling window, by slice.

    `source` is the counter that it is inherited from, if it is.
    """

    claim: CounterClaim
    spent: Amount
    now_ms: int
    slices: Mapping[int, Amount] = field(default_factory=dict)
    source: Replaced | None = None

    def opened(self, counter: Counter) -> Counter:
        """Return an unused counter with the opening amount."""
        return replace(
            counter,
            spent=self.spent,
            available=counter.available - self.spent,
            slices=self.slices,
            spent_ever=self.spent if self.slices else None,
        )

    def is_on(self, claim: CounterClaim) -> bool:
        """Return whether a claim is on the counter that it starts."""
        return claim.address == self.claim.address

    def is_from(self, claim: CounterClaim) -> bool:
        """Return whether a claim is on the counter that it inherits from."""
        return self.source is not None and claim.address == self.source.claim.address

    def missing(self, seen: Counter | None) -> "Opening":
        """Return what a counter lacks: one that was used before has spent something already."""
        if seen is None:
            return self
        lacks = max(0, self.spent - seen.spent_by_any_clock(now_ms=self.now_ms))
        return replace(self, spent=lacks, slices=_slice_of(self.claim.budget, lacks, self.now_ms))

    def update(self, seen: Counter | None) -> dict[str, Any]:
        """Make the update of the counter, which fails if it is not as it was seen."""
        spent = {":spent": values.amount(self.spent)}
        if seen is None:
            creation = self.claim.creation
            update: dict[str, Any] = {
                "UpdateExpression": counters.creating(creation, RECORDED),
                "ConditionExpression": keys.IS_NEW,
                "ExpressionAttributeValues": {
                    **creation, **spent, ":change": values.amount(-self.spent)
                },
            }  # fmt: skip
        else:
            update = catching_up(self.claim, seen)
            update["UpdateExpression"] += f", {SPENT_BEFORE}"
            change = self.claim.limit - seen.limit - self.spent
            update["ExpressionAttributeValues"] |= {**spent, ":change": values.amount(change)}
            update = both(update, Replaced(self.claim, seen).condition)
        if self.slices:
            slices = counters.Buckets(
                {counters.slice_attribute(at): amount for at, amount in self.slices.items()}
            )
            update["UpdateExpression"] += f", {COUNT_ALL_TIME}, {slices.increased}"
            update["ExpressionAttributeNames"] = slices.names
            update["ExpressionAttributeValues"] |= {**slices.values, ":zero": values.number(0)}
        return update

    def ledger_puts(self, table_name: str) -> list[dict[str, Any]]:
        """Make the ledger entry."""
        provenance = Provenance(description="spent before this budget counted")
        if self.source is not None:
            replaced = self.source.claim
            provenance = Provenance(
                ref_type="budget",
                ref_id=replaced.budget.budget_id,
                description=f"spent under {replaced.budget.subject} in {replaced.period.key}",
            )
        entry = entry_on(
            self.claim.line, self.spent, provenance, now_ms=self.now_ms, kind="opening"
        )
        puts, _ = writes_of_ledger(
            table_name, [Posting(self.claim.address, entry=entry)], now_ms=self.now_ms
        )
        return puts


def both(update: dict[str, Any], condition: Mapping[str, Any]) -> dict[str, Any]:
    """Return an update with one more condition."""
    together = f"{update['ConditionExpression']} AND {condition['ConditionExpression']}"
    attribute_values = {
        **update["ExpressionAttributeValues"],
        **condition.get("ExpressionAttributeValues", {}),
    }
    return {
        **update, "ConditionExpression": together, "ExpressionAttributeValues": attribute_values,
    }  # fmt: skip


def replaced_by_creation(
    table: Table, tenant_id: str, before: Policy, budget: Budget, *, now_ms: int
) -> list[Replaced]:
    """Find the counters of the defaults that a subject's first own budget replaces.

    One read of the default's policy, and one of the counters.
    """
    if budget.subject.is_default or before.enabled:
        return []
    defaults = read_policy_of(table, tenant_id, budget.subject.default)
    located = [(defaults, default) for default in defaults.enabled]
    return _read_replaced(table, tenant_id, located, budget, now_ms=now_ms)


def replaced_by_move(
    table: Table, tenant_id: str, before: Located, changed: Budget, *, now_ms: int
) -> list[Replaced]:
    """Find the counter of the period that a change of the period replaces. One read."""
    if changed.subject.is_default:
        return []
    return _read_replaced(table, tenant_id, [before], changed, now_ms=now_ms)


def _read_replaced(
    table: Table, tenant_id: str, located: Sequence[Located], budget: Budget, *, now_ms: int
) -> list[Replaced]:
    windows = Windows(table)
    claims = [
        windows.counter_claim(tenant_id, old, budget.subject, policy.version, now_ms=now_ms)
        for policy, old in located
    ]
    addresses = [claim.address for claim in claims]
    found = counters.read_counters(table, addresses, consistent=True) if claims else {}
    return [Replaced(claim, found.get(claim.address)) for claim in claims]


def left_behind(
    replaced: Sequence[Replaced], budget: Budget, opening: OpeningSpent | None, *, now_ms: int
) -> tuple[Balance, ...]:
    """Return the balances whose spent or held amounts no longer count.

    With an opening amount, those in the unit of the budget do.
    """
    balances = (
        old.balance(now_ms=now_ms)
        for old in replaced
        if opening is None or old.claim.budget.unit != budget.unit
    )
    return tuple(balance for balance in balances if balance.spent or balance.held)


def opening_of(
    table: Table,
    claim: Claim,
    replaced: Sequence[Replaced],
    wanted: OpeningSpent | None,
    *,
    tenant_id: str,
    now_ms: int,
) -> Opening | None:
    """Return what the current period of a budget starts with; a window of a duration starts now.

    An inherited window goes on. Two to four write units where a window starts. Raises
    PolicyChanged.
    """
    if wanted is None:
        return None
    assert not claim.budget.subject.is_default, "checked with the body"
    source = _source_of(claim.budget, replaced, now_ms=now_ms) if wanted == "inherit" else None
    if wanted == "inherit":
        spent = source.balance(now_ms=now_ms).spent if source else 0
    else:
        spent = wanted
    if not spent:
        unused = Windows(table).period(tenant_id, claim, now_ms)
        return Opening(CounterClaim(tenant_id, claim, unused), 0, now_ms, source=source)
    counter_claim = _started(table, tenant_id, claim, source, now_ms=now_ms)
    slices = _slices_of(claim.budget, spent, source, now_ms=now_ms)
    return Opening(counter_claim, sum(slices.values()) or spent, now_ms, slices, source)


def _source_of(budget: Budget, replaced: Sequence[Replaced], *, now_ms: int) -> Replaced | None:
    """Choose the counter in the budget's unit: of the same period, or else of most spending."""
    in_unit = [old for old in replaced if old.claim.budget.unit == budget.unit]
    return max(
        in_unit,
        key=lambda old: (
            old.claim.budget.period == budget.period,
            old.balance(now_ms=now_ms).spent,
        ),
        default=None,
    )


def _started(
    table: Table, tenant_id: str, claim: Claim, source: Replaced | None, *, now_ms: int
) -> CounterClaim:
    """Return the counter of the current period; a window starts, or goes on from the source."""
    windows, rule = Windows(table), claim.budget.period
    period = windows.period(tenant_id, claim, now_ms)
    started = CounterClaim(tenant_id, claim, period)
    if not isinstance(rule, DurationPeriod) or windows.is_open(started):
        return started
    if source is not None and source.claim.budget.period == rule:
        starts_at = source.claim.period.starts_at
        assert starts_at is not None
        inherited = duration_period(rule, starts_at=starts_at)
        started = replace(started, period=replace(inherited, carried_in=period.carried_in))
    windows.start_before_use(started, now_ms=now_ms)
    return replace(started, period=replace(started.period, carried_in=0))


def _slices_of(
    budget: Budget, spent: Amount, source: Replaced | None, *, now_ms: int
) -> dict[int, Amount]:
    """Return what is spent by slice: those of the same rolling window leave it when they did."""
    counter = source.counter if source is not None else None
    if counter is not None and source is not None and source.claim.budget.period == budget.period:
        gone = counter.reclaimable_slices(now_ms=now_ms)
        return {at: amount for at, amount in counter.slices.items() if at not in gone}
    return _slice_of(budget, spent, now_ms)


def _slice_of(budget: Budget, spent: Amount, now_ms: int) -> dict[int, Amount]:
    rule = budget.period
    if not isinstance(rule, RollingPeriod) or not spent:
        return {}
    return {rule.leaves_at(spent_at_ms=now_ms): spent}
