"""Counter claims: the counter that a request wants an amount of, and by what rule it refuses."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal

from spendgate_service.domain.amounts import Amount
from spendgate_service.domain.balances import Balance
from spendgate_service.domain.budgets import Budget, Claim, claims_on
from spendgate_service.domain.caps import check_token_caps
from spendgate_service.domain.counters import Counter, freshness, new_counter
from spendgate_service.domain.decisions import Verdict, verdict_on
from spendgate_service.domain.errors import NoBudget
from spendgate_service.domain.periods import Period
from spendgate_service.domain.requests import SpendRequest, claims_fit_one_transaction
from spendgate_service.domain.reservations import Line
from spendgate_service.domain.thresholds import levels_to_arm
from spendgate_service.store import counters, keys, values
from spendgate_service.store.client import Table
from spendgate_service.store.errors import ConditionFailed, PolicyChanged
from spendgate_service.store.policy_cache import Rules
from spendgate_service.store.values import Item

type Rule = Literal["none", "limit", "pause", "limit and pause"]


@dataclass(frozen=True)
class CounterClaim:
    """A claim of a request on the counter of one budget, in the current period."""

    tenant_id: str
    claim: Claim
    period: Period

    @property
    def budget(self) -> Budget:
        """The budget that is claimed from."""
        return self.claim.budget

    @property
    def amount(self) -> Amount:
        """The amount that is claimed, in the budget's unit."""
        return self.claim.amount

    @property
    def policy_version(self) -> int:
        """The version of the policy that the budget was read from."""
        return self.claim.policy_version

    @property
    def limit(self) -> Amount:
        """The budget's limit in the period."""
        return self.budget.limit_in(self.period)

    @cached_property
    def address(self) -> keys.Key:
        """The key of the counter's item."""
        budget_id, subject = self.budget.budget_id, self.claim.subject
        return keys.counter_key(self.tenant_id, budget_id, subject, self.period.key)

    @property
    def key(self) -> Item:
        """The key of the counter's item, as DynamoDB takes it."""
        return values.key(self.address)

    @property
    def creation(self) -> Item:
        """The values that the counter gets if it is absent."""
        return counters.creation_values(
            self.tenant_id, self.budget, self.claim.subject, self.period,
            version=self.policy_version,
        )  # fmt: skip

    @property
    def unused(self) -> Counter:
        """The counter before its first use."""
        version = self.policy_version
        counter = new_counter(self.budget, version=version)
        return counter.with_limit(self.limit, version=version).carried(self.period.carried_in)

    @property
    def line(self) -> Line:
        """The claim as a reservation stores it."""
        return Line(
            self.budget.budget_id,
            self.claim.subject,
            self.budget.unit,
            self.period.key,
            self.amount,
            self.claim.conversions,
        )

    @property
    def is_paused_by_admin(self) -> bool:
        """Whether the policy alone refuses the claim, for any counter."""
        return self.budget.paused and not self.budget.is_shadow

    @property
    def rule(self) -> Rule:
        """The rule by which the budget refuses the amount in this period.

        A shadow never refuses, and the limit never refuses an amount of 0.
        """
        if self.budget.is_shadow:
            return "none"
        can_pause = self.budget.pauses_at(self.period) is not None
        if not self.amount:
            return "pause" if can_pause else "none"
        return "limit and pause" if can_pause else "limit"

    def pause_value(self, left_window: Amount = 0) -> Item:
        """Make the value `:pauses_at`, where the rule has one; `left_window` is part of `spent`."""
        pauses_at = self.budget.pauses_at(self.period)
        if "pause" not in self.rule or pauses_at is None:
            return {}
        return {":pauses_at": values.amount(pauses_at + left_window)}

    def verdict(self, counter: Counter, *, now_ms: int) -> Verdict:
        """Decide the claim by a counter."""
        return verdict_on(self.budget, self.period, counter, self.amount, now_ms=now_ms)

    def balance(self, counter: Counter, *, now_ms: int) -> Balance:
        """Make the balance of a counter."""
        return Balance(self.budget, self.claim.subject, self.period, counter, now_ms)


type PeriodOf = Callable[[str, Claim, int], Period]
"""`Windows.use`, or `Windows.period` where nothing may be written."""


def counter_claims_of(
    request: SpendRequest, rules: Rules, period_of: PeriodOf, now_ms: int
) -> list[CounterClaim]:
    """List the counters that must grant a request.

    Raises TokenCapExceeded, UnknownRate, NoBudget, InvalidValue.
    """
    if request.tokens is not None:
        check_token_caps(request.tokens, request.subjects, rules.policies)
    claims = claims_on(
        request.subjects, request.amounts, rules.policies, rules.tenant.rates, now_ms=now_ms
    )
    if not claims and rules.tenant.require_budget:
        raise NoBudget
    claims_fit_one_transaction(claims)
    return [
        CounterClaim(request.tenant_id, claim, period_of(request.tenant_id, claim, now_ms))
        for claim in claims
    ]


def read_balances(table: Table, claims: Sequence[CounterClaim], *, now_ms: int) -> list[Balance]:
    """Read the balances of counters consistently, in the order of the claims.

    A stale counter is shown with the limit of its policy. Raises PolicyChanged where a counter is
    ahead of the claim's policy.
    """
    found = counters.read_counters(table, [claim.address for claim in claims], consistent=True)
    balances = []
    for claim in claims:
        counter = found.get(claim.address, claim.unused)
        match freshness(counter, claim.policy_version):
            case "ahead":
                raise PolicyChanged
            case "stale":
                counter = counter.with_limit(claim.limit, version=claim.policy_version)
            case "current":
                pass
        balances.append(claim.balance(counter, now_ms=now_ms))
    return balances


def catch_up(table: Table, claim: CounterClaim, seen: Counter, *, just_spent: Amount = 0) -> None:
    """Apply the claim's policy to a stale counter, unless another writer did. One write unit."""
    with suppress(ConditionFailed):
        table.update(claim.key, **catching_up(claim, seen, just_spent=just_spent))


def caught_up(claim: CounterClaim, seen: Counter, *, just_spent: Amount = 0) -> Counter:
    """Return a stale counter under the claim's policy, with the levels armed that it left.

    `just_spent` was spent after the limit had changed.
    """
    after, changed_at_ms = seen.with_limit(claim.limit, version=claim.policy_version), 0
    if after.limit != seen.limit:
        changed_at_ms = claim.budget.limit_since_ms or 0
    if not changed_at_ms:
        return after
    left = claim.balance(after.before_spending(just_spent), now_ms=changed_at_ms)
    return replace(after, armed={**seen.armed, **dict.fromkeys(levels_to_arm(left), changed_at_ms)})


def catching_up(claim: CounterClaim, seen: Counter, *, just_spent: Amount = 0) -> dict[str, Any]:
    """Make the update that applies the claim's policy to a counter as it was seen."""
    limit = claim.limit
    armed = caught_up(claim, seen, just_spent=just_spent).armed
    levels = [number for number, at_ms in armed.items() if seen.armed.get(number) != at_ms]
    armed_at = {":armed_at": values.number(claim.budget.limit_since_ms or 0)} if levels else {}
    return {
        "UpdateExpression": counters.CATCH_UP + counters.armed(levels),
        "ConditionExpression": counters.IS_AS_SEEN,
        "ExpressionAttributeValues": {
            ":limit": values.amount(limit),
            ":change": values.amount(limit - seen.limit),
            ":version": values.number(claim.policy_version),
            ":seen_version": values.number(seen.version),
            ":seen_limit": values.amount(seen.limit),
            **armed_at,
        },
    }


def policy_is_as_read(table_name: str, claim: CounterClaim) -> dict[str, Any]:
    """Make the write that objects if the claim's policy is no longer the one that was read."""
    return {
        "ConditionCheck": {
            "TableName": table_name,
            "Key": values.key(keys.policy_key(claim.tenant_id, claim.budget.subject)),
            "ConditionExpression": counters.POLICY_IS_KNOWN,
            "ExpressionAttributeValues": {":version": values.number(claim.policy_version)},
        }
    }
