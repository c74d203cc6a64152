"""What the store tells its observer, by the operations that bring it about."""

from collections import Counter
from typing import cast

import pytest

from spendgate_service.domain.errors import BudgetExceeded, ReservationFinalized
from spendgate_service.store.client import Table
from spendgate_service.store.clients import DynamoClient
from tests.support.faulty_client import THROTTLED, Fault, FaultyClient, answered, cancelled
from tests.support.world import AGENT, ORGANIZATION, World


class Tally(Counter[str]):
    """An observer that adds up."""

    def __call__(self, happening: str, times: int) -> None:
        self[happening] += times


@pytest.fixture
def faults(memory_table: Table) -> FaultyClient:
    return FaultyClient(memory_table.client)


@pytest.fixture
def seen() -> Tally:
    return Tally()


@pytest.fixture
def world(memory_table: Table, faults: FaultyClient, seen: Tally) -> World:
    client = cast("DynamoClient", faults)
    return World(Table(client, memory_table.name, observe=seen, sleep=lambda _seconds: None))


def test_a_grant_and_its_replay(world: World, seen: Tally) -> None:
    world.budget(10)

    for _ in range(3):
        world.ask(5, key="once")

    assert seen == {"granted": 1, "replayed": 2, "compensations": 2}


def test_a_hold_is_given_back_where_another_budget_refuses(world: World, seen: Tally) -> None:
    world.budget(10, on=ORGANIZATION)
    world.budget(1, on=AGENT)

    with pytest.raises(BudgetExceeded):
        world.reserve(5, by=(ORGANIZATION, AGENT))

    assert seen == {"compensations": 1}


def test_what_expired_is_reclaimed(world: World, seen: Tally) -> None:
    world.budget(10)
    world.reserve(10)
    world.clock.advance(1_000)

    world.reserve(10)

    assert seen == {"granted": 2, "reclaimed": 1}


def test_an_event_that_was_put_into_the_outbox_and_one_that_was_not(
    world: World, seen: Tally, faults: FaultyClient
) -> None:
    world.budget(10)
    world.budget(10, unit="tokens")
    world.record(8)
    faults.fail("put_item", THROTTLED)

    world.record(tokens=8)

    assert seen == {"recorded": 2, "event_published": 1, "event_failed": 1, "throttled": 1}


def test_a_settlement_its_repetition_and_its_contradiction(world: World, seen: Tally) -> None:
    world.budget(10)
    reservation = world.reserve(5)

    world.settle(reservation, 2)
    world.settle(reservation, 2)
    with pytest.raises(ReservationFinalized):
        world.settle(reservation, 3)

    assert seen == {"granted": 1, "settled": 1, "replayed": 1}


def test_a_late_settlement_above_its_estimate_is_settled_late_and_overrun(
    world: World, seen: Tally
) -> None:
    world.budget(10)
    reservation = world.reserve(5)
    world.clock.advance(1_000)

    world.settle(reservation, 6)

    assert seen == {"granted": 1, "settled": 1, "late": 1, "overrun": 1}


def test_a_release_and_a_record(world: World, seen: Tally) -> None:
    world.budget(10)

    world.release(world.reserve(5))
    world.record(2)

    assert seen == {"granted": 1, "released": 1, "recorded": 1}


def test_a_throttle_and_a_conflict_that_were_overcome(
    world: World, seen: Tally, faults: FaultyClient
) -> None:
    world.budget(10)
    conflict = Fault(answered("TransactionConflictException", 400))
    faults.fail("update_item", THROTTLED, conflict)
    reservation = world.reserve(5)
    faults.fail("transact_write_items", cancelled("None", "TransactionConflict"))

    world.settle(reservation, 2)

    assert seen == {"granted": 1, "settled": 1, "throttled": 1, "conflicts": 2}
