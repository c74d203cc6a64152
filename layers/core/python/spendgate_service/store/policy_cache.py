"""Policies and tenant settings as the spending path sees them: cached for seconds.

A cached policy can be stale, and that is safe: the version on the counter tells (see
`reservations.reserve`). What is absent is believed for a shorter time than what is there,
so that the first budget of a subject bites soon.
"""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import cast

from spendgate_service.domain.budgets import Policy
from spendgate_service.domain.subjects import Subject
from spendgate_service.domain.tenants import Tenant
from spendgate_service.store import keys, values
from spendgate_service.store.cache import BoundedCache
from spendgate_service.store.client import Table
from spendgate_service.store.errors import Item
from spendgate_service.store.policies import read_policy
from spendgate_service.store.tenants import read_tenant

PRESENT_SECONDS_MAX = 5.0
ABSENT_SECONDS_MAX = 1.0

RULE_READS_MAX = 3
"""How often a request is judged anew because its rules were changed meanwhile."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What decides a request: the tenant's settings and the policy of every subject in it.

    `policies` has, for each subject, its own policy and that of its type's defaults.
    """

    tenant: Tenant
    policies: dict[Subject, Policy]


class PolicyCache:
    """Reads rules, keeping what it read for a few seconds.

    `monotonic` (seconds) is replaced by tests only.
    """

    def __init__(self, table: Table, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._table = table
        self._monotonic = monotonic
        self._cache = BoundedCache[keys.Key, tuple[float, Policy | Tenant]]()

    def rules(self, tenant_id: str, subjects: Iterable[Subject], *, fresh: bool = False) -> Rules:
        """The rules for a request. `fresh` reads the policies anew and consistently.

        The tenant's settings change nothing that a counter knows better, and those of all tenants
        live in one partition: they are read as seldom as ever.

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
        """The tenant's settings alone."""
        return self.rules(tenant_id, ()).tenant

    def unknown(
        self, tenant_id: str, subjects: Iterable[Subject]
    ) -> dict[keys.Key, Subject | None]:
        """What `rules` would have to read; for `learn`."""
        wanted = _wanted(tenant_id, subjects)
        known = self._cached(wanted, self._monotonic())
        return {key: subject for key, subject in wanted.items() if key not in known}

    def learn(
        self, tenant_id: str, unknown: dict[keys.Key, Subject | None], read: Iterable[Item]
    ) -> None:
        """Keep rules that somebody has just read together with something else."""
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
        found = {(item["pk"]["S"], item["sk"]["S"]): item for item in read}
        loaded: dict[keys.Key, Policy | Tenant] = {}
        for key, subject in wanted.items():
            item = found.get(key)
            loaded[key] = _read(tenant_id, subject, item)
            ttl = PRESENT_SECONDS_MAX if _is_there(loaded[key]) else ABSENT_SECONDS_MAX
            self._cache[key] = (now + ttl, loaded[key])
        return loaded


def _wanted(tenant_id: str, subjects: Iterable[Subject]) -> dict[keys.Key, Subject | None]:
    """The items that have the rules: None stands for the tenant's own."""
    wanted: dict[keys.Key, Subject | None] = {keys.tenant_key(tenant_id): None}
    for subject in subjects:
        for one in (subject, subject.default):
            wanted[keys.policy_key(tenant_id, one)] = one
    return wanted


def _is_there(found: Policy | Tenant) -> bool:
    """A policy without a budget in force is as good as none: the next one shall bite soon."""
    if isinstance(found, Tenant):
        return found.is_known
    return bool(found.enabled)


def _read(tenant_id: str, subject: Subject | None, item: Item | None) -> Policy | Tenant:
    if subject is None:
        return read_tenant(tenant_id, item)
    return read_policy(subject, item)
