"""A process that dies anywhere: the worst case is an amount held until its hold expires."""

import pytest

from spendgate.domain.amounts import ONE
from spendgate.domain.budgets import Budget
from spendgate.domain.requests import SettlementCommand
from spendgate.store.errors import Throttled
from tests.books import assert_books_balance, read_books
from tests.fakes.faulty import KILLED_AFTER, KILLED_BEFORE, Fault, FaultyClient, Killed, meanwhile
from tests.world import AGENT, ORGANIZATION, World, record, release, settle

SUBJECTS = (ORGANIZATION, AGENT, "session:s")
CRASHES = [KILLED_BEFORE, KILLED_AFTER]


@pytest.fixture
def budgets(world: World) -> list[Budget]:
    return [world.budget(10, on=subject) for subject in SUBJECTS]


def assert_only_under_granted(world: World, budgets: list[Budget]) -> None:
    """Nothing is spent, nothing is granted twice, and all of it comes back in time."""
    assert_books_balance(world.table, now_ms=world.clock.now_ms(), orphans_allowed=True)
    for budget in budgets:
        counter = world.counter(budget)
        assert counter.spent == 0 and 0 <= counter.available <= 10 * ONE
    world.clock.advance(400)
    world.reserve(10, by=SUBJECTS)
    assert [world.spent_and_held(budget) for budget in budgets] == [(0, 10)] * 3


@pytest.mark.parametrize("crash", CRASHES)
@pytest.mark.parametrize("at", [1, 2, 3])
def test_a_crash_while_holds_are_taken_only_under_grants_until_they_expire(
    world: World, shaky: World, faults: FaultyClient, budgets: list[Budget], at: int, crash: Fault
) -> None:
    faults.fail("update_item", crash, at=at)

    with pytest.raises(Killed):
        shaky.reserve(6, by=SUBJECTS)

    assert read_books(world.table).reservations == []
    assert_only_under_granted(world, budgets)


def test_a_crash_between_the_holds_and_the_put_only_under_grants_until_they_expire(
    world: World, shaky: World, faults: FaultyClient, budgets: list[Budget]
) -> None:
    faults.fail("put_item", KILLED_BEFORE)

    with pytest.raises(Killed):
        shaky.reserve(6, by=SUBJECTS)

    assert read_books(world.table).reservations == []
    assert [world.spent_and_held(budget) for budget in budgets] == [(0, 6)] * 3
    assert_only_under_granted(world, budgets)


def test_a_caller_whose_answer_a_crash_took_gets_it_by_asking_again(
    world: World, shaky: World, faults: FaultyClient, budgets: list[Budget]
) -> None:
    faults.fail("put_item", KILLED_AFTER)
    with pytest.raises(Killed):
        shaky.ask(6, by=SUBJECTS, key="k")

    assert world.ask(6, by=SUBJECTS, key="k").replayed

    assert [world.spent_and_held(budget) for budget in budgets] == [(0, 6)] * 3
    assert_books_balance(world.table, now_ms=world.clock.now_ms())


@pytest.mark.parametrize("crash", CRASHES)
@pytest.mark.parametrize("at", [1, 2])
def test_a_crash_while_a_refused_request_gives_back_only_under_grants(
    world: World, shaky: World, faults: FaultyClient, budgets: list[Budget], at: int, crash: Fault
) -> None:
    world.set_limit(budgets[2], 5)
    faults.fail("update_item", crash, at=3 + at)

    with pytest.raises(Killed):
        shaky.reserve(6, by=SUBJECTS)

    world.set_limit(budgets[2], 10)
    assert_only_under_granted(world, budgets)


@pytest.mark.parametrize("crash", CRASHES)
def test_a_settlement_that_a_crash_interrupted_counts_once_when_it_is_sent_again(
    world: World, shaky: World, faults: FaultyClient, budgets: list[Budget], crash: Fault
) -> None:
    batch: list[SettlementCommand] = [
        settle(world.reserve(2, by=SUBJECTS), 1),
        release(world.reserve(3, by=SUBJECTS)),
        record(4, by=SUBJECTS, key="evt-1"),
    ]
    faults.fail("transact_write_items", crash)
    with pytest.raises(Killed):
        shaky.settlements.apply(batch)

    world.settlements.apply(batch)

    assert [world.spent_and_held(budget) for budget in budgets] == [(5, 0)] * 3
    assert_books_balance(world.table, now_ms=world.clock.now_ms())


@pytest.mark.parametrize("crash", CRASHES)
def test_an_extension_that_a_crash_interrupted_moved_every_hold_or_none(
    world: World, shaky: World, faults: FaultyClient, budgets: list[Budget], crash: Fault
) -> None:
    reservation = world.reserve(2, by=SUBJECTS, ttl_seconds=10)
    faults.fail("transact_write_items", crash)

    with pytest.raises(Killed):
        shaky.extend(reservation, 600)

    assert_books_balance(world.table, now_ms=world.clock.now_ms())
    assert [world.spent_and_held(budget) for budget in budgets] == [(0, 2)] * 3


def test_a_hold_that_ran_out_before_it_was_recorded_is_given_back_and_never_granted(
    world: World, shaky: World, faults: FaultyClient, budgets: list[Budget]
) -> None:
    """A process that stood still for longer than its hold must not answer with a reservation."""
    faults.fail("update_item", meanwhile(lambda: world.clock.advance(60)), at=3)

    with pytest.raises(Throttled, match="ran out"):
        shaky.reserve(6, by=SUBJECTS, ttl_seconds=30)

    assert read_books(world.table).reservations == []
    assert all(world.counter(budget).available == 10 * ONE for budget in budgets)
