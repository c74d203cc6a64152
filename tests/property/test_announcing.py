"""Whoever spends, in whatever order: each level that was reached is announced, once per period."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spendgate_service.budgets.change import change_budget
from spendgate_service.domain.amounts import ONE
from spendgate_service.domain.calendar import CalendarPeriod
from spendgate_service.domain.errors import BudgetExceeded, BudgetPaused
from spendgate_service.domain.thresholds import levels_reached
from spendgate_service.store import keys
from spendgate_service.store.client import Table
from tests.support.any_engine import NewTable
from tests.support.examples import examples
from tests.support.outbox import outbox
from tests.support.world import AGENT, TENANT, World

HOUR = 3600
ENVIRONMENTS = 3

STEPS = st.lists(
    st.tuples(
        st.integers(0, ENVIRONMENTS - 1),
        st.sampled_from(["record", "reserve", "settle", "release", "next hour"]),
        st.integers(0, 6),
    ),
    max_size=14,
)


def a_budget(world: World) -> str:
    """Ten usd an hour with two thresholds and a soft limit that pauses."""
    budget = world.budget(10, period=CalendarPeriod("hour"))
    change_budget(
        world.table, TENANT, budget.budget_id,
        lambda rule: replace(rule, warn_at_pct=(50, 80), soft_limit=7 * ONE, on_soft_limit="pause"),
        now_ms=world.clock.now_ms(),
    )  # fmt: skip
    return budget.budget_id


@settings(
    max_examples=examples(10),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)  # fmt: skip
@given(steps=STEPS)
def test_exactly_the_levels_that_were_reached_are_announced(
    new_table: NewTable, steps: list[tuple[int, str, int]]
) -> None:
    world = World(new_table())
    budget_id = a_budget(world)
    environments = [world.on(world.table) for _ in range(ENVIRONMENTS)]
    held: list[str] = []
    reached: set[str] = set()
    for place, action, amount in steps:
        does = environments[place]
        with suppress(BudgetExceeded, BudgetPaused):
            match action:
                case "record":
                    does.record(amount)
                case "reserve":
                    held.append(does.reserve(amount, ttl_seconds=3 * HOUR))
                case "settle" if held:
                    does.settle(held.pop(0), amount)
                case "release" if held:
                    does.release(held.pop(0))
                    continue
                case "next hour":
                    world.clock.advance(HOUR)
                    held.clear()
                    continue
                case _:
                    continue
            balance = world.balance_of(AGENT)
            for level in levels_reached(balance):
                subject = balance.subject
                key = keys.event_key(TENANT, budget_id, subject, balance.period.key, level.name)
                reached.add(key[1])

    assert {event.key[1] for event in outbox(world.table)} == reached


def test_eight_who_reach_the_same_levels_at_once_announce_each_of_them_once(
    local_table: Table,
) -> None:
    world = World(local_table)
    a_budget(world)
    announced: Counter[str] = Counter()

    def observe(happening: str, times: int) -> None:
        announced[happening] += times

    def spend(_number: int) -> None:
        own = Table(local_table.client, local_table.name, observe=observe)
        environment = world.on(own)
        for _ in range(4):
            environment.record(1)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(spend, range(8)))

    names = [event.key[1].rpartition("#")[2] for event in outbox(local_table)]
    assert sorted(names) == [
        "exhausted",
        "paused-7",
        "threshold_reached-50pct",
        "threshold_reached-7",
        "threshold_reached-80pct",
    ]
    assert announced["event_published"] == len(names)
