"""Write events about the levels that balances have reached, after a grant and after spending.

An event never fails the request that it is about, and has one try. What was missed, also by a
crash, is written after the next grant or settlement, since levels are compared and not changes of
them. Each execution environment remembers what it has written: a budget that stays at a level costs
nothing more.
"""

import logging
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace

from spendgate_service.cache import BoundedCache
from spendgate_service.domain.amounts import Amount
from spendgate_service.domain.balances import Balance
from spendgate_service.domain.budgets import Budget, Claim
from spendgate_service.domain.counters import Counter, freshness
from spendgate_service.domain.ledger import LedgerEntry
from spendgate_service.domain.periods import period_of
from spendgate_service.domain.subjects import Subject
from spendgate_service.domain.thresholds import (
    Level,
    announced_stretch,
    announcement_expires_at,
    is_period_of,
    levels_reached,
    levels_to_arm,
)
from spendgate_service.store import keys, values
from spendgate_service.store.claims import CounterClaim, catch_up, caught_up
from spendgate_service.store.client import Table
from spendgate_service.store.counters import arming, read_counter
from spendgate_service.store.errors import ConditionFailed, StoreError
from spendgate_service.store.outbox import OutboxEvent
from spendgate_service.store.policy_cache import PolicyCache, Rules
from spendgate_service.store.values import Item
from spendgate_service.wire.budget_events import level_detail
from spendgate_service.wire.values import json_text

_log = logging.getLogger(__name__)

type Spent = Iterable[tuple[keys.Key, LedgerEntry]]
"""What was spent, each with the counter that it was spent on."""

type Subjects = Mapping[str, Iterable[Subject]]
"""Subjects by tenant."""


class ThresholdEvents:
    """Writes events into the outbox of one table."""

    def __init__(self, table: Table, policy_cache: PolicyCache) -> None:
        self._table = table.trying_once()
        self._policy_cache = policy_cache
        self._written = BoundedCache[keys.Key, bool]()

    def after_request(self, tenant_id: str, balances: Iterable[Balance]) -> None:
        """Write the events of the balances that a grant or a refusal has seen.

        A refusal counts as well: where a budget refuses everything, no later grant or settlement
        would write what was missed. No call if nothing is new, else a write for each new level.
        """
        with self._logging_failures():
            for balance in balances:
                self._write_new(tenant_id, balance)

    def after_spending(self, spent: Spent, *, now_ms: int) -> None:
        """Write the events of the counters on which something was spent.

        One batch read of the counters, together with policies that are not cached; a write for each
        new level, for a counter that is behind a changed limit, and for a reversal.
        """
        with self._logging_failures():
            for tenant_id, balance in self._balances(_summed(spent), now_ms):
                self._write_new(tenant_id, balance)

    @contextmanager
    def _logging_failures(self) -> Iterator[None]:
        try:
            yield
        except StoreError as error:
            _log.warning(
                "an event was not written; the next grant or settlement writes it: %s", error
            )
            self._table.observe("event_failed", 1)

    def _write_new(self, tenant_id: str, balance: Balance) -> None:
        """Write an event for each level of a balance that has none yet."""
        for level in levels_reached(balance):
            event = _event_of(tenant_id, balance, level)
            if event.key in self._written:
                continue
            with suppress(ConditionFailed):  # another environment was first
                self._table.put(event.item, ConditionExpression=keys.IS_NEW)
                self._table.observe("event_published", 1)
            self._written[event.key] = True

    def _balances(
        self, spent: Mapping[keys.Key, "_Sum"], now_ms: int
    ) -> Iterator[tuple[str, Balance]]:
        """Read the balances that may have reached a new level, each with its tenant."""
        subjects = _subjects_of(spent)
        read = self._read_with_policies(spent, subjects)
        debited = self._debited(spent, subjects)
        if debited and not read:
            read = self._table.get_many(map(values.key, debited), consistent=True)
        found = {keys.read_key(item): item for item in read}
        if any(key in found and counter.is_ahead(found[key]) for key, counter in debited.items()):
            for tenant_id, named in subjects.items():
                self._policy_cache.rules(tenant_id, named, fresh=True)
            debited = self._debited(spent, subjects)
        for key, item in found.items():
            balance = debited[key].balance(item, now_ms=now_ms) if key in debited else None
            if balance:
                self._arm(debited[key], read_counter(item), balance)
                yield debited[key].tenant_id, balance

    def _arm(self, debited: "_Debited", seen: Counter, balance: Balance) -> None:
        """Arm the levels that a changed limit, or a reversal, has led out of."""
        if balance.counter.limit != seen.limit:
            catch_up(self._table, debited.claim, seen, just_spent=debited.just_spent)
        left = levels_to_arm(balance) if debited.just_spent < 0 else []
        if left:
            with suppress(ConditionFailed):
                self._table.update(debited.claim.key, **arming(left, now_ms=balance.now_ms))

    def _read_with_policies(self, spent: Iterable[keys.Key], subjects: Subjects) -> list[Item]:
        """Read the counters together with the policies that are not cached; nothing if all are."""
        unknown = {
            tenant_id: self._policy_cache.unknown(tenant_id, named)
            for tenant_id, named in subjects.items()
        }
        if not any(unknown.values()):
            return []
        wanted = [*spent, *(key for policies in unknown.values() for key in policies)]
        read = self._table.get_many(map(values.key, wanted), consistent=True)
        for tenant_id, policies in unknown.items():
            self._policy_cache.learn(tenant_id, policies, read)
        return read

    def _debited(
        self, spent: Mapping[keys.Key, "_Sum"], subjects: Subjects
    ) -> dict[keys.Key, "_Debited"]:
        """Find the counters with their budgets.

        A budget that was deleted or disabled has no events.
        """
        rules = {
            tenant_id: self._policy_cache.rules(tenant_id, named)
            for tenant_id, named in subjects.items()
        }
        found: dict[keys.Key, _Debited] = {}
        for key, summed in spent.items():
            tenant_id = keys.tenant_of(key[0])
            for debited in _debited_by(summed, tenant_id, rules[tenant_id]):
                found[key] = debited
        return found


def _event_of(tenant_id: str, balance: Balance, level: Level) -> OutboxEvent:
    period = announced_stretch(level, balance)
    budget_id = balance.budget.budget_id
    return OutboxEvent(
        key=keys.event_key(tenant_id, budget_id, balance.subject, period.key, level.name),
        event_type=level.event_type,
        occurred_at_ms=balance.now_ms,
        detail=json_text(level_detail(balance, level)),
        expires_at=announcement_expires_at(period),
    )


type _Sum = tuple[LedgerEntry, Amount]
"""The last entry on a counter, and the sum of all that was just spent there."""


def _summed(spent: Spent) -> dict[keys.Key, _Sum]:
    sums: dict[keys.Key, _Sum] = {}
    for key, entry in spent:
        _, amount = sums.get(key, (entry, 0))
        sums[key] = entry, amount + entry.amount
    return sums


def _subjects_of(spent: Mapping[keys.Key, _Sum]) -> dict[str, set[Subject]]:
    subjects: dict[str, set[Subject]] = {}
    for (partition, _), (entry, _) in spent.items():
        subjects.setdefault(keys.tenant_of(partition), set()).add(entry.subject)
    return subjects


@dataclass(frozen=True, slots=True)
class _Debited:
    """A counter on which something was spent, and its budget."""

    tenant_id: str
    entry: LedgerEntry
    just_spent: Amount
    budget: Budget
    policy_version: int

    @property
    def claim(self) -> CounterClaim:
        """A claim of nothing on the counter."""
        claim = Claim(self.budget, self.entry.subject, 0, self.policy_version)
        return CounterClaim(self.tenant_id, claim, period_of(self.entry.period_key))

    def is_ahead(self, item: Item) -> bool:
        """Whether the counter is of a newer policy."""
        return freshness(read_counter(item), self.policy_version) == "ahead"

    def balance(self, item: Item, *, now_ms: int) -> Balance | None:
        """Make the balance of the counter; None if the budget has another period rule by now.

        A stale counter gets the limit of its policy. One that is ahead is left to a request that
        has read the newer policy.
        """
        counter = read_counter(item)
        period = period_of(self.entry.period_key)
        state = freshness(counter, self.policy_version)
        if state == "ahead" or not is_period_of(self.budget, period):
            return None
        balance = Balance(self.budget, self.entry.subject, period, counter, now_ms)
        if state == "stale" and not balance.has_ended:
            current = caught_up(self.claim, counter, just_spent=self.just_spent)
            return replace(balance, counter=current)
        return balance


def _debited_by(summed: _Sum, tenant_id: str, rules: Rules) -> Iterator[_Debited]:
    """Find the budget of an entry: on the subject itself, or the default of its type."""
    entry, just_spent = summed
    for subject in (entry.subject, entry.subject.default):
        policy = rules.policies[subject]
        budget = policy.budget(entry.budget_id)
        if budget is not None and not budget.disabled:
            yield _Debited(tenant_id, entry, just_spent, budget, policy.version)
