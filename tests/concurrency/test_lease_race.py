"""Leases of the Python client and plain reservations of four processes, on the same budgets."""

import random
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from spendgate import BudgetExceeded, Unavailable

from bench.lease_client import InProcessApi, leasing_guard
from bench.service import Service
from spendgate_service.domain.errors import BudgetExceeded as Refused
from spendgate_service.store.errors import Unavailable as Away
from tests.concurrency.conftest import Race
from tests.concurrency.workers import PROCESSES, Score, Track
from tests.support.ledger_invariants import assert_books_balance
from tests.support.world import AGENT, ORGANIZATION, World

THREADS = 3
CALLS = 25
LIMIT = 250


def spend(track: Track, seed: int) -> Score:
    """Lease in three threads, and reserve and settle in each of them now and then."""
    score = Score()
    with ThreadPoolExecutor(8) as pool:
        world = track.world(pool)
        guard = leasing_guard(InProcessApi(Service(track.url, world.app)))
        track.wait_for_the_start()
        with guard.lease(agent="researcher") as lease, ThreadPoolExecutor(THREADS) as threads:

            def calls(thread: int) -> int:
                chance, spent = random.Random(seed * THREADS + thread), 0
                for _ in range(CALLS):
                    estimate = chance.randint(1, 3)
                    actual = chance.randint(0, estimate)
                    if chance.random() < 0.2:
                        spent += _reserve(world, estimate, actual)
                        continue
                    with suppress(BudgetExceeded, Unavailable):
                        call = lease.admit(amounts={"usd": estimate})
                        call.settle(actual={"usd": actual})
                        spent += actual
                return spent

            score.spent = sum(threads.map(calls, range(THREADS)))
    return score


def _reserve(world: World, estimate: int, actual: int) -> int:
    with suppress(Refused, Away):
        world.settle(world.reserve(estimate, by=(AGENT, ORGANIZATION)), actual)
        return actual
    return 0


def test_leases_and_reservations_of_many_processes_never_pass_a_limit_and_lose_nothing(
    world: World, race: Race
) -> None:
    budgets = [world.budget(LIMIT, on=subject) for subject in (AGENT, ORGANIZATION)]

    score = race(spend, [(seed,) for seed in range(PROCESSES)])

    assert LIMIT / 2 < score.spent <= LIMIT
    for budget in budgets:
        assert world.spent_and_held(budget) == (score.spent, 0)
    assert_books_balance(world.table, now_ms=world.clock.now_ms())
