"""Leases and plain reservations from many threads on the same budgets, on DynamoDB Local."""

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from spendgate_service.domain.amounts import ONE
from spendgate_service.domain.errors import BudgetExceeded
from spendgate_service.store.errors import Unavailable
from tests.support.ledger_invariants import assert_books_balance
from tests.support.world import AGENT, ORGANIZATION, World, id_in

LIMIT = 60
BOTH = (ORGANIZATION, AGENT)


def _again[**P, T](call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Try what changes nothing when it is repeated, until it is answered."""
    while True:
        try:
            return call(*args, **kwargs)
        except Unavailable:
            continue


def _lease(world: World, seed: int) -> int:
    """Lease, spend, grow, report twice and in any order, and settle; what was spent."""
    chance = random.Random(seed)
    granted = 1
    try:
        lease = id_in(_again(world.ask, 1, by=BOTH, key=f"lease-{seed}"))
    except BudgetExceeded:
        return 0
    for _ in range(3):
        wanted = granted + chance.randint(1, 3)
        try:
            _again(world.grow, lease, wanted, ttl_seconds=chance.choice([300, 600]))
            granted = wanted
        except BudgetExceeded:
            pass
        reports = [chance.randint(0, granted), chance.randint(0, granted)]
        for total in reports:
            _again(world.capture, lease, total)
    spent = max(granted - 1, world.find(lease).captured.get("usd", 0) // ONE)
    _again(world.settle, lease, spent)
    return spent


def _plain(world: World, seed: int) -> int:
    try:
        held = id_in(_again(world.ask, 2, by=BOTH, key=f"plain-{seed}"))
    except BudgetExceeded:
        return 0
    _again(world.settle, held, 2)
    return 2


def test_leases_and_reservations_never_pass_a_limit_and_lose_and_double_nothing(
    world: World,
) -> None:
    budgets = [world.budget(LIMIT, on=subject) for subject in BOTH]

    with ThreadPoolExecutor(8) as pool:
        spent = sum(
            pool.map(
                lambda seed: (_plain if seed % 3 == 0 else _lease)(world.on(world.table), seed),
                range(30),
            )
        )

    assert 0 < spent <= LIMIT
    for budget in budgets:
        assert world.counter(budget).spent == spent * ONE
    assert_books_balance(world.table, now_ms=world.clock.now_ms(), orphans_allowed=True)
