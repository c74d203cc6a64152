"""A client of snipz for `bench.peers`, run in its own environment on PostgreSQL.

Started as `python peers_snipz.py URL - NUMBER`; each line on its input is a turn.
"""

import asyncio
import random
import sys
from collections.abc import Iterator
from decimal import Decimal

from peers_client import COLD_AGENTS, HOT_AGENT, Turns  # type: ignore[import-not-found]  # run as a script
from snipz import Budget, Scope

LIMIT_CENTS = Decimal(10**9)
ESTIMATE_CENTS, ACTUAL_CENTS = Decimal("5.0"), Decimal("3.1")


async def create(url: str) -> None:
    """Create the tables and a limit for every agent."""
    budget = Budget(url)
    await budget.migrate()
    for agent in (HOT_AGENT, *(f"cold-{number}" for number in range(COLD_AGENTS))):
        await budget.set_limit(Scope("agent", agent), LIMIT_CENTS)
    await budget.close()


async def pair(budget: Budget, agent: str) -> None:
    """Reserve and commit."""
    reservation = await budget.reserve(Scope("agent", agent), ESTIMATE_CENTS)
    await reservation.commit(ACTUAL_CENTS)


def pairs(loop: asyncio.AbstractEventLoop, url: str, turns: Turns, number: int) -> Iterator[None]:
    """Reserve and commit forever, yielding after each pair."""
    chosen = random.Random(number)
    budget = Budget(url)
    while True:
        loop.run_until_complete(pair(budget, turns.agent(chosen)))
        yield


if __name__ == "__main__":
    url, _, number = sys.argv[1:]
    with asyncio.Runner() as runner:
        if number == "create":
            runner.run(create(url))
        else:
            turns = Turns(sys.stdout)
            turns.take(pairs(runner.get_loop(), url, turns, int(number)))
