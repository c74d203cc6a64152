"""Targets: the counter that a claim is on, and by what rule its budget refuses."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from spendgate_service.domain.amounts import Amount
from spendgate_service.domain.budgets import Budget, Claim, claims_on
from spendgate_service.domain.caps import check_token_caps
from spendgate_service.domain.counters import Balance, Counter, new_counter
from spendgate_service.domain.decisions import Verdict, verdict_on
from spendgate_service.domain.errors import NoBudget
from spendgate_service.domain.periods import Period
from spendgate_service.domain.requests import SpendRequest, claims_fit_one_transaction
from spendgate_service.domain.reservations import Line
from spendgate_service.domain.subjects import Subject
from spendgate_service.store import expressions, keys, values
from spendgate_service.store.errors import Item
from spendgate_service.store.policy_cache import Rules
from spendgate_service.store.retention import RETENTION_SECONDS

type Rule = Literal["shadow", "limit", "limit and pause"]


@dataclass(frozen=True)
class CounterClaim:
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
        return values.key(self.address)

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
        version = self.claim.policy_version
        counter = new_counter(self.claim.budget, version=version)
        return counter.with_limit(self.limit, version=version).carried(self.period.carried_in)

    @property
    def limit(self) -> Amount:
        """The budget's limit in the period."""
        return self.claim.budget.limit_in(self.period)

    @property
    def line(self) -> Line:
        """The claim as a reservation keeps it."""
        claim = self.claim
        budget = claim.budget
        return Line(
            budget.budget_id,
            claim.subject,
            budget.unit,
            self.period.key,
            claim.amount,
            claim.conversions,
        )

    @property
    def rule(self) -> Rule:
        """By what the budget refuses in this period."""
        if self.claim.budget.is_shadow:
            return "shadow"
        return "limit" if self.claim.budget.pauses_at(self.period) is None else "limit and pause"

    def pause_value(self, left_window: Amount = 0) -> Item:
        """The value `:pauses_at`, where the rule has one; `left_window` is still in `spent`."""
        pauses_at = self.claim.budget.pauses_at(self.period)
        if self.rule != "limit and pause" or pauses_at is None:
            return {}
        return {":pauses_at": values.amount(pauses_at + left_window)}

    def verdict(self, counter: Counter, *, now_ms: int) -> Verdict:
        """What the budget says to the claim."""
        claim = self.claim
        return verdict_on(claim.budget, self.period, counter, claim.amount, now_ms=now_ms)

    def balance(self, counter: Counter, *, now_ms: int) -> Balance:
        """The balance that a counter amounts to."""
        return Balance(self.claim.budget, self.claim.subject, self.period, counter, now_ms)


def creation_values(
    tenant_id: str, budget: Budget, subject: Subject, period: Period, *, version: int
) -> Item:
    """The values of a new counter.

    Only a counter whose period ends has `:ends_at` and its companions.
    """
    attribute_values: Item = {
        ":limit": values.amount(budget.limit_in(period)),
        ":version": values.number(version),
        ":budget_ref": values.text(keys.budget_ref(tenant_id, budget.budget_id)),
        ":zero": values.number(0),
    }
    if period.starts_at is not None and period.ends_at is not None:
        address = keys.counter_key(tenant_id, budget.budget_id, subject, period.key)
        attribute_values[":starts_at"] = values.number(period.starts_at)
        attribute_values[":ends_at"] = values.number(period.ends_at)
        attribute_values[":due_shard"] = values.text(keys.due_shard_of(address))
        attribute_values[":expires_ttl"] = values.number(period.ends_at + RETENTION_SECONDS)
    return attribute_values


def policy_is_as_read(table_name: str, target: CounterClaim) -> dict[str, Any]:
    """The write that objects where the claim's policy is no longer the one that was read."""
    claim = target.claim
    return {
        "ConditionCheck": {
            "TableName": table_name,
            "Key": values.key(keys.policy_key(target.tenant_id, claim.budget.subject)),
            "ConditionExpression": expressions.POLICY_IS_KNOWN,
            "ExpressionAttributeValues": {":version": values.number(claim.policy_version)},
        }
    }


type PeriodOf = Callable[[str, Claim, int], Period]
"""`Windows.use`, or `Windows.period` where nothing may be written."""


def counter_claims_of(
    request: SpendRequest, rules: Rules, period_of: PeriodOf, now_ms: int
) -> list[CounterClaim]:
    """The counters that a request must be granted by.

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
