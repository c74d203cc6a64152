"""Clauses that only a rare case needs: a request above the limit, and a counter that lags."""

from dataclasses import replace

import pytest

from spendgate_service.budgets.change import change_budget
from spendgate_service.domain.amounts import ONE
from spendgate_service.domain.budgets import Budget
from spendgate_service.domain.errors import BudgetExceeded, BudgetPaused
from spendgate_service.domain.periods import DurationPeriod
from spendgate_service.domain.subjects import parse_subject
from spendgate_service.store.policy_cache import PRESENT_SECONDS_MAX
from tests.support.credits import credit
from tests.support.faulty_client import faulty, meanwhile
from tests.support.world import AGENT, TENANT, World


def pausing(world: World, limit: int, *, at: int, on: str = AGENT) -> Budget:
    """A budget that pauses at a soft limit."""
    budget = world.budget(limit, on=on)
    change_budget(
        world.table, TENANT, budget.budget_id,
        lambda current: replace(current, soft_limit=at * ONE, on_soft_limit="pause"),
        now_ms=world.clock.now_ms(),
    )  # fmt: skip
    world.clock.advance(PRESENT_SECONDS_MAX + 1)
    return budget


def test_a_lowered_default_refuses_what_only_a_lagging_counter_could_grant(world: World) -> None:
    budget = world.budget(10, on="agent:*")
    world.release(world.reserve(1))
    world.set_limit(budget, 5)
    world.clock.advance(PRESENT_SECONDS_MAX + 1)

    with pytest.raises(BudgetExceeded):
        world.reserve(7)
    world.reserve(5)
    with pytest.raises(BudgetExceeded):
        world.reserve(1)


def test_a_lowered_default_that_pauses_refuses_what_only_a_lagging_counter_could_grant(
    world: World,
) -> None:
    budget = pausing(world, 10, at=4, on="agent:*")
    world.release(world.reserve(1))
    world.set_limit(budget, 5)
    world.clock.advance(PRESENT_SECONDS_MAX + 1)

    for above_the_limit in (7, 6):
        with pytest.raises(BudgetExceeded):
            world.reserve(above_the_limit)
    world.reserve(5)
    with pytest.raises(BudgetExceeded):
        world.reserve(1)


def test_above_the_limit_a_credit_is_granted_to_its_last_unit(world: World) -> None:
    for budget in (world.budget(5), pausing(world, 5, at=4)):
        credit(world, budget, 2)

    with pytest.raises(BudgetExceeded):
        world.reserve(8)
    world.reserve(7)


@pytest.mark.parametrize("amount", [10, 11])
@pytest.mark.parametrize("pauses_at", [None, 8])
def test_no_hold_takes_a_credit_that_has_ended(
    world: World, pauses_at: int | None, amount: int
) -> None:
    budget = world.budget(10) if pauses_at is None else pausing(world, 10, at=pauses_at)
    credit(world, budget, 5, seconds=60)
    world.record(1)
    world.clock.advance(60)

    with pytest.raises(BudgetExceeded):
        world.reserve(amount)
    world.reserve(9)


def test_above_the_limit_a_soft_limit_pauses_where_it_is_reached_and_not_before(
    world: World,
) -> None:
    budget = pausing(world, 5, at=3)
    credit(world, budget, 20)
    world.record(2)
    world.release(world.reserve(6))

    world.record(1)

    with pytest.raises(BudgetPaused):
        world.reserve(6)


@pytest.mark.parametrize("pauses_at", [0, 4])
def test_an_amount_of_0_is_refused_from_where_a_soft_limit_pauses(
    world: World, pauses_at: int
) -> None:
    pausing(world, 10, at=pauses_at)
    world.record(pauses_at)

    with pytest.raises(BudgetPaused):
        world.reserve(0)


def test_an_amount_of_0_is_refused_below_a_soft_limit_that_was_lowered(world: World) -> None:
    budget = pausing(world, 10, at=4)
    world.record(3)
    stale = world.on(world.table)
    stale.policy_cache.rules(TENANT, [parse_subject(AGENT)])
    change_budget(
        world.table, TENANT, budget.budget_id,
        lambda current: replace(current, soft_limit=2 * ONE), now_ms=world.clock.now_ms(),
    )  # fmt: skip

    with pytest.raises(BudgetPaused):
        stale.reserve(0)


def test_what_expired_holds_leave_pauses_and_is_granted_to_its_last_unit(world: World) -> None:
    budget = pausing(world, 10, at=4)
    world.record(3)
    world.reserve(7, ttl_seconds=1)
    world.clock.advance(5)
    world.release(world.reserve(7))

    world.reserve(7, ttl_seconds=1)
    world.clock.advance(5)
    world.record(1)

    with pytest.raises(BudgetPaused):
        world.reserve(1)
    assert world.spent_and_held(budget) == (4, 0)


def test_a_pause_that_is_reached_while_holds_are_reclaimed_is_not_granted_past(
    world: World,
) -> None:
    pausing(world, 10, at=4)
    world.record(3)
    world.reserve(7, ttl_seconds=1)
    world.clock.advance(5)
    table, client = faulty(world.table)
    client.fail("update_item", meanwhile(lambda: world.record(1)), at=2)

    with pytest.raises(BudgetPaused):
        world.on(table).reserve(2)


def test_holds_are_not_reclaimed_under_a_limit_that_was_lowered_meanwhile(world: World) -> None:
    budget = pausing(world, 10, at=4)
    world.reserve(10, ttl_seconds=1)
    world.clock.advance(5)
    table, client = faulty(world.table)
    client.fail("update_item", meanwhile(lambda: world.set_limit(budget, 5)), at=2)

    with pytest.raises(BudgetExceeded):
        world.on(table).reserve(8)


def test_a_counter_that_went_on_to_the_same_limit_is_not_taken_back(world: World) -> None:
    budget = world.budget(10, on="agent:*")
    world.release(world.reserve(1))
    world.set_limit(budget, 5)
    world.clock.advance(PRESENT_SECONDS_MAX + 1)
    table, client = faulty(world.table)

    def go_on() -> None:
        """To a third policy, with the limit of the first."""
        world.set_limit(budget, 10)
        world.clock.advance(PRESENT_SECONDS_MAX + 1)
        world.reserve(9)

    client.fail("update_item", meanwhile(go_on), at=2)
    overtaken = world.on(table)
    with pytest.raises(BudgetExceeded):
        overtaken.reserve(2)

    assert world.counter(budget, AGENT).version == 3
    assert world.spent_and_held(budget, AGENT) == (0, 9)


def test_a_lagging_counter_is_brought_up_before_it_grants_what_both_limits_allow(
    world: World,
) -> None:
    for pauses in (False, True):
        on = "session:*" if pauses else "agent:*"
        by = ("session:s",) if pauses else (AGENT,)
        budget = pausing(world, 10, at=9, on=on) if pauses else world.budget(10, on=on)
        world.release(world.reserve(1, by=by))
        world.set_limit(budget, 9)
        world.clock.advance(PRESENT_SECONDS_MAX + 1)

        world.reserve(9, by=by)

        with pytest.raises(BudgetExceeded):
            world.reserve(1, by=by)


def test_a_window_does_not_start_under_a_policy_that_was_changed_meanwhile(world: World) -> None:
    budget = world.budget(10, period=DurationPeriod(3600))
    stale = world.on(world.table)
    stale.policy_cache.rules(TENANT, [parse_subject(AGENT)])
    world.set_limit(budget, 3)

    with pytest.raises(BudgetExceeded):
        stale.reserve(5)
    stale.reserve(3)


def test_a_budget_that_pauses_grants_to_its_last_unit_and_not_one_more(world: World) -> None:
    pausing(world, 10, at=9)
    world.release(world.reserve(1))
    world.reserve(4)

    world.reserve(6)

    with pytest.raises(BudgetExceeded):
        world.reserve(1)


def test_below_the_limit_a_soft_limit_pauses_where_it_is_reached_and_not_before(
    world: World,
) -> None:
    pausing(world, 10, at=4)
    world.record(3)
    world.release(world.reserve(1))

    world.record(1)

    with pytest.raises(BudgetPaused):
        world.reserve(1)


def test_a_shadow_brings_its_counter_up_to_the_policy_as_others_do(world: World) -> None:
    budget = world.budget(10, on="agent:*")
    change_budget(
        world.table, TENANT, budget.budget_id,
        lambda current: replace(current, mode="shadow"), now_ms=world.clock.now_ms(),
    )  # fmt: skip
    world.reserve(1)
    world.set_limit(budget, 5)
    world.clock.advance(PRESENT_SECONDS_MAX + 1)

    world.reserve(20)

    assert world.counter(budget, AGENT).limit == 5 * ONE
    assert world.counter(budget, AGENT).available == (5 - 21) * ONE


@pytest.mark.parametrize("soft", [False, True])
def test_holds_are_not_reclaimed_for_a_request_that_a_pause_has_overtaken(
    world: World, soft: bool
) -> None:
    budget = pausing(world, 10, at=9) if soft else world.budget(10)
    world.reserve(10, ttl_seconds=1)
    world.clock.advance(5)
    table, client = faulty(world.table)

    def pause() -> None:
        change_budget(
            world.table, TENANT, budget.budget_id,
            lambda current: replace(current, paused=True), now_ms=world.clock.now_ms(),
        )  # fmt: skip

    client.fail("update_item", meanwhile(pause), at=2)

    with pytest.raises(BudgetPaused):
        world.on(table).reserve(2)
    assert world.spent_and_held(budget) == (0, 0)


def test_a_budget_that_pauses_does_not_grant_twice_what_was_left_beside_an_expired_hold(
    world: World,
) -> None:
    budget = pausing(world, 10, at=9)
    world.reserve(5, ttl_seconds=1)
    world.clock.advance(5)
    table, client = faulty(world.table)
    client.fail("update_item", meanwhile(lambda: world.reserve(5)), at=2)

    with pytest.raises(BudgetExceeded):
        world.on(table).reserve(8)

    assert world.spent_and_held(budget) == (0, 5)


@pytest.mark.parametrize("on", [AGENT, "agent:*"])
def test_of_two_who_start_a_window_at_once_one_takes_the_others(world: World, on: str) -> None:
    world.budget(10, on=on, period=DurationPeriod(3600))
    world.clock.advance(PRESENT_SECONDS_MAX + 1)
    table, client = faulty(world.table)

    def start() -> None:
        world.clock.advance(2)
        world.reserve(8)

    start_of_a_window = "update_item" if on == "agent:*" else "transact_write_items"
    client.fail(start_of_a_window, meanwhile(start))

    with pytest.raises(BudgetExceeded):
        world.on(table).reserve(8)


def test_of_two_first_budgets_of_a_subject_none_is_lost(world: World) -> None:
    table, client = faulty(world.table)
    others: list[Budget] = []
    client.fail("transact_write_items", meanwhile(lambda: others.append(world.budget(5))))

    mine = world.on(table).budget(7)

    found = world.balances.of_subjects(TENANT, [parse_subject(AGENT)])
    assert {balance.budget.budget_id for balance in found} == {mine.budget_id, others[0].budget_id}


def test_a_window_that_starts_during_a_change_is_bound_by_it_as_well(world: World) -> None:
    budget = world.budget(10, period=DurationPeriod(3600))
    world.reserve(1)
    world.clock.advance(4000)
    stale = world.on(world.table)
    stale.policy_cache.rules(TENANT, [parse_subject(AGENT)])
    table, client = faulty(world.table)
    client.fail("transact_write_items", meanwhile(lambda: world.reserve(1)))

    world.on(table).set_limit(budget, 3)

    with pytest.raises(BudgetExceeded):
        stale.reserve(5)
