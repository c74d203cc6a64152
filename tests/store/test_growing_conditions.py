"""Each condition of a growing lease: one for each rule by which a budget refuses what is asked."""

from dataclasses import replace
from typing import Any

import pytest

from spendgate_service.budgets.change import change_budget
from spendgate_service.domain.amounts import ONE, Amount
from spendgate_service.domain.budgets import Budget
from spendgate_service.domain.errors import BudgetExceeded, BudgetPaused, ReservationFinalized
from tests.support.credits import credit
from tests.support.faulty_client import faulty, meanwhile
from tests.support.world import AGENT, ORGANIZATION, TENANT, World

PAUSES = {"on_soft_limit": "pause", "soft_limit": 4 * ONE}
IN_USD = {"usd": 8}
IN_TOKENS = {"tokens": 8}
RULES: dict[str, tuple[dict[str, Any], dict[str, int]]] = {
    "none": ({"mode": "shadow"}, IN_USD),
    "none, of 0": ({}, IN_TOKENS),
    "limit": ({}, IN_USD),
    "pause": (PAUSES, IN_TOKENS),
    "limit and pause": (PAUSES, IN_USD),
}
"""The terms of a budget of 10 usd, and what of a lease of 5 usd and 5 tokens grows."""


@pytest.fixture(params=RULES)
def rule(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


def leased(world: World, rule: str) -> tuple[Budget, str]:
    """A budget of that rule, and a lease on it that is about to end."""
    budget = world.budget(10)
    terms, _ = RULES[rule]
    if terms:
        world.change(budget, **terms)
    return budget, world.reserve(5, tokens=5, ttl_seconds=10)


def grow(world: World, rule: str, lease: str, **amounts: int) -> None:
    """Let it grow, into another bucket."""
    _, asked = RULES[rule]
    world.grow(lease, ttl_seconds=600, **{**asked, **amounts})


def change_unseen(world: World, budget: Budget, **fields: Any) -> World:
    """An environment that has read the rules before a change."""
    stale = world.on(world.table)
    stale.policy_cache.rules(TENANT, [budget.subject])
    change_budget(
        world.table, TENANT, budget.budget_id,
        lambda current: replace(current, **fields), now_ms=world.clock.now_ms(),
    )  # fmt: skip
    return stale


def test_a_lease_moves_with_all_that_it_holds(world: World, rule: str) -> None:
    budget, lease = leased(world, rule)

    grow(world, rule, lease)

    (moved,) = filter(None, world.counter(budget).holds.values())
    assert moved == world.find(lease).amounts["usd"]


def test_a_lease_does_not_grow_by_rules_that_were_replaced(world: World, rule: str) -> None:
    budget, lease = leased(world, rule)
    stale = change_unseen(world, budget, mode="enforce", paused=True)

    with pytest.raises(BudgetPaused):
        grow(stale, rule, lease)


@pytest.mark.parametrize("soft", [False, True])
def test_a_lease_grows_to_the_last_unit_of_a_limit_and_no_further(world: World, soft: bool) -> None:
    rule = "limit and pause" if soft else "limit"
    _, lease = leased(world, rule)

    with pytest.raises(BudgetExceeded):
        grow(world, rule, lease, usd=11)
    grow(world, rule, lease, usd=10)

    assert world.find(lease).amounts["usd"] == 10 * ONE


@pytest.mark.parametrize("rule", ["pause", "limit and pause"])
def test_a_lease_grows_below_a_soft_limit_that_pauses_and_not_at_it(
    world: World, rule: str
) -> None:
    budget, lease = leased(world, rule)
    world.record(4)

    with pytest.raises(BudgetPaused):
        grow(world, rule, lease, **dict.fromkeys(RULES[rule][1], 6))
    world.change(budget, soft_limit=5 * ONE)
    grow(world, rule, lease, **dict.fromkeys(RULES[rule][1], 6))


@pytest.mark.parametrize("soft", [False, True])
def test_a_lease_takes_no_credit_that_has_ended(world: World, soft: bool) -> None:
    rule = "limit and pause" if soft else "limit"
    budget, lease = leased(world, rule)
    credit(world, budget, 5, seconds=6)
    world.clock.advance(6)

    with pytest.raises(BudgetExceeded):
        grow(world, rule, lease, usd=11)


def test_no_more_moves_than_is_still_held(world: World, rule: str) -> None:
    """What was captured since the lease was read is not in its bucket."""
    budget, lease = leased(world, rule)
    table, client = faulty(world.table)
    negative: list[Amount] = []

    def look() -> None:
        negative.extend(held for held in world.counter(budget).holds.values() if held < 0)

    client.fail("update_item", meanwhile(lambda: world.capture(lease, 2)), meanwhile(look))
    grow(world.on(table), rule, lease)

    assert not negative
    grown = world.find(lease)
    assert world.spent_and_held(budget) == (2, grown.amounts["usd"] // ONE - 2)


def test_what_was_moved_and_reclaimed_meanwhile_is_not_given_back_again(world: World) -> None:
    budget = world.budget(10)
    lease = world.reserve(5, ttl_seconds=10)
    table, client = faulty(world.table)

    def end_and_reclaim() -> None:
        world.settle(lease, 4)
        world.clock.advance(1200)
        world.reserve(6)

    client.fail("update_item", meanwhile(end_and_reclaim), at=2)
    with pytest.raises(ReservationFinalized):
        world.on(table).grow(lease, 8, ttl_seconds=600)

    assert world.spent_and_held(budget) == (4, 6)
    assert world.counter(budget).available == 0


def test_what_was_moved_is_put_back_as_it_was(world: World) -> None:
    """One budget moved the hold, the other refuses."""
    wide = world.budget(100, on=ORGANIZATION)
    world.budget(10)
    lease = world.reserve(5, by=(ORGANIZATION, AGENT), ttl_seconds=10)
    before = world.counter(wide)

    with pytest.raises(BudgetExceeded):
        world.grow(lease, 11, ttl_seconds=600)

    after = world.counter(wide)
    held = {bucket: amount for bucket, amount in after.holds.items() if amount}
    assert (after.available, held) == (before.available, dict(before.holds))
