"""The cache of rules: how long it believes what it read, and that it never loses what it needs."""

from dataclasses import replace

import pytest

from spendgate_service import cache as memory
from spendgate_service.domain.subjects import Subject
from spendgate_service.domain.tenants import Tenant
from spendgate_service.store.client import Table
from spendgate_service.store.policy_cache import ABSENT_SECONDS_MAX, PRESENT_SECONDS_MAX
from spendgate_service.tenants.tenants import change_settings, change_tenant, create_tenant
from tests.support.faulty_client import faulty
from tests.support.world import TENANT, World

AGENT = Subject("agent", "researcher")


def test_rules_that_are_there_are_read_once_in_five_seconds(memory_table: Table) -> None:
    table, client = faulty(memory_table)
    world = World(memory_table).on(table)
    world.budget(1)
    world.policy_cache.rules(TENANT, [AGENT])
    client.calls.clear()
    world.clock.advance(ABSENT_SECONDS_MAX / 2)
    world.policy_cache.rules(TENANT, [AGENT])
    assert client.calls == []

    world.clock.advance(PRESENT_SECONDS_MAX)
    world.policy_cache.rules(TENANT, [AGENT])

    assert client.calls == ["batch_get_item"]


def test_a_first_budget_bites_after_a_second(memory_table: Table) -> None:
    world = World(memory_table)
    assert not world.policy_cache.rules(TENANT, [AGENT]).policies[AGENT].budgets
    world.budget(1)
    assert not world.policy_cache.rules(TENANT, [AGENT]).policies[AGENT].budgets

    world.clock.advance(ABSENT_SECONDS_MAX)

    assert world.policy_cache.rules(TENANT, [AGENT]).policies[AGENT].budgets


def test_fresh_rules_are_read_past_what_is_remembered(memory_table: Table) -> None:
    world = World(memory_table)
    world.policy_cache.rules(TENANT, [AGENT])
    world.budget(1)

    assert world.policy_cache.rules(TENANT, [AGENT], fresh=True).policies[AGENT].budgets


def test_a_cache_that_is_full_forgets_others_and_not_what_is_asked_for(
    memory_table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "REMEMBERED_MAX", 6)
    world = World(memory_table)
    world.budget(1)
    for number in range(20):
        found = world.policy_cache.rules(TENANT, [AGENT, Subject("session", str(number))])
        assert found.policies[AGENT].budgets
        assert len(world.policy_cache._cache) <= 6


def test_fresh_rules_leave_the_settings_of_tenants_alone(memory_table: Table) -> None:
    """Whoever hammers a paused budget reads afresh each time; all tenants share a partition."""
    world = World(memory_table)
    create_tenant(memory_table, Tenant(TENANT, created_at_ms=1), idempotency=None)
    world.policy_cache.rules(TENANT, [AGENT])
    change_tenant(
        memory_table,
        TENANT,
        change_settings(lambda current: replace(current, require_budget=True)),
        now_ms=2,
    )

    assert not world.policy_cache.rules(TENANT, [AGENT], fresh=True).tenant.require_budget
    world.clock.advance(PRESENT_SECONDS_MAX)
    assert world.policy_cache.rules(TENANT, [AGENT], fresh=True).tenant.require_budget
