"""What changes between the reading of a counter and its closing is noticed, whatever it is."""

from collections.abc import Callable

import pytest

from spendgate_service.budgets.credit import Credit, apply_credit
from spendgate_service.domain.amounts import ONE
from spendgate_service.domain.budgets import Budget, CarryOver
from spendgate_service.domain.calendar import CalendarPeriod
from spendgate_service.domain.periods import DurationPeriod
from spendgate_service.domain.reservations import Provenance
from spendgate_service.domain.statements import CLOSING_GRACE_SECONDS, Statement
from tests.support.faulty_client import KILLED_BEFORE, Fault, Killed, faulty
from tests.support.ledger_invariants import assert_books_balance
from tests.support.rollover import close
from tests.support.world import TENANT, World

HOUR = CalendarPeriod("hour")
UNUSED, DEBT = CarryOver(unused=True), CarryOver(debt=True)

type Meanwhile = Callable[[], object]


def close_but_for(world: World, meanwhile: Meanwhile) -> None:
    """Close; others come first when the first transaction is about to be written."""
    late = world.overtaken_by(meanwhile)
    close(late)
    close(world)


def to_the_next_hour(world: World) -> None:
    world.clock.advance(3600 - (world.clock.now_ms() // 1000) % 3600 + CLOSING_GRACE_SECONDS)


def before_the_end(world: World, act: Callable[[], object]) -> None:
    """By the clock of somebody that is two minutes late."""
    world.clock.advance(-120)
    act()
    world.clock.advance(120)


def credit(world: World, budget: Budget, amount: int) -> None:
    added = Credit(budget.budget_id, None, amount * ONE, Provenance())
    apply_credit(world.table, TENANT, added, idempotency=None, now_ms=world.clock.now_ms())


def statements(world: World) -> list[Statement]:
    """The last statement of each period, which the books agree with."""
    books = assert_books_balance(world.table, now_ms=world.clock.now_ms())
    for key, several in books.statements.items():
        counter, last = books.counters[key], several[-1]
        credited = counter.credits_at(now_ms=world.clock.now_ms())
        assert (last.spent, last.credits) == (counter.spent, credited)
        assert (last.limit, last.carried_in) == (counter.limit, counter.carried_in)
        assert last.carried_out == counter.carried_out
    return [several[-1] for _, several in sorted(books.statements.items())]


@pytest.fixture(params=["nothing came in", "something came in"])
def budget(world: World, request: pytest.FixtureRequest) -> Budget:
    """At the beginning of an hour into which something was carried, or nothing was."""
    carry_over = UNUSED if request.param == "something came in" else None
    made = world.budget(10, period=HOUR, carry_over=carry_over)
    to_the_next_hour(world)
    close(world)
    return made


@pytest.mark.usefixtures("budget")
def test_what_is_spent_at_its_estimate(world: World) -> None:
    """The hold has expired, and is in the counter still: what is available stays the same."""
    reservation = world.reserve(5, ttl_seconds=10)
    to_the_next_hour(world)

    close_but_for(world, lambda: world.settle(reservation, 5))

    assert statements(world)[-1].spent == 5 * ONE


def test_what_is_credited(world: World, budget: Budget) -> None:
    world.record(1)
    to_the_next_hour(world)

    close_but_for(world, lambda: before_the_end(world, lambda: credit(world, budget, 3)))

    assert statements(world)[-1].credits == 3 * ONE


def test_a_limit_that_is_lowered_by_as_much_as_is_credited(world: World, budget: Budget) -> None:
    world.record(1)
    to_the_next_hour(world)

    def lower_and_credit() -> None:
        world.set_limit(budget, 7)
        credit(world, budget, 3)

    close_but_for(world, lambda: before_the_end(world, lower_and_credit))

    last = statements(world)[-1]
    assert (last.limit, last.credits) == (7 * ONE, 3 * ONE)


@pytest.mark.parametrize(
    ("terms", "actual", "came_in"), [(UNUSED, 5, 5), (DEBT, 15, -5)], ids=["unused", "debt"]
)
def test_what_is_carried_in_while_as_much_is_given_back(
    world: World, terms: CarryOver, actual: int, came_in: int
) -> None:
    """What is available is the same again after a release of 5 and a correction of -5."""
    world.budget(10, period=HOUR, carry_over=terms)
    in_the_first = world.reserve(5, ttl_seconds=10)
    to_the_next_hour(world)
    close(world)
    in_the_second = world.reserve(5, ttl_seconds=10)
    to_the_next_hour(world)

    def correct_the_first() -> None:
        world.release(in_the_second)
        world.settle(in_the_first, actual)
        table, client = faulty(world.table)
        client.fail("transact_write_items", Fault(None), KILLED_BEFORE)
        with pytest.raises(Killed):
            close(world.on(table))

    close_but_for(world, correct_the_first)

    assert statements(world)[1].carried_in == came_in * ONE


def test_a_window_starts_at_the_very_end_of_the_last_one(world: World) -> None:
    world.budget(10, period=DurationPeriod(3600))
    world.record(10)
    world.clock.advance(3600)

    world.reserve(10)
