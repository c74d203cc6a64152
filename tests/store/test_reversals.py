"""A reversal undoes a spend once, on every budget that counted it; the three books stay equal."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from spendgate_service.domain.amounts import ONE
from spendgate_service.domain.budgets import CarryOver
from spendgate_service.domain.calendar import CalendarPeriod
from spendgate_service.domain.errors import InvalidValue, NotFound
from spendgate_service.domain.periods import DurationPeriod, NoPeriod, PeriodRule, RollingPeriod
from spendgate_service.store.errors import Throttled
from spendgate_service.usage.reverse import Reversed, reverse
from tests.store.test_usage_records import usage_of
from tests.support.ledger_invariants import read_books
from tests.support.outbox import outbox
from tests.support.rollover import close
from tests.support.world import AGENT, ORGANIZATION, TENANT, World, settle

DAY = 86_400
PERIODS: list[PeriodRule] = [
    NoPeriod(), CalendarPeriod("day"), DurationPeriod(3600), RollingPeriod(3600),
]  # fmt: skip


def reversed_by(world: World, record_id: str, reason: str | None = "a mistake") -> Reversed:
    return reverse(
        world.table, TENANT, record_id, reason,
        now_ms=world.clock.now_ms(), threshold_events=world.threshold_events,
    )  # fmt: skip


def reverse_last(world: World) -> Reversed:
    return reversed_by(world, usage_of(world)[-1].record_id)


@pytest.mark.parametrize("period", PERIODS, ids=repr)
@pytest.mark.parametrize("how", ["recorded", "settled"])
def test_a_spend_is_undone_on_every_budget(world: World, period: PeriodRule, how: str) -> None:
    """In every kind of period, recorded or settled: spent 0, overrun 0, available as before."""
    budgets = [world.budget(10, on=subject, period=period) for subject in (ORGANIZATION, AGENT)]
    if how == "recorded":
        world.record(76, by=(ORGANIZATION, AGENT))
    else:
        world.settle(world.reserve(5, by=(ORGANIZATION, AGENT)), 76)

    result = reverse_last(world)

    assert not result.replayed
    for budget in budgets:
        counter = world.counter(budget)
        assert (counter.spent, counter.available) == (0, 10 * ONE)
    first, second = usage_of(world)
    original, reversal = (first, second) if second.reverses else (second, first)
    assert reversal.reverses == reversal.provenance.ref_id == original.record_id
    assert reversal.amounts == {"usd": -76 * ONE}
    assert reversal.provenance.description == "a mistake"
    assert world.reserve(10, by=(ORGANIZATION, AGENT))


def test_a_reversal_happens_once_and_is_returned_again(world: World) -> None:
    """A reversal itself, an unknown record and another tenant's are refused."""
    budget = world.budget(10)
    world.record(4)
    (record,) = usage_of(world)
    first = reversed_by(world, record.record_id)

    again = reversed_by(world, record.record_id, "another reason")

    assert again == Reversed(first.record, replayed=True)
    assert world.spent_and_held(budget) == (0, 0)
    with pytest.raises(InvalidValue, match="is a reversal"):
        reversed_by(world, first.record.record_id)
    with pytest.raises(NotFound):
        reversed_by(world, "use_1")
    with pytest.raises(NotFound):
        reverse(world.table, "other", record.record_id, None, now_ms=world.clock.now_ms())


def test_reversals_at_the_same_time_count_once(world: World) -> None:
    """Of the same spend from several threads, while other spends of the budget are settled."""
    budget = world.budget(100, period=RollingPeriod(3600))
    world.record(7)
    (record,) = usage_of(world)
    open_ones = [world.reserve(1) for _ in range(4)]

    def undo(_number: int) -> object:
        try:
            return reversed_by(world, record.record_id)
        except Throttled as error:
            return error

    with ThreadPoolExecutor(8) as pool:
        settled = pool.map(
            lambda reservation_id: world.settlements.apply_one(settle(reservation_id, 1)), open_ones
        )
        results = list(pool.map(undo, range(4)))
        list(settled)

    reversed_by(world, record.record_id)
    done = [result for result in results if isinstance(result, Reversed)]
    assert sum(not result.replayed for result in done) <= 1
    assert world.spent_and_held(budget) == (4, 0)


@pytest.mark.parametrize("reclaimed", [False, True])
def test_what_has_left_a_rolling_window_changes_its_total_of_all_time_only(
    world: World, reclaimed: bool
) -> None:
    budget = world.budget(10, period=RollingPeriod(3600))
    world.record(10)
    world.clock.advance(2 * 3600)
    if reclaimed:
        world.reserve(10)

    reverse_last(world)

    counter = world.counter(budget)
    held = 10 * ONE if reclaimed else 0
    assert (counter.spent, counter.available) == (0, 10 * ONE - held)
    assert counter.spent_of_all_time == 0


def test_a_slice_that_is_reclaimed_meanwhile_is_reversed_as_one_that_has_left(
    world: World,
) -> None:
    budget = world.budget(10, period=RollingPeriod(3600))
    world.record(10)
    (record,) = usage_of(world)
    world.clock.advance(2 * 3600)

    reversed_by(world.overtaken_by(lambda: world.reserve(10)), record.record_id)

    counter = world.counter(budget)
    assert (counter.spent, counter.spent_ever, counter.available) == (0, 0, 0)


@pytest.mark.parametrize("closed_before", [False, True])
def test_a_closed_period_gets_a_statement_and_carries_over_what_is_unused_now(
    world: World, closed_before: bool
) -> None:
    """Whether it was closed before the reversal, or is closed after it."""
    carry_over = CarryOver(unused=True)
    budget = world.budget(10, period=CalendarPeriod("day"), carry_over=carry_over)
    world.record(8)
    world.clock.advance(DAY)
    world.record(1)
    if closed_before:
        close(world)

    yesterday = next(usage for usage in usage_of(world) if usage.amounts["usd"] == 8 * ONE)
    reversed_by(world, yesterday.record_id)
    close(world)

    counter = world.counter(budget)
    assert (counter.spent, counter.carried_in, counter.available) == (ONE, 10 * ONE, 19 * ONE)
    statements = read_books(world.table).all_statements
    assert [statement.spent for statement in statements] == ([8 * ONE, 0] if closed_before else [0])


def test_debt_that_was_carried_over_is_taken_back(world: World) -> None:
    budget = world.budget(
        10, period=CalendarPeriod("day"), carry_over=CarryOver(unused=False, debt=True)
    )
    world.record(14)
    world.clock.advance(DAY)
    close(world)
    world.record(1)
    assert world.counter(budget).available == 5 * ONE

    mistake = next(usage for usage in usage_of(world) if usage.amounts["usd"] == 14 * ONE)
    reversed_by(world, mistake.record_id)
    close(world)

    assert world.counter(budget).available == 9 * ONE


def test_a_level_that_a_reversal_left_is_announced_when_it_is_reached_again(world: World) -> None:
    """9 spent, 6 of it reversed, 6 again: 80 % twice."""
    world.budget(10)
    world.record(3)
    world.record(6)
    six = next(usage for usage in usage_of(world) if usage.amounts["usd"] == 6 * ONE)

    reversed_by(world, six.record_id)
    world.clock.advance(1)
    world.record(6)

    assert [event.event_type for event in outbox(world.table)].count(
        "budget.threshold_reached"
    ) == 2


def test_a_spend_without_a_budget_is_reversed_in_the_log(world: World) -> None:
    world.record(5)

    reverse_last(world)

    amounts = [usage.amounts["usd"] for usage in usage_of(world)]
    assert sum(amounts) == 0 and len(amounts) == 2
