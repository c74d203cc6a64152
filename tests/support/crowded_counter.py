"""A counter with as many attributes as it gets: holds of several times, slices, ending credits."""

import random
from collections.abc import Iterable, Sequence

from spendgate_service.budgets.credit import Credit, apply_credit
from spendgate_service.domain.amounts import ONE, Amount
from spendgate_service.domain.budgets import Budget
from spendgate_service.domain.hold_buckets import bucket_width_seconds
from spendgate_service.domain.periods import SLICES_MAX, RollingPeriod
from spendgate_service.domain.requests import Record
from spendgate_service.domain.reservations import Provenance
from spendgate_service.domain.subjects import parse_subject
from spendgate_service.store import values
from tests.support.counting_client import item_bytes
from tests.support.world import AGENT, TENANT, World

WINDOW = RollingPeriod(30 * 86_400)
_CREDITS = 3


def crowd(world: World, budget: Budget, ttls: Sequence[int]) -> int:
    """Fill the counter of a budget over `WINDOW` as in use; return its largest size in bytes.

    Spend in every slice of a rolling window, three credits with an end, and reservations of each
    hold time so often that all its buckets are used, until the shortest have expired several times.
    """
    chance = random.Random(17)
    for _ in range(SLICES_MAX):
        world.settlements.apply_one(_spend(_amount(chance)))
        world.clock.advance(WINDOW.slice_seconds)
    for number in range(_CREDITS):
        _credit(world, budget, ends_in_seconds=(number + 2) * 86_400)
    largest = 0
    for seconds, ttl in _reservations(ttls):
        world.clock.advance(seconds)
        world.ask_exactly({"usd": _amount(chance)}, ttl_seconds=ttl)
        item = world.table.get(values.key(world.counter_key(budget)))
        assert item is not None
        largest = max(largest, item_bytes(item))
    return largest


def _reservations(ttls: Iterable[int]) -> Iterable[tuple[int, int]]:
    """Yield how long after the last one each reservation is made, and its hold time."""
    widths = {ttl: bucket_width_seconds(ttl) for ttl in ttls}
    end = 3 * min(ttls)
    moments = sorted(
        (moment, ttl) for ttl, width in widths.items() for moment in range(-ttl, end, width)
    )
    before = moments[0][0]
    for moment, ttl in moments:
        yield moment - before, ttl
        before = moment


def _amount(chance: random.Random) -> Amount:
    return chance.randrange(1, 10_000) * (ONE // 10_000)


def _spend(amount: Amount) -> Record:
    subjects = (parse_subject(AGENT),)
    return Record(tenant_id=TENANT, subjects=subjects, actual={"usd": amount}, fingerprint="-")


def _credit(world: World, budget: Budget, *, ends_in_seconds: int) -> None:
    ends_at = world.clock.now_ms() // 1000 + ends_in_seconds
    credit = Credit(budget.budget_id, None, 25 * ONE, Provenance(), ends_at)
    apply_credit(world.table, TENANT, credit, idempotency=None, now_ms=world.clock.now_ms())
