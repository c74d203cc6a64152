"""Extending: the hold moves to a later expiry on every counter, or on none."""

import pytest

from spendgate_service.domain.errors import (
    BudgetExceeded,
    NotFound,
    ReservationExpired,
    ReservationFinalized,
)
from spendgate_service.domain.hold_buckets import BUCKETS_PER_TTL_MAX, DEAD_BUCKETS_MAX
from tests.support.faulty_client import faulty, meanwhile
from tests.support.world import AGENT, ORGANIZATION, World


def test_an_extended_hold_lasts_from_now_on_for_the_new_time(world: World) -> None:
    budgets = [world.budget(10, on=subject) for subject in (ORGANIZATION, AGENT)]
    reservation = world.reserve(5, by=(ORGANIZATION, AGENT), ttl_seconds=10)
    world.clock.advance(9)

    extended = world.extend(reservation, 60)

    assert extended.expires_at_ms == world.clock.now_ms() + 60_000
    assert world.find(reservation) == extended
    world.clock.advance(59)
    assert [world.spent_and_held(budget) for budget in budgets] == [(0, 5), (0, 5)]


def test_an_extended_hold_blocks_others_after_its_first_expiry(world: World) -> None:
    world.budget(10)
    world.extend(world.reserve(10, ttl_seconds=5), 600)
    world.clock.advance(60)

    with pytest.raises(BudgetExceeded):
        world.reserve(1)


def test_a_hold_may_be_shortened(world: World) -> None:
    world.budget(10)
    world.extend(world.reserve(10, ttl_seconds=600), 1)
    world.clock.advance(3)

    world.reserve(10)


def test_an_extension_within_the_same_bucket_moves_only_the_expiry(world: World) -> None:
    budget = world.budget(10)
    reservation = world.reserve(5, ttl_seconds=300)
    world.clock.advance(0.001)
    before = world.counter(budget)

    world.extend(reservation, 299)

    assert world.counter(budget) == before


def test_an_extended_reservation_is_settled_out_of_its_new_bucket(world: World) -> None:
    budget = world.budget(10)
    reservation = world.reserve(5, ttl_seconds=10)
    world.extend(reservation, 600)

    world.settle(reservation, 4)

    assert world.spent_and_held(budget) == (4, 0)


def test_a_hold_that_has_expired_cannot_be_extended(world: World) -> None:
    world.budget(10)
    reservation = world.reserve(5, ttl_seconds=10)
    world.clock.advance(10)

    with pytest.raises(ReservationExpired, match="has expired"):
        world.extend(reservation, 60)


def test_a_settled_reservation_cannot_be_extended(world: World) -> None:
    world.budget(10)
    reservation = world.reserve(5)
    world.settle(reservation, 4)

    with pytest.raises(ReservationFinalized, match="was settled"):
        world.extend(reservation, 60)


def test_an_unknown_reservation_cannot_be_extended(world: World) -> None:
    with pytest.raises(NotFound):
        world.extend("rsv_unknown", 60)


def test_of_two_extensions_at_once_both_take_effect_in_turn(world: World) -> None:
    world.budget(10)
    reservation = world.reserve(5, ttl_seconds=10)
    table, client = faulty(world.table)
    client.fail("transact_write_items", meanwhile(lambda: world.extend(reservation, 60)))

    world.on(table).extend(reservation, 120)

    assert world.find(reservation).expires_at_ms == world.clock.now_ms() + 120_000


def test_an_extension_that_a_settlement_overtakes_says_so(world: World) -> None:
    world.budget(10)
    reservation = world.reserve(5, ttl_seconds=10)
    table, client = faulty(world.table)
    client.fail("transact_write_items", meanwhile(lambda: world.settle(reservation, 4)))

    with pytest.raises(ReservationFinalized, match="was settled"):
        world.on(table).extend(reservation, 120)


def test_a_hold_that_was_reclaimed_meanwhile_cannot_be_extended(world: World) -> None:
    world.budget(10)
    reservation = world.reserve(10, ttl_seconds=10)
    table, client = faulty(world.table)

    def time_passes_and_others_reserve() -> None:
        world.clock.advance(20)
        world.reserve(10)

    client.fail("transact_write_items", meanwhile(time_passes_and_others_reserve))

    with pytest.raises(ReservationExpired, match="has lost its hold"):
        world.on(table).extend(reservation, 120)


def test_a_hold_that_is_moved_again_and_again_leaves_no_trail_of_buckets(world: World) -> None:
    budget = world.budget(10)
    reservation = world.reserve(5, ttl_seconds=20)

    for _ in range(40):
        world.clock.advance(1)
        world.extend(reservation, 20)

    assert len(world.counter(budget).holds) <= BUCKETS_PER_TTL_MAX + DEAD_BUCKETS_MAX
    assert world.spent_and_held(budget) == (0, 5)
