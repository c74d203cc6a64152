"""What threads use at once for the first time is made once, not once for each of them."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest

from spendgate import Spendgate
from spendgate._sync._http import API
from tests.support.service import Account, Service

THREADS = 8
# The journal is made with the client.
PARTS = {
    "async_api": "_async._http.AsyncAPI",
    "heartbeat": "_heartbeat.Heartbeat",
    "leases": "_lease_book.LeaseBook",
    "queue": "_sqs.SettlementQueue",
    "worker": "_worker.Worker",
}


@pytest.fixture
def guard(service: Service) -> Any:
    with Spendgate(url=service.url, api_key=service.caller_key, timeout=60) as guard:
        yield guard


def at_once(work: Callable[[], Any]) -> list[Any]:
    """What each thread got."""
    barrier = Barrier(THREADS)

    def run(_number: int) -> Any:
        barrier.wait()
        return work()

    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(run, range(THREADS)))


@pytest.mark.parametrize("name", PARTS)
def test_a_part_of_a_client_is_made_by_one_thread(
    name: str, guard: Spendgate, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[object] = []

    class Slow:
        def __init__(self, *_arguments: object) -> None:
            time.sleep(0.05)  # the others have come meanwhile
            made.append(self)

        def close(self, *_arguments: object) -> bool:
            return True

        flush = close

    monkeypatch.setattr(f"spendgate.{PARTS[name]}", Slow)

    parts = at_once(lambda: getattr(guard._runtime, name))

    assert parts == made * THREADS
    assert len(made) == 1


def test_the_first_requests_of_many_threads_share_the_connections(
    guard: Spendgate, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[object] = []
    new_client = API._new_client

    def slow(api: API) -> Any:
        time.sleep(0.05)
        made.append(new_client(api))
        return made[-1]

    monkeypatch.setattr(API, "_new_client", slow)

    at_once(lambda: guard.check(agent=account.agent, amounts={"usd": "1"}))

    assert len(made) == 1
