"""A throttle is no refusal: it is tried again, a bounded number of times, and then said as such."""

import pytest

from spendgate_service.api.errors import problem_of
from spendgate_service.domain.amounts import ONE
from spendgate_service.store.client import TRIES_MAX
from spendgate_service.store.errors import RequestRejected, Throttled
from tests.support.faulty_client import (
    NO_CONNECTION,
    THROTTLED,
    Fault,
    FaultyClient,
    answered,
    cancelled,
)
from tests.support.ledger_invariants import assert_books_balance, read_books
from tests.support.world import AGENT, ORGANIZATION, World, settle

REFUSED_UNREAD = [
    THROTTLED,
    NO_CONNECTION,
    Fault(answered("ProvisionedThroughputExceededException", 400)),
    Fault(answered("TransactionConflictException", 400)),
    Fault(answered("RequestLimitExceeded", 400)),
]
CONFLICT = cancelled("None", "TransactionConflict")


@pytest.mark.parametrize("fault", REFUSED_UNREAD)
def test_a_call_that_was_refused_unread_is_tried_again(
    world: World, shaky: World, faults: FaultyClient, fault: Fault
) -> None:
    budget = world.budget(10)
    faults.fail("update_item", *[fault] * 4)

    shaky.reserve(6)

    assert world.spent_and_held(budget) == (0, 6)


def test_a_hold_that_is_throttled_on_and_on_is_given_up_and_not_called_a_refusal(
    world: World, shaky: World, faults: FaultyClient, waits: list[float]
) -> None:
    budget = world.budget(10)
    faults.fail("update_item", *[THROTTLED] * TRIES_MAX)

    with pytest.raises(Throttled) as throttled:
        shaky.reserve(6)

    assert problem_of(throttled.value).status == 503
    assert faults.calls.count("update_item") == TRIES_MAX
    assert len(waits) == TRIES_MAX - 1 and sum(waits) < 0.4
    assert world.counter(budget).available == 10 * ONE


def test_if_one_hold_is_throttled_the_others_are_given_back(
    world: World, shaky: World, faults: FaultyClient
) -> None:
    budgets = [world.budget(10, on=subject) for subject in (ORGANIZATION, AGENT)]
    faults.fail("update_item", *[THROTTLED] * TRIES_MAX)

    with pytest.raises(Throttled):
        shaky.reserve(6, by=(ORGANIZATION, AGENT))

    assert [world.spent_and_held(budget)[1] for budget in budgets] == [0, 0]


def test_if_the_put_is_throttled_on_and_on_every_hold_is_given_back(
    world: World, shaky: World, faults: FaultyClient
) -> None:
    budgets = [world.budget(10, on=subject) for subject in (ORGANIZATION, AGENT)]
    faults.fail("put_item", *[THROTTLED] * TRIES_MAX)

    with pytest.raises(Throttled):
        shaky.reserve(6, by=(ORGANIZATION, AGENT))

    assert [world.spent_and_held(budget) for budget in budgets] == [(0, 0), (0, 0)]
    assert read_books(world.table).reservations == []


def test_a_settlement_that_lost_against_another_transaction_is_tried_again(
    world: World, shaky: World, faults: FaultyClient
) -> None:
    budget = world.budget(10)
    command = settle(world.reserve(6), 4)
    faults.fail("transact_write_items", *[CONFLICT] * (TRIES_MAX - 1))

    shaky.settlements.apply([command])

    assert world.spent_and_held(budget) == (4, 0)


def test_a_settlement_that_loses_on_and_on_stays_for_later(
    world: World, shaky: World, faults: FaultyClient
) -> None:
    budget = world.budget(10)
    command = settle(world.reserve(6), 4)
    faults.fail("transact_write_items", *[CONFLICT] * TRIES_MAX)

    assert isinstance(shaky.settlements.apply([command])[0], Throttled)
    assert world.spent_and_held(budget) == (0, 6)


def test_a_batch_that_cannot_be_read_stays_for_later(
    world: World, shaky: World, faults: FaultyClient
) -> None:
    world.budget(10)
    commands = [settle(world.reserve(1), 1) for _ in range(3)]
    faults.fail("batch_get_item", *[THROTTLED] * TRIES_MAX)

    outcomes = shaky.settlements.apply(commands)

    assert [type(outcome) for outcome in outcomes] == [Throttled] * 3


def test_a_message_that_dynamodb_finds_at_fault_does_not_stop_its_neighbours(
    world: World, shaky: World, faults: FaultyClient
) -> None:
    budget = world.budget(10)
    commands = [settle(world.reserve(2), 1) for _ in range(3)]
    at_fault = Fault(answered("ValidationException", 400))
    faults.fail("transact_write_items", at_fault, at_fault)

    outcomes = shaky.settlements.apply(commands)

    assert isinstance(outcomes[0], RequestRejected)
    assert world.spent_and_held(budget) == (2, 2)
    assert_books_balance(world.table, now_ms=world.clock.now_ms())
