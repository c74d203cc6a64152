"""What is spent beyond a reservation, in units that it did not hold."""

from dataclasses import replace

from spendgate_service.domain.amounts import ONE
from spendgate_service.domain.periods import DurationPeriod, RollingPeriod
from spendgate_service.domain.rates import Rate
from spendgate_service.domain.tenants import Tenant
from spendgate_service.tenants.tenants import change_tenant, create_tenant
from tests.support.world import TENANT, World


def test_a_window_is_started_under_rules_that_changed_since_they_were_read(world: World) -> None:
    budget = world.budget(10, period=DurationPeriod(3600))
    world.policy_cache.rules(TENANT, [budget.subject])
    world.on(world.table).set_limit(budget, 20)

    world.record(3)

    assert world.balance_of(str(budget.subject)).counter.spent == 3 * ONE


def test_a_rate_that_is_too_old_does_not_matter_to_a_budget_that_was_met_directly(
    world: World,
) -> None:
    budget = world.budget(10)
    create_tenant(world.table, Tenant(TENANT, created_at_ms=1), idempotency=None)
    old = Rate("tokens", "usd", ONE, updated_at_ms=0, max_age_seconds=1)
    change_tenant(
        world.table, TENANT, lambda one: replace(one, rates={"usd": {"tokens": old}}), now_ms=2
    )

    world.settle(world.reserve(5), 4, tokens=1000)

    assert world.spent_and_held(budget) == (4, 0)


def test_what_was_not_reserved_counts_in_a_rolling_window_from_its_settlement(
    world: World,
) -> None:
    world.budget(10)
    tokens = world.budget(100, unit="tokens", period=RollingPeriod(3600))
    reservation_id = world.reserve(1, ttl_seconds=7200)
    world.clock.advance(5400)

    world.settle(reservation_id, 1, tokens=100)

    assert world.counter(tokens).spent_at(now_ms=world.clock.now_ms()) == 100 * ONE
