"""Cache of policies and tenant settings for the spending path, for seconds.

A cached policy can be stale, and that is safe: the version on the counter shows it (`freshness`).
An absent policy is cached for a shorter time than one that exists, so that the first budget of a
subject takes effect soon.
"""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import cast

from spendgate_service.cache import BoundedCache
from spendgate_service.domain.budgets import Policy
from spendgate_service.domain.subjects import Subject
from spendgate_service.domain.tenants import Tenant
from spendgate_service.store import keys, values
from spendgate_service.store.client import Table
from spendgate_service.store.policies import read_policy
from spendgate_service.store.tenants import read_tenant
from spendgate_service.store.values import Item

PRESENT_SECONDS_MAX = 5.0
ABSENT_SECONDS_MAX = 1.0


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
        self._cache = BoundedCache[keys.Key, tuple[float, Policy | Tenant]]()

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
    return read_policy(subject, item)
