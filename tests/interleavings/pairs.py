"""Every pair of operations that write, on every kind of stage."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations_with_replacement

from tests.interleavings import service, stages
from tests.interleavings.scenarios import CLOCKS_APART_MS, Operation, Scenario, Stage
from tests.support.clock import NOON_MS
from tests.support.rollover import close
from tests.support.world import AGENT, World, record, settle

RESERVE = Operation("reserve", lambda world, _: world.reserve(2))
RESERVE_MUCH = Operation("reserve much", lambda world, _: world.reserve(6, ttl_seconds=5))
RESERVE_FIVE = Operation("reserve five", lambda world, _: world.reserve(5))
RESERVE_VERY_MUCH = Operation("reserve very much", lambda world, _: world.reserve(20))
RESERVE_ONE = Operation("reserve one", lambda world, _: world.reserve(1))
RESERVE_PART = Operation(
    "reserve a part", lambda world, _: world.ask(20, at_least={"usd": 2}).answer
)
RECLAIM = Operation("reclaim", lambda world, stage: world.reserve(stage["left"]))
RESERVE_ONCE = Operation("reserve with a key", lambda world, _: world.ask(3, key="k").answer)
SETTLE = Operation("settle", lambda world, stage: world.settle(stage["held"], 4))
SETTLE_ABOVE = Operation("settle above", lambda world, stage: world.settle(stage["held"], 7))
RELEASE = Operation("release", lambda world, stage: world.release(stage["held"]))
EXTEND = Operation("extend", lambda world, stage: world.extend(stage["held"], 600))
RECORD = Operation("record", lambda world, _: world.record(4, key="event"))
RECORD_PAST = Operation(
    "record of the past",
    lambda world, _: world.record(4, key="past", occurred_at_ms=NOON_MS + 1_800_000),
)
RECORD_ONE = Operation("record one", lambda world, _: world.record(1))
BATCH = Operation(
    "batch",
    lambda world, stage: service.apply_batch(
        world, settle(stage["held"], 4), record(1, key="other"), settle(stage["held"], 4)
    ),
)
CREDIT = Operation(
    "credit", lambda world, stage: service.credit(world, stage["budget"], 3, key="credit")
)
APPROVE = Operation(
    "approve", lambda world, stage: service.approve_request(world, stage["request"])
)
DENY = Operation("deny", lambda world, stage: service.deny_request(world, stage["request"]))
EXPIRE = Operation("expire", lambda world, _: service.expire(world))
CREDIT_UNTIL = Operation(
    "credit until",
    lambda world, stage: service.credit(
        world, stage["budget"], 3, key="until", ends_at=stage["ends_at"] + 1
    ),
)
CREDIT_BRIEFLY = Operation(
    "credit briefly",
    lambda world, stage: service.credit(
        world, stage["budget"], 1, key="briefly", ends_at=world.clock.now_ms() // 1000 + 2
    ),
)
CORRECT_UNTIL = Operation(
    "correct a credit",
    lambda world, stage: service.credit(
        world, stage["budget"], -2, key="correction", ends_at=stage["ends_at"]
    ),
)
CORRECT = Operation(
    "correct", lambda world, stage: service.credit(world, stage["budget"], -1, key="correction")
)
CREDIT_AGENT = Operation(
    "credit",
    lambda world, stage: service.credit(world, stage["budget"], 3, key="credit", subject=AGENT),
)
LOWER = Operation(
    "lower the limit", lambda world, stage: service.set_limit(world, stage["budget"], 6)
)
PAUSE = Operation("pause", lambda world, stage: service.change(world, stage["budget"], paused=True))
DELETE = Operation("delete", lambda world, stage: world.delete(stage["budget"]))
CREATE = Operation("create", lambda world, _: world.budget(3))
CLOSE = Operation("close", lambda world, _: close(world))
REVERSE = Operation("reverse", lambda world, stage: service.reverse_spend(world, stage["usage"]))
ROLL_UP = Operation("roll up", lambda world, _: service.roll_up(world))

ENFORCE = Operation(
    "enforce", lambda world, stage: service.change(world, stage["budget"], mode="enforce")
)

SPENDING = (RESERVE, RESERVE_ONCE, SETTLE, SETTLE_ABOVE, RELEASE, EXTEND, RECORD, BATCH)
CHANGING = (CREDIT, LOWER, PAUSE, DELETE, CREATE)
ABOVE_THE_LIMIT = (SETTLE, RECORD, LOWER, PAUSE, DELETE)
RECLAIMING = (RECLAIM, RESERVE_ONE, SETTLE, RELEASE, RECORD_ONE, LOWER, PAUSE, DELETE)
CHANGING_DEFAULTS = (CREDIT_AGENT, LOWER, PAUSE, DELETE, CREATE)


@dataclass(frozen=True, slots=True)
class PairStage:
    """A stage, what is done on it, and what else happens."""

    label: str
    prepare: Callable[[World], Stage]
    operations: Sequence[Operation]
    ticks_ms: tuple[int, ...] = ()
    expiring: tuple[str, ...] = ()


def _with_clocks(operations: Sequence[Operation]) -> list[Operation]:
    return [replace(operation, clocks=(0, CLOCKS_APART_MS)) for operation in operations]


def _losing_answers(operations: Sequence[Operation]) -> list[Operation]:
    """Each may lose one answer, and is then done again as a caller would."""

    def twice(operation: Operation) -> Operation:
        def do(world: World, stage: Stage) -> object:
            return service.until_answered(lambda: operation.do(world, stage))

        return replace(operation, do=do, losses=1)

    return list(map(twice, operations))


def _with_stale_rules(operations: Sequence[Operation]) -> list[Operation]:
    """The rules were read before, and are believed for some seconds."""
    return [replace(operation, warm_for=(AGENT,)) for operation in operations]


STAGES = (
    PairStage("balance", stages.balance, (*SPENDING, *CHANGING)),
    PairStage("end of a period", stages.end_of_period, (*SPENDING, *CHANGING, CLOSE), (64_000,)),
    PairStage(
        "a spend that is reversed",
        stages.recorded,
        (REVERSE, SETTLE, RECORD, LOWER, DELETE, CLOSE),
        (64_000,),
    ),
    PairStage("usage that is rolled up", stages.rolled_up, (ROLL_UP, REVERSE, SETTLE, RECORD)),
    PairStage(
        "a hold that ends, clocks apart",
        stages.expiring_hold,
        _with_clocks((RESERVE_MUCH, SETTLE, RELEASE, EXTEND, RECORD, BATCH, CREDIT, LOWER, PAUSE)),
        (4_500, 1_000),
    ),
    PairStage(
        "answers lost",
        stages.balance,
        _losing_answers((RESERVE_ONCE, SETTLE, RELEASE, EXTEND, RECORD, CREDIT, LOWER, DELETE)),
    ),
    PairStage(
        "stale rules of a default",
        stages.default,
        _with_stale_rules((*SPENDING, *CHANGING_DEFAULTS)),
        (6_000,),
    ),
    PairStage(
        "rolling window, clocks apart",
        stages.rolling_window,
        _with_clocks((RESERVE_MUCH, SETTLE, RELEASE, RECORD, CREDIT, LOWER)),
        (2_500, 1_000),
    ),
    PairStage(
        "windows that start",
        stages.elapsed_window,
        _with_clocks((RESERVE, SETTLE, RECORD, CREDIT, LOWER, DELETE, CLOSE)),
        (1_000, 61_000),
    ),
    PairStage("soft limit", stages.soft_limit, (*SPENDING, RECORD_ONE, *CHANGING)),
    PairStage("parts that fit", stages.expiring_hold, (RESERVE_PART, RELEASE, LOWER), (8_000,)),
    PairStage("credited above the limit", stages.credited, (RESERVE_MUCH, *ABOVE_THE_LIMIT)),
    PairStage(
        "credited above a soft limit",
        stages.credited_soft_limit,
        (RESERVE_MUCH, RECORD_ONE, *ABOVE_THE_LIMIT),
    ),
    PairStage(
        "a credit that ends, clocks apart",
        stages.ending_credit,
        _with_clocks((RESERVE_FIVE, EXTEND, CREDIT, CREDIT_UNTIL, CORRECT_UNTIL)),
        (1_500, 1_000),
    ),
    PairStage(
        "a credit that has ended",
        stages.ended_credit,
        (RESERVE, RESERVE_ONE, SETTLE, CREDIT_UNTIL, CREDIT_BRIEFLY, CORRECT, LOWER),
    ),
    PairStage("shadow", stages.shadow, (RESERVE_VERY_MUCH, SETTLE, RECORD, ENFORCE, LOWER, DELETE)),
    PairStage("a hold that has ended", stages.ended_hold, RECLAIMING),
    PairStage("a hold that has ended below a pause", stages.ended_hold_below_pause, RECLAIMING),
    PairStage(
        "a reservation that TTL removes",
        stages.balance,
        (SETTLE, RELEASE, EXTEND, BATCH),
        (2 * 86_400_000,),
        ("TENANT#acme#RESERVATION",),
    ),
)


def pairs_on(stage: PairStage) -> list[Scenario]:
    """Every pair of its operations, also of an operation with itself."""
    return [
        Scenario(
            f"{one.name} x {other.name}: {stage.label}",
            stage.prepare,
            (one, replace(one, name=f"{one.name} again") if one is other else other),
            ticks_ms=stage.ticks_ms,
            expiring=stage.expiring,
        )
        for one, other in combinations_with_replacement(stage.operations, 2)
    ]


def all_pairs() -> list[Scenario]:
    """Every pair on every stage."""
    return [scenario for stage in STAGES for scenario in pairs_on(stage)]
