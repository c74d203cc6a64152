"""Four processes, started once, race on DynamoDB Local."""

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import pytest

from tests.concurrency.pools import forked_context
from tests.concurrency.workers import PROCESSES, Score, Track, warm_up
from tests.support.world import World

_START_SECONDS = 0.15

type Race = Callable[[Callable[..., Score], Sequence[tuple[Any, ...]]], Score]


@pytest.fixture(scope="session")
def processes(dynamodb_local_url: str) -> Iterator[ProcessPoolExecutor]:
    context = forked_context()
    with ProcessPoolExecutor(PROCESSES, mp_context=context) as pool:
        list(pool.map(warm_up, [dynamodb_local_url] * PROCESSES))
        yield pool


@pytest.fixture
def race(world: World, processes: ProcessPoolExecutor, dynamodb_local_url: str) -> Race:
    """Let every process do its part at the same moment; answer what became of all of it."""

    def run(work: Callable[..., Score], parts: Sequence[tuple[Any, ...]]) -> Score:
        track = Track(
            dynamodb_local_url,
            world.table.name,
            world.clock.now_ms(),
            starts_at=time.time() + _START_SECONDS,
        )
        total = Score()
        for future in [processes.submit(work, track, *part) for part in parts]:
            total.add(future.result())
        return total

    return run
