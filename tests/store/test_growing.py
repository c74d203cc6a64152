"""Leases that grow: more is held on every budget or on none, and never past a limit."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

import pytest

from spendgate_service.audit.partition import Finding
from spendgate_service.audit.table import TableAudit
from spendgate_service.budgets.change import change_budget
from spendgate_service.domain.amounts import ONE
from spendgate_service.domain.calendar import CalendarPeriod
from spendgate_service.domain.errors import (
    BudgetExceeded,
    BudgetPaused,
    InvalidValue,
    ReservationExpired,
    ReservationFinalized,
)
from spendgate_service.store.client import TRIES_MAX
from spendgate_service.store.errors import OutcomeUnknown, Throttled
from tests.support.faulty_client import (
    ANSWER_LOST,
    KILLED_AFTER,
    THROTTLED,
    Killed,
    faulty,
    meanwhile,
)
from tests.support.ledger_invariants import read_books
from tests.support.world import AGENT, ORGANIZATION, TENANT, World

BOTH = (ORGANIZATION, AGENT)


def test_a_larger_total_is_held_on_every_budget_until_the_new_expiry(world: World) -> None:
    budgets = [world.budget(10, on=subject) for subject in BOTH]
    lease = world.reserve(2, by=BOTH, ttl_seconds=10)

    grown = world.grow(lease, 5, ttl_seconds=60)

    assert world.find(lease) == grown
    assert (grown.amounts, grown.expires_at_ms) == ({"usd": 5 * ONE}, world.clock.now_ms() + 60_000)
    world.clock.advance(59)
    assert [world.spent_and_held(budget) for budget in budgets] == [(0, 5), (0, 5)]


def test_a_total_that_is_not_larger_changes_nothing(world: World) -> None:
    budget = world.budget(10)
    lease = world.reserve(5, ttl_seconds=60)
    before = world.find(lease)

    assert world.grow(lease, 5) == world.grow(lease, 3) == before

    assert world.spent_and_held(budget) == (0, 5)


def test_an_older_total_with_a_new_expiry_extends_only(world: World) -> None:
    budget = world.budget(10)
    lease = world.reserve(5, ttl_seconds=10)

    assert world.grow(lease, 3, ttl_seconds=600).amounts == {"usd": 5 * ONE}

    world.clock.advance(60)
    assert world.spent_and_held(budget) == (0, 5)


def test_captures_and_returns_are_no_longer_held_when_it_grows(world: World) -> None:
    budget = world.budget(10)
    lease = world.reserve(5, ttl_seconds=10)
    world.capture(lease, 3, returned=1)

    world.grow(lease, 7, ttl_seconds=60)

    assert world.spent_and_held(budget) == (3, 3)
    assert world.settle(lease, 6).reservation.amounts == {"usd": 7 * ONE}
    assert world.spent_and_held(budget) == (6, 0)


def test_after_an_overrun_only_what_is_above_it_is_held(world: World) -> None:
    budget = world.budget(10)
    lease = world.reserve(2)
    world.capture(lease, 4)

    world.grow(lease, 5)

    assert world.spent_and_held(budget) == (4, 1)


def test_all_or_none_is_held_and_nothing_passes_a_limit(world: World) -> None:
    wide, tight = world.budget(100, on=ORGANIZATION), world.budget(10)
    lease = world.reserve(5, by=BOTH, ttl_seconds=10)
    before = world.find(lease)

    with pytest.raises(BudgetExceeded) as refused:
        world.grow(lease, 11, ttl_seconds=60)

    assert [violation.requested for violation in refused.value.violations] == [6 * ONE]
    assert world.find(lease) == before
    assert [world.spent_and_held(budget) for budget in (wide, tight)] == [(0, 5), (0, 5)]
    world.grow(lease, 10, ttl_seconds=60)
    assert world.counter(tight).available == 0


def test_a_pause_stops_growth_but_neither_the_lease_nor_its_captures(world: World) -> None:
    budget = world.budget(10)
    lease = world.reserve(5)
    world.change(budget, paused=True)

    with pytest.raises(BudgetPaused):
        world.grow(lease, 6)
    world.extend(lease, 600)
    world.capture(lease, 4)

    assert world.spent_and_held(budget) == (4, 1)


def test_a_lowered_limit_lets_the_lease_be_and_grants_no_more(world: World) -> None:
    budget = world.budget(10)
    lease = world.reserve(5)
    world.change(budget, limit=4 * ONE)

    with pytest.raises(BudgetExceeded):
        world.grow(lease, 6)
    world.capture(lease, 5)

    assert world.spent_and_held(budget) == (5, 0)
    assert world.counter(budget).available == -ONE


def test_a_raised_limit_grants_more_at_once(world: World) -> None:
    budget = world.budget(5)
    lease = world.reserve(5)
    world.change(budget, limit=20 * ONE)

    world.grow(lease, 15)

    assert world.spent_and_held(budget) == (0, 15)


def test_a_unit_that_was_not_reserved_is_refused(world: World) -> None:
    world.budget(10)

    with pytest.raises(InvalidValue, match="holds no tokens"):
        world.grow(world.reserve(5), tokens=100)


def test_a_lease_does_not_grow_in_a_period_that_has_ended(world: World) -> None:
    budget = world.budget(10, period=CalendarPeriod("hour"))
    world.clock.advance(3590)
    lease = world.reserve(5, ttl_seconds=600)
    first_hour = world.counter_key(budget)
    world.clock.advance(20)

    with pytest.raises(ReservationExpired, match="a period of it has ended"):
        world.grow(lease, 6, ttl_seconds=600)
    world.extend(lease, 600)
    world.capture(lease, 4)

    assert read_books(world.table).spent_by_ledger == {first_hour: 4 * ONE}


def test_a_lease_does_not_grow_past_a_budget_that_it_was_not_judged_by(world: World) -> None:
    world.budget(10)
    lease = world.reserve(5)
    world.budget(1, unit="usd", period=CalendarPeriod("day"))
    world.clock.advance(10)

    with pytest.raises(ReservationExpired, match="other budgets apply by now"):
        world.grow(lease, 6)


def test_a_deleted_and_created_budget_counts_nothing_of_the_lease(world: World) -> None:
    deleted = world.budget(10)
    lease = world.reserve(5)
    world.delete(deleted)
    anew = world.budget(10)
    world.clock.advance(10)

    with pytest.raises(ReservationExpired):
        world.grow(lease, 6)
    world.capture(lease, 4)
    world.reserve(10)

    assert world.spent_and_held(deleted) == (4, 1)
    assert world.spent_and_held(anew) == (0, 10)


def test_a_lease_on_a_budget_that_is_newer_than_the_cached_rules_grows(world: World) -> None:
    """The kind: what an environment has cached may be older than the lease."""
    budgets = [world.budget(10)]
    other = world.on(world.table)
    other.policy_cache.rules(TENANT, [budgets[0].subject])
    budgets.append(world.budget(20, period=CalendarPeriod("day")))
    lease = world.reserve(5)

    other.grow(lease, 8)

    assert [world.spent_and_held(budget) for budget in budgets] == [(0, 8), (0, 8)]


@pytest.mark.parametrize("is_used_since", [False, True])
def test_a_resumed_budget_lets_a_lease_grow_at_once(world: World, is_used_since: bool) -> None:
    budget = world.budget(10)
    lease = world.reserve(5)
    world.change(budget, paused=True)
    other = world.on(world.table)
    with pytest.raises(BudgetPaused):
        other.grow(lease, 6)
    change_budget(
        world.table, TENANT, budget.budget_id, lambda paused: replace(paused, paused=False),
        now_ms=world.clock.now_ms(),
    )  # fmt: skip
    if is_used_since:
        world.reserve(1)

    other.grow(lease, 8)

    assert world.spent_and_held(budget) == (0, 9 if is_used_since else 8)


def overtaken(world: World, at: int, others_do: Callable[[], object]) -> World:
    """The same, and others come first before its update with that number."""
    table, client = faulty(world.table)
    client.fail("update_item", meanwhile(others_do), at=at)
    return world.on(table)


@pytest.mark.parametrize("at", [1, 2])
def test_a_lease_that_is_settled_meanwhile_keeps_nothing_for_longer_than_its_hold(
    world: World, at: int
) -> None:
    budget = world.budget(10)
    lease = world.reserve(5, ttl_seconds=10)

    with pytest.raises(ReservationFinalized):
        overtaken(world, at, lambda: world.settle(lease, 4)).grow(lease, 8, ttl_seconds=600)

    assert world.counter(budget).available >= ONE
    world.clock.advance(30)
    world.reserve(6)


@pytest.mark.parametrize("at", [1, 2])
def test_a_lease_that_is_captured_meanwhile_grows_from_there(world: World, at: int) -> None:
    budget = world.budget(10)
    lease, _neighbour = world.reserve(5, ttl_seconds=10), world.reserve(1, ttl_seconds=10)

    overtaken(world, at, lambda: world.capture(lease, 1)).grow(lease, 8, ttl_seconds=600)

    assert world.spent_and_held(budget) == (1, 8)


@pytest.mark.parametrize("at", [1, 2])
def test_a_lease_that_grows_meanwhile_grows_once(world: World, at: int) -> None:
    budget = world.budget(10)
    lease = world.reserve(5, ttl_seconds=10)

    def grow_meanwhile() -> None:
        with suppress(BudgetExceeded):  # if its hold is on its way to another bucket
            world.grow(lease, 7, ttl_seconds=60)

    overtaken(world, at, grow_meanwhile).grow(lease, 8, ttl_seconds=600)

    assert world.spent_and_held(budget) == (0, 8)


def test_a_try_whose_response_was_lost_is_made_up_for_by_the_next(world: World) -> None:
    budget = world.budget(20)
    lease = world.reserve(5, ttl_seconds=10)
    table, client = faulty(world.table)
    client.fail("update_item", ANSWER_LOST)

    with pytest.raises(OutcomeUnknown):
        world.on(table).grow(lease, 8, ttl_seconds=60)
    world.grow(lease, 8, ttl_seconds=60)

    assert world.spent_and_held(budget) == (0, 16), "the first try's hold expires by itself"
    world.clock.advance(70)
    world.reserve(20)


def test_a_lost_response_does_not_lose_the_grant(world: World) -> None:
    budget = world.budget(10)
    lease = world.reserve(5, ttl_seconds=10)
    table, client = faulty(world.table)
    client.fail("update_item", ANSWER_LOST, at=2)

    world.on(table).grow(lease, 8, ttl_seconds=60)

    assert world.spent_and_held(budget) == (0, 8)


def test_a_crash_while_it_grows_leaves_a_hold_that_expires_and_no_finding(world: World) -> None:
    budget = world.budget(10)
    lease, neighbour = world.reserve(5, ttl_seconds=10), world.reserve(1, ttl_seconds=10)
    table, client = faulty(world.table)
    client.fail("update_item", KILLED_AFTER)

    with pytest.raises(Killed):
        world.on(table).grow(lease, 8, ttl_seconds=60)
    world.settle(lease, 4)

    found: list[Finding] = []
    TableAudit(world.table, clock=world.clock.now_ms, report=found.append).run(segments=1)
    assert found == []
    world.settle(neighbour, 1)
    world.clock.advance(70)
    world.reserve(5)
    assert world.counter(budget).available == 0


def test_a_throttled_grant_gives_back_what_it_took(world: World) -> None:
    budget = world.budget(10)
    lease = world.reserve(5, ttl_seconds=10)
    before, counter = world.find(lease), world.counter(budget)
    table, client = faulty(world.table)
    client.fail("update_item", *[THROTTLED] * TRIES_MAX, at=2)

    with pytest.raises(Throttled):
        world.on(table).grow(lease, 8, ttl_seconds=60)

    assert world.find(lease) == before
    assert world.counter(budget).available == counter.available
