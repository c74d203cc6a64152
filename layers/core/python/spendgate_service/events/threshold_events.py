"""Announcing the levels that balances have reached, after a grant and after spending.

An announcement never fails what it is about, and has one try. Whatever was missed, also by a crash,
is made up for by the next grant or settlement, since levels are looked at and not edges. What this
execution environment has announced it remembers: a budget that stays at a level costs nothing more.
"""

import logging
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace

from spendgate_service.domain.balances import Balance
from spendgate_service.domain.budgets import Budget
from spendgate_service.domain.ledger import LedgerEntry
from spendgate_service.domain.period_keys import period_of
from spendgate_service.domain.periods import BALANCE
from spendgate_service.domain.subjects import Subject
from spendgate_service.domain.thresholds import (
    announced_period,
    announced_stretch,
    announcement_expires_at,
    is_period_of,
    levels_of,
    levels_reached,
)
from spendgate_service.store import keys, values
from spendgate_service.store.cache import BoundedCache
from spendgate_service.store.client import Table
from spendgate_service.store.counters import read_counter
from spendgate_service.store.errors import ConditionFailed, StoreError
from spendgate_service.store.outbox import OutboxEvent
from spendgate_service.store.policy_cache import PolicyCache
from spendgate_service.store.values import Item
from spendgate_service.wire.budget_events import level_detail
from spendgate_service.wire.values import json_text

_log = logging.getLogger(__name__)

type Spent = Iterable[tuple[keys.Key, LedgerEntry]]
"""What was spent, each with the counter that it was spent on."""


class ThresholdEvents:
    """Puts events into the outbox of one table."""

    def __init__(self, table: Table, policy_cache: PolicyCache) -> None:
        self._table = table.trying_once()
        self._policy_cache = policy_cache
        self._announced = BoundedCache[keys.Key, bool]()

    def after_request(self, tenant_id: str, balances: Iterable[Balance]) -> None:
        """Announce what the balances have reached that a grant or a refusal has met.

        A refusal matters as well: where a budget refuses everything, nothing else comes that could
        make up for what was missed. No call where there is nothing new, or else a write for each
        level.
        """
        with self._at_most_logged():
            for balance in balances:
                self._announce(tenant_id, balance)

    def after_spending(self, spent: Spent, *, now_ms: int) -> None:
        """Announce what the counters have reached on which something was spent.

        One batch read of the counters that may have reached something new, together with rules
        that are not cached; a write for each level that is new.
        """
        with self._at_most_logged():
            for tenant_id, balance in self._balances(dict(spent), now_ms):
                self._announce(tenant_id, balance)

    @contextmanager
    def _at_most_logged(self) -> Iterator[None]:
        try:
            yield
        except StoreError as error:
            _log.warning("an event was not announced; the next one makes up for it: %s", error)
            self._table.observe("event_failed", 1)

    def _announce(self, tenant_id: str, balance: Balance) -> None:
        for level in levels_reached(balance):
            period = announced_stretch(level, balance)
            budget_id = balance.budget.budget_id
            key = keys.event_key(tenant_id, budget_id, balance.subject, period.key, level.name)
            if key in self._announced:
                continue
            event = OutboxEvent(
                key=key,
                event_type=level.event_type,
                occurred_at_ms=balance.now_ms,
                detail=json_text(level_detail(balance, level)),
                expires_at=announcement_expires_at(period),
            )
            try:
                self._table.put(event.item, ConditionExpression=keys.IS_NEW)
                self._table.observe("event_published", 1)
            except ConditionFailed:
                pass  # somebody else was first
            self._announced[key] = True

    def _balances(
        self, spent: Mapping[keys.Key, LedgerEntry], now_ms: int
    ) -> Iterator[tuple[str, Balance]]:
        """The balances of the counters, by their tenant."""
        subjects: dict[str, set[Subject]] = {}
        for (partition, _), entry in spent.items():
            subjects.setdefault(keys.tenant_of(partition), set()).add(entry.subject)
        unknown = {one: self._policy_cache.unknown(one, those) for one, those in subjects.items()}
        read: list[Item] = []
        if any(unknown.values()):
            wanted = [*spent, *(key for those in unknown.values() for key in those)]
            read = self._table.get_many(map(values.key, wanted), consistent=True)
            for tenant_id, those in unknown.items():
                self._policy_cache.learn(tenant_id, those, read)
        touched = self._with_news(spent, subjects, now_ms)
        if touched and not read:
            read = self._table.get_many(map(values.key, touched), consistent=True)
        found = {keys.read_key(item): item for item in read}
        if any(key in found and one.is_stale(found[key]) for key, one in touched.items()):
            for tenant_id, named in subjects.items():
                self._policy_cache.rules(tenant_id, named, fresh=True)
            touched = self._with_news(spent, subjects, now_ms)
        for key, item in found.items():
            one = touched.get(key)
            balance = one.balance(item, now_ms=now_ms) if one else None
            if one and balance:
                yield one.tenant_id, balance

    def _with_news(
        self,
        spent: Mapping[keys.Key, LedgerEntry],
        subjects: Mapping[str, Iterable[Subject]],
        now_ms: int,
    ) -> dict[keys.Key, "_Touched"]:
        """The counters that have a level left to announce, with their budgets.

        A budget that is gone or disabled has nothing to announce.
        """
        policies = {
            one: self._policy_cache.rules(one, those).policies for one, those in subjects.items()
        }
        found: dict[keys.Key, _Touched] = {}
        for key, entry in spent.items():
            tenant_id = keys.tenant_of(key[0])
            for subject in (entry.subject, entry.subject.default):
                policy = policies[tenant_id][subject]
                budget = policy.budget(entry.budget_id)
                if budget is None or budget.disabled:
                    continue
                touched = _Touched(tenant_id, entry, budget, policy.version)
                if self._has_news(touched, now_ms):
                    found[key] = touched
        return found

    def _has_news(self, touched: "_Touched", now_ms: int) -> bool:
        budget, entry = touched.budget, touched.entry
        period = period_of(entry.period_key)
        if period == BALANCE:
            return True  # only its counter tells what was credited
        when = announced_period(period, now_ms=now_ms).key
        return any(
            keys.event_key(touched.tenant_id, budget.budget_id, entry.subject, when, level.name)
            not in self._announced
            for level in levels_of(budget, can_pause=budget.on_soft_limit == "pause")
        )


@dataclass(frozen=True, slots=True)
class _Touched:
    """A counter on which something was spent, and its budget."""

    tenant_id: str
    entry: LedgerEntry
    budget: Budget
    policy_version: int

    def is_stale(self, item: Item) -> bool:
        """Whether the counter knows newer rules."""
        return values.read_number(item["version"]) > self.policy_version

    def balance(self, item: Item, *, now_ms: int) -> Balance | None:
        """What its item amounts to; None where the budget was changed and this is of the past.

        A counter that is behind its policy is taken as the policy has it. One that is ahead is
        left to whoever has read the newer rules.
        """
        counter = read_counter(item)
        period = period_of(self.entry.period_key)
        if counter.version > self.policy_version or not is_period_of(self.budget, period):
            return None
        balance = Balance(self.budget, self.entry.subject, period, counter, now_ms)
        if counter.version < self.policy_version and not balance.has_ended:
            counter = counter.with_limit(self.budget.limit, version=self.policy_version)
            return replace(balance, counter=counter)
        return balance
