"""An announcement that fails changes nothing else, and the next one makes up for it."""

import pytest

from spendgate_service.domain.budgets import Budget
from tests.support.faulty_client import (
    ANSWER_LOST,
    KILLED_AFTER,
    KILLED_BEFORE,
    NO_CONNECTION,
    SERVER_ERROR,
    THROTTLED,
    Fault,
    FaultyClient,
    Killed,
    answered,
)
from tests.support.ledger_invariants import assert_books_balance
from tests.support.outbox import told
from tests.support.world import World

DENIED = Fault(answered("AccessDeniedException", 400))
FAULTS = [THROTTLED, SERVER_ERROR, NO_CONNECTION, ANSWER_LOST, DENIED]
CALLS = [("batch_get_item", 2), ("put_item", 1)]
"""What announces a settlement: the read of its counters, and the put into the outbox."""

NEARLY_ALL = ["threshold_reached-80pct"]


@pytest.fixture
def budget(world: World) -> Budget:
    return world.budget(10)


@pytest.mark.parametrize("crash", [KILLED_BEFORE, KILLED_AFTER])
@pytest.mark.parametrize("call", CALLS)
def test_what_a_crash_kept_from_being_announced_the_next_settlement_announces(
    world: World,
    shaky: World,
    faults: FaultyClient,
    budget: Budget,
    call: tuple[str, int],
    crash: Fault,
) -> None:
    first, second = world.reserve(8), world.reserve(1)
    operation, at = call
    faults.fail(operation, crash, at=at)
    with pytest.raises(Killed):
        shaky.settle(first, 8)
    assert world.spent_and_held(budget) == (8, 1)

    world.settle(second, 0)

    assert told(world.table) == NEARLY_ALL
    assert_books_balance(world.table, now_ms=world.clock.now_ms())


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("call", CALLS)
def test_a_settlement_is_answered_after_one_try_though_nothing_could_be_announced(
    world: World,
    shaky: World,
    faults: FaultyClient,
    waits: list[float],
    budget: Budget,
    call: tuple[str, int],
    fault: Fault,
) -> None:
    reservation = world.reserve(8)
    operation, at = call
    faults.fail(operation, fault, at=at)

    assert not shaky.settle(reservation, 8).replayed

    assert faults.calls.count(operation) == at
    assert not waits
    assert world.spent_and_held(budget) == (8, 0)
    world.record(0)
    assert told(world.table) == NEARLY_ALL


@pytest.mark.parametrize("fault", FAULTS)
def test_a_grant_is_answered_though_it_could_not_be_announced_and_the_next_one_announces(
    world: World, shaky: World, faults: FaultyClient, budget: Budget, fault: Fault
) -> None:
    reservation = shaky.reserve(8)
    faults.fail("put_item", SERVER_ERROR)
    shaky.settle(reservation, 8)
    assert told(world.table) == []
    faults.fail("put_item", fault, at=2)

    assert not shaky.ask(2).replayed

    assert world.spent_and_held(budget) == (8, 2)
    assert told(world.table) == (NEARLY_ALL if fault is ANSWER_LOST else [])
    shaky.reserve(0)
    assert told(world.table) == NEARLY_ALL
