"""Three operations at once, where the third sees what the other two have left half done."""

from spendgate_service.domain.budgets import CarryOver
from spendgate_service.domain.periods import CalendarPeriod
from tests.interleavings import service
from tests.interleavings.scenarios import CLOCKS_APART_MS, Operation, Scenario, Stage
from tests.support.world import World

_EITHER_CLOCK = (0, CLOCKS_APART_MS)
_DEFAULT = "agent:*"
_UNUSED = CarryOver(unused=True)


def _shared_bucket(world: World) -> Stage:
    """10, of which 6 are held for five seconds."""
    return {"budget": world.budget(10), "held": world.reserve(6, ttl_seconds=5)}


def _unused_default(world: World) -> Stage:
    """A default of 1000 an hour, of which 1 is spent, two seconds before the end."""
    budget = world.budget(1000, on=_DEFAULT, period=CalendarPeriod("hour"), carry_over=_UNUSED)
    world.record(1)
    world.clock.advance(3598)
    return {"budget": budget}


CLOCKS_APART = Scenario(
    "a hold that has ended by one clock and not by the other",
    _shared_bucket,
    (
        Operation("reclaim", lambda world, _: world.reserve(6), clocks=_EITHER_CLOCK),
        Operation(
            "reserve", lambda world, _: world.reserve(3, ttl_seconds=1), clocks=_EITHER_CLOCK
        ),
        Operation("late settle", lambda world, stage: world.settle(stage["held"], 6)),
    ),
    ticks_ms=(4_500, 2_000),
)

TWO_LIMITS = Scenario(
    "a limit that changes before and after the end of a period",
    _unused_default,
    (
        Operation("before", lambda world, stage: service.set_limit(world, stage["budget"], 2)),
        Operation("after", lambda world, stage: service.set_limit(world, stage["budget"], 3)),
        Operation("close", lambda world, _: service.close(world)),
    ),
    ticks_ms=(4_000, 60_000),
)
