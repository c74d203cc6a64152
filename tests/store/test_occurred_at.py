"""Spend is counted when it occurred: in that period if it has a counter, and never by opening one.

A report of the past opens no period, carries nothing by itself, and counts once, in open and closed
periods of every kind.
"""

import json
from typing import Any

import pytest

from spendgate_service.domain.amounts import ONE
from spendgate_service.domain.budgets import CarryOver
from spendgate_service.domain.calendar import CalendarPeriod
from spendgate_service.domain.periods import DurationPeriod, PeriodRule, RollingPeriod
from spendgate_service.domain.requests import SettlementCommand
from spendgate_service.domain.statements import CLOSING_GRACE_SECONDS
from spendgate_service.periods.run import close_due_periods
from tests.support.ledger_invariants import read_books
from tests.support.world import AGENT, World, record, settle

HOUR = CalendarPeriod("hour")
DAY = CalendarPeriod("day")
DEFAULT = "agent:*"
UNUSED, DEBT = CarryOver(unused=True), CarryOver(debt=True)


def close(world: World) -> None:
    assert close_due_periods(
        world.table, now_ms=world.clock.now_ms(), has_time=lambda: True
    ).failed == 0  # fmt: skip


def report(world: World, usd: int, *, seconds_ago: int, **arguments: Any) -> dict[str, Any]:
    """Record spend of the past; what the one budget that applies makes of it."""
    occurred_at_ms = world.clock.now_ms() - seconds_ago * 1000
    answer = json.loads(world.record(usd, occurred_at_ms=occurred_at_ms, **arguments))
    (share,) = answer["budgets"]
    assert len(answer["entries"]) == share["counted"]
    return dict(share)


def spent(world: World) -> dict[str, float]:
    """What was spent, by the key of the period."""
    books = read_books(world.table)
    return {
        key[1].partition("#")[2]: counter.spent / ONE for key, counter in books.counters.items()
    }


def test_spend_counts_in_the_hour_in_which_it_occurred(world: World) -> None:
    world.budget(10, on=DEFAULT, period=HOUR)
    world.record(1)
    world.clock.advance(7200)
    world.record(1)

    share = report(world, 4, seconds_ago=7200)

    assert (share["counted"], share["period_key"]) == (True, "2026-03-08T12")
    assert sorted(spent(world).values()) == [1, 5]


@pytest.mark.parametrize("usd", [0, 4])
def test_a_past_period_without_a_counter_gets_none(world: World, usd: int) -> None:
    world.budget(10, on=DEFAULT, period=HOUR)

    share = report(world, usd, seconds_ago=7200)

    assert (share["counted"], share["period_key"]) == (False, "2026-03-08T10")
    books = read_books(world.table)
    assert not books.counters and not books.entries


def test_the_period_in_force_is_opened_as_by_any_spend(world: World) -> None:
    world.budget(10, on=DEFAULT, period=DAY)

    assert report(world, 4, seconds_ago=3600)["counted"]

    assert list(spent(world).values()) == [4]


def test_a_balance_that_never_resets_counts_any_past(world: World) -> None:
    world.budget(10, on=DEFAULT)

    assert report(world, 4, seconds_ago=30 * 86_400)["counted"]

    assert world.balance_of(AGENT).spent == 4 * ONE


def test_a_rolling_window_counts_the_past_in_its_slice(world: World) -> None:
    budget = world.budget(10, on=DEFAULT, period=RollingPeriod(24 * 3600))

    assert report(world, 4, seconds_ago=20 * 3600)["counted"]

    assert world.balance_of(AGENT).spent == 4 * ONE
    world.clock.advance(5 * 3600 + 1)
    counter = world.counter(budget, AGENT)
    assert counter.spent_at(now_ms=world.clock.now_ms()) == 0


@pytest.mark.parametrize("is_used", [True, False])
def test_a_rolling_window_does_not_count_what_has_left_it(world: World, is_used: bool) -> None:
    world.budget(10, on=DEFAULT, period=RollingPeriod(3600))
    if is_used:
        world.record(1)

    share = report(world, 4, seconds_ago=7200)

    assert not share["counted"]
    assert list(spent(world).values()) == [1] * is_used


def test_a_duration_counts_in_the_window_that_was_open_then(world: World) -> None:
    world.budget(10, on=DEFAULT, period=DurationPeriod(3600))
    for _ in range(3):
        world.record(1)
        world.clock.advance(3 * 3600)
    world.record(1)

    first = report(world, 4, seconds_ago=9 * 3600 - 3599)
    between = report(world, 4, seconds_ago=9 * 3600 - 3600)
    last = report(world, 2, seconds_ago=3 * 3600 - 10)

    assert (first["counted"], first["period_key"]) == (True, "2026-03-08T12:00:00Z/1h")
    assert (between["counted"], between["period_key"]) == (False, None)
    assert (last["counted"], last["period_key"]) == (True, "2026-03-08T18:00:00Z/1h")
    assert [spent(world)[key] for key in sorted(spent(world))] == [5, 1, 3, 1]


def test_another_environment_finds_the_same_windows(world: World) -> None:
    world.budget(10, on=DEFAULT, period=DurationPeriod(3600))
    world.record(1)
    world.clock.advance(7200)
    elsewhere = world.on(world.table)

    assert report(elsewhere, 4, seconds_ago=7200)["counted"]
    assert not report(elsewhere, 4, seconds_ago=7201)["counted"]


def test_a_report_of_the_past_starts_no_window_and_one_of_just_now_does(world: World) -> None:
    world.budget(10, on=DEFAULT, period=DurationPeriod(3600))

    assert not report(world, 4, seconds_ago=61)["counted"]
    assert not spent(world)
    assert report(world, 4, seconds_ago=3)["counted"]

    assert list(spent(world)) == ["2026-03-08T12:00:00Z/1h"]


@pytest.mark.parametrize(
    "rule", [HOUR, DurationPeriod(3600), DurationPeriod(60)], ids=lambda rule: rule.label
)
@pytest.mark.parametrize("usd", [0, 4])
def test_a_report_from_before_the_budget_mints_nothing(
    world: World, rule: PeriodRule, usd: int
) -> None:
    world.budget(10, on=DEFAULT, period=rule, carry_over=UNUSED)
    world.record(1)

    assert not report(world, usd, seconds_ago=35 * 86_400)["counted"]
    world.clock.advance(2 * 3600)
    before = world.balance_of(AGENT).available
    close(world)

    statements = read_books(world.table).all_statements
    carried = sum(statement.carried_out for statement in statements)
    assert carried >= 0
    assert world.balance_of(AGENT).available <= before + carried <= 30 * ONE
    assert {statement.spent for statement in statements} <= {0, ONE}


def test_a_closed_period_gets_a_further_statement(world: World) -> None:
    world.budget(10, on=DEFAULT, period=HOUR)
    world.record(1)
    world.clock.advance(3600 + CLOSING_GRACE_SECONDS)
    close(world)

    report(world, 4, seconds_ago=3000)
    close(world)

    statements = read_books(world.table).all_statements
    stated = sorted((statement.revision, statement.spent) for statement in statements)
    assert stated == [(1, ONE), (2, 5 * ONE)]


@pytest.mark.parametrize(
    ("terms", "usd", "left"), [(UNUSED, 4, 15), (DEBT, 14, 5), (CarryOver(), 14, 10)]
)
def test_what_changes_of_a_closed_period_is_carried_on_once(
    world: World, terms: CarryOver, usd: int, left: int
) -> None:
    world.budget(10, on=DEFAULT, period=HOUR, carry_over=terms)
    world.record(1)
    world.clock.advance(3600 + CLOSING_GRACE_SECONDS)
    close(world)
    world.record(0)

    report(world, usd, seconds_ago=3000, key="once")
    report(world, usd, seconds_ago=3000, key="once")
    close(world)
    close(world)

    assert world.balance_of(AGENT).available == left * ONE


def test_what_changes_of_a_window_is_carried_into_the_next_one(world: World) -> None:
    world.budget(10, on=DEFAULT, period=DurationPeriod(3600), carry_over=UNUSED)
    world.record(1)
    world.clock.advance(3600 + CLOSING_GRACE_SECONDS)
    close(world)

    report(world, 4, seconds_ago=3000)
    close(world)
    world.record(0)

    assert world.balance_of(AGENT).available == 15 * ONE


def test_in_a_batch_each_command_keeps_its_own_period(world: World) -> None:
    world.budget(10, on=DEFAULT, period=HOUR)
    reservation_id = world.reserve(2, ttl_seconds=7200)
    world.clock.advance(3660)
    now_ms = world.clock.now_ms()
    commands: list[SettlementCommand] = [
        settle(reservation_id, 1),
        record(2, key="then", occurred_at_ms=now_ms - 3_000_000),
        record(3, key="before", occurred_at_ms=now_ms - 7_200_000),
        record(4, key="now", occurred_at_ms=now_ms - 1000),
        record(2, key="then", occurred_at_ms=now_ms - 3_000_000),
    ]

    outcomes = world.settlements.apply(commands)
    again = world.settlements.apply(commands)

    assert not any(isinstance(outcome, Exception) for outcome in (*outcomes, *again))
    assert [spent(world)[key] for key in sorted(spent(world))] == [3, 4]


def test_a_budget_that_counts_it_and_one_that_does_not(world: World) -> None:
    world.budget(10, on=DEFAULT, period=HOUR)
    world.budget(10, on=DEFAULT)

    answer = json.loads(world.record(4, occurred_at_ms=world.clock.now_ms() - 7_200_000, key="k"))
    again = json.loads(world.record(4, occurred_at_ms=world.clock.now_ms() - 7_200_000, key="k"))

    assert sorted(share["counted"] for share in answer["budgets"]) == [False, True]
    assert answer == again
    assert list(spent(world).values()) == [4]


def test_a_settlement_opens_no_period_that_has_ended_either(world: World) -> None:
    world.budget(10, on=DEFAULT)
    world.budget(100, on=DEFAULT, unit="tokens", period=HOUR, carry_over=UNUSED)
    reservation_id = world.reserve(1, ttl_seconds=7200)
    world.clock.advance(3 * 3600)

    world.settle(reservation_id, 1, tokens=0)
    close(world)

    assert not read_books(world.table).all_statements


def test_spend_just_ahead_of_the_clock_counts_now(world: World) -> None:
    world.clock.advance(3590)
    world.budget(10, on=DEFAULT, period=HOUR)

    share = report(world, 4, seconds_ago=-30)

    assert (share["counted"], share["period_key"]) == (True, "2026-03-08T12")
    assert share["subject"] == AGENT
