"""Credits with an end, beside other writes, at the end of a period, and what they cost."""

from collections.abc import Callable

import pytest

from spendgate_service.domain.amounts import ONE
from spendgate_service.domain.budgets import Budget, CarryOver
from spendgate_service.domain.calendar import CalendarPeriod
from spendgate_service.domain.errors import BudgetExceeded, InvalidValue
from spendgate_service.domain.periods import PeriodRule
from spendgate_service.domain.statements import CLOSING_GRACE_SECONDS
from tests.support.counting_client import counting
from tests.support.credits import credit
from tests.support.faulty_client import faulty, meanwhile
from tests.support.ledger_invariants import assert_books_balance
from tests.support.rollover import close
from tests.support.world import World

HOUR = CalendarPeriod("hour")
UNUSED, DEBT = CarryOver(unused=True), CarryOver(debt=True)


@pytest.mark.parametrize(
    ("terms", "seconds", "spent", "goes_on"),
    [
        (UNUSED, None, 3, 12),  # a credit without an end is carried over
        (UNUSED, 3600, 3, 7),  # one that ends with the period is not
        (UNUSED, 5000, 3, 7),  # nor one that would go on
        (UNUSED, 5000, 12, 0),
        (DEBT, 5000, 12, 0),  # what it paid for is no debt
        (DEBT, 5000, 16, -1),
        (DEBT, 1800, 12, -2),  # what it was used for and had ended is one
        (UNUSED, 1800, 3, 7),
    ],
)
def test_a_credit_with_an_end_is_not_carried_over(
    world: World, terms: CarryOver, seconds: int | None, spent: int, goes_on: int
) -> None:
    budget = world.budget(10, period=HOUR, carry_over=terms)
    credit(world, budget, 5, seconds=seconds)
    world.record(spent)
    world.clock.advance(3600 + CLOSING_GRACE_SECONDS)
    close(world)
    world.record(1)

    assert world.counter(budget).carried_in == goes_on * ONE
    books = assert_books_balance(world.table, now_ms=world.clock.now_ms())
    (statement,) = books.all_statements
    assert statement.credits == (0 if seconds == 1800 else 5) * ONE


@pytest.mark.parametrize("period", [None, HOUR])
def test_a_credit_that_ends_while_a_hold_is_taken_is_not_granted(
    world: World, period: PeriodRule | None
) -> None:
    """Another clock sees the end first, takes the credit out, and holds what is left."""
    budget = world.budget(10, period=period)
    credit(world, budget, 5, seconds=60)
    credit(world, budget, 2, seconds=70)
    world.clock.advance(60)
    table, client = faulty(world.table)
    client.fail("update_item", meanwhile(lambda: world.reserve(12)), at=2)

    with pytest.raises(BudgetExceeded):
        world.on(table).reserve(1)
    world.clock.advance(10)
    with pytest.raises(BudgetExceeded):
        world.reserve(1)


OTHERS: dict[str, Callable[[World, Budget], None]] = {
    "an earlier credit": lambda world, budget: credit(world, budget, 2, seconds=5),
    "a credit between": lambda world, budget: credit(world, budget, 2, seconds=15),
    "a later credit": lambda world, budget: credit(world, budget, 2, seconds=25),
    "the same end": lambda world, budget: credit(world, budget, 2, seconds=20),
}


@pytest.mark.parametrize("name", OTHERS)
def test_credits_at_once_leave_the_earliest_end(world: World, name: str) -> None:
    """One between that is written while the first is taken out must not be granted past its end."""
    budget = world.budget(10)
    credit(world, budget, 1, seconds=10)
    credit(world, budget, 5, seconds=20)
    world.clock.advance(8)
    credit_world = world.overtaken_by(lambda: OTHERS[name](world, budget))
    credit(credit_world, budget, 4, seconds=3)

    counter = world.counter(budget)
    assert counter.credit_ends_at == min(counter.ending)
    for _ in range(30):
        world.clock.advance(1)
        now_ms = world.clock.now_ms()
        left = world.counter(budget).grantable_at(now_ms=now_ms)
        with pytest.raises(BudgetExceeded):
            world.reserve(left // ONE + 1)
        world.release(world.reserve(left // ONE))
    assert world.counter(budget).available == 10 * ONE
    assert not world.counter(budget).ending


def test_a_credit_that_comes_while_another_is_taken_out_keeps_its_end(world: World) -> None:
    """Its clock is behind, so it does not see that the first has ended."""
    budget = world.budget(10)
    credit(world, budget, 1, seconds=10)
    credit(world, budget, 5, seconds=60)
    world.clock.advance(9)
    table, client = faulty(world.table)

    def credit_by_a_slower_clock() -> None:
        world.clock.advance(-0.5)
        credit(world, budget, 2, seconds=20)
        world.clock.advance(0.5)

    client.fail("update_item", meanwhile(credit_by_a_slower_clock), at=2)
    world.release(world.on(table).reserve(15))
    assert world.counter(budget).credit_ends_at == world.clock.now_ms() // 1000 + 19
    world.clock.advance(20)

    with pytest.raises(BudgetExceeded):
        world.reserve(16)
    world.reserve(15)


def test_a_correction_is_not_taken_from_a_credit_that_has_ended(world: World) -> None:
    budget = world.budget(10)
    credit(world, budget, 5, seconds=60)
    world.clock.advance(60)

    with pytest.raises(InvalidValue):
        credit(world, budget, -11)
    credit(world, budget, -10)

    assert world.counter(budget).available == 0


def test_an_ended_credit_is_taken_out_together_with_what_has_expired(world: World) -> None:
    budget = world.budget(10)
    credit(world, budget, 5, seconds=60)
    world.reserve(12, ttl_seconds=5)
    world.clock.advance(70)

    with pytest.raises(BudgetExceeded):
        world.reserve(11)
    world.reserve(10)

    assert world.spent_and_held(budget) == (0, 10)


def test_a_credit_with_an_end_costs_two_units_and_two_once_it_has_ended(world: World) -> None:
    """A second ledger entry; then a refused update, and one that takes the credit out."""
    budget = world.budget(10)
    table, client = counting(world.table)
    counted = world.on(table)
    counted.release(counted.reserve(1))

    def cost(act: Callable[[], object]) -> int:
        client.forget()
        act()
        return client.write_units

    without = cost(lambda: credit(counted, budget, 5))
    until = cost(lambda: credit(counted, budget, 5, seconds=60))
    before = cost(lambda: counted.reserve(1))
    world.clock.advance(60)
    first, second = cost(lambda: counted.reserve(1)), cost(lambda: counted.reserve(1))
    units = f"{without} without an end, {until} with; reserve: {before}, {first} after it, {second}"
    print(f"write units of a credit: {units}")

    assert (until - without, first - before, second - before) == (2, 2, 0)
