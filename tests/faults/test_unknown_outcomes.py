"""A call that may have been applied is never silently repeated where that could count."""

import pytest

from spendgate_service.api.errors import problem_of
from spendgate_service.domain.amounts import ONE
from spendgate_service.domain.errors import BudgetExceeded
from spendgate_service.store.errors import OutcomeUnknown, Throttled
from tests.support.faulty_client import (
    ANSWER_LOST,
    CONNECTION_CLOSED,
    SERVER_ERROR,
    SERVER_ERROR_BUT_APPLIED,
    THROTTLED,
    Fault,
    FaultyClient,
    meanwhile,
)
from tests.support.ledger_invariants import assert_books_balance, read_books
from tests.support.world import AGENT, ORGANIZATION, World, settle

APPLIED = [ANSWER_LOST, SERVER_ERROR_BUT_APPLIED]
NOT_APPLIED = [SERVER_ERROR, CONNECTION_CLOSED]


@pytest.mark.parametrize("fault", [*APPLIED, *NOT_APPLIED])
def test_a_hold_of_unknown_outcome_is_answered_503_and_not_tried_again(
    world: World, shaky: World, faults: FaultyClient, fault: Fault
) -> None:
    world.budget(10)
    faults.fail("update_item", fault)

    with pytest.raises(OutcomeUnknown) as unknown:
        shaky.reserve(6)

    assert problem_of(unknown.value).status == 503
    assert faults.calls.count("update_item") == 1
    assert "put_item" not in faults.calls


@pytest.mark.parametrize("fault", APPLIED)
def test_a_hold_that_was_taken_unknown_to_us_comes_back_when_it_expires(
    world: World, shaky: World, faults: FaultyClient, fault: Fault
) -> None:
    budget = world.budget(10)
    faults.fail("update_item", fault)
    with pytest.raises(OutcomeUnknown):
        shaky.reserve(6)
    assert world.spent_and_held(budget) == (0, 6)
    with pytest.raises(BudgetExceeded):
        world.reserve(10)

    world.clock.advance(400)

    world.reserve(10)


def test_the_other_holds_of_a_request_are_given_back_at_once(
    world: World, shaky: World, faults: FaultyClient
) -> None:
    organization, agent = world.budget(10, on=ORGANIZATION), world.budget(10)
    faults.fail("update_item", ANSWER_LOST, at=1)

    with pytest.raises(OutcomeUnknown):
        shaky.reserve(6, by=(ORGANIZATION, AGENT))

    held = sorted(world.spent_and_held(budget) for budget in (organization, agent))
    assert held == [(0, 0), (0, 6)]


def test_a_hold_that_cannot_be_given_back_expires_by_itself(
    world: World, shaky: World, faults: FaultyClient
) -> None:
    organization = world.budget(10, on=ORGANIZATION)
    world.budget(1)
    faults.fail("update_item", SERVER_ERROR, at=3)

    with pytest.raises(BudgetExceeded):
        shaky.reserve(6, by=(ORGANIZATION, AGENT))

    assert world.spent_and_held(organization) == (0, 6)
    assert_books_balance(world.table, now_ms=world.clock.now_ms(), orphans_allowed=True)
    world.clock.advance(400)
    world.reserve(10, by=(ORGANIZATION,))


@pytest.mark.parametrize("fault", [*APPLIED, *NOT_APPLIED])
@pytest.mark.parametrize("times", [1, 2])
def test_a_put_whose_answer_was_lost_is_recognised_as_ours(
    world: World, shaky: World, faults: FaultyClient, fault: Fault, times: int
) -> None:
    budget = world.budget(10)
    faults.fail("put_item", *[fault] * times)

    answered = shaky.ask(6, key="k")

    assert not answered.replayed
    assert world.spent_and_held(budget) == (0, 6)
    assert_books_balance(world.table, now_ms=world.clock.now_ms())
    assert world.ask(6, key="k").answer == answered.answer


def test_a_put_that_stays_without_an_answer_keeps_its_holds_since_it_may_have_been_applied(
    world: World, shaky: World, faults: FaultyClient
) -> None:
    budget = world.budget(10)
    faults.fail("put_item", ANSWER_LOST, ANSWER_LOST, ANSWER_LOST)

    with pytest.raises(OutcomeUnknown):
        shaky.ask(6, key="k")

    assert world.spent_and_held(budget) == (0, 6)
    assert world.ask(6, key="k").replayed
    assert world.spent_and_held(budget) == (0, 6)


def test_a_put_that_is_throttled_after_a_lost_answer_keeps_its_holds(
    world: World, shaky: World, faults: FaultyClient
) -> None:
    budget = world.budget(10)
    faults.fail("put_item", ANSWER_LOST, *[THROTTLED] * 5)

    with pytest.raises(Throttled):
        shaky.ask(6, key="k")

    assert world.spent_and_held(budget) == (0, 6)
    assert world.ask(6, key="k").replayed
    assert_books_balance(world.table, now_ms=world.clock.now_ms())


@pytest.mark.parametrize("fault", [*APPLIED, *NOT_APPLIED])
def test_a_settlement_of_unknown_outcome_counts_once_when_it_is_sent_again(
    world: World, shaky: World, faults: FaultyClient, fault: Fault
) -> None:
    budget = world.budget(10)
    command = settle(world.reserve(6), 4)
    faults.fail("transact_write_items", fault)
    assert isinstance(shaky.settlements.apply([command])[0], OutcomeUnknown)
    assert faults.calls.count("transact_write_items") == 1

    world.settlements.apply([command])

    assert world.spent_and_held(budget) == (4, 0)
    assert_books_balance(world.table, now_ms=world.clock.now_ms())


def test_a_read_whose_answer_was_lost_is_repeated_once(
    world: World, shaky: World, faults: FaultyClient
) -> None:
    reservation = world.reserve(1)
    faults.fail("get_item", ANSWER_LOST)
    assert shaky.find(reservation).state == "held"

    faults.fail("get_item", ANSWER_LOST, SERVER_ERROR)
    with pytest.raises(Throttled):
        shaky.find(reservation)


def test_a_hold_that_ran_out_before_it_was_recorded_is_given_back_and_never_granted(
    world: World, shaky: World, faults: FaultyClient
) -> None:
    """A process that stood still for longer than its hold must not answer with a reservation."""
    subjects = (ORGANIZATION, AGENT, "session:s")
    budgets = [world.budget(10, on=subject) for subject in subjects]
    faults.fail("update_item", meanwhile(lambda: world.clock.advance(60)), at=3)

    with pytest.raises(Throttled, match="ran out"):
        shaky.reserve(6, by=subjects, ttl_seconds=30)

    assert read_books(world.table).reservations == []
    assert all(world.counter(budget).available == 10 * ONE for budget in budgets)
