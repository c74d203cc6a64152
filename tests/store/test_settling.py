"""Settling and releasing one reservation: once, in full, in the period it was reserved in."""

import pytest

from spendgate_service.domain.amounts import ONE
from spendgate_service.domain.calendar import CalendarPeriod
from spendgate_service.domain.errors import BudgetExceeded, NotFound, ReservationFinalized
from spendgate_service.settlements.apply import CounterGone
from spendgate_service.settlements.plan import Settled
from spendgate_service.store import values
from tests.support.ledger_invariants import read_books
from tests.support.world import AGENT, ORGANIZATION, World


@pytest.mark.parametrize(("actual", "left"), [(0, 10), (3, 7), (5, 5), (8, 2)])
def test_a_settlement_replaces_the_hold_by_what_was_spent(
    world: World, actual: int, left: int
) -> None:
    budget = world.budget(10)

    settled = world.settle(world.reserve(5), actual)

    assert settled.reservation.state == "settled"
    assert world.spent_and_held(budget) == (actual, 0)
    assert world.counter(budget).available == left * ONE


def test_a_settlement_above_the_estimate_is_marked_as_an_overrun(world: World) -> None:
    world.budget(10)
    over, within = world.reserve(2), world.reserve(2)

    assert world.settle(over, 3).reservation.overrun
    assert not world.settle(within, 2).reservation.overrun


def test_a_settlement_may_take_a_budget_below_zero_and_nothing_is_granted_then(
    world: World,
) -> None:
    budget = world.budget(10)

    world.settle(world.reserve(5), 25)

    assert world.counter(budget).available == -15 * ONE
    assert world.counter(budget).overrun(now_ms=world.clock.now_ms()) == 15 * ONE
    with pytest.raises(BudgetExceeded):
        world.reserve(1)


def test_a_unit_that_is_not_named_settles_at_its_estimate(world: World) -> None:
    usd, tokens = world.budget(10), world.budget(1000, unit="tokens")

    settled = world.settle(world.reserve(5, tokens=300), 2)

    assert world.spent_and_held(usd) == (2, 0)
    assert world.spent_and_held(tokens) == (300, 0)
    assert settled.reservation.actual == {"usd": 2 * ONE, "tokens": 300 * ONE}


def test_a_unit_beyond_the_reservation_is_debited_directly(world: World) -> None:
    usd, tokens = world.budget(10), world.budget(1000, unit="tokens")

    world.settle(world.reserve(5), 2, tokens=300)

    assert world.spent_and_held(usd) == (2, 0)
    assert world.spent_and_held(tokens) == (300, 0)


def test_a_unit_beyond_the_reservation_is_debited_in_the_period_of_the_reservation(
    world: World,
) -> None:
    world.budget(10)
    tokens = world.budget(1000, unit="tokens", period=CalendarPeriod("hour"))
    world.clock.advance(3599)
    reserved_in = world.counter_key(tokens)
    reservation = world.reserve(5)
    world.clock.advance(60)

    world.settle(reservation, 2, tokens=300)

    assert read_books(world.table).spent_by_ledger[reserved_in] == 300 * ONE


def test_every_budget_of_a_reservation_is_settled_with_its_own_ledger_entry(world: World) -> None:
    budgets = [world.budget(10, on=subject) for subject in (ORGANIZATION, AGENT)]

    world.settle(world.reserve(5, by=(ORGANIZATION, AGENT)), 3)

    assert [world.spent_and_held(budget) for budget in budgets] == [(3, 0), (3, 0)]
    assert read_books(world.table).entries == 2


def test_a_late_settlement_counts_in_full_while_its_hold_is_not_reclaimed(world: World) -> None:
    budget = world.budget(10)
    reservation = world.reserve(5, ttl_seconds=1)
    world.clock.advance(10)

    settled = world.settle(reservation, 4)

    assert settled.reservation.late
    assert world.spent_and_held(budget) == (4, 0)
    assert world.counter(budget).available == 6 * ONE


def test_a_late_settlement_counts_in_full_though_its_hold_was_reclaimed(world: World) -> None:
    budget = world.budget(10)
    reservation = world.reserve(10, ttl_seconds=1)
    world.clock.advance(10)
    world.reserve(10)

    settled = world.settle(reservation, 4)

    assert settled.reservation.late
    assert world.spent_and_held(budget) == (4, 10)
    assert world.counter(budget).available == -4 * ONE


def test_late_settlements_of_one_reclaimed_bucket_leave_new_holds_alone(world: World) -> None:
    budget = world.budget(10)
    late = [world.reserve(5, ttl_seconds=1), world.reserve(5, ttl_seconds=1)]
    world.clock.advance(10)
    world.reserve(8)

    for reservation in late:
        world.settle(reservation, 1)

    assert world.spent_and_held(budget) == (2, 8)


def test_a_settlement_goes_to_the_period_in_which_it_was_reserved(world: World) -> None:
    budget = world.budget(10, period=CalendarPeriod("hour"))
    world.clock.advance(3599)
    reserved_in = world.counter_key(budget)
    reservation = world.reserve(5)
    world.clock.advance(60)
    world.reserve(1)

    world.settle(reservation, 4)

    books = read_books(world.table)
    assert books.counters[reserved_in].spent == 4 * ONE
    assert world.spent_and_held(budget) == (0, 1)


def test_a_settlement_sent_again_changes_nothing(world: World) -> None:
    budget = world.budget(10)
    reservation = world.reserve(5)
    first = world.settle(reservation, 4)
    world.clock.advance(5)

    again = world.settle(reservation, 4)

    assert again == Settled(first.reservation, replayed=True)
    assert world.spent_and_held(budget) == (4, 0)


def test_settling_again_with_another_amount_is_refused(world: World) -> None:
    budget = world.budget(10)
    reservation = world.reserve(5)
    world.settle(reservation, 4)

    with pytest.raises(ReservationFinalized, match="settled with another actual"):
        world.settle(reservation, 3)

    assert world.spent_and_held(budget) == (4, 0)


def test_settling_again_at_the_estimate_that_was_left_out_is_the_same_settlement(
    world: World,
) -> None:
    world.budget(10)
    reservation = world.reserve(5)
    world.settle(reservation)

    assert world.settle(reservation, 5).replayed


def test_a_release_gives_the_hold_back_and_leaves_no_ledger_entry(world: World) -> None:
    budget = world.budget(10)

    released = world.release(world.reserve(5))

    assert released.reservation.state == "released"
    assert world.spent_and_held(budget) == (0, 0)
    assert world.counter(budget).available == 10 * ONE
    assert read_books(world.table).entries == 0


def test_a_release_sent_again_changes_nothing(world: World) -> None:
    budget = world.budget(10)
    reservation = world.reserve(5)
    world.release(reservation)

    assert world.release(reservation).replayed
    assert world.counter(budget).available == 10 * ONE


def test_a_release_of_a_hold_that_was_reclaimed_gives_nothing_back_twice(world: World) -> None:
    budget = world.budget(10)
    reservation = world.reserve(10, ttl_seconds=1)
    world.clock.advance(10)
    world.reserve(10)

    world.release(reservation)

    assert world.counter(budget).available == 0


def test_a_released_reservation_cannot_be_settled(world: World) -> None:
    budget = world.budget(10)
    reservation = world.reserve(5)
    world.release(reservation)

    with pytest.raises(ReservationFinalized, match="was released"):
        world.settle(reservation, 4)

    assert world.spent_and_held(budget) == (0, 0)


def test_a_settled_reservation_cannot_be_released(world: World) -> None:
    budget = world.budget(10)
    reservation = world.reserve(5)
    world.settle(reservation, 4)

    with pytest.raises(ReservationFinalized, match="was settled"):
        world.release(reservation)

    assert world.spent_and_held(budget) == (4, 0)


def test_an_unknown_reservation_cannot_be_settled(world: World) -> None:
    with pytest.raises(NotFound):
        world.settle("rsv_unknown", 4)


def test_a_reservation_that_no_budget_limited_is_settled_all_the_same(world: World) -> None:
    reservation = world.reserve(5)

    assert world.settle(reservation, 4).reservation.actual == {"usd": 4 * ONE}
    assert world.settle(reservation, 4).replayed


@pytest.mark.parametrize("estimate", [5, 0])
def test_a_settlement_whose_counter_was_removed_by_hand_is_not_lost_but_fails(
    world: World, estimate: int
) -> None:
    budget = world.budget(10)
    reservation = world.reserve(estimate)
    world.table.delete(values.key(world.counter_key(budget)))

    with pytest.raises(CounterGone):
        world.settle(reservation, 4)

    assert world.find(reservation).state == "held"
    world.table.delete(values.key(world.reservation_key(reservation)))
