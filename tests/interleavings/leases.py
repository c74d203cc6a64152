"""Leases at once: captures, growth, expiry, charges and the close of a period, in any order."""

from spendgate_service.domain.amounts import ONE
from tests.interleavings import stages
from tests.interleavings.pairs import CLOSE, RELEASE, RESERVE, RESERVE_MUCH, SETTLE
from tests.interleavings.scenarios import Operation, Outcomes, Scenario, Stage
from tests.support import rollover
from tests.support.world import World, capture, release, settle

_PAST_THE_GRACE_MS = 64_000


def _capture(total: int, *, returned: int | None = None) -> Operation:
    return Operation(
        f"capture {total}",
        lambda world, stage: world.capture(stage["held"], total, returned=returned),
    )


def _grow(total: int) -> Operation:
    return Operation(
        f"grow to {total}", lambda world, stage: world.grow(stage["held"], total, ttl_seconds=900)
    )


def _queue(world: World, stage: Stage) -> object:
    """A batch of the queue: a capture and the end of the lease."""
    return world.settlements.apply([capture(stage["held"], 3), settle(stage["held"], 4)])


def _queued_captures(world: World, stage: Stage) -> object:
    return world.settlements.apply([capture(stage["held"], 2), capture(stage["held"], 3)])


QUEUE = Operation("queue", _queue)
QUEUED_CAPTURES = Operation("queued captures", _queued_captures)
CHARGE = Operation("charge", lambda world, _: rollover.charge(world))
QUEUED_RELEASE = Operation(
    "queued release", lambda world, stage: world.settlements.apply([release(stage["held"])])
)


def _largest_counts(outcomes: Outcomes) -> None:
    """The lease has spent the largest total, in any order."""
    (lease,) = outcomes.books.reservations.values()
    assert lease.captured == {"usd": 4 * ONE}


LEASES = (
    Scenario(
        "capture, capture and grow",
        stages.lease,
        (_capture(2), _capture(4, returned=1), _grow(8)),
        check=_largest_counts,
        leaves_holds=True,
    ),
    Scenario(
        "capture, grow and a batch that settles",
        stages.lease,
        (_capture(2), _grow(8), QUEUE),
        leaves_holds=True,
    ),
    Scenario(
        "capture and a batch that settles", stages.lease, (_capture(2), QUEUED_CAPTURES, QUEUE)
    ),
    Scenario(
        "late captures, an expiry and a reserve that reclaims",
        stages.expiring_lease,
        (_capture(2), QUEUED_CAPTURES, RESERVE_MUCH),
        ticks_ms=(8_000,),
    ),
    Scenario(
        "grow, reserve and reserve much on a tight budget",
        stages.lease,
        (_grow(7), RESERVE, RESERVE_MUCH),
        leaves_holds=True,
    ),
    Scenario(
        "grow twice and capture",
        stages.lease,
        (_grow(7), _grow(9), _capture(4)),
        leaves_holds=True,
    ),
    Scenario(
        "capture and release at the close of a period",
        stages.end_of_period,
        (_capture(2), CLOSE, RELEASE),
        ticks_ms=(_PAST_THE_GRACE_MS,),
    ),
    Scenario(
        "grow and capture at the close of a period",
        stages.end_of_period,
        (_grow(8), CLOSE, _capture(2)),
        ticks_ms=(_PAST_THE_GRACE_MS,),
        leaves_holds=True,
    ),
    Scenario(
        "charge, settle and reserve much", stages.charged_lease, (CHARGE, SETTLE, RESERVE_MUCH)
    ),
    Scenario(
        "charge, late capture and release",
        stages.charged_lease,
        (CHARGE, _capture(3), QUEUED_RELEASE),
    ),
)
