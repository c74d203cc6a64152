"""Leases and plain reservations of several processes on the same two budgets, on DynamoDB Local.

Leases grow, report twice and in any order, are given back, or end when their holder dies, with and
without a charge; all processes charge what has expired at once.
"""

import os
import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from spendgate_service.audit.partition import Finding
from spendgate_service.audit.table import TableAudit
from spendgate_service.domain.errors import BudgetExceeded
from spendgate_service.domain.reservations import OnExpiry
from spendgate_service.store.errors import OutcomeUnknown, Throttled, Unavailable
from tests.concurrency.conftest import Race
from tests.concurrency.storm import FastClock
from tests.concurrency.workers import PROCESSES, Score, Track
from tests.support.ledger_invariants import assert_books_balance
from tests.support.rollover import charge
from tests.support.world import AGENT, ORGANIZATION, World, id_in

THREADS = 3
ROUNDS = max(1, int(os.environ.get("SPENDGATE_ROUNDS", "50")) // 12)
LIMIT = 3 * PROCESSES * THREADS * ROUNDS // 2
BOTH = (ORGANIZATION, AGENT)
LASTING_SECONDS, SHORT_SECONDS = 80_000, 20
"""By the storm's clock: some minutes on a slow machine, and a tenth of a second."""


def _again[**P, T](call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Try what changes nothing when it is repeated, until it is answered."""
    while True:
        try:
            return call(*args, **kwargs)
        except Unavailable:
            continue


class Holder:
    """A thread of a process; every lease that it takes has a key of its own."""

    def __init__(self, world: World, name: str) -> None:
        self.world = world
        self.name = name
        self.chance = random.Random(name)
        self.score = Score()

    def act(self, turn: int, *, first: int) -> None:
        """Take a turn; the first one, while there is room for all, by the number of the thread."""
        acts = [self.plain, self.lease, self.lease, self.crash, self.crash_with_charge]
        one = acts[-1 - first % len(acts)] if turn == 0 else self.chance.choice(acts)
        try:
            one(f"{self.name} {turn}")
        except BudgetExceeded:
            self.score.outcomes["refused"] += 1
        if self.chance.random() < 0.3:
            _again(charge, self.world)
        for balance in map(self.world.balance_of, BOTH):
            self.score.outcomes["past the limit"] += balance.counter.available < 0

    def take(
        self,
        amount: int,
        key: str,
        *,
        lasts: int = LASTING_SECONDS,
        on_expiry: OnExpiry = "release",
    ) -> str:
        refused = 0
        while True:
            try:
                return id_in(
                    self.world.ask(
                        amount, by=BOTH, key=f"{key} {refused}", ttl_seconds=lasts,
                        on_expiry=on_expiry,
                    )
                )  # fmt: skip
            except Throttled:  # a short one ends before a busy machine has stored it
                refused, lasts = refused + 1, lasts * 2
            except OutcomeUnknown:
                continue

    def plain(self, key: str) -> None:
        _again(self.world.settle, self.take(2, key), 2)
        self.spent("plain", 2)

    def lease(self, key: str) -> None:
        """Grow, report totals in any order, and settle at no less than what was reported."""
        lease, granted, reported = self.take(1, key), 1, 0
        for _ in range(2):
            granted = self.grown(lease, granted)
            reports = [self.chance.randint(0, granted), self.chance.randint(0, granted)]
            for total in (*reports, reports[0]):
                _again(self.world.capture, lease, total)
            reported = max(reported, *reports)
        total = self.chance.randint(reported, granted)
        _again(self.world.settle, lease, total)
        self.spent("lease", total)

    def grown(self, lease: str, granted: int) -> int:
        more = granted + self.chance.randint(1, 2)
        try:
            _again(self.world.grow, lease, more, ttl_seconds=LASTING_SECONDS)
        except BudgetExceeded:
            self.score.outcomes["growth refused"] += 1
            return granted
        self.score.outcomes["grown"] += 1
        return more

    def crash(self, key: str) -> None:
        """Nothing was reported, and what is held is free again."""
        self.take(self.chance.randint(1, 3), key, lasts=SHORT_SECONDS)
        self.spent("crash", 0)

    def crash_with_charge(self, key: str) -> None:
        """All that was not given back counts, unless it is settled afterwards."""
        lease = self.take(3, key, lasts=SHORT_SECONDS, on_expiry="charge")
        _again(self.world.capture, lease, self.chance.randint(0, 1), returned=1)
        if self.chance.random() < 0.5:
            self.score.granted.append(lease)
            self.spent("settled after its charge", 1)
        else:
            self.spent("charged", 2)

    def spent(self, what: str, amount: int) -> None:
        self.score.outcomes[what] += 1
        self.score.spent += amount


def blow(track: Track, number: int) -> Score:
    """Let the threads of a process act by a fast clock that all processes share."""
    with ThreadPoolExecutor(8) as pool, ThreadPoolExecutor(THREADS) as threads:
        clock = FastClock(track.at_ms, int(track.starts_at * 1e9))
        track.wait_for_the_start()

        def act(thread: int) -> Score:
            world = track.world(pool)
            world.clock = clock
            holder = Holder(world, f"{number} {thread}")
            for turn in range(ROUNDS):
                holder.act(turn, first=thread)
            return holder.score

        total = Score()
        for score in threads.map(act, range(THREADS)):
            total.add(score)
        return total


@pytest.mark.slow
def test_leases_and_reservations_never_pass_a_limit_and_lose_and_double_nothing(
    world: World, race: Race, tell: Callable[[str], None]
) -> None:
    budgets = [world.budget(LIMIT, on=subject) for subject in BOTH]

    score = race(blow, [(number,) for number in range(PROCESSES)])

    world.clock.advance(3 * LASTING_SECONDS)
    while charge(world).charged:
        pass
    for lease in score.granted:
        world.settle(lease, 1)
    tell(f"storm of leases: {score.spent} of {LIMIT}: {dict(score.outcomes)}")
    assert score.outcomes["past the limit"] == 0
    assert score.outcomes["grown"] and score.outcomes["charged"] and score.outcomes["crash"]
    assert 0 < score.spent <= LIMIT
    for budget in budgets:
        assert world.spent_and_held(budget) == (score.spent, 0)
    assert_books_balance(world.table, now_ms=world.clock.now_ms(), orphans_allowed=True)
    found = list[Finding]()
    TableAudit(world.table, clock=world.clock.now_ms, report=found.append).run(segments=1)
    assert found == []
