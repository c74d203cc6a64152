"""Others come between two calls of one operation: the decision travels inside the write."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from spendgate_service.domain.amounts import ONE
from spendgate_service.domain.errors import BudgetExceeded
from spendgate_service.domain.hold_buckets import DEAD_BUCKETS_MAX
from spendgate_service.store.policy_cache import PRESENT_SECONDS_MAX
from tests.support.faulty_client import KILLED_AFTER, FaultyClient, Killed, faulty, meanwhile
from tests.support.world import AGENT, ORGANIZATION, World, settle

type Slow = tuple[World, FaultyClient]


@pytest.fixture
def slow(world: World) -> Slow:
    """The same tenant as seen by a process that others overtake."""
    table, client = faulty(world.table)
    return world.on(table), client


def before_update(slow: Slow, others_do: Callable[[], object], *, at: int) -> World:
    slow[1].fail("update_item", meanwhile(others_do), at=at)
    return slow[0]


def test_what_was_left_beside_an_expired_hold_is_not_granted_twice(
    world: World, slow: Slow
) -> None:
    budget = world.budget(10)
    world.reserve(5, ttl_seconds=1)
    world.clock.advance(5)
    overtaken = before_update(slow, lambda: world.reserve(5), at=2)

    with pytest.raises(BudgetExceeded):
        overtaken.reserve(8)

    assert world.spent_and_held(budget) == (0, 5)


def test_an_expired_hold_comes_back_once_though_two_saw_it(world: World, slow: Slow) -> None:
    budget = world.budget(10)
    world.reserve(10, ttl_seconds=1)
    world.clock.advance(5)
    overtaken = before_update(slow, lambda: world.reserve(6), at=2)

    with pytest.raises(BudgetExceeded):
        overtaken.reserve(6)

    assert world.spent_and_held(budget) == (0, 6)


def test_an_expired_hold_comes_back_under_the_limit_that_holds_by_then(
    world: World, slow: Slow
) -> None:
    budget = world.budget(10)
    world.reserve(10, ttl_seconds=1)
    world.clock.advance(5)
    overtaken = before_update(slow, lambda: world.set_limit(budget, 5), at=2)

    with pytest.raises(BudgetExceeded):
        overtaken.reserve(8)

    assert world.spent_and_held(budget) == (0, 0)


def test_a_limit_lowered_after_the_rules_were_read_refuses_what_it_no_longer_allows(
    world: World, slow: Slow
) -> None:
    budget = world.budget(10)
    world.reserve(1)
    overtaken = before_update(slow, lambda: world.set_limit(budget, 5), at=1)

    with pytest.raises(BudgetExceeded) as refused:
        overtaken.reserve(5)

    assert refused.value.violations[0].available == 4 * ONE


def test_a_dead_bucket_that_is_settled_late_meanwhile_is_not_swept_as_it_was(
    world: World, slow: Slow
) -> None:
    budget = world.budget(100)
    dead = []
    for _ in range(DEAD_BUCKETS_MAX):
        dead.append(world.reserve(2, ttl_seconds=1))
        world.clock.advance(1)
    world.clock.advance(5)
    overtaken = before_update(slow, lambda: world.settle(dead[0], 1), at=2)

    overtaken.reserve(1)

    assert world.counter(budget).available_at(now_ms=world.clock.now_ms()) == 98 * ONE


def test_a_counter_is_brought_up_once_though_two_saw_it_behind(world: World, slow: Slow) -> None:
    budget = world.budget(10, on="agent:*")
    world.reserve(1)
    world.set_limit(budget, 20)
    world.clock.advance(PRESENT_SECONDS_MAX)
    overtaken = before_update(slow, lambda: world.reserve(1), at=2)

    overtaken.reserve(1)

    assert world.counter(budget, AGENT).available == 17 * ONE


def test_a_counter_that_two_would_create_is_created_once(world: World, slow: Slow) -> None:
    budget = world.budget(10, on="agent:*")
    overtaken = before_update(slow, lambda: world.reserve(6), at=1)

    with pytest.raises(BudgetExceeded) as refused:
        overtaken.reserve(6)

    assert refused.value.violations[0].available == 4 * ONE
    assert world.spent_and_held(budget, AGENT) == (0, 6)


def test_a_hold_that_was_reclaimed_before_it_could_be_given_back_is_not_given_back(
    world: World, slow: Slow
) -> None:
    organization = world.budget(10, on=ORGANIZATION)
    world.budget(1)

    def time_passes_and_others_reserve() -> None:
        world.clock.advance(20)
        world.reserve(10, by=(ORGANIZATION,))

    overtaken = before_update(slow, time_passes_and_others_reserve, at=3)

    with pytest.raises(BudgetExceeded):
        overtaken.reserve(6, by=(ORGANIZATION, AGENT), ttl_seconds=5)

    assert world.counter(organization).available == 0


def test_a_hold_that_is_reclaimed_while_it_is_settled_is_returned_once(
    world: World, slow: Slow
) -> None:
    budget = world.budget(10)
    late = world.reserve(10, ttl_seconds=1)
    overtaken, client = slow

    def time_passes_and_others_reserve() -> None:
        world.clock.advance(5)
        world.reserve(8)

    client.fail("transact_write_items", meanwhile(time_passes_and_others_reserve))

    overtaken.settle(late, 1)

    assert world.spent_and_held(budget) == (1, 8)


def test_a_late_settlement_meets_the_hold_of_a_slow_process_in_its_own_reclaimed_bucket(
    world: World, slow: Slow
) -> None:
    budget = world.budget(20)
    late = world.reserve(5, ttl_seconds=1)
    overtaken, client = slow

    def time_passes_and_others_reserve() -> None:
        world.clock.advance(5)
        world.reserve(16)

    client.fail("update_item", replace(KILLED_AFTER, meanwhile=time_passes_and_others_reserve))
    with pytest.raises(Killed):
        overtaken.reserve(3, ttl_seconds=1)

    world.settle(late, 1)

    assert world.spent_and_held(budget) == (1, 16)
    assert world.counter(budget).available == 3 * ONE


def test_a_settlement_that_another_delivery_overtakes_counts_once(world: World, slow: Slow) -> None:
    budget = world.budget(10)
    reservation = world.reserve(5)
    overtaken, client = slow
    client.fail("transact_write_items", meanwhile(lambda: world.settle(reservation, 3)))

    assert overtaken.settle(reservation, 3).replayed

    assert world.spent_and_held(budget) == (3, 0)


def test_a_settlement_that_an_extension_overtakes_takes_the_hold_from_where_it_is(
    world: World, slow: Slow
) -> None:
    budget = world.budget(10)
    reservation = world.reserve(5)
    overtaken, client = slow
    client.fail("transact_write_items", meanwhile(lambda: world.extend(reservation, 900)))

    overtaken.settle(reservation, 3)

    assert world.spent_and_held(budget) == (3, 0)
    assert world.counter(budget).available == 7 * ONE


def test_a_record_that_another_delivery_overtakes_counts_once(world: World, slow: Slow) -> None:
    budget = world.budget(10)
    overtaken, client = slow
    client.fail("transact_write_items", meanwhile(lambda: world.record(3, key="evt-1")))

    overtaken.record(3, key="evt-1")

    assert world.spent_and_held(budget) == (3, 0)


def test_a_duplicate_reservation_that_overtakes_answers_for_both(world: World, slow: Slow) -> None:
    budget = world.budget(10)
    overtaken, client = slow
    first: list[str] = []
    client.fail("put_item", meanwhile(lambda: first.append(world.ask(4, key="k").answer)))

    assert overtaken.ask(4, key="k").answer == first[0]

    assert world.spent_and_held(budget) == (0, 4)


def test_a_settlement_that_was_overtaken_is_taken_out_and_its_neighbours_go_through_at_once(
    world: World, slow: Slow
) -> None:
    budget = world.budget(100)
    reservations = [world.reserve(5) for _ in range(3)]
    overtaken, client = slow
    client.fail("transact_write_items", meanwhile(lambda: world.settle(reservations[1], 3)))

    outcomes = overtaken.settlements.apply([settle(reservation, 3) for reservation in reservations])

    assert [getattr(outcome, "replayed", None) for outcome in outcomes] == [False, True, False]
    assert client.calls.count("transact_write_items") == 2
    assert world.spent_and_held(budget) == (9, 0)
