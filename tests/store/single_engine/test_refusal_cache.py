"""Refusals from memory: a spent budget that is hammered costs nothing, and is never wrong to."""

import pytest

from spendgate_service.budgets.credit import Credit, apply_credit
from spendgate_service.domain.amounts import ONE
from spendgate_service.domain.budgets import Budget
from spendgate_service.domain.calendar import CalendarPeriod
from spendgate_service.domain.clocks import CLOCKS_DIFFER_MS_MAX
from spendgate_service.domain.errors import BudgetExceeded
from spendgate_service.domain.periods import RollingPeriod
from spendgate_service.domain.reservations import Provenance
from spendgate_service.reservations.refusal_cache import BELIEVED_MS_MAX, REFUSALS_UNTIL_BELIEVED
from tests.support.counting_client import CountingClient, counting
from tests.support.world import AGENT, ORGANIZATION, TENANT, World

MOMENT_SECONDS = BELIEVED_MS_MAX / 1000


@pytest.fixture
def hammered(world: World) -> tuple[World, CountingClient]:
    """The tenant through a client that counts."""
    table, client = counting(world.table)
    return world.on(table), client


def spend(world: World, usd: int, *, by: tuple[str, ...] = (AGENT,)) -> None:
    world.settle(world.reserve(usd, by=by), usd)


def refuse(
    world: World, usd: int = 1, *, by: tuple[str, ...] = (AGENT,), key: str | None = None
) -> BudgetExceeded:
    with pytest.raises(BudgetExceeded) as refused:
        world.ask(usd, by=by, key=key)
    return refused.value


def hammer(world: World, usd: int = 1, *, by: tuple[str, ...] = (AGENT,)) -> BudgetExceeded:
    """Ask until the budget counts as hammered."""
    return [refuse(world, usd, by=by) for _ in range(REFUSALS_UNTIL_BELIEVED)][-1]


def test_a_spent_budget_that_is_hammered_is_refused_without_a_call_and_in_the_same_words(
    hammered: tuple[World, CountingClient],
) -> None:
    world, client = hammered
    world.budget(10, period=CalendarPeriod("month"))
    spend(world, 10)
    by_the_table = hammer(world)
    client.calls.clear()

    by_memory = refuse(world)

    assert not client.calls
    assert by_memory.violations == by_the_table.violations


def test_after_the_moment_the_table_is_asked_once_and_believed_again(
    hammered: tuple[World, CountingClient],
) -> None:
    world, client = hammered
    world.budget(10)
    spend(world, 10)
    hammer(world)
    world.clock.advance(MOMENT_SECONDS)
    client.calls.clear()

    refuse(world)
    refuse(world)

    assert client.calls["update_item"] == 1


def test_what_is_merely_held_is_asked_for_every_time_and_granted_once_released(
    hammered: tuple[World, CountingClient],
) -> None:
    world, _ = hammered
    world.budget(10)
    spend(world, 9)
    held = world.reserve(1)
    hammer(world)

    world.release(held)

    assert world.reserve(1)


def test_a_smaller_amount_that_is_left_is_granted_at_once(
    hammered: tuple[World, CountingClient],
) -> None:
    world, _ = hammered
    world.budget(10)
    spend(world, 9)
    hammer(world, 2)

    assert world.reserve(1)


def test_a_credit_is_served_at_once_to_whoever_does_not_hammer(world: World) -> None:
    budget = world.budget(10)
    spend(world, 10)
    for _ in range(REFUSALS_UNTIL_BELIEVED - 1):
        refuse(world)

    credit(world, budget, 5)

    assert world.reserve(1)


def test_a_credit_to_a_hammered_budget_is_served_after_the_moment(world: World) -> None:
    budget = world.budget(10)
    spend(world, 10)
    hammer(world)
    credit(world, budget, 5)

    refuse(world)
    world.clock.advance(MOMENT_SECONDS)

    assert world.reserve(1)


def test_a_limit_that_was_raised_is_served_after_the_moment(world: World) -> None:
    budget = world.budget(10)
    spend(world, 10)
    hammer(world)
    world.set_limit(budget, 20)

    world.clock.advance(MOMENT_SECONDS)

    assert world.reserve(1)


def test_the_next_period_grants_at_its_first_instant(world: World) -> None:
    world.budget(10, period=CalendarPeriod("hour"))
    spend(world, 10)
    world.clock.advance(3600 - 0.5)
    hammer(world)

    world.clock.advance(0.5)

    assert world.reserve(1)


def test_a_rolling_window_grants_when_enough_has_left_it(world: World) -> None:
    world.budget(10, period=RollingPeriod(60))
    spend(world, 10)
    leaves_at = min(world.balance_of(AGENT).counter.slices)
    world.clock.at_ms = leaves_at * 1000 + CLOCKS_DIFFER_MS_MAX - 500
    hammer(world)

    world.clock.advance(0.5)

    assert world.reserve(1)


def test_a_retry_of_what_was_granted_gets_its_first_answer_however_spent_the_budget_is(
    world: World,
) -> None:
    world.budget(10)
    first = world.ask(10, key="k")
    world.record(10)
    hammer(world, 10)

    again = world.ask(10, key="k")

    assert again.replayed
    assert again.answer == first.answer


def test_every_budget_that_refuses_is_named_from_memory_too(
    hammered: tuple[World, CountingClient],
) -> None:
    world, client = hammered
    world.budget(10, on=ORGANIZATION)
    world.budget(10)
    both = (ORGANIZATION, AGENT)
    spend(world, 10, by=both)
    by_the_table = hammer(world, by=both)
    client.calls.clear()

    by_memory = refuse(world, by=both)

    assert not client.calls
    assert [violation.subject for violation in by_memory.violations] == [ORGANIZATION, AGENT]
    assert by_memory.violations == by_the_table.violations


def test_who_spent_all_of_its_own_too_is_told_so_though_only_the_budget_above_is_hammered(
    world: World,
) -> None:
    world.budget(10, on=ORGANIZATION, period=CalendarPeriod("day"))
    world.budget(1, on="agent:spent")
    both = (ORGANIZATION, "agent:spent")
    spend(world, 1, by=both)
    spend(world, 9, by=(ORGANIZATION, AGENT))
    hammer(world, by=(ORGANIZATION, AGENT))

    refused = refuse(world, by=both)

    assert [violation.subject for violation in refused.violations] == list(both)
    assert refused.retry_after_seconds is None


def test_a_larger_amount_than_the_others_granted_is_asked_for(world: World) -> None:
    world.budget(10, on=ORGANIZATION, period=CalendarPeriod("day"))
    world.budget(4)
    both = (ORGANIZATION, AGENT)
    spend(world, 10, by=(ORGANIZATION, "agent:another"))
    hammer(world, 3, by=both)

    refused = refuse(world, 5, by=both)

    assert [violation.subject for violation in refused.violations] == list(both)


def test_what_the_others_grant_is_believed_as_well(hammered: tuple[World, CountingClient]) -> None:
    world, client = hammered
    world.budget(10, on=ORGANIZATION)
    world.budget(4)
    both = (ORGANIZATION, AGENT)
    spend(world, 10, by=(ORGANIZATION, "agent:another"))
    hammer(world, 3, by=both)
    client.calls.clear()

    refused = refuse(world, 3, by=both)

    assert not client.calls
    assert [violation.subject for violation in refused.violations] == [ORGANIZATION]


def test_a_budget_that_would_grant_the_smaller_amount_is_not_named(world: World) -> None:
    world.budget(10, on=ORGANIZATION)
    world.budget(5)
    both = (ORGANIZATION, AGENT)
    spend(world, 5, by=both)
    assert len(hammer(world, 6, by=both).violations) == 2

    refused = refuse(world, 1, by=both)

    assert [violation.subject for violation in refused.violations] == [AGENT]


def test_another_agent_under_the_same_default_is_not_refused_for_its_neighbour(
    world: World,
) -> None:
    world.budget(10, on="agent:*")
    spend(world, 10)
    hammer(world)

    assert world.reserve(1, by=("agent:another",))


def credit(world: World, budget: Budget, usd: int) -> None:
    topped_up = Credit(budget.budget_id, None, usd * ONE, Provenance())
    apply_credit(world.table, TENANT, topped_up, idempotency=None, now_ms=world.clock.now_ms())
