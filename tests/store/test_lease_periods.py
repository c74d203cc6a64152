"""Leases in every kind of period, with conversions, and over the end of a period."""

import pytest

from spendgate_service.domain.amounts import ONE
from spendgate_service.domain.budgets import CarryOver
from spendgate_service.domain.calendar import CalendarPeriod
from spendgate_service.domain.periods import RollingPeriod
from spendgate_service.domain.rates import Rate
from tests.support.ledger_invariants import read_books
from tests.support.rollover import close
from tests.support.world import World, set_rates

HOUR = CalendarPeriod("hour")


def test_captures_count_in_the_slices_of_a_rolling_window_in_which_they_came(world: World) -> None:
    budget = world.budget(10, period=RollingPeriod(3600))
    lease = world.reserve(6, ttl_seconds=3600)

    world.capture(lease, 1)
    world.clock.advance(1800)
    world.capture(lease, 3)
    world.clock.advance(1950)  # the first has left the window

    assert world.counter(budget).spent_at(now_ms=world.clock.now_ms()) == 2 * ONE
    world.settle(lease, 4)
    assert world.counter(budget).spent_of_all_time == 4 * ONE


def test_a_lease_counts_in_its_period_and_carries_over_what_it_leaves(world: World) -> None:
    budget = world.budget(10, period=HOUR, carry_over=CarryOver(unused=True))
    world.clock.advance(3000)
    lease = world.reserve(6, ttl_seconds=1200)
    first_hour = world.counter_key(budget)
    world.capture(lease, 1)
    world.clock.advance(700)
    close(world)
    assert world.counter(budget).carried_in == 4 * ONE, "what is held may still be spent"

    world.capture(lease, 4)
    world.release(lease)
    close(world)

    books = read_books(world.table)
    assert books.counters[first_hour].spent == 4 * ONE
    assert world.counter(budget).carried_in == 6 * ONE
    assert {record.occurred_at_ms // 3_600_000 for _, record in books.usage} == {
        (world.clock.now_ms() - 3_600_000) // 3_600_000
    }, "the usage log agrees with the statement"


@pytest.mark.parametrize("steps", [(1, 2, 3), (3,), (2, 3)])
def test_totals_are_converted_as_a_whole(world: World, steps: tuple[int, ...]) -> None:
    rate = Rate("eur", "usd", rate=ONE // 3, updated_at_ms=0)
    set_rates(world, rate)
    budget = world.budget(10)
    world.clock.advance(10)
    lease = world.reserve(None, eur=6)

    for total in steps:
        world.capture(lease, None, eur=total)

    (converted,) = (line.reach({"eur": 3 * ONE}) for line in world.find(lease).lines)
    assert world.counter(budget).spent == converted
    world.settle(lease, None, eur=3)
    assert world.counter(budget).spent == converted
