"""A changed policy: a stale one never grants past the limit, and a counter follows its policy."""

import pytest

from spendgate_service.domain.amounts import ONE
from spendgate_service.domain.errors import BudgetExceeded
from spendgate_service.store.policy_cache import PRESENT_SECONDS_MAX
from tests.support.world import AGENT, World


def test_a_lowered_limit_binds_at_once_those_who_still_know_the_old_one(world: World) -> None:
    budget = world.budget(10)
    stale = world.on(world.table)
    stale.reserve(4)
    world.set_limit(budget, 5)

    with pytest.raises(BudgetExceeded) as refused:
        stale.reserve(2)

    assert refused.value.violations[0].limit == 5 * ONE


def test_a_raised_limit_serves_at_once_those_who_still_know_the_old_one(world: World) -> None:
    budget = world.budget(10)
    stale = world.on(world.table)
    stale.reserve(10)
    world.set_limit(budget, 20)

    stale.reserve(10)

    assert world.spent_and_held(budget) == (0, 20)


def test_a_lowered_limit_binds_also_where_the_old_one_was_read_but_nothing_was_used_yet(
    world: World,
) -> None:
    budget = world.budget(10)
    stale = world.on(world.table)
    stale.reserve(10, by=("agent:somebody_else",))
    stale.policy_cache.rules("acme", [budget.subject])
    world.set_limit(budget, 5)

    with pytest.raises(BudgetExceeded):
        stale.reserve(6)


def test_a_changed_default_binds_a_used_counter_when_the_cached_policy_runs_out(
    world: World,
) -> None:
    budget = world.budget(10, on="agent:*")
    world.reserve(4)
    world.set_limit(budget, 5)
    world.clock.advance(PRESENT_SECONDS_MAX + 1)

    with pytest.raises(BudgetExceeded) as refused:
        world.reserve(2)

    assert refused.value.violations[0].available == ONE
    assert world.counter(budget, AGENT).limit == 5 * ONE


def test_a_counter_is_brought_up_once_though_many_know_the_newer_policy(world: World) -> None:
    budget = world.budget(10, on="agent:*")
    world.reserve(4)
    world.set_limit(budget, 20)
    others = [world.on(world.table) for _ in range(3)]

    for other in others:
        other.reserve(1)

    assert world.counter(budget, AGENT).available == (20 - 4 - 3) * ONE


def test_a_stale_default_does_not_take_a_newer_counter_back(world: World) -> None:
    budget = world.budget(10, on="agent:*")
    world.reserve(4)
    world.set_limit(budget, 5)
    fresh = world.on(world.table)
    fresh.reserve(1)

    with pytest.raises(BudgetExceeded):
        world.reserve(1)

    assert world.counter(budget, AGENT).limit == 5 * ONE


def test_a_check_and_a_balance_show_a_lagging_counter_as_the_policy_has_it(world: World) -> None:
    budget = world.budget(10, on="agent:*")
    world.reserve(4)
    world.set_limit(budget, 5)
    world.clock.advance(PRESENT_SECONDS_MAX + 1)

    balance = world.balance_of(AGENT)

    assert (balance.counter.limit, balance.available) == (5 * ONE, ONE)


def test_a_balance_is_read_by_the_newer_policy_that_its_counter_knows(world: World) -> None:
    budget = world.budget(10)
    world.reserve(4)
    world.on(world.table).set_limit(budget, 5)

    assert world.balance_of(AGENT).available == ONE


def test_an_own_budget_replaces_the_default_of_its_type(world: World) -> None:
    default = world.budget(1, on="agent:*")
    own = world.budget(10)

    world.reserve(5)

    assert world.spent_and_held(own) == (0, 5)
    with pytest.raises(AssertionError, match="nobody has used"):
        world.counter(default, AGENT)


def test_a_deleted_budget_no_longer_refuses_and_its_holds_can_still_be_settled(
    world: World,
) -> None:
    budget = world.budget(5)
    reservation = world.reserve(5)
    world.delete(budget)

    world.reserve(100)
    world.settle(reservation, 3)

    assert world.spent_and_held(budget) == (3, 0)


def test_a_limit_below_what_is_spent_leaves_an_overrun_and_grants_nothing(world: World) -> None:
    budget = world.budget(10)
    world.record(8)
    world.set_limit(budget, 5)

    assert world.counter(budget).overrun(now_ms=world.clock.now_ms()) == 3 * ONE
    with pytest.raises(BudgetExceeded):
        world.reserve(1)
