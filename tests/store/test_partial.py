"""Partial authorization under competition: what is tried, what it costs, what stays behind."""

from collections.abc import Callable

import pytest

from spendgate_service.domain.amounts import ONE
from spendgate_service.domain.errors import BudgetExceeded
from spendgate_service.reservations.partial import PARTIAL_TRIES_MAX
from tests.support.faulty_client import faulty, meanwhile
from tests.support.world import AGENT, ORGANIZATION, World, id_in

LEAST = {"usd": 1}


def overtaken(world: World, times: int, others_do: Callable[[], object]) -> World:
    """Others come before each of the first tries of a part; the first hold is for the whole."""
    table, client = faulty(world.table)
    client.fail("update_item", *[meanwhile(others_do)] * times, at=2)
    return world.on(table)


@pytest.mark.parametrize("times", range(PARTIAL_TRIES_MAX))
def test_what_others_took_meanwhile_is_not_held_again(world: World, times: int) -> None:
    budget = world.budget(10)
    late = overtaken(world, times, lambda: world.reserve(2))

    granted = world.find(id_in(late.ask(20, at_least=LEAST)))

    assert granted.amounts == {"usd": (10 - 2 * times) * ONE}
    assert world.spent_and_held(budget) == (0, 10)


def test_after_three_tries_the_whole_is_refused_and_nothing_stays_held(world: World) -> None:
    budget = world.budget(10)
    late = overtaken(world, PARTIAL_TRIES_MAX, lambda: world.reserve(2))

    with pytest.raises(BudgetExceeded) as refused:
        late.ask(20, at_least=LEAST)

    (violation,) = refused.value.violations
    assert violation.requested == 20 * ONE
    assert world.spent_and_held(budget) == (0, 6)


def test_a_part_below_the_minimum_is_not_tried(world: World) -> None:
    budget = world.budget(10)
    late = overtaken(world, 1, lambda: world.reserve(4))

    with pytest.raises(BudgetExceeded):
        late.ask(20, at_least={"usd": 7})

    assert world.spent_and_held(budget) == (0, 4)


def test_what_expired_within_the_last_second_is_no_part_yet(world: World) -> None:
    """Another environment's clock may be behind, and honour that hold still."""
    budget = world.budget(10)
    world.reserve(6, ttl_seconds=5)
    world.clock.advance(5.5)

    first = world.find(id_in(world.ask(20, at_least=LEAST)))
    world.clock.advance(1)
    second = world.find(id_in(world.ask(20, at_least=LEAST)))

    assert [first.amounts["usd"], second.amounts["usd"]] == [4 * ONE, 6 * ONE]
    assert world.spent_and_held(budget) == (0, 10)


def test_a_hold_that_only_the_whole_could_take_is_returned(world: World) -> None:
    budgets = [world.budget(100, on=ORGANIZATION), world.budget(3)]

    world.ask(20, by=(ORGANIZATION, AGENT), at_least=LEAST)

    assert [world.spent_and_held(budget) for budget in budgets] == [(0, 3), (0, 3)]
