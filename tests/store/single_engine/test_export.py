"""An export looks at what has to do with its span alone, and gives nothing twice."""

import pytest

from spendgate_service.domain.calendar import CalendarPeriod
from spendgate_service.reports import export as store_export
from spendgate_service.reports.export import LATEST_ENTRY_SECONDS, Span, export_ledger
from spendgate_service.store import keys, values
from spendgate_service.store.client import Table
from tests.support.counting_client import counting
from tests.support.world import AGENT, TENANT, World

ANY_AGENT = "agent:*"
DAY = 86_400


@pytest.fixture
def world(local_table: Table) -> World:
    return World(local_table)


def spend_daily(world: World, days: int) -> None:
    for _ in range(days):
        world.record(1)
        world.clock.advance(DAY)


def days_from_now(world: World, days: int) -> Span:
    now_ms = world.clock.now_ms()
    return Span(now_ms, now_ms + days * DAY * 1000)


def exported(table: Table, span: Span) -> list[str]:
    steps = export_ledger(table, TENANT, span, start=None)
    return [entry.entry_id for _, entries in steps for entry in entries]


def test_nothing_is_given_twice_though_ttl_removes_a_counter_of_long_ago_meanwhile(
    world: World,
) -> None:
    budget = world.budget(10, on=ANY_AGENT, period=CalendarPeriod("day"))
    long_ago = values.key(world.counter_key(budget, AGENT))
    spend_daily(world, 1)
    world.clock.advance(400 * DAY)
    span = days_from_now(world, 2)
    spend_daily(world, 2)

    found: list[str] = []
    for _, entries in export_ledger(world.table, TENANT, span, start=None):
        found += [entry.entry_id for entry in entries]
        if found:
            world.table.delete(long_ago)

    assert len(found) == len(set(found)) == 2


@pytest.mark.parametrize("days_of_old", [1, 12])
def test_periods_that_were_over_long_before_a_span_cost_its_export_nothing(
    world: World, days_of_old: int
) -> None:
    world.budget(100, on=ANY_AGENT, period=CalendarPeriod("day"))
    spend_daily(world, days_of_old)
    world.clock.advance(LATEST_ENTRY_SECONDS)
    span = days_from_now(world, 2)
    spend_daily(world, 2)
    table, client = counting(world.table)

    assert len(exported(table, span)) == 2

    assert client.calls["query"] == 6 + keys.BUDGET_SHARDS


def test_what_is_settled_long_after_its_period_is_exported(world: World) -> None:
    world.budget(10, on=ANY_AGENT, period=CalendarPeriod("hour"))
    reservation = world.reserve(5, ttl_seconds=DAY)
    world.clock.advance(DAY)
    span = days_from_now(world, 1)

    world.settle(reservation, 5)

    assert len(exported(world.table, span)) == 1


def test_one_who_has_counters_of_several_kinds_of_periods_is_exported_once(world: World) -> None:
    """In the index, the counter of the year comes before those of long ago."""
    budget = world.budget(100, on=ANY_AGENT, period=CalendarPeriod("day"))
    spend_daily(world, 1)
    world.clock.advance(LATEST_ENTRY_SECONDS)
    span = days_from_now(world, 3)
    spend_daily(world, 1)
    world.change(budget, period=CalendarPeriod("year"))
    spend_daily(world, 1)

    found = exported(world.table, span)

    assert len(found) == len(set(found)) == 2


def test_an_export_may_stop_amid_many_periods_of_long_ago_and_goes_on(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_export, "_ROWS_AT_ONCE", 2)
    world.budget(100, on=ANY_AGENT, period=CalendarPeriod("day"))
    spend_daily(world, 5)
    world.clock.advance(LATEST_ENTRY_SECONDS)
    span = days_from_now(world, 2)
    spend_daily(world, 2)

    found: list[str] = []
    stops, place = 0, None
    while (step := next(export_ledger(world.table, TENANT, span, start=place), None)) is not None:
        place, entries = step
        stops += not entries
        found += [entry.entry_id for entry in entries]

    assert found == exported(world.table, span)
    assert stops == 2 + 1 + 1 + 1  # long ago, the end of the subject, its second row, the budget
