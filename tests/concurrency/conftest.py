"""Four processes, started once, race on DynamoDB Local."""

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import Any, Protocol

import pytest

from tests.concurrency.pools import forked_context
from tests.concurrency.workers import PROCESSES, Score, Track, warm_up
from tests.support.engines import CLIENT_KIND
from tests.support.world import World

_START_SECONDS = 0.15

type Work = Callable[..., Score]
type Parts = Sequence[tuple[Any, ...]]


class Race(Protocol):
    """Runs a race and returns the score of all processes."""

    def __call__(self, work: Work, parts: Parts, *, kind: str = CLIENT_KIND) -> Score: ...


@pytest.fixture(scope="session")
def processes(dynamodb_local_url: str) -> Iterator[ProcessPoolExecutor]:
    context = forked_context()
    with ProcessPoolExecutor(PROCESSES, mp_context=context) as pool:
        list(pool.map(warm_up, [dynamodb_local_url] * PROCESSES))
        yield pool


@pytest.fixture
def race(world: World, processes: ProcessPoolExecutor, dynamodb_local_url: str) -> Race:
    """Let every process do its part at the same moment; answer what became of all of it."""

    def run(work: Work, parts: Parts, *, kind: str = CLIENT_KIND) -> Score:
        track = Track(
            dynamodb_local_url,
            world.table.name,
            world.clock.now_ms(),
            starts_at=time.time() + _START_SECONDS,
            kind=kind,
        )
        total = Score()
        for future in [processes.submit(work, track, *part) for part in parts]:
            total.add(future.result())
        return total

    return run
