"""Three operations and more at once, where one sees what others have left half done."""

from collections.abc import Mapping
from dataclasses import replace

from spendgate_service.budgets.increase_requests import Expiry
from spendgate_service.domain.amounts import ONE
from spendgate_service.domain.budgets import CarryOver
from spendgate_service.domain.increase_requests import IncreaseRequest
from spendgate_service.domain.periods import DurationPeriod
from spendgate_service.domain.usage_records import UsageRecord
from spendgate_service.settlements.plan import Settled
from tests.interleavings import service, stages
from tests.interleavings.pairs import (
    APPROVE,
    CLOSE,
    CREDIT,
    CREDIT_UNTIL,
    DENY,
    EXPIRE,
    EXTEND,
    LOWER,
    RECORD,
    RECORD_PAST,
    RELEASE,
    RESERVE,
    RESERVE_MUCH,
    REVERSE,
    ROLL_UP,
    SETTLE,
    SETTLE_ABOVE,
)
from tests.interleavings.scenarios import CLOCKS_APART_MS, Operation, Outcomes, Scenario, Stage
from tests.support.rollover import close
from tests.support.world import AGENT, ORGANIZATION, World, record, release, settle

_EITHER_CLOCK = (0, CLOCKS_APART_MS)
_BOTH = (AGENT, ORGANIZATION)
_PAST_THE_GRACE_MS = 64_000


def _reserve_once(number: int, *, losses: int = 0) -> Operation:
    """One request in several attempts, all of them with the same key."""

    def do(world: World, _: Stage) -> object:
        return service.until_answered(lambda: world.ask(4, by=_BOTH, key="job").answer)

    return Operation(f"attempt {number}", do, losses=losses)


def _granted_once(outcomes: Outcomes) -> None:
    """Attempts that hold one budget each may refuse each other: then nothing is held at all."""
    answers = {result for result in outcomes.results.values() if isinstance(result, str)}
    assert len(answers) <= 1, "attempts with one key were answered differently"
    assert len(outcomes.books.reservations) == len(answers)


def _limit(name: str, limit: int) -> Operation:
    return Operation(name, lambda world, stage: service.set_limit(world, stage["budget"], limit))


def _at_most_one_granted(outcomes: Outcomes) -> None:
    granted = [result for result in outcomes.results.values() if isinstance(result, str)]
    assert len(granted) <= 1, "two were granted what is there once"


def _unused_default(world: World) -> Stage:
    """A default of 1000 an hour, of which 1 is spent, two seconds before the end."""
    carry_over = CarryOver(unused=True)
    budget = world.budget(1000, on=stages.DEFAULT, period=stages.HOUR, carry_over=carry_over)
    world.record(1)
    world.clock.advance(3598)
    return {"budget": budget}


def _closed_period(world: World) -> Stage:
    """10 an hour, of which 8 went on from the hour before: 2 spent then."""
    stage = stages.end_of_period(world)
    world.release(stage["held"])
    world.clock.advance(_PAST_THE_GRACE_MS / 1000)
    close(world)
    return stage


def _counted_once(outcomes: Outcomes) -> None:
    """Both say the same, and what one of them took from the past came off what went on."""
    answers = {result for result in outcomes.results.values() if isinstance(result, str)}
    assert len(answers) == 1, "one key was answered differently"
    past, current, *_ = (counter for _, counter in sorted(outcomes.books.counters.items()))
    assert past.spent == 6 * ONE
    assert current.carried_in == past.carried_out


def _reversed_once(outcomes: Outcomes) -> None:
    """Both responses name the same record; 2 were spent, and 4 are."""
    reversals = {
        result.record_id for result in outcomes.results.values() if isinstance(result, UsageRecord)
    }
    assert len(reversals) <= 1, "one spend was reversed twice"
    (counter,) = outcomes.books.counters.values()
    settled = isinstance(outcomes.results["settle"], Settled)
    assert counter.spent == (4 * settled + 2 * (not reversals)) * ONE


def _decided_once(outcomes: Outcomes) -> None:
    """One decision at most was made, and an approval is in the books once, as a credit of 3."""
    made = [result for result in outcomes.results.values() if isinstance(result, IncreaseRequest)]
    expired = [result for result in outcomes.results.values() if isinstance(result, Expiry)]
    assert len(made) + sum(expiry.expired for expiry in expired) <= 1, "it was decided twice"
    (counter,) = outcomes.books.counters.values()
    approved = any(request.stage == "approved" for request in made)
    given = counter.ending.get(outcomes.stage["request_ends_at"], 0)
    assert given in {0, 3 * ONE * approved}, "the credit was not given once"


def _new_windows(world: World) -> Stage:
    """10 in an hour from the first use; it was never used."""
    return {"budget": world.budget(10, period=DurationPeriod(3600))}


def _two_held(world: World) -> Stage:
    """20 without a period, of which 5 are held twice."""
    budget = world.budget(20)
    return {"budget": budget, "held": world.reserve(5), "other": world.reserve(5)}


def _many_ended(world: World) -> Stage:
    """20 without a period, and nine holds of 1 that have ended: enough to be swept."""
    budget = world.budget(20)
    held = []
    for _ in range(9):
        held.append(world.reserve(1, ttl_seconds=1))
        world.clock.advance(1)
    world.clock.advance(3)
    return {"budget": budget, "held": held[0], "other": held[1]}


def _batch(name: str, settles: Mapping[str, int], *, events: tuple[str, ...] = ()) -> Operation:
    """A batch of the queue: each settlement twice, as it may be delivered, and records."""

    def do(world: World, stage: Stage) -> object:
        settled = [settle(stage[held], amount) for held, amount in settles.items()]
        recorded = [record(1, key=event) for event in events]
        return service.apply_batch(world, *settled, *recorded, *settled, *recorded)

    return Operation(name, do)


def _release_batch(world: World, stage: Stage) -> object:
    return service.apply_batch(world, release(stage["held"]), settle(stage["other"], 2))


CLOCKS_APART = Scenario(
    "a hold that has ended by one clock and not by the other",
    stages.expiring_hold,
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
    (_limit("before", 2), _limit("after", 3), CLOSE),
    ticks_ms=(4_000, 60_000),
)

TRIPLES: tuple[Scenario, ...] = (
    CLOCKS_APART,
    TWO_LIMITS,
    Scenario(
        "one key on two tight budgets",
        stages.two_budgets,
        (_reserve_once(1), _reserve_once(2), _reserve_once(3)),
        check=_granted_once,
    ),
    Scenario(
        "one key on two tight budgets, an answer lost",
        stages.two_budgets,
        (_reserve_once(1, losses=1), _reserve_once(2)),
        check=_granted_once,
    ),
    Scenario(
        "three on two budgets that have room for one",
        stages.two_budgets,
        tuple(
            Operation(f"reserve {number}", lambda world, _: world.reserve(4, by=_BOTH))
            for number in (1, 2, 3)
        ),
        check=_at_most_one_granted,
    ),
    Scenario(
        "reserve, reclaim and late settle in one bucket",
        stages.expiring_hold,
        (
            Operation("reclaim", lambda world, _: world.reserve(8, ttl_seconds=60)),
            Operation("reserve", lambda world, _: world.reserve(4, ttl_seconds=1)),
            Operation("late settle", lambda world, stage: world.settle(stage["held"], 5)),
        ),
        ticks_ms=(3_500, 1_000, 2_000),
    ),
    Scenario(
        "a hold that is reclaimed before it is given back",
        stages.two_budgets,
        (
            Operation("refused", lambda world, _: world.reserve(6, by=_BOTH, ttl_seconds=1)),
            Operation("reclaim", lambda world, _: world.reserve(6, by=(ORGANIZATION,))),
        ),
        ticks_ms=(3_000,),
    ),
    Scenario(
        "sweep, late settle and late release",
        _many_ended,
        (
            RESERVE,
            Operation("late settle", lambda world, stage: world.settle(stage["held"], 1)),
            Operation("late release", lambda world, stage: world.release(stage["other"])),
        ),
    ),
    Scenario(
        "close, late settle and reserve",
        stages.end_of_period,
        (CLOSE, SETTLE_ABOVE, RESERVE),
        ticks_ms=(_PAST_THE_GRACE_MS,),
    ),
    Scenario(
        "reverse, settle and close",
        stages.recorded,
        (REVERSE, SETTLE_ABOVE, CLOSE),
        ticks_ms=(_PAST_THE_GRACE_MS,),
    ),
    Scenario(
        "reverse twice and settle",
        stages.recorded,
        (REVERSE, replace(REVERSE, name="reverse again"), SETTLE),
        check=_reversed_once,
    ),
    Scenario(
        "roll up, a late record and a reversal",
        stages.rolled_up,
        (ROLL_UP, RECORD_PAST, REVERSE),
    ),
    Scenario(
        "roll up twice and settle late",
        stages.rolled_up,
        (ROLL_UP, replace(ROLL_UP, name="roll up again"), SETTLE),
    ),
    Scenario(
        "a credit that ends, reserve, extend and close",
        stages.credit_in_a_period,
        (RESERVE_MUCH, EXTEND, CLOSE, SETTLE_ABOVE),
        ticks_ms=(2_500, _PAST_THE_GRACE_MS),
    ),
    Scenario(
        "approve twice while another credit ends",
        stages.asked_for_more,
        (APPROVE, replace(APPROVE, name="approve again"), RESERVE_MUCH),
        ticks_ms=(3_500,),
        check=_decided_once,
    ),
    Scenario(
        "approve, deny and reserve",
        stages.asked_for_more,
        (APPROVE, DENY, RESERVE_MUCH),
        check=_decided_once,
    ),
    Scenario(
        "approve and expire by clocks apart, and settle",
        stages.asked_until_soon,
        (
            replace(APPROVE, clocks=_EITHER_CLOCK),
            replace(EXPIRE, clocks=_EITHER_CLOCK),
            SETTLE,
        ),
        ticks_ms=(2_500,),
        check=_decided_once,
    ),
    Scenario(
        "two reserves and a credit between two that end",
        stages.ended_credit,
        (RESERVE, RESERVE_MUCH, CREDIT_UNTIL),
        ticks_ms=(1_500,),
    ),
    Scenario(
        "close, release and extend",
        stages.end_of_period,
        (CLOSE, RELEASE, EXTEND),
        ticks_ms=(_PAST_THE_GRACE_MS,),
    ),
    Scenario(
        "patch, patch and reserve",
        stages.balance,
        (LOWER, _limit("raise", 20), RESERVE),
    ),
    Scenario(
        "patch, patch and reserve on a default",
        stages.default,
        (LOWER, _limit("raise", 20), Operation(RESERVE.name, RESERVE.do, warm_for=(AGENT,))),
        ticks_ms=(6_000,),
    ),
    Scenario(
        "credit, close and reserve",
        stages.end_of_period,
        (CREDIT, CLOSE, RESERVE),
        ticks_ms=(_PAST_THE_GRACE_MS,),
    ),
    Scenario(
        "record, close and reserve",
        stages.end_of_period,
        (RECORD, CLOSE, RESERVE),
        ticks_ms=(_PAST_THE_GRACE_MS,),
    ),
    Scenario(
        "a record of the past, close and reserve",
        stages.end_of_period,
        (RECORD_PAST, CLOSE, RESERVE),
        ticks_ms=(_PAST_THE_GRACE_MS,),
    ),
    Scenario(
        "a record of the past, close and late settle",
        stages.end_of_period,
        (RECORD_PAST, CLOSE, SETTLE_ABOVE),
        ticks_ms=(_PAST_THE_GRACE_MS,),
    ),
    Scenario(
        "two records of the past of a closed period, and close",
        _closed_period,
        (RECORD_PAST, Operation("and again", RECORD_PAST.do), CLOSE),
        check=_counted_once,
    ),
    Scenario(
        "windows started by three",
        _new_windows,
        tuple(
            Operation(f"reserve {number}", lambda world, _: world.reserve(4), clocks=_EITHER_CLOCK)
            for number in (1, 2, 3)
        ),
    ),
    Scenario(
        "windows started by a reserve, a record and a credit, after one with a debt",
        stages.elapsed_window,
        (RESERVE, RECORD, CREDIT, CLOSE),
        ticks_ms=(1_000, 61_000),
    ),
    Scenario(
        "batches with duplicates",
        _two_held,
        (
            _batch("batch", {"held": 4, "other": 6}, events=("event",)),
            _batch("batch again", {"held": 4}, events=("event", "other event")),
            Operation("release", _release_batch),
        ),
    ),
    Scenario(
        "queue and HTTP at once",
        _two_held,
        (
            _batch("queue", {"held": 4, "other": 6}),
            SETTLE,
            Operation("release", lambda world, stage: world.release(stage["other"])),
            EXTEND,
        ),
    ),
)
