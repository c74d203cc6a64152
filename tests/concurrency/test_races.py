"""Four processes at once: what fits is granted, never more, and everything adds up afterwards."""

from contextlib import suppress
from typing import Any

import pytest

from spendgate_service.domain.amounts import ONE
from spendgate_service.domain.calendar import CalendarPeriod
from spendgate_service.domain.errors import BudgetExceeded
from tests.concurrency.conftest import Race
from tests.concurrency.workers import PROCESSES, apply_commands, live, reserve_many
from tests.support.ledger_invariants import assert_books_balance
from tests.support.world import AGENT, ORGANIZATION, World

SESSION = "session:s"
THREE = (ORGANIZATION, AGENT, SESSION)


@pytest.mark.parametrize("kind", ["lean", "boto3"])
def test_twenty_reservations_of_100_against_500_grant_exactly_five(
    world: World, race: Race, kind: str
) -> None:
    budget = world.budget(500)

    score = race(reserve_many, [([100] * 5, (AGENT,), [{}] * 5)] * PROCESSES, kind=kind)

    assert len(score.granted) == 5
    assert score.refused_by == [(budget.budget_id,)] * 15
    assert world.spent_and_held(budget) == (0, 500)
    assert_books_balance(world.table, now_ms=world.clock.now_ms())


def test_three_budgets_grant_exactly_what_fits_the_smallest(world: World, race: Race) -> None:
    organization = world.budget(100, on=ORGANIZATION, period=CalendarPeriod("month"))
    agent = world.budget(60, period=CalendarPeriod("hour"))
    session = world.budget(37, on=SESSION)

    score = race(reserve_many, [([1] * 25, THREE, [{}] * 25)] * PROCESSES)

    assert len(score.granted) == 37
    assert score.refused_by == [(session.budget_id,)] * (25 * PROCESSES - 37)
    assert [world.spent_and_held(counted) for counted in (organization, agent, session)] == [
        (0, 37)
    ] * 3
    assert_books_balance(world.table, now_ms=world.clock.now_ms())


def test_budgets_that_refuse_in_turn_leave_no_hold_behind(world: World, race: Race) -> None:
    """Different requests meet different limits, so that much is taken and given back."""
    budgets = [world.budget(20, on=subject) for subject in THREE]
    parts: list[tuple[Any, ...]] = [
        ([3] * 10, subjects, [{}] * 10)
        for subjects in ((ORGANIZATION, AGENT), (AGENT, SESSION), (SESSION, ORGANIZATION), THREE)
    ]

    race(reserve_many, parts)

    books = assert_books_balance(world.table, now_ms=world.clock.now_ms())
    assert all(0 <= counter.available < 20 * ONE for counter in books.counters.values())
    assert len(books.counters) == len(budgets)


def test_holds_that_have_expired_are_reclaimed_once_by_all_who_need_them(
    world: World, race: Race
) -> None:
    budget = world.budget(30)
    for _ in range(6):
        world.reserve(5, ttl_seconds=1)
        world.clock.advance(0.2)
    world.clock.advance(5)

    score = race(reserve_many, [([1] * 15, (AGENT,), [{}] * 15)] * PROCESSES)

    assert len(score.granted) == 30
    assert world.spent_and_held(budget) == (0, 30)
    assert_books_balance(world.table, now_ms=world.clock.now_ms())


def test_the_same_idempotency_key_from_everybody_makes_one_reservation(
    world: World, race: Race
) -> None:
    budgets = [world.budget(1000, on=subject) for subject in THREE]

    score = race(reserve_many, [([7] * 6, THREE, [{"key": "k"}] * 6)] * PROCESSES)

    assert len(score.granted) == 1
    assert score.replayed == score.granted * (6 * PROCESSES - 1)
    assert [world.spent_and_held(budget) for budget in budgets] == [(0, 7)] * 3
    assert_books_balance(world.table, now_ms=world.clock.now_ms())


def test_a_changed_limit_is_never_granted_past_by_processes_that_know_another(
    world: World, race: Race
) -> None:
    budget = world.budget(100)
    race(reserve_many, [([1] * 5, (AGENT,), [{}] * 5)] * PROCESSES)
    world.set_limit(budget, 30)

    race(reserve_many, [([1] * 10, (AGENT,), [{}] * 10)] * PROCESSES)

    assert world.spent_and_held(budget) == (0, 30)
    assert_books_balance(world.table, now_ms=world.clock.now_ms())


def test_the_same_settlements_from_every_process_change_the_spent_amount_once(
    world: World, race: Race
) -> None:
    budget = world.budget(1000)
    reservations = [world.reserve(5) for _ in range(24)]
    messages = [("settle", reservation, 3) for reservation in reservations] + [
        ("record", f"evt-{number}", 2) for number in range(6)
    ]
    batches = [messages[place : place + 10] for place in (0, 10, 20)]
    parts = [([*batches[turn % 3 :], *batches[: turn % 3]],) for turn in range(PROCESSES)]

    score = race(apply_commands, parts)

    assert score.unavailable == 0
    assert score.outcomes == {"new": 30, "replayed": 30 * (PROCESSES - 1)}
    assert world.spent_and_held(budget) == (24 * 3 + 6 * 2, 0)
    assert_books_balance(world.table, now_ms=world.clock.now_ms())


def test_settlements_and_releases_of_the_same_reservations_exclude_each_other(
    world: World, race: Race
) -> None:
    budget = world.budget(1000)
    reservations = [world.reserve(5) for _ in range(20)]
    settles = [[("settle", reservation, 3) for reservation in reservations]]
    releases = [[("release", reservation, 0) for reservation in reversed(reservations)]]

    score = race(apply_commands, [(settles,), (releases,), (settles,), (releases,)])

    spent, held = world.spent_and_held(budget)
    assert held == 0 and spent % 3 == 0
    assert score.outcomes["new"] == 20
    assert score.outcomes["replayed"] == 20
    assert score.outcomes["ReservationFinalized"] == 40
    assert_books_balance(world.table, now_ms=world.clock.now_ms())


def test_a_storm_of_everything_adds_up_while_holds_expire(world: World, race: Race) -> None:
    budgets = [world.budget(60, on=subject) for subject in THREE]

    score = race(live, [(THREE, seed, 30) for seed in range(PROCESSES)])

    assert score.granted and score.spent
    world.clock.advance(600)
    assert_books_balance(world.table, now_ms=world.clock.now_ms(), orphans_allowed=True)
    for budget in budgets:
        assert world.counter(budget).spent == score.spent
        assert world.spent_and_held(budget)[1] == 0


def test_parts_of_what_is_left_are_never_past_a_limit_nor_below_the_minimum(
    world: World, race: Race
) -> None:
    """On three budgets in two units: all shrink together, until less than the minimum is left."""
    money = [
        world.budget(limit, on=subject) for limit, subject in ((90, ORGANIZATION), (40, AGENT))
    ]
    tokens = world.budget(700, on=SESSION, unit="tokens")
    asked = {"tokens": 100, "at_least": {"usd": 3}}

    score = race(reserve_many, [([10] * 10, THREE, [asked] * 10)] * PROCESSES)
    # Holds that were given back may have stood in the way of all others; alone they do not.
    with suppress(BudgetExceeded):
        while True:
            score.granted.append(world.reserve(10, by=THREE, **asked))

    held = [world.find(reservation_id).amounts for reservation_id in score.granted]
    assert all(3 * ONE <= amounts["usd"] <= 10 * ONE for amounts in held)
    assert all(0 <= amounts["usd"] * 10 - amounts["tokens"] < 10 for amounts in held)
    sums = {unit: sum(amounts[unit] for amounts in held) for unit in ("usd", "tokens")}
    assert len(held) >= 4 and 37 * ONE < sums["usd"] <= 40 * ONE
    assert [world.counter(counted).available for counted in (*money, tokens)] == [
        90 * ONE - sums["usd"], 40 * ONE - sums["usd"], 700 * ONE - sums["tokens"],
    ]  # fmt: skip
    assert_books_balance(world.table, now_ms=world.clock.now_ms())
