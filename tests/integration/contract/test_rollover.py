"""Rollover: one statement for each period, and a counter leaves the index of the due."""

from collections.abc import Callable

import pytest

from spendgate.domain.amounts import ONE
from spendgate.domain.periods import CalendarPeriod
from spendgate.domain.statements import CLOSING_GRACE_SECONDS
from spendgate.store.items import read_amount
from spendgate.store.rollover import Progress, close_due_periods
from tests.books import read_books, scan
from tests.world import World

HOUR = CalendarPeriod("hour")


def close(world: World, *, has_time: Callable[[], bool] = lambda: True) -> Progress:
    return close_due_periods(world.table, now_ms=world.clock.now_ms(), has_time=has_time)


def due(world: World) -> int:
    return sum("due_shard" in item for item in scan(world.table))


def test_a_period_that_has_ended_gets_a_statement_of_what_it_came_to(world: World) -> None:
    world.budget(10, period=HOUR)
    world.record(12)
    world.clock.advance(3600 + CLOSING_GRACE_SECONDS)

    assert close(world) == Progress(closed=1)

    (statement,) = read_books(world.table).statements
    assert read_amount(statement["spent"]) == 12 * ONE
    assert read_amount(statement["limit_amount"]) == 10 * ONE
    assert read_amount(statement["overrun"]) == 2 * ONE


def test_a_closed_period_leaves_the_index_and_is_not_closed_again(world: World) -> None:
    world.budget(10, period=HOUR)
    world.clock.advance(3600 + CLOSING_GRACE_SECONDS)
    close(world)

    assert due(world) == 0
    assert close(world) == Progress()


def test_a_period_in_force_stays_open(world: World) -> None:
    world.budget(10, period=HOUR)
    world.clock.advance(3599)

    assert close(world) == Progress()
    assert due(world) == 1


def test_a_balance_that_never_resets_is_never_due(world: World) -> None:
    world.budget(10)
    world.record(1)
    world.clock.advance(400 * 86_400)

    assert close(world) == Progress()


def test_a_period_waits_for_a_hold_that_can_still_be_settled_in_time(world: World) -> None:
    world.budget(10, period=HOUR)
    world.clock.advance(3500)
    reservation = world.reserve(5, ttl_seconds=600)
    world.clock.advance(200)
    assert close(world) == Progress(waiting=1)

    world.settle(reservation, 3)

    assert close(world) == Progress(closed=1)
    (statement,) = read_books(world.table).statements
    assert read_amount(statement["spent"]) == 3 * ONE


def test_a_run_that_stopped_after_the_statement_is_finished_by_the_next(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.budget(10, period=HOUR)
    world.record(4)
    world.clock.advance(3600 + CLOSING_GRACE_SECONDS)
    with monkeypatch.context() as crash:
        crash.setattr(world.table, "update", stop)
        with pytest.raises(KeyboardInterrupt):
            close(world)
    (first,) = read_books(world.table).statements
    world.clock.advance(60)

    assert close(world) == Progress(closed=1)

    assert read_books(world.table).statements == [first]
    assert due(world) == 0


def test_a_run_out_of_time_stops_and_the_next_goes_on(world: World) -> None:
    for number in range(5):
        world.budget(10, on=f"agent:{number}", period=HOUR)
    world.clock.advance(3600 + CLOSING_GRACE_SECONDS)
    answers = iter([True, True, False])

    first = close(world, has_time=lambda: next(answers))

    assert first == Progress(closed=2, ran_out_of_time=True)
    assert close(world) == Progress(closed=3)
    assert len(read_books(world.table).statements) == 5


def test_a_settlement_after_the_statement_still_counts(world: World) -> None:
    budget = world.budget(10, period=HOUR)
    reserved_in = world.counter_key(budget)
    world.clock.advance(3500)
    reservation = world.reserve(5, ttl_seconds=10)
    world.clock.advance(200)
    close(world)

    world.settle(reservation, 3)

    assert read_books(world.table).counters[reserved_in].spent == 3 * ONE


def stop(*_arguments: object, **_named: object) -> None:
    raise KeyboardInterrupt


def test_a_period_stays_open_for_a_reservation_that_is_under_way_at_its_end(world: World) -> None:
    world.budget(10, period=HOUR)
    world.record(1)
    world.clock.advance(3600 + CLOSING_GRACE_SECONDS - 1)

    assert close(world) == Progress(waiting=1)
    assert due(world) == 1
