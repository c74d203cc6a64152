"""Carrying over: what a period leaves goes into the next one, exactly once, to the last digit."""

from dataclasses import replace
from typing import Any

import pytest

from spendgate_service.budgets.change import change_budget
from spendgate_service.domain.amounts import ONE
from spendgate_service.domain.budgets import Budget, CarryOver
from spendgate_service.domain.calendar import CalendarPeriod
from spendgate_service.domain.counters import Counter
from spendgate_service.domain.errors import BudgetExceeded
from spendgate_service.domain.periods import DurationPeriod
from spendgate_service.domain.statements import CLOSING_GRACE_SECONDS
from spendgate_service.periods.run import Progress
from spendgate_service.store.policy_cache import PRESENT_SECONDS_MAX
from tests.support.ledger_invariants import assert_books_balance, read_books
from tests.support.rollover import close
from tests.support.world import TENANT, World

HOUR = CalendarPeriod("hour")
FIVE_HOURS = DurationPeriod(5 * 3600)
UNUSED, DEBT = CarryOver(unused=True), CarryOver(debt=True)
BOTH = CarryOver(unused=True, max=4 * ONE, debt=True)


def to_the_next_hour(world: World) -> None:
    world.clock.advance(3600 - (world.clock.now_ms() // 1000) % 3600 + CLOSING_GRACE_SECONDS)


def counters(world: World) -> list[Counter]:
    """The counters, in the order of their periods; the books balance."""
    books = assert_books_balance(world.table, now_ms=world.clock.now_ms())
    return [books.counters[key] for key in sorted(books.counters)]


def carried(world: World) -> list[tuple[float, float]]:
    return [(counter.carried_in / ONE, counter.carried_out / ONE) for counter in counters(world)]


@pytest.mark.parametrize(
    ("terms", "spent", "goes_on"),
    [
        (UNUSED, 4, 6),
        (UNUSED, 12, 0),
        (DEBT, 4, 0),
        (DEBT, 12, -2),
        (BOTH, 4, 4),
        (BOTH, 9, 1),
        (BOTH, 12, -2),
        (CarryOver(), 4, 0),
    ],
)
def test_what_goes_on_into_the_next_period(
    world: World, terms: CarryOver, spent: int, goes_on: int
) -> None:
    world.budget(10, period=HOUR, carry_over=terms)
    world.record(spent)
    to_the_next_hour(world)

    close(world)

    balance = world.balance_of("agent:researcher")
    assert balance.available == (10 + goes_on) * ONE
    assert balance.counter.carried_in == goes_on * ONE
    (statement,) = read_books(world.table).all_statements
    assert (statement.carried_out, statement.unused) == (goes_on * ONE, (10 - spent) * ONE)
    assert carried(world)[0] == (0, goes_on)


def test_what_was_carried_in_can_be_spent_and_not_more(world: World) -> None:
    world.budget(10, period=HOUR, carry_over=BOTH)
    world.record(5)
    to_the_next_hour(world)
    close(world)

    world.reserve(14)

    with pytest.raises(BudgetExceeded):
        world.reserve(1)


def test_a_debt_is_taken_off_what_can_be_spent(world: World) -> None:
    world.budget(10, period=HOUR, carry_over=DEBT)
    world.record(13)
    to_the_next_hour(world)
    close(world)

    with pytest.raises(BudgetExceeded):
        world.reserve(8)
    world.reserve(7)


def test_it_is_carried_into_a_counter_that_is_in_use_already(world: World) -> None:
    world.budget(10, period=HOUR, carry_over=UNUSED)
    world.record(4)
    to_the_next_hour(world)
    world.settle(world.reserve(9), 9)

    close(world)

    after = world.balance_of("agent:researcher")
    assert (after.spent, after.available) == (9 * ONE, 7 * ONE)
    assert after.counter.carried_in == 6 * ONE


def test_unused_limits_go_on_through_a_period_into_which_nothing_came(world: World) -> None:
    world.budget(10, on="agent:*", period=HOUR, carry_over=UNUSED)
    world.record(10)
    for _ in range(3):
        to_the_next_hour(world)

    close(world)

    assert carried(world) == [(0, 0), (0, 10), (10, 20), (20, 0)]
    assert world.balance_of("agent:researcher").available == 30 * ONE


def test_a_late_run_gives_ended_periods_the_limit_that_they_had(world: World) -> None:
    budget = world.budget(10, on="agent:*", period=HOUR, carry_over=UNUSED)
    world.record(1)
    for _ in range(3):
        to_the_next_hour(world)
    world.set_limit(budget, 1000)

    close(world)

    assert carried(world) == [(0, 9), (9, 19), (19, 29), (29, 0)]
    assert world.balance_of("agent:researcher").available == 1029 * ONE


@pytest.mark.parametrize("on", ["agent:*", "agent:researcher"])
@pytest.mark.parametrize("closes_before_the_last_change", [False, True])
def test_a_period_carries_what_the_limit_at_its_end_has_left_whenever_it_is_closed(
    world: World, on: str, closes_before_the_last_change: bool
) -> None:
    budget = world.budget(1000, on=on, period=HOUR, carry_over=UNUSED)
    world.record(1)
    world.clock.advance(60)
    world.set_limit(budget, 2)
    to_the_next_hour(world)
    if closes_before_the_last_change:
        close(world)
    world.set_limit(budget, 3)

    close(world)

    (statement,) = read_books(world.table).all_statements
    assert (statement.limit, statement.carried_out) == (2 * ONE, 1 * ONE)
    world.clock.advance(PRESENT_SECONDS_MAX + 1)
    assert world.balance_of("agent:researcher").available == 4 * ONE
    with pytest.raises(BudgetExceeded):
        world.reserve(5)


def test_every_period_of_a_backlog_has_the_limit_at_its_end(world: World) -> None:
    budget = world.budget(10, on="agent:*", period=HOUR, carry_over=UNUSED)
    world.record(1)
    for limit in (20, 30, 40):
        world.set_limit(budget, limit)
        to_the_next_hour(world)
    world.set_limit(budget, 1000)

    close(world)

    limits = sorted(statement.limit // ONE for statement in read_books(world.table).all_statements)
    assert limits == [20, 30, 40]
    assert carried(world) == [(0, 19), (19, 49), (49, 89), (89, 0)]


def test_a_backlog_gets_one_statement_for_each_period(world: World) -> None:
    world.budget(10, period=DurationPeriod(60), carry_over=UNUSED)
    for _ in range(20):
        world.record(1)
        world.clock.advance(61)
    world.clock.advance(CLOSING_GRACE_SECONDS)

    close(world)

    assert len(read_books(world.table).all_statements) == 20
    assert read_books(world.table).waiting.total() == 180 * ONE


def test_the_ledgers_of_both_periods_say_so(world: World) -> None:
    world.budget(10, period=HOUR, carry_over=UNUSED)
    world.record(4)
    to_the_next_hour(world)

    close(world)

    books = read_books(world.table)
    left, entered = sorted(books.counters)
    assert books.carried_by_ledger == {left: -6 * ONE, entered: 6 * ONE}


def test_closing_again_carries_nothing_again(world: World) -> None:
    world.budget(10, period=HOUR, carry_over=UNUSED)
    to_the_next_hour(world)
    close(world)

    assert close(world) == Progress()

    assert carried(world) == [(0, 10), (10, 0)]


def test_a_day_without_the_scheduler_carries_through_every_period(world: World) -> None:
    world.budget(10, period=HOUR, carry_over=CarryOver(unused=True, max=25 * ONE))
    world.record(1)
    for _ in range(5):
        to_the_next_hour(world)

    close(world)

    assert carried(world) == [(0, 9), (9, 19), (19, 25), (25, 25), (25, 25), (25, 0)]
    assert world.balance_of("agent:researcher").available == 35 * ONE


def test_what_is_held_at_the_end_is_carried_on_when_it_is_given_back(world: World) -> None:
    world.budget(10, period=HOUR, carry_over=UNUSED)
    reservation = world.reserve(7, ttl_seconds=7200)
    to_the_next_hour(world)
    close(world)
    assert carried(world) == [(0, 3), (3, 0)]

    world.settle(reservation, 2)
    close(world)

    assert carried(world) == [(0, 8), (8, 0)]
    provisional, final = read_books(world.table).all_statements
    assert (provisional.carried_out, final.carried_out) == (3 * ONE, 8 * ONE)


def test_a_late_settlement_takes_back_what_was_carried_on_too_much(world: World) -> None:
    world.budget(10, period=HOUR, carry_over=BOTH)
    reservation = world.reserve(10, ttl_seconds=10)
    to_the_next_hour(world)
    close(world)
    assert carried(world) == [(0, 4), (4, 0)]
    world.record(14)

    world.settle(reservation, 11)
    close(world)

    assert carried(world) == [(0, -1), (-1, 0)]
    assert world.balance_of("agent:researcher").overrun == 5 * ONE


def test_a_correction_goes_through_a_period_that_is_closed_as_well(world: World) -> None:
    world.budget(10, period=HOUR, carry_over=BOTH)
    reservation = world.reserve(10, ttl_seconds=10)
    for _ in range(2):
        to_the_next_hour(world)
        close(world)
    assert carried(world) == [(0, 4), (4, 4), (4, 0)]

    world.settle(reservation, 18)
    close(world)

    assert carried(world) == [(0, -8), (-8, 2), (2, 0)]
    assert [len(one) for _, one in sorted(read_books(world.table).statements.items())] == [2, 2]


def test_the_terms_are_those_of_the_first_closing(world: World) -> None:
    budget = world.budget(10, period=HOUR, carry_over=UNUSED)
    reservation = world.reserve(10, ttl_seconds=10)
    to_the_next_hour(world)
    close(world)
    patch(world, budget, carry_over=None)

    world.settle(reservation, 4)
    close(world)

    assert carried(world) == [(0, 6), (6, 0)]


@pytest.mark.parametrize("change", [{"period": CalendarPeriod("day")}, {"disabled": True}])
def test_nothing_is_carried_on_from_a_budget_that_moved_or_is_disabled(
    world: World, change: dict[str, Any]
) -> None:
    budget = world.budget(10, period=HOUR, carry_over=UNUSED)
    patch(world, budget, **change)
    to_the_next_hour(world)

    close(world)

    assert all(counter.carried_out == counter.carried_in == 0 for counter in counters(world))


def test_nothing_is_carried_on_from_a_deleted_budget(world: World) -> None:
    budget = world.budget(10, period=HOUR, carry_over=UNUSED)
    world.delete(budget)
    to_the_next_hour(world)

    assert close(world) == Progress(closed=1)

    assert carried(world) == [(0, 0)]


def test_every_subject_of_a_default_carries_its_own(world: World) -> None:
    world.budget(10, on="agent:*", period=HOUR, carry_over=UNUSED)
    world.record(4, by=("agent:a",))
    world.record(1, by=("agent:b",))
    to_the_next_hour(world)

    close(world)

    assert world.balance_of("agent:a").available == 16 * ONE
    assert world.balance_of("agent:b").available == 19 * ONE


class TestDuration:
    @pytest.mark.parametrize("on", ["agent:researcher", "agent:*"])
    def test_it_waits_for_the_next_window_and_is_in_it_from_its_start(
        self, world: World, on: str
    ) -> None:
        world.budget(10, on=on, period=FIVE_HOURS, carry_over=UNUSED)
        world.record(4)
        world.clock.advance(6 * 3600)
        close(world)
        assert read_books(world.table).waiting.total() == 6 * ONE
        assert world.balance_of("agent:researcher").available == 16 * ONE
        world.clock.advance(3600)

        world.reserve(16)

        assert read_books(world.table).waiting.total() == 0
        assert carried(world) == [(0, 6), (6, 0)]

    def test_a_debt_waits_as_well(self, world: World) -> None:
        world.budget(10, period=FIVE_HOURS, carry_over=DEBT)
        world.record(14)
        world.clock.advance(6 * 3600)
        close(world)

        with pytest.raises(BudgetExceeded):
            world.reserve(7)
        world.reserve(6)

    def test_it_goes_into_a_window_that_was_started_before_the_closing(self, world: World) -> None:
        world.budget(10, period=FIVE_HOURS, carry_over=UNUSED)
        world.record(4)
        world.clock.advance(6 * 3600)
        world.record(1)

        close(world)

        assert carried(world) == [(0, 6), (6, 0)]
        assert world.balance_of("agent:researcher").available == 15 * ONE

    def test_it_goes_into_the_window_that_followed_and_through_it(self, world: World) -> None:
        world.budget(10, period=FIVE_HOURS, carry_over=BOTH)
        for spent in (4, 13, 9):
            world.record(spent)
            world.clock.advance(6 * 3600)

        close(world)

        assert carried(world) == [(0, 4), (4, 1), (1, 2)]
        assert read_books(world.table).waiting.total() == 2 * ONE

    def test_a_correction_that_leaves_nothing_waiting_lets_the_next_window_start(
        self, world: World
    ) -> None:
        world.budget(10, period=FIVE_HOURS, carry_over=UNUSED)
        reservation = world.reserve(10, ttl_seconds=10)
        world.clock.advance(6 * 3600)
        close(world)
        world.settle(reservation, 10)
        close(world)
        assert read_books(world.table).waiting.total() == 0

        world.reserve(10)

        assert carried(world) == [(0, 0), (0, 0)]

    def test_a_window_that_starts_while_it_is_closed_gets_it_all_the_same(
        self, world: World
    ) -> None:
        world.budget(10, period=FIVE_HOURS, carry_over=UNUSED)
        world.record(4)
        world.clock.advance(6 * 3600)

        def others_do() -> None:
            world.record(2)

        late = world.overtaken_by(others_do)
        close(late)

        assert carried(world) == [(0, 6), (6, 0)]

    def test_what_waits_is_taken_as_it_is_when_the_window_starts(self, world: World) -> None:
        world.budget(10, period=FIVE_HOURS, carry_over=UNUSED)
        reservation = world.reserve(5, ttl_seconds=10)
        world.clock.advance(6 * 3600)
        close(world)

        def others_do() -> None:
            world.settle(reservation, 3)
            close(world)

        late = world.overtaken_by(others_do)
        late.reserve(17)

        assert carried(world) == [(0, 7), (7, 0)]

    def test_of_two_that_start_the_window_at_once_one_takes_what_waits(self, world: World) -> None:
        world.budget(10, period=FIVE_HOURS, carry_over=UNUSED)
        world.record(4)
        world.clock.advance(6 * 3600)
        close(world)
        other = world.on(world.table)

        def others_do() -> None:
            other.reserve(1)

        late = world.overtaken_by(others_do)
        late.reserve(15)

        assert carried(world) == [(0, 6), (6, 0)]

    def test_a_window_whose_last_one_is_closed_while_it_starts_takes_what_waits(
        self, world: World
    ) -> None:
        world.budget(10, period=FIVE_HOURS, carry_over=UNUSED)
        world.record(4)
        world.clock.advance(6 * 3600)

        def others_do() -> None:
            close(world)

        late = world.overtaken_by(others_do)
        late.reserve(10)

        assert carried(world) == [(0, 6), (6, 0)]


def patch(world: World, budget: Budget, **changes: Any) -> None:
    change_budget(
        world.table, TENANT, budget.budget_id,
        lambda current: replace(current, **changes), now_ms=world.clock.now_ms(),
    )  # fmt: skip
