"""Holds that are charged when they expire: the money is never free, and is replaced once."""

import pytest

from spendgate_service.domain.amounts import ONE
from spendgate_service.domain.calendar import CalendarPeriod
from spendgate_service.domain.errors import BudgetExceeded, ReservationFinalized
from spendgate_service.domain.periods import RollingPeriod
from tests.support import rollover
from tests.support.ledger_invariants import read_books
from tests.support.rollover import close
from tests.support.world import World, settle


def charge(world: World) -> int:
    """What the scheduled function does; how many were charged."""
    done = rollover.charge(world)
    assert not done.failed
    return done.charged


def test_what_is_neither_captured_nor_returned_counts_as_spent_and_is_never_free(
    world: World,
) -> None:
    budget = world.budget(10)
    lease = world.reserve(6, ttl_seconds=10, on_expiry="charge")
    world.capture(lease, 1, returned=2)
    world.clock.advance(10)
    assert charge(world) == 0, "it has not expired on every clock"

    world.clock.advance(60)
    with pytest.raises(BudgetExceeded):
        world.reserve(7)
    assert charge(world) == 1
    with pytest.raises(BudgetExceeded):
        world.reserve(7)

    assert charge(world) == 0, "once"
    assert world.spent_and_held(budget) == (4, 0)
    assert world.find(lease).charged


def test_a_charge_of_nothing_leaves_no_record(world: World) -> None:
    world.budget(10)
    lease = world.reserve(2, ttl_seconds=10, on_expiry="charge")
    world.capture(lease, 0, returned=2)
    world.clock.advance(60)

    assert charge(world) == 1

    assert read_books(world.table).usage == []


def test_one_that_was_extended_settled_or_released_in_time_is_not_charged(world: World) -> None:
    budget = world.budget(10)
    kept, settled, released = (
        world.reserve(2, ttl_seconds=10, on_expiry="charge") for _ in range(3)
    )
    world.grow(kept, 3, ttl_seconds=600)
    world.settle(settled, 1)
    world.release(released)
    world.clock.advance(60)

    assert charge(world) == 0

    assert world.spent_and_held(budget) == (1, 3)
    world.clock.advance(600)
    assert charge(world) == 1
    assert world.spent_and_held(budget) == (4, 0)


@pytest.mark.parametrize("is_charged", [False, True])
@pytest.mark.parametrize("total", [2, 4, 6, 9])
def test_a_later_settlement_replaces_the_charge_once(
    world: World, total: int, is_charged: bool
) -> None:
    budget = world.budget(10)
    lease = world.reserve(6, ttl_seconds=10, on_expiry="charge")
    world.capture(lease, 1)
    world.clock.advance(60)
    if is_charged:
        charge(world)

    settled = world.settle(lease, total)

    assert world.settle(lease, total).replayed
    assert charge(world) == 0
    with pytest.raises(ReservationFinalized):
        world.settle(lease, total + 1)
    assert settled.reservation.late
    assert world.spent_and_held(budget) == (total, 0)
    assert world.counter(budget).available == (10 - total) * ONE


def test_a_later_capture_takes_the_place_of_its_part_of_the_charge(world: World) -> None:
    budget = world.budget(20)
    lease = world.reserve(6, ttl_seconds=10, on_expiry="charge")
    world.clock.advance(60)
    charge(world)

    world.capture(lease, 2)
    assert world.spent_and_held(budget) == (6, 0), "the rest may still be in flight"
    world.capture(lease, 2, returned=3)
    assert world.spent_and_held(budget) == (3, 0)
    world.capture(lease, 8, returned=3)
    assert world.spent_and_held(budget) == (8, 0)
    world.release(lease)
    assert world.spent_and_held(budget) == (8, 0)


@pytest.mark.parametrize("captured", [0, 1])
def test_a_release_gives_the_charge_back(world: World, captured: int) -> None:
    budget = world.budget(10)
    lease = world.reserve(6, ttl_seconds=10, on_expiry="charge")
    world.capture(lease, captured)
    world.clock.advance(60)
    charge(world)

    world.release(lease)

    assert world.spent_and_held(budget) == (captured, 0)
    records = [record for _, record in read_books(world.table).usage]
    assert sum(record.amounts["usd"] for record in records) == captured * ONE
    assert sum(share.amount for record in records for share in record.budgets) == captured * ONE


def test_a_charge_counts_in_the_period_of_the_lease_which_closes_again(world: World) -> None:
    budget = world.budget(10, period=CalendarPeriod("hour"))
    world.clock.advance(3590)
    lease = world.reserve(6, ttl_seconds=60, on_expiry="charge")
    first_hour = world.counter_key(budget)
    world.clock.advance(120)
    close(world)
    charge(world)
    close(world)
    world.settle(lease, 2)
    close(world)

    books = read_books(world.table)
    statements = books.statements[first_hour]
    assert [(statement.spent, statement.held) for statement in statements] == [
        (0, 6 * ONE), (6 * ONE, 0), (2 * ONE, 0),
    ]  # fmt: skip


@pytest.mark.parametrize("seconds_later", [60, 4000])
def test_a_charge_that_has_left_a_rolling_window_is_replaced_in_the_books_alone(
    world: World, seconds_later: int
) -> None:
    budget = world.budget(10, period=RollingPeriod(3600))
    lease = world.reserve(6, ttl_seconds=10, on_expiry="charge")
    world.clock.advance(60)
    charge(world)
    world.clock.advance(seconds_later)
    world.settle(world.reserve(4), 4)

    world.settle(lease, 2)

    counter = world.counter(budget)
    assert counter.spent_of_all_time == 6 * ONE
    assert counter.grantable_at(now_ms=world.clock.now_ms()) == (
        4 * ONE if seconds_later == 60 else 6 * ONE
    )


def test_a_replaced_charge_and_as_much_new_spend_in_one_batch_count_in_their_slices(
    world: World,
) -> None:
    budget = world.budget(20, period=RollingPeriod(3600))
    lease = world.reserve(6, ttl_seconds=10, on_expiry="charge")
    world.clock.advance(60)
    charge(world)
    world.clock.advance(1800)

    world.settlements.apply([settle(lease, 2), settle(world.reserve(0), 4)])

    assert world.counter(budget).spent_at(now_ms=world.clock.now_ms()) == 6 * ONE
    world.clock.advance(1950)  # the charge has left the window
    assert world.counter(budget).spent_at(now_ms=world.clock.now_ms()) == 4 * ONE
