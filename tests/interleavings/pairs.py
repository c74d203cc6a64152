"""Every pair of operations that write, on a balance and at the end of a period."""

from collections.abc import Sequence
from itertools import combinations_with_replacement

from spendgate_service.domain.budgets import CarryOver
from spendgate_service.domain.periods import CalendarPeriod
from tests.interleavings import service
from tests.interleavings.scenarios import Operation, Scenario, Stage
from tests.support.world import World, record, settle

_SECONDS_BEFORE_THE_END = 3
_PAST_THE_GRACE_MS = 64_000


def balance_stage(world: World) -> Stage:
    """10 without a period: 2 spent, 5 held."""
    budget = world.budget(10)
    world.record(2)
    return {"budget": budget, "held": world.reserve(5)}


def end_of_period_stage(world: World) -> Stage:
    """10 an hour, of which unused amounts and debts go on: 2 spent, 5 held, three seconds left."""
    budget = world.budget(
        10, period=CalendarPeriod("hour"), carry_over=CarryOver(unused=True, debt=True)
    )
    world.clock.advance(3600 - _SECONDS_BEFORE_THE_END)
    world.record(2)
    return {"budget": budget, "held": world.reserve(5, ttl_seconds=30)}


OPERATIONS: Sequence[Operation] = (
    Operation("reserve", lambda world, _: world.reserve(2)),
    Operation("reserve with a key", lambda world, _: world.ask(3, key="k").answer),
    Operation("settle", lambda world, stage: world.settle(stage["held"], 4)),
    Operation("settle above", lambda world, stage: world.settle(stage["held"], 7)),
    Operation("release", lambda world, stage: world.release(stage["held"])),
    Operation("extend", lambda world, stage: world.extend(stage["held"], 600)),
    Operation("record", lambda world, _: world.record(4, key="event")),
    Operation(
        "batch",
        lambda world, stage: service.apply_batch(
            world, settle(stage["held"], 4), record(1, key="other"), settle(stage["held"], 4)
        ),
    ),
    Operation("credit", lambda world, stage: service.credit(world, stage["budget"], 3, key="c")),
    Operation("lower the limit", lambda world, stage: service.set_limit(world, stage["budget"], 6)),
    Operation("pause", lambda world, stage: service.change(world, stage["budget"], paused=True)),
    Operation("delete", lambda world, stage: world.delete(stage["budget"])),
    Operation("create", lambda world, _: world.budget(3)),
)

CLOSE = Operation("close", lambda world, _: service.close(world))


def _pairs(
    stage: str, operations: Sequence[Operation]
) -> list[tuple[str, tuple[Operation, Operation]]]:
    pairs = combinations_with_replacement(operations, 2)
    return [
        (f"{one.name} x {other.name}, {stage}", (one, _another(one) if one is other else other))
        for one, other in pairs
    ]


def _another(operation: Operation) -> Operation:
    """The same operation once more."""
    return Operation(f"{operation.name} again", operation.do)


def all_pairs() -> list[Scenario]:
    """Every pair on both stages."""
    of_a_balance = [
        Scenario(name, balance_stage, operations)
        for name, operations in _pairs("balance", OPERATIONS)
    ]
    at_the_end = [
        Scenario(name, end_of_period_stage, operations, ticks_ms=(_PAST_THE_GRACE_MS,))
        for name, operations in _pairs("end of a period", (*OPERATIONS, CLOSE))
    ]
    return of_a_balance + at_the_end
