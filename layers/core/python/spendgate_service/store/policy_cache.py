"""Cache of policies and tenant settings for the spending path, for seconds.

A cached policy can be stale, and that is safe: the version on the counter shows it (`freshness`).
An absent policy is cached for a shorter time than one that exists, so that the first budget of a
subject takes effect soon.

All tenants share a function's memory, so the cache is bounded by an estimate of its bytes, and it
keeps only what enforcement reads: not the metadata of budgets.
"""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import cast

from spendgate_service.cache import SizedCache
from spendgate_service.domain.budgets import Budget, Policy
from spendgate_service.domain.subjects import Subject
from spendgate_service.domain.tenants import Tenant
from spendgate_service.store import keys, values
from spendgate_service.store.client import Table
from spendgate_service.store.policies import read_policy
from spendgate_service.store.tenants import read_tenant
from spendgate_service.store.values import Item

PRESENT_SECONDS_MAX = 5.0
ABSENT_SECONDS_MAX = 1.0
CACHED_BYTES_MAX = 32 * 1024 * 1024

_ENTRY_BYTES = 1_500
_BUDGET_BYTES = 1_200
_PAST_LIMIT_BYTES = 150
_RATE_BYTES = 600
_PRICE_BYTES = 2_500
_TIER_BYTES = 1_000
_CHARACTER_BYTES = 4
"""Estimates of the memory that each part of an entry takes at most."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What a request is decided by: the tenant's settings and the policy of each of its subjects.

    `policies` has, for each subject, its own policy and that of its type's defaults.
    """

    tenant: Tenant
    policies: dict[Subject, Policy]


class PolicyCache:
    """Reads policies and settings, and keeps them for a few seconds.

    Only tests replace `monotonic` (seconds).
    """

    def __init__(self, table: Table, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._table = table
        self._monotonic = monotonic
        self._cache = SizedCache[keys.Key, tuple[float, Policy | Tenant]](
            bytes_of=_bytes_of, bytes_max=CACHED_BYTES_MAX
        )

    def rules(self, tenant_id: str, subjects: Iterable[Subject], *, fresh: bool = False) -> Rules:
        """Return the rules for a request. `fresh` reads the policies again, consistently.

        It does not read the tenant's settings again: no counter can show that they are stale, and
        those of all tenants share one partition.

        One batch read of what is not cached, and no call where all of it is.
        """
        wanted = _wanted(tenant_id, subjects)
        now = self._monotonic()
        found = self._cached(wanted, now)
        if fresh:
            found = {key: known for key, known in found.items() if wanted[key] is None}
        missing = {key: subject for key, subject in wanted.items() if key not in found}
        if missing:
            read = self._table.get_many(map(values.key, missing), consistent=fresh)
            found |= self._learn(tenant_id, missing, read, now)
        policies = {
            subject: cast("Policy", found[key])
            for key, subject in wanted.items()
            if subject is not None
        }
        return Rules(cast("Tenant", found[keys.tenant_key(tenant_id)]), policies)

    def tenant(self, tenant_id: str) -> Tenant:
        """Return the tenant's settings alone."""
        return self.rules(tenant_id, ()).tenant

    def unknown(
        self, tenant_id: str, subjects: Iterable[Subject]
    ) -> dict[keys.Key, Subject | None]:
        """Return what `rules` would have to read; for `learn`."""
        wanted = _wanted(tenant_id, subjects)
        known = self._cached(wanted, self._monotonic())
        return {key: subject for key, subject in wanted.items() if key not in known}

    def learn(
        self, tenant_id: str, unknown: dict[keys.Key, Subject | None], read: Iterable[Item]
    ) -> None:
        """Keep rules that the caller has just read together with something else."""
        self._learn(tenant_id, unknown, read, self._monotonic())

    def _cached(self, wanted: Iterable[keys.Key], now: float) -> dict[keys.Key, Policy | Tenant]:
        known = {key: self._cache[key] for key in wanted if key in self._cache}
        return {key: value for key, (until, value) in known.items() if until > now}

    def _learn(
        self,
        tenant_id: str,
        wanted: dict[keys.Key, Subject | None],
        read: Iterable[Item],
        now: float,
    ) -> dict[keys.Key, Policy | Tenant]:
        found = {keys.read_key(item): item for item in read}
        loaded: dict[keys.Key, Policy | Tenant] = {}
        for key, subject in wanted.items():
            item = found.get(key)
            loaded[key] = _read(tenant_id, subject, item)
            ttl = PRESENT_SECONDS_MAX if _is_there(loaded[key]) else ABSENT_SECONDS_MAX
            self._cache[key] = (now + ttl, loaded[key])
        return loaded


def _wanted(tenant_id: str, subjects: Iterable[Subject]) -> dict[keys.Key, Subject | None]:
    """Return the keys of the items that have the rules; None stands for the tenant's own."""
    wanted: dict[keys.Key, Subject | None] = {keys.tenant_key(tenant_id): None}
    for subject in subjects:
        for limited in (subject, subject.default):
            wanted[keys.policy_key(tenant_id, limited)] = limited
    return wanted


def _is_there(found: Policy | Tenant) -> bool:
    """Cache a policy with no enabled budget as absent, so that a new budget takes effect soon."""
    if isinstance(found, Tenant):
        return found.is_known
    return bool(found.enabled)


def _read(tenant_id: str, subject: Subject | None, item: Item | None) -> Policy | Tenant:
    if subject is None:
        return read_tenant(tenant_id, item)
    return read_policy(subject, item, with_metadata=False)


def _bytes_of(key: keys.Key, entry: tuple[float, Policy | Tenant]) -> int:
    """Estimate the memory of an entry, rather too high."""
    _, found = entry
    bytes_of_key = _ENTRY_BYTES + 2 * _CHARACTER_BYTES * len(key[0])
    if isinstance(found, Policy):
        return bytes_of_key + sum(map(_bytes_of_budget, found.budgets))
    rates = sum(map(len, found.rates.values()))
    tiers = sum(len(price.tiers) for price in found.prices.values())
    names = sum(map(len, (*found.prices, *found.fallback_models, found.name or "")))
    return (
        bytes_of_key
        + rates * _RATE_BYTES
        + len(found.prices) * _PRICE_BYTES
        + tiers * _TIER_BYTES
        + 2 * names * _CHARACTER_BYTES
    )


def _bytes_of_budget(budget: Budget) -> int:
    names = len(budget.name or "") * _CHARACTER_BYTES
    return _BUDGET_BYTES + names + len(budget.past_limits) * _PAST_LIMIT_BYTES
