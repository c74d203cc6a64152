"""Leases: captures by totals, in any order and any number of times, and how a lease ends."""

from collections.abc import Callable
from itertools import permutations

import pytest

from spendgate_service.domain.amounts import ONE
from spendgate_service.domain.errors import InvalidValue, ReservationFinalized
from spendgate_service.domain.rates import Rate
from spendgate_service.domain.requests import Capture, Settle
from spendgate_service.settlements.plan import Captured
from tests.support.ledger_invariants import assert_books_balance, read_books
from tests.support.world import TENANT, World, capture, set_rates, settle


def test_a_capture_moves_the_difference_from_the_hold_to_spent(world: World) -> None:
    budget = world.budget(10)
    lease = world.reserve(5)

    world.capture(lease, 2)
    held = world.capture(lease, 3, returned=1).reservation

    assert held.state == "held"
    assert held.uncaptured == {"usd": ONE}
    assert world.spent_and_held(budget) == (3, 1)
    assert world.counter(budget).available == 6 * ONE


@pytest.mark.parametrize("order", [*permutations([1, 3, 2])])
def test_repeated_and_reordered_captures_change_nothing(
    world: World, order: tuple[int, ...]
) -> None:
    budget = world.budget(10)
    lease = world.reserve(5)

    for total in order:
        world.capture(lease, total, returned=total // 2)

    assert world.spent_and_held(budget) == (3, 1)
    assert world.find(lease).captured == {"usd": 3 * ONE}
    again = world.capture(lease, 3, returned=1)
    assert again == Captured(world.find(lease), replayed=True)


def test_captures_of_one_lease_in_a_batch_become_the_largest(world: World) -> None:
    budget = world.budget(10)
    lease, other = world.reserve(5), world.reserve(2)

    outcomes = world.settlements.apply(
        [capture(lease, 1), settle(other, 1), capture(lease, 3), capture(lease, 2)]
    )

    assert [getattr(outcome, "replayed", outcome) for outcome in outcomes] == [False] * 4
    assert world.spent_and_held(budget) == (4, 2)
    assert len(read_books(world.table).usage) == 2, "one record for the captures together"


def test_more_than_was_granted_is_captured_in_full(world: World) -> None:
    budget = world.budget(10)
    lease = world.reserve(5)

    assert world.capture(lease, 12).reservation.overrun

    assert world.spent_and_held(budget) == (12, 0)
    assert world.counter(budget).available == -2 * ONE


def test_a_capture_takes_no_more_out_of_the_bucket_than_is_in_it(world: World) -> None:
    budget = world.budget(10)
    lease = world.reserve(6, ttl_seconds=10)
    world.clock.advance(30)
    world.reserve(8)  # out of what the lease held

    late = world.capture(lease, 5)

    assert not late.replayed
    assert world.spent_and_held(budget) == (5, 8)
    assert world.counter(budget).available == -3 * ONE
    assert [record.late for _, record in read_books(world.table).usage] == [True]


def test_a_settlement_is_the_final_total(world: World) -> None:
    budget, tokens = world.budget(10), world.budget(1000, unit="tokens")
    lease = world.reserve(5, tokens=300)
    world.capture(lease, 2)

    settled = world.settle(lease, 4).reservation

    assert settled.actual == {"usd": 4 * ONE, "tokens": 300 * ONE}, "of tokens nothing was captured"
    assert world.spent_and_held(budget) == (4, 0)
    assert world.spent_and_held(tokens) == (300, 0)
    assert world.settle(lease, 4).replayed


def test_a_unit_that_is_not_named_settles_at_what_was_captured(world: World) -> None:
    budget = world.budget(10)
    lease = world.reserve(5)
    world.capture(lease, 2, returned=1)

    assert world.settle(lease).reservation.actual == {"usd": 2 * ONE}
    assert world.spent_and_held(budget) == (2, 0)


def test_what_was_given_back_is_no_estimate(world: World) -> None:
    budget = world.budget(10)
    lease = world.reserve(5)
    world.capture(lease, returned=5)

    assert world.settle(lease).reservation.actual == {"usd": 0}
    assert world.spent_and_held(budget) == (0, 0)


def test_a_settlement_below_what_was_captured_is_refused(world: World) -> None:
    budget = world.budget(10)
    lease = world.reserve(5)
    world.capture(lease, 2)

    with pytest.raises(InvalidValue, match="2 was captured already"):
        world.settle(lease, 1)

    assert world.spent_and_held(budget) == (2, 3)


def test_a_release_gives_back_what_was_not_captured(world: World) -> None:
    budget = world.budget(10)
    lease = world.reserve(5)
    world.capture(lease, 2)

    assert world.release(lease).reservation.actual == {"usd": 2 * ONE}
    assert world.spent_and_held(budget) == (2, 0)


def test_after_the_expiry_what_was_captured_stays_spent_and_the_rest_is_free(world: World) -> None:
    budget = world.budget(10)
    lease = world.reserve(5, ttl_seconds=10)
    world.capture(lease, 2)
    world.clock.advance(30)

    assert world.find(lease).state_at(now_ms=world.clock.now_ms()) == "expired"
    assert world.reserve(8), "all but what was captured"
    assert world.counter(budget).spent == 2 * ONE


@pytest.mark.parametrize("ends_by", ["settlement", "release"])
def test_after_the_end_only_a_larger_total_is_refused(world: World, ends_by: str) -> None:
    budget = world.budget(10)
    lease = world.reserve(5)
    world.capture(lease, 3)
    if ends_by == "settlement":
        world.settle(lease, 3)
    else:
        world.release(lease)

    assert world.capture(lease, 2, returned=4).replayed
    assert world.capture(lease, 3).replayed
    with pytest.raises(ReservationFinalized):
        world.capture(lease, 4)

    assert world.spent_and_held(budget) == (3, 0)


def test_a_unit_that_was_not_reserved_is_debited_by_its_difference(world: World) -> None:
    usd, tokens = world.budget(10), world.budget(1000, unit="tokens")
    lease = world.reserve(5)

    world.capture(lease, 1, tokens=300)
    world.capture(lease, 1, tokens=400)
    world.settle(lease, 2, tokens=500)

    assert world.spent_and_held(usd) == (2, 0)
    assert world.spent_and_held(tokens) == (500, 0)


@pytest.mark.parametrize("held", ["tokens", "eur"])
@pytest.mark.parametrize("together", [False, True])
def test_the_books_agree_where_each_capture_is_rounded_up(
    world: World, held: str, together: bool
) -> None:
    """The kind: parts that a conversion rounds, on a budget with a hold and on one without."""
    set_rates(world, Rate("eur", "usd", 9 * ONE // 10, updated_at_ms=0))
    world.budget(10)
    lease = world.reserve(**{held: 5})
    totals = [1, 7, ONE // 2]
    captures = [Capture(TENANT, lease, {"eur": total}, {}) for total in totals]

    for batch in [captures] if together else [[each] for each in captures]:
        world.settlements.apply(batch)
    world.settlements.apply([Settle(TENANT, lease, {"eur": ONE // 2 + 1})])

    assert_books_balance(world.table, now_ms=world.clock.now_ms())


def test_an_extended_lease_keeps_what_it_holds(world: World) -> None:
    budget = world.budget(10)
    lease = world.reserve(5, ttl_seconds=10)
    world.capture(lease, 2, returned=1)

    world.extend(lease, 600)
    world.clock.advance(60)

    assert world.spent_and_held(budget) == (2, 2)
    world.capture(lease, 4, returned=1)
    assert world.spent_and_held(budget) == (4, 0)


@pytest.mark.parametrize(
    ("others_do", "spent", "held"),
    [
        (lambda world, lease: world.settle(lease, 4), 4, 0),
        (lambda world, lease: world.extend(lease, 600), 2, 3),
        (lambda world, lease: world.capture(lease, 3), 3, 2),
    ],
    ids=["settled", "extended", "captured"],
)
def test_a_capture_that_others_overtake_counts_from_what_they_left(
    world: World, others_do: Callable[[World, str], object], spent: int, held: int
) -> None:
    budget = world.budget(10)
    lease = world.reserve(5, ttl_seconds=10)
    world.capture(lease, 1)

    world.overtaken_by(lambda: others_do(world, lease)).capture(lease, 2)

    assert world.spent_and_held(budget) == (spent, held)
