"""Each condition of a credit with an end: another write comes between the read and the write."""

import pytest

from spendgate_service.domain.amounts import ONE
from spendgate_service.domain.budgets import Budget
from spendgate_service.domain.calendar import CalendarPeriod
from spendgate_service.domain.clocks import CLOCKS_DIFFER_MS_MAX
from spendgate_service.domain.errors import BudgetExceeded, InvalidValue
from spendgate_service.store.policy_cache import PRESENT_SECONDS_MAX
from tests.support.clock import FakeClock
from tests.support.credits import credit
from tests.support.faulty_client import KILLED_BEFORE, Killed, faulty, meanwhile
from tests.support.world import AGENT, World

ENDS = {"before the period": 60, "with the period": 7200}


@pytest.fixture(params=ENDS)
def seconds(request: pytest.FixtureRequest) -> int:
    return ENDS[request.param]


@pytest.fixture
def budget(world: World) -> Budget:
    return world.budget(10, period=CalendarPeriod("hour"))


def test_what_ends_is_taken_out_once(world: World, budget: Budget) -> None:
    credit(world, budget, 5, seconds=60)
    credit(world, budget, 2, seconds=70)
    world.clock.advance(60)
    table, client = faulty(world.table)
    client.fail("update_item", meanwhile(lambda: world.reserve(1)), at=2)

    world.on(table).reserve(1)

    assert world.counter(budget).available == 10 * ONE


def test_what_is_credited_until_an_end_that_is_taken_out_is_taken_out_too(
    world: World, budget: Budget
) -> None:
    """By one clock the end may have come, by another it is two seconds away."""
    credit(world, budget, 5, seconds=60)
    world.clock.advance(59)
    behind = World(world.table, FakeClock(world.clock.at_ms - CLOCKS_DIFFER_MS_MAX))
    table, client = faulty(world.table)
    client.fail("update_item", meanwhile(lambda: credit(behind, budget, 3, seconds=2)), at=2)

    with pytest.raises(BudgetExceeded):
        world.on(table).reserve(11)
    world.clock.advance(1)
    with pytest.raises(BudgetExceeded):
        world.reserve(11)
    world.reserve(10)


def test_an_earlier_end_that_comes_meanwhile_stays_the_first(world: World, budget: Budget) -> None:
    credit(world.overtaken_by(lambda: credit(world, budget, 5, seconds=60)), budget, 2, seconds=90)
    world.clock.advance(60)

    with pytest.raises(BudgetExceeded):
        world.reserve(13)
    world.reserve(12)


def test_an_end_becomes_the_first_where_an_earlier_one_is_taken_out_meanwhile(
    world: World, budget: Budget
) -> None:
    credit(world, budget, 5, seconds=60)

    def take_out() -> None:
        world.clock.advance(60)
        world.release(world.reserve(1))

    credit(world.overtaken_by(take_out), budget, 2, seconds=90)
    world.clock.advance(60)

    with pytest.raises(BudgetExceeded):
        world.reserve(11)


def test_credits_with_one_end_add_up(world: World, budget: Budget, seconds: int) -> None:
    for amount in (2, 3):
        credit(world, budget, amount, seconds=seconds)

    world.reserve(15)


def test_a_correction_takes_all_of_its_credit_and_no_more(
    world: World, budget: Budget, seconds: int
) -> None:
    credit(world, budget, 5, seconds=seconds)
    others = world.overtaken_by(lambda: credit(world, budget, -3, seconds=seconds))

    with pytest.raises(InvalidValue, match="which are 2"):
        credit(others, budget, -4, seconds=seconds)
    credit(world, budget, -2, seconds=seconds)

    assert world.counter(budget).available == 10 * ONE


def test_a_correction_takes_all_that_is_available_and_no_more(
    world: World, budget: Budget, seconds: int
) -> None:
    credit(world, budget, 5, seconds=seconds)
    others = world.overtaken_by(lambda: world.record(12))

    with pytest.raises(InvalidValue, match="3 are available"):
        credit(others, budget, -4, seconds=seconds)
    credit(world, budget, -3, seconds=seconds)

    assert world.counter(budget).available == 0


def record_and_die(world: World, amount: int) -> None:
    """Record, and leave the counter under the policy that it has."""
    table, client = faulty(world.table)
    client.fail("update_item", KILLED_BEFORE)
    with pytest.raises(Killed):
        world.on(table).record(amount)


def test_a_correction_is_judged_by_the_limit_of_today(world: World, seconds: int) -> None:
    budget = world.budget(10, on="agent:*", period=CalendarPeriod("hour"))
    credit(world, budget, 8, seconds=seconds, subject=AGENT)
    world.record(10)
    world.set_limit(budget, 5)
    world.clock.advance(PRESENT_SECONDS_MAX + 1)
    others = world.overtaken_by(lambda: record_and_die(world, 2))
    ends_in = seconds - PRESENT_SECONDS_MAX - 1

    with pytest.raises(InvalidValue, match="1 are available"):
        credit(others, budget, -3, seconds=int(ends_in), subject=AGENT)
