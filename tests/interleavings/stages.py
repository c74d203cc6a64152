"""What scenarios begin with: a budget of each kind, something spent and something held."""

import json

from spendgate_service.domain.amounts import ONE
from spendgate_service.domain.budgets import CarryOver
from spendgate_service.domain.calendar import CalendarPeriod
from spendgate_service.domain.periods import DurationPeriod, RollingPeriod
from tests.interleavings import service
from tests.interleavings.scenarios import Stage
from tests.support.rollover import list_for_rollups
from tests.support.world import TENANT, World

HOUR = CalendarPeriod("hour")
DEFAULT = "agent:*"
CARRIES_ALL = CarryOver(unused=True, debt=True)


def balance(world: World) -> Stage:
    """10 without a period: 2 spent, 5 held."""
    budget = world.budget(10)
    world.record(2)
    return {"budget": budget, "held": world.reserve(5)}


def lease(world: World) -> Stage:
    """Half of a budget is leased, and a part of that is spent."""
    budget, held = world.budget(10), world.reserve(5)
    world.capture(held, 1)
    return {"budget": budget, "held": held}


def expiring_lease(world: World) -> Stage:
    return {"budget": world.budget(10), "held": world.reserve(6, ttl_seconds=5)}


def charged_lease(world: World) -> Stage:
    """A lease that is to be charged has just expired."""
    budget, held = world.budget(10), world.reserve(6, ttl_seconds=5, on_expiry="charge")
    world.capture(held, 1)
    world.clock.advance(8)
    return {"budget": budget, "held": held}


def expiring_hold(world: World) -> Stage:
    """10 without a period, of which 6 are held for five seconds."""
    return {"budget": world.budget(10), "held": world.reserve(6, ttl_seconds=5)}


def ended_hold(world: World) -> Stage:
    """10 without a period, of which 6 were held until a moment ago."""
    stage = expiring_hold(world)
    world.clock.advance(8)
    return {**stage, "left": 10}


def ended_hold_below_pause(world: World) -> Stage:
    """10 without a period that pause at 6: 5 spent, and 4 held until a moment ago."""
    budget = world.budget(10)
    world.change(budget, soft_limit=6 * ONE, on_soft_limit="pause")
    world.record(5)
    held = world.reserve(4, ttl_seconds=5)
    world.clock.advance(8)
    return {"budget": budget, "held": held, "left": 5}


def end_of_period(world: World) -> Stage:
    """10 an hour, of which unused amounts and debts go on: 2 spent, 5 held, three seconds left."""
    budget = world.budget(10, period=HOUR, carry_over=CARRIES_ALL)
    world.clock.advance(3597)
    world.record(2)
    return {"budget": budget, "held": world.reserve(5, ttl_seconds=30)}


def recorded(world: World) -> Stage:
    """The same, and the usage of its tenant is rolled up: the spend of 2 may be reversed."""
    list_for_rollups(world.table, TENANT, since_ms=world.clock.now_ms())
    budget = world.budget(10, period=HOUR, carry_over=CARRIES_ALL)
    world.clock.advance(3597)
    usage_id = json.loads(world.record(2))["usage_id"]
    return {"budget": budget, "usage": usage_id, "held": world.reserve(5, ttl_seconds=30)}


def rolled_up(world: World) -> Stage:
    """The same two minutes later: all that was recorded is rolled up, and more can be."""
    stage = recorded(world)
    world.clock.advance(120)
    service.roll_up(world)
    world.record(1)
    world.clock.advance(7200)
    return stage


def default(world: World) -> Stage:
    """10 for each agent without a period: 2 spent, 5 held."""
    budget = world.budget(10, on=DEFAULT)
    world.record(2)
    return {"budget": budget, "held": world.reserve(5)}


def rolling_window(world: World) -> Stage:
    """10 in any minute: 4 spent, which leave the window in 3 seconds, and 5 held for 2 seconds."""
    budget = world.budget(10, period=RollingPeriod(60))
    world.record(4)
    (leaves_at,) = world.counter(budget).slices
    world.clock.advance(leaves_at - 3 - world.clock.now_ms() // 1000)
    return {"budget": budget, "held": world.reserve(5, ttl_seconds=2)}


def elapsed_window(world: World) -> Stage:
    """10 in five seconds from the first use, of which 3 are left over: over in a second."""
    budget = world.budget(10, period=DurationPeriod(5), carry_over=CARRIES_ALL)
    world.record(2)
    world.clock.advance(4)
    return {"budget": budget, "held": world.reserve(5, ttl_seconds=1)}


def soft_limit(world: World) -> Stage:
    """10 without a period that pause at 6: 5 spent, 2 held."""
    budget = world.budget(10)
    world.change(budget, soft_limit=6 * ONE, on_soft_limit="pause")
    world.record(5)
    return {"budget": budget, "held": world.reserve(2)}


def credited(world: World) -> Stage:
    """2 without a period and a credit of 8: 3 held, more than the limit."""
    budget = world.budget(2)
    service.credit(world, budget, 8)
    return {"budget": budget, "held": world.reserve(3)}


def ending_credit(world: World) -> Stage:
    """8 without a period and a credit of 4 for three seconds: 2 spent, 5 held."""
    budget = world.budget(8)
    ends_at = world.clock.now_ms() // 1000 + 3
    service.credit(world, budget, 4, ends_at=ends_at)
    world.record(2)
    return {"budget": budget, "held": world.reserve(5), "ends_at": ends_at}


def asked_for_more(world: World) -> Stage:
    """The same, and 3 more are asked for, for at most four minutes."""
    stage = ending_credit(world)
    ends_at = stage["ends_at"] + 240
    request_id = service.ask_for_more(world, stage["budget"], 3, ends_at=ends_at)
    return {**stage, "request": request_id, "request_ends_at": ends_at}


def asked_until_soon(world: World) -> Stage:
    """The same, two seconds before the request ends."""
    stage = asked_for_more(world)
    world.clock.advance(241)
    return {**stage, "held": world.reserve(1)}


def ended_credit(world: World) -> Stage:
    """The same, and a credit of 2 for a while longer: the first has ended, none is taken out."""
    stage = ending_credit(world)
    service.credit(world, stage["budget"], 2, ends_at=stage["ends_at"] + 60)
    world.clock.advance(3)
    return stage


def credit_in_a_period(world: World) -> Stage:
    """8 an hour that go on, with a credit of 4 until two seconds before the end and of 3 beyond."""
    budget = world.budget(8, period=HOUR, carry_over=CARRIES_ALL)
    end = world.clock.now_ms() // 1000 + 3600
    service.credit(world, budget, 4, ends_at=end - 2)
    service.credit(world, budget, 3, ends_at=end + 3600)
    world.clock.advance(3595)
    world.record(2)
    return {"budget": budget, "held": world.reserve(5, ttl_seconds=30), "ends_at": end - 2}


def credited_soft_limit(world: World) -> Stage:
    """3 without a period that pause at 3, and a credit of 9: 2 spent, 2 held."""
    budget = world.budget(3)
    service.credit(world, budget, 9)
    world.change(budget, soft_limit=3 * ONE, on_soft_limit="pause")
    world.record(2)
    return {"budget": budget, "held": world.reserve(2)}


def shadow(world: World) -> Stage:
    """10 without a period, which only a shadow counts: 5 held."""
    budget = world.budget(10)
    world.change(budget, mode="shadow")
    return {"budget": budget, "held": world.reserve(5)}


def two_budgets(world: World) -> Stage:
    """5 for the agent and 6 for the organization; nothing is used yet."""
    agent = world.budget(5)
    return {"agent": agent, "organization": world.budget(6, on=f"organization:{TENANT}")}
