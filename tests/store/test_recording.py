"""Recording spend that was never reserved: once by key, never refused for lack of budget."""

import pytest

from spendgate_service.domain.amounts import ONE
from spendgate_service.domain.calendar import CalendarPeriod
from spendgate_service.domain.errors import IdempotencyConflict
from spendgate_service.domain.hold_buckets import DEAD_BUCKETS_MAX
from spendgate_service.domain.periods import SLICES_MAX, RollingPeriod
from spendgate_service.settlements.plan import Recorded
from spendgate_service.store.idempotency import ONCE_RETENTION_SECONDS
from tests.support.ledger_invariants import read_books
from tests.support.world import AGENT, ORGANIZATION, World, record


def test_a_record_is_debited_from_every_budget_that_applies(world: World) -> None:
    budgets = [world.budget(10, on=subject) for subject in (ORGANIZATION, AGENT)]

    world.record(4, by=(ORGANIZATION, AGENT))

    assert [world.spent_and_held(budget) for budget in budgets] == [(4, 0), (4, 0)]


def test_a_record_creates_the_counter_of_a_default(world: World) -> None:
    budget = world.budget(10, on="agent:*", period=CalendarPeriod("day"))

    world.record(4)

    assert world.counter(budget, AGENT).available == 6 * ONE


def test_a_reservation_meets_the_counter_that_a_record_created(world: World) -> None:
    budget = world.budget(10, on="agent:*")
    world.record(4)

    world.reserve(6)

    assert world.spent_and_held(budget, AGENT) == (4, 6)


def test_a_record_is_never_refused_for_lack_of_budget(world: World) -> None:
    budget = world.budget(10)

    world.record(25)

    assert world.counter(budget).available == -15 * ONE


def test_a_record_counts_once_by_its_key_and_gets_the_first_answer(world: World) -> None:
    budget = world.budget(10)
    first = world.record(4, key="evt-1")
    world.clock.advance(5)

    again = world.settlements.apply_one(record(4, key="evt-1"))

    assert again == Recorded(first, replayed=True)
    assert world.spent_and_held(budget) == (4, 0)


def test_a_record_sent_twice_in_one_batch_counts_once(world: World) -> None:
    budget = world.budget(10)

    world.settlements.apply([record(4, key="evt-1"), record(4, key="evt-1")])

    assert world.spent_and_held(budget) == (4, 0)


def test_the_same_key_with_another_record_is_a_conflict(world: World) -> None:
    budget = world.budget(10)
    world.record(4, key="evt-1")

    with pytest.raises(IdempotencyConflict):
        world.record(5, key="evt-1")

    assert world.spent_and_held(budget) == (4, 0)


def test_a_key_counts_anew_when_it_is_no_longer_remembered(world: World) -> None:
    budget = world.budget(10)
    world.record(4, key="evt-1")
    world.clock.advance(ONCE_RETENTION_SECONDS)

    world.record(4, key="evt-1")

    assert world.spent_and_held(budget) == (8, 0)


def test_records_without_a_key_count_each_time(world: World) -> None:
    budget = world.budget(10)

    world.settlements.apply([record(4), record(4)])

    assert world.spent_and_held(budget) == (8, 0)
    assert read_books(world.table).entries == 2


def test_a_record_that_no_budget_counts_is_answered_and_remembered(world: World) -> None:
    first = world.record(4, key="evt-1")

    assert world.settlements.apply_one(record(4, key="evt-1")) == Recorded(first, replayed=True)


def test_a_rolling_window_in_which_nobody_reserves_stays_small_all_the_same(world: World) -> None:
    budget = world.budget(100, period=RollingPeriod(SLICES_MAX))

    for _ in range(2 * SLICES_MAX):
        world.clock.advance(1)
        world.record(1)

    counter = world.counter(budget)
    assert len(counter.slices) <= SLICES_MAX + 1 + DEAD_BUCKETS_MAX
    assert counter.spent_at(now_ms=world.clock.now_ms()) == (SLICES_MAX + 1) * ONE
    world.reserve(100 - SLICES_MAX - 2)  # the last slice leaves a second later by another clock
