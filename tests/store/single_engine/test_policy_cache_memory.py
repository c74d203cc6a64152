"""The cache of policies fits a function's memory, whatever tenants legally store."""

import gc
import json
import tracemalloc
from collections.abc import Callable, Iterable
from dataclasses import fields, replace
from typing import Any, cast

import pytest

from spendgate_service.api.bodies.fields import METADATA_BYTES_MAX, NAME_LENGTH_MAX
from spendgate_service.domain.amounts import ONE
from spendgate_service.domain.budgets import (
    BUDGETS_PER_SUBJECT_MAX,
    LIMITS_REMEMBERED_MAX,
    Budget,
    CarryOver,
    PastLimit,
    Policy,
)
from spendgate_service.domain.calendar import CalendarPeriod
from spendgate_service.domain.prices import Price, PriceTier, Rates
from spendgate_service.domain.rates import Rate
from spendgate_service.domain.subjects import Subject
from spendgate_service.domain.tenants import PRICES_MAX, RATES_MAX, Tenant
from spendgate_service.store import policy_cache
from spendgate_service.store.client import Table
from spendgate_service.store.policies import policy_attributes
from spendgate_service.store.policy_cache import PolicyCache
from spendgate_service.store.tenants import tenant_attributes
from spendgate_service.store.values import Item

NOW_MS = 1_772_971_200_000
AGENT = Subject("agent", "a")

NESTED = json.loads("[" + ",".join(["[]"] * (METADATA_BYTES_MAX // 3 - 10)) + "]")
"""Legal metadata that takes about 88 KB of memory: many empty lists."""

BUDGET = Budget(
    "bud_00000000000000000000000000",
    AGENT,
    "usd",
    ONE,
    CalendarPeriod("day", "America/Argentina/Buenos_Aires"),
    created_at_ms=NOW_MS,
    updated_at_ms=NOW_MS,
    warn_at_pct=(50, 80, 90, 95, 99),
    name="ü" * NAME_LENGTH_MAX,
    soft_limit=ONE // 2,
    carry_over=CarryOver(unused=True, max=ONE, debt=True),
    limit_since_ms=NOW_MS,
)
PAST_LIMITS = tuple(PastLimit(ONE + n, NOW_MS + n) for n in range(LIMITS_REMEMBERED_MAX))
ALL_RATES = Rates(**{field.name: ONE + 1 for field in fields(Rates)})
PRICES = [
    Price(
        "p" * 20,
        f"m{n:0>90}",
        "usd",
        ALL_RATES,
        tiers=tuple(PriceTier(200_000 * n, ALL_RATES) for n in range(1, 9)),
        updated_at_ms=NOW_MS,
    )
    for n in range(PRICES_MAX)
]
RATES = {f"unit{n}": Rate(f"unit{n}", "usd", ONE, NOW_MS, 60) for n in range(RATES_MAX)}


class StoredTwice(Table):
    """A table with the same item under every key: of policies, or of tenants."""

    def __init__(self, *, policy: Item, tenant: Item) -> None:
        self._policy, self._tenant = json.dumps(policy), json.dumps(tenant)

    def get_many(self, keys: Iterable[Item], *, consistent: bool = False) -> list[Item]:
        assert not consistent
        return [cast("Item", {**key, **json.loads(self._stored(key))}) for key in keys]

    def _stored(self, key: Item) -> str:
        return self._policy if "SUBJECT" in key["pk"]["S"] else self._tenant


def policy_of(**changes: Any) -> Item:
    budgets = (replace(BUDGET, **changes),) * BUDGETS_PER_SUBJECT_MAX
    return policy_attributes(Policy(AGENT, 1, budgets))


def tenant_of(**settings: Any) -> Item:
    return tenant_attributes(Tenant("acme", created_at_ms=1, updated_at_ms=1, **settings))


def memory_of(fill: Callable[[], object]) -> int:
    """The bytes that a call leaves behind."""
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        fill()
        gc.collect()
        return tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()


@pytest.fixture(autouse=True)
def bytes_max(monkeypatch: pytest.MonkeyPatch) -> int:
    """A bound that few entries reach, so that the tests are fast."""
    bytes_max = policy_cache.CACHED_BYTES_MAX // 16
    monkeypatch.setattr(policy_cache, "CACHED_BYTES_MAX", bytes_max)
    return bytes_max


@pytest.mark.parametrize(
    ("policies", "changes"),
    [
        # 40 policies took 70 MB with their metadata.
        pytest.param(40, {"metadata": {"m": NESTED}}, id="nested metadata"),
        pytest.param(120, {}, id="many"),
        pytest.param(16, {"past_limits": PAST_LIMITS}, id="past limits"),
    ],
)
def test_large_policies_stay_within_the_bound(
    policies: int, changes: dict[str, Any], bytes_max: int
) -> None:
    cache = PolicyCache(StoredTwice(policy=policy_of(**changes), tenant=tenant_of()))

    def fill() -> None:
        for number in range(policies):
            found = cache.rules("acme", [Subject("agent", f"a{number}")])
            assert all(len(policy.budgets) == 20 for policy in found.policies.values())

    assert memory_of(fill) <= bytes_max


def test_large_settings_of_tenants_stay_within_the_bound(bytes_max: int) -> None:
    prices = {price.key: price for price in PRICES}
    settings = tenant_of(prices=prices, rates={"usd": RATES})
    cache = PolicyCache(StoredTwice(policy=policy_of(), tenant=settings))

    def fill() -> None:
        for number in range(10):
            assert len(cache.tenant(f"t{number}").prices) == PRICES_MAX

    assert memory_of(fill) <= bytes_max


def test_many_empty_policies_stay_within_the_bound(bytes_max: int) -> None:
    """Subjects without a budget are cached, too; a caller may invent them, with long ids."""
    cache = PolicyCache(StoredTwice(policy=policy_attributes(Policy(AGENT, 1)), tenant=tenant_of()))

    def fill() -> None:
        for number in range(750):
            cache.rules("acme", [Subject("session", f"{number}{'ü' * 240}")])

    assert memory_of(fill) <= bytes_max
