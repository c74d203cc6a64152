"""What closing costs: calls, and the writes of its transactions (two write units each)."""

import pytest

from spendgate_service.domain.budgets import CarryOver
from spendgate_service.domain.calendar import CalendarPeriod
from spendgate_service.periods.run import close_due_periods
from spendgate_service.store import keys
from tests.support.counting_client import CountingClient, counting
from tests.support.world import World

SUBJECTS = 60
DAY = CalendarPeriod("day")


def close(world: World, *, closed: int) -> CountingClient:
    table, client = counting(world.table)
    done = close_due_periods(table, now_ms=world.clock.now_ms(), has_time=lambda: True)
    assert (done.closed, done.failed) == (closed, 0)
    return client


def used_by_many(world: World, carry_over: CarryOver | None = None) -> None:
    world.budget(10, on="agent:*", period=DAY, carry_over=carry_over)
    for number in range(SUBJECTS):
        world.record(1, by=(f"agent:{number}",))
    world.clock.advance(86_400)


PARTITIONS = 2 * keys.DUE_SHARDS
"""Of the index: those of what is due, and of what waits for its holds."""


def test_a_run_with_nothing_to_do_asks_each_partition_of_the_index_once(world: World) -> None:
    client = close(world, closed=0)

    assert dict(client.calls) == {"query": PARTITIONS}
    assert client.units["query"] <= PARTITIONS / 2


def test_periods_of_a_partition_are_read_together_and_written_together(world: World) -> None:
    used_by_many(world)

    client = close(world, closed=SUBJECTS)

    assert client.calls["query"] == PARTITIONS
    assert client.calls["transact_write_items"] <= keys.DUE_SHARDS
    assert client.calls["batch_get_item"] <= 3 * keys.DUE_SHARDS
    assert client.calls["get_item"] == 0
    assert len(client.transacted) == 2 * SUBJECTS


def test_carrying_over_writes_the_next_counter_and_one_item_of_the_ledger(world: World) -> None:
    used_by_many(world, CarryOver(unused=True))

    client = close(world, closed=SUBJECTS)

    assert client.calls["transact_write_items"] <= keys.DUE_SHARDS
    assert len(client.transacted) == 4 * SUBJECTS


@pytest.mark.parametrize("days", [1, 5])
def test_every_further_period_that_carries_over_costs_a_read_and_a_transaction(
    world: World, days: int
) -> None:
    world.budget(10, period=DAY, carry_over=CarryOver(unused=True))
    world.clock.advance(days * 86_400)

    client = close(world, closed=days)

    # The directory, the deleted ones with it, and the policy are read once for all of them.
    assert client.calls["batch_get_item"] == days + 2
    assert client.calls["transact_write_items"] == days
    assert len(client.transacted) == 4 * days
