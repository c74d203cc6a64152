"""A batch of the settlement queue: every command once, and none stands in its neighbours' way."""

from spendgate_service.domain.errors import NotFound, ReservationFinalized
from spendgate_service.settlements.plan import Recorded, Settled
from tests.support.ledger_invariants import read_books
from tests.support.world import AGENT, ORGANIZATION, World, record, release, settle


def replayed(outcomes: list[object]) -> list[bool]:
    assert all(isinstance(outcome, Settled | Recorded) for outcome in outcomes), outcomes
    return [outcome.replayed for outcome in outcomes if isinstance(outcome, Settled | Recorded)]


def test_settlements_of_one_budget_add_up(world: World) -> None:
    budget = world.budget(100)
    reservations = [world.reserve(5) for _ in range(10)]

    outcomes = world.settlements.apply([settle(reservation, 3) for reservation in reservations])

    assert replayed([*outcomes]) == [False] * 10
    assert world.spent_and_held(budget) == (30, 0)
    assert read_books(world.table).entries == 10


def test_a_duplicate_within_a_batch_counts_once(world: World) -> None:
    budget = world.budget(100)
    reservation = world.reserve(5)

    outcomes = world.settlements.apply([settle(reservation, 3)] * 4)

    assert replayed([*outcomes]) == [False, True, True, True]
    assert world.spent_and_held(budget) == (3, 0)


def test_the_same_settle_message_in_three_batches_changes_the_spent_amount_once(
    world: World,
) -> None:
    budget = world.budget(100)
    message = settle(world.reserve(5), 3)
    for _ in range(3):
        other = settle(world.reserve(2), 2)

        world.settlements.apply([other, message])

    assert world.spent_and_held(budget) == (3 + 3 * 2, 0)
    assert read_books(world.table).entries == 4


def test_of_a_settlement_and_a_release_in_one_batch_the_first_wins(world: World) -> None:
    budget = world.budget(100)
    one, other = world.reserve(5), world.reserve(5)

    outcomes = world.settlements.apply(
        [settle(one, 3), release(one), release(other), settle(other, 3)]
    )

    assert isinstance(outcomes[0], Settled) and isinstance(outcomes[2], Settled)
    assert isinstance(outcomes[1], ReservationFinalized)
    assert isinstance(outcomes[3], ReservationFinalized)
    assert world.spent_and_held(budget) == (3, 0)


def test_of_two_different_actuals_in_one_batch_the_first_counts(world: World) -> None:
    budget = world.budget(100)
    reservation = world.reserve(5)

    outcomes = world.settlements.apply([settle(reservation, 3), settle(reservation, 4)])

    assert isinstance(outcomes[1], ReservationFinalized)
    assert world.spent_and_held(budget) == (3, 0)


def test_an_unknown_reservation_does_not_stop_its_neighbours(world: World) -> None:
    budget = world.budget(100)
    commands = [settle(world.reserve(5), 3), settle("rsv_unknown", 1), settle(world.reserve(5), 4)]

    outcomes = world.settlements.apply(commands)

    assert isinstance(outcomes[1], NotFound)
    assert world.spent_and_held(budget) == (7, 0)


def test_a_reclaimed_hold_does_not_stop_its_neighbours(world: World) -> None:
    budget = world.budget(10)
    late = world.reserve(10, ttl_seconds=1)
    world.clock.advance(10)
    in_time = world.reserve(6)

    outcomes = world.settlements.apply([settle(late, 1), settle(in_time, 2)])

    assert replayed([*outcomes]) == [False, False]
    assert world.spent_and_held(budget) == (3, 0)


def test_settlements_releases_and_records_share_a_batch(world: World) -> None:
    budget = world.budget(100)
    organization = world.budget(1000, on=ORGANIZATION)
    by = (ORGANIZATION, AGENT)

    world.settlements.apply(
        [
            settle(world.reserve(5, by=by), 3),
            release(world.reserve(5, by=by)),
            record(7, by=by, key="a"),
            record(8, by=(ORGANIZATION,), key="b"),
        ]
    )

    assert world.spent_and_held(budget) == (10, 0)
    assert world.spent_and_held(organization) == (18, 0)


def test_a_batch_that_is_too_large_for_one_transaction_goes_through_in_several(
    world: World,
) -> None:
    budgets = [world.budget(1000, on=f"{kind}:x") for kind in ("a", "b", "c", "d", "e", "f")]
    by = tuple(str(budget.subject) for budget in budgets)
    reservations = [world.reserve(5, by=by) for _ in range(20)]

    outcomes = world.settlements.apply([settle(reservation, 2) for reservation in reservations])

    assert replayed([*outcomes]) == [False] * 20
    assert {world.spent_and_held(budget) for budget in budgets} == {(40, 0)}
