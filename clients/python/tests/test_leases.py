"""Leases through the client: threads, tasks, the journal, forks, and the transport."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx2
import pytest

from spendgate import (
    AsyncSpendgate,
    BudgetExceeded,
    ConfigurationError,
    LocalCap,
    Spendgate,
    Unavailable,
    Usage,
)
from spendgate._deliveries import Delivery
from spendgate._leases.amounts import ONE, parsed
from spendgate._leases.holder import Waiter
from spendgate._leases.tenures import LeaseTerms
from spendgate._requests import Reply, Request
from spendgate.errors import InternalServerError
from tests.support.authority import Authority
from tests.support.service import Account, Service, eventually

CENT = {"usd": "0.01"}
PRICE = {"currency": "usd", "input_per_million": "2", "output_per_million": "8"}


class Api:
    """Stands for the HTTP API of a client; a test may hold its requests up."""

    def __init__(self, authority: Authority) -> None:
        self.authority = authority
        self.lock = threading.Lock()
        self.open = threading.Event()
        self.open.set()
        self.waiting = threading.Event()
        self.failing = ""

    def send(self, request: Request) -> Reply:
        if not self.open.is_set():
            self.waiting.set()
            self.open.wait(30)
        with self.lock:
            if self.failing and request.path.endswith(self.failing):
                raise InternalServerError("no", status_code=503)
            return self.authority.send(request)

    def close(self) -> None:
        """Nothing is open."""

    after_fork = retain = release = close


@pytest.fixture
def authority() -> Authority:
    authority = Authority(time.monotonic, usd="100", tokens="1000000000")
    authority.prices = {"openai/gpt-4o": PRICE}
    return authority


@pytest.fixture
def api(authority: Authority) -> Api:
    return Api(authority)


def guard_on(api: Any, **options: Any) -> Spendgate:
    guard = Spendgate(url="http://nowhere", api_key="sg.t.k.s", **options)
    guard._runtime.api = guard._api = api
    return guard


def async_guard_on(api: Any) -> AsyncSpendgate:
    guard = AsyncSpendgate(url="http://nowhere", api_key="sg.t.k.s")
    guard._runtime.api = api
    return guard


@pytest.fixture
def guard(api: Api) -> Iterator[Spendgate]:
    with guard_on(api) as guard:
        yield guard


def books(authority: Authority) -> tuple[Decimal, Decimal]:
    """What is spent and held in usd."""
    return Decimal(authority.spent()) / ONE, Decimal(authority.held()) / ONE


def test_threads_spend_from_one_lease_to_the_last_cent(
    guard: Spendgate, authority: Authority
) -> None:
    refused = 0

    def work(_: int) -> int:
        refusals = 0
        for _ in range(150):
            try:
                with lease.admit(amounts={"usd": "0.1"}) as call:
                    call.settle()
            except BudgetExceeded:
                refusals += 1
        return refusals

    with guard.lease(amounts={"usd": "5"}, agent="a") as lease, ThreadPoolExecutor(8) as pool:
        refused = sum(pool.map(work, range(8)))
    assert refused == 200
    assert books(authority) == (Decimal(100), Decimal(0))
    assert sum(line["calls"] for line in authority.lines) == 1000


def test_tasks_spend_from_one_lease(api: Api, authority: Authority) -> None:
    async def work(guard: AsyncSpendgate) -> None:
        async with guard.lease(amounts={"usd": "5"}, agent="a") as lease:

            async def call() -> bool:
                try:
                    async with lease.admit(amounts={"usd": "0.5"}) as call:
                        await asyncio.sleep(0)
                        await call.settle(actual={"usd": "0.25"})
                except BudgetExceeded:
                    return False
                return True

            assert all(await asyncio.gather(*(call() for _ in range(150))))

    async def main() -> None:
        async with async_guard_on(api) as guard:
            await work(guard)

    asyncio.run(main())
    assert books(authority) == (Decimal("37.5"), Decimal(0))


def test_a_cancelled_task_gives_back_what_it_was_admitted_for(
    api: Api, authority: Authority
) -> None:
    async def main() -> None:
        async with async_guard_on(api) as guard, guard.lease(agent="a") as lease:
            api.open.clear()
            task = asyncio.ensure_future(lease.admit(amounts={"usd": "7"}).__aenter__())
            while not api.waiting.is_set():  # noqa: ASYNC110 (another thread sets it)
                await asyncio.sleep(0.005)
            task.cancel()
            await asyncio.wait([task])
            api.open.set()

    asyncio.run(main())
    assert books(authority) == (Decimal(0), Decimal(0))


def test_a_call_abandoned_while_it_is_admitted_is_given_back(guard: Spendgate) -> None:
    with guard.lease(amounts={"usd": "5"}, agent="a") as lease:
        shared, waiter = lease._lease, Waiter({"usd": ONE}, None)
        leaves = threading.Thread(target=shared.abandon, args=(waiter,))
        with shared.lock:  # as the thread that admits it
            assert waiter.admitted.set_running_or_notify_cancel()
            leaves.start()
            leaves.join(0.1)
            admission = shared.holder.admit({"usd": ONE}, time.monotonic())
            assert admission is not None
            waiter.admitted.set_result(admission)
        leaves.join()
        assert not admission.is_open


def test_a_usage_is_priced_under_the_lock(
    guard: Spendgate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The holder notes the model, and forgets the oldest: two threads would forget the same."""
    with guard.lease(agent="a") as lease:
        shared, was_locked = lease._lease, list[bool]()
        monkeypatch.setattr(
            shared.holder, "estimate_of", lambda _: was_locked.append(shared.lock.locked())
        )
        shared.estimate_of(Usage(provider="openai", model="gpt-4o"))
    assert was_locked == [True]


def test_calls_do_not_wait_for_a_renewal_in_flight(guard: Spendgate, api: Api) -> None:
    with guard.lease(amounts={"usd": "50"}, agent="a") as lease:
        api.open.clear()
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(lambda: lease.admit(amounts={"usd": "120"}).settle())
            assert api.waiting.wait(30)
            for _ in range(1000):
                lease.admit(amounts=CENT).settle()
            assert not waiting.done()
            api.open.set()
            with pytest.raises(BudgetExceeded):
                waiting.result(30)


def test_a_lease_that_is_refused_raises_at_once(guard: Spendgate) -> None:
    with pytest.raises(BudgetExceeded):
        guard.lease(amounts={"usd": "101"}, agent="a")


def test_usage_is_admitted_by_the_services_price_and_settled_by_it(
    guard: Spendgate, authority: Authority
) -> None:
    estimate = Usage(provider="openai", model="gpt-4o", input_tokens=1000, max_output_tokens=1000)
    actual = Usage(provider="openai", model="gpt-4o", input_tokens=1000, output_tokens=250)
    with guard.lease(agent="a") as lease:
        for _ in range(5):
            with lease.admit(usage=estimate) as call:
                call.settle(usage=actual)
        assert authority.calls.count("reserve") == 1
    assert books(authority) == (Decimal("0.02"), Decimal(0))
    (line,) = authority.lines
    assert line["usage"]["output_tokens"] == 1250
    assert line["calls"] == 5


def test_lease_true_shares_a_lease_where_budgets_do_and_logs_other_subjects(
    api: Api, authority: Authority
) -> None:
    with guard_on(api, lease=True) as guard:
        for number in range(40):
            with guard.reserve(agent=f"a{number % 2}", session=f"s{number % 4}", amounts=CENT) as h:
                h.settle()
    subjects = [hold.subjects for hold in authority.holds.values()]
    assert len(subjects) <= 4
    assert {line["subjects"]["session"] for line in authority.lines} == {"s0", "s1", "s2", "s3"}
    assert books(authority) == (Decimal("0.4"), Decimal(0))


def test_budgets_on_another_type_of_subject_end_the_leases_that_lack_it(
    api: Api, authority: Authority
) -> None:
    with guard_on(api, lease=True) as guard:
        guard.reserve(agent="a", session="s1", amounts=CENT).settle()
        guard.reserve(agent="a", session="s2", amounts=CENT).settle()
        authority.budgeted_types = ["agent", "session"]
        guard.reserve(agent="a", session="s1", amounts={"usd": "20"}).settle()
        guard.reserve(agent="a", session="s3", amounts={"usd": "1"}).settle()
        guard.reserve(agent="a", session="s3", amounts={"usd": "1"}).settle()
    sessions = [hold.subjects.get("session") for hold in authority.holds.values()]
    assert "s3" in sessions
    assert books(authority) == (Decimal("22.02"), Decimal(0))


def test_what_a_lease_cannot_judge_is_a_reservation(api: Api, authority: Authority) -> None:
    with guard_on(api, lease=True) as guard:
        guard.reserve(agent="a", amounts=CENT).settle()
        before = authority.calls.count("reserve")
        hold = guard.reserve(agent="a", amounts=CENT, ttl_seconds=30, heartbeat=False)
        assert authority.calls.count("reserve") == before + 1
        hold.release()
        with guard.lease(agent="a") as lease:
            lease.admit(amounts=CENT, session="s").settle()
            lease.admit(amounts=CENT, session="s").settle()
            assert authority.calls.count("settle") == 0
            before = authority.calls.count("reserve")
            other = lease.admit(amounts=CENT, agent="b")
            assert authority.calls.count("reserve") == before + 1
            other.release()


def test_while_the_service_is_away_the_lease_goes_on_then_the_local_cap(
    api: Api, authority: Authority
) -> None:
    with (
        guard_on(api, lease=True, on_unavailable=LocalCap({"usd": "30"})) as guard,
        guard.lease(amounts={"usd": "20"}, agent="a") as lease,
    ):
        authority.is_away = True
        leased = lease.admit(amounts={"usd": "0.6"})
        local = lease.admit(amounts={"usd": "25"})
        assert (leased.is_local, local.is_local) == (False, True)
        local.leave()
        with pytest.raises(Unavailable):
            lease.admit(amounts={"usd": "25"})
        leased.settle()
        authority.is_away = False
    assert books(authority) == (Decimal("0.6"), Decimal(0))


def test_a_capture_that_finds_no_service_stays_in_the_journal(
    api: Api, authority: Authority, tmp_path: Path
) -> None:
    guard = guard_on(api, settlement="background", journal=tmp_path)
    lease = guard.lease(amounts={"usd": "1"}, agent="a")
    lease.admit(amounts={"usd": "0.6"}).settle()
    api.failing = "/capture"
    guard._runtime.close(timeout=0.2)
    assert books(authority)[0] == 0
    (entry,) = tmp_path.glob("*.json")
    delivery = json.loads(entry.read_text(encoding="utf-8"))
    assert (delivery["kind"], delivery["body"]["actual"]) == ("capture", {"usd": "0.6"})


def test_captures_go_to_the_queue_and_the_last_one_does_not(
    api: Api, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[str] = []
    guard = guard_on(api, settlement="sqs", queue_url="queue")

    class Queue:
        def __init__(self, _url: str, _tenant_id: str) -> None:
            pass

        def send(self, delivery: Delivery) -> None:
            sent.append(delivery.message("t"))
            authority.deliver(delivery)

    monkeypatch.setattr("spendgate._sqs.SettlementQueue", Queue)
    with guard.lease(amounts={"usd": "10"}, entries="each", agent="a") as lease:
        for _ in range(120):
            lease.admit(amounts=CENT).settle()
        assert eventually(lambda: bool(sent))
    message = json.loads(sent[0])
    assert (message["type"], len(message["entries"])) == ("capture", 100)
    assert authority.calls[-1] == "release"
    assert books(authority) == (Decimal("1.2"), Decimal(0))


def test_a_fork_leaves_the_lease_and_its_calls_to_the_parent(
    guard: Spendgate, authority: Authority
) -> None:
    with guard.lease(amounts={"usd": "1"}, agent="a") as lease:
        call = lease.admit(amounts={"usd": "0.5"})
        guard._runtime.after_fork()  # what a child process does first
        assert lease.left == {}
        call.settle()
        lease.admit(amounts={"usd": "0.25"}).settle()
        assert authority.calls.count("reserve") == 2
    assert authority.spent() == parsed("0.25")


def test_a_fork_frees_the_lock_of_a_lease_that_the_client_has_forgotten(guard: Spendgate) -> None:
    book = guard._runtime.leases
    forgotten = book.new(LeaseTerms(), {"agent": "a"})
    forgotten.close()
    book.new(LeaseTerms(), {"agent": "a"})
    of_the_parent = forgotten.lock
    guard._runtime.after_fork()  # what a child process does first
    assert forgotten.lock is not of_the_parent


def test_a_closed_lease_admits_nothing_and_lets_calls_end(
    guard: Spendgate, authority: Authority
) -> None:
    with guard.lease(amounts={"usd": "1"}, agent="a") as lease:
        call = lease.admit(amounts={"usd": "0.5"})
    assert books(authority) == (Decimal(0), Decimal("0.5"))
    call.settle(actual={"usd": "0.4"})
    assert eventually(lambda: books(authority) == (Decimal("0.4"), Decimal(0)))
    with pytest.raises(Exception, match="closed"):
        lease.admit(amounts=CENT)


def test_leases_are_refused_in_lambda(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    guard = guard_on(api)
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "f")
    with pytest.raises(ConfigurationError, match="Lambda"):
        guard.lease(agent="a")
    with pytest.raises(ConfigurationError, match="Lambda"):
        guard_on(api, lease=True)


@pytest.mark.parametrize(("status", "spent"), [(200, "0.0044"), (500, "0"), (429, "0")])
def test_calls_of_an_sdk_are_leased_behind_the_transport(
    api: Api, authority: Authority, status: int, spent: str
) -> None:
    def provider(_: httpx2.Request) -> httpx2.Response:
        usage = {"prompt_tokens": 600, "completion_tokens": 400, "total_tokens": 1000}
        return httpx2.Response(status, json={"id": "r", "choices": [], "usage": usage})

    with guard_on(api, lease=True) as guard:
        transport = guard.transport(httpx2, inner=httpx2.MockTransport(provider), agent="a")
        with httpx2.Client(transport=transport) as client:
            body = {"model": "gpt-4o", "messages": [], "max_tokens": 500}
            assert (
                client.post("http://provider/v1/chat/completions", json=body).status_code == status
            )
    assert books(authority) == (Decimal(spent), Decimal(0))


def test_a_lease_on_the_service_spends_what_reservations_would(
    service: Service, account: Account
) -> None:
    estimate = Usage(provider="openai", model="gpt-4o", input_tokens=1000, max_output_tokens=1000)
    actual = Usage(provider="openai", model="gpt-4o", input_tokens=1000, output_tokens=200)
    before = len(service.requests())
    with (
        Spendgate(url=service.url, api_key=service.caller_key, timeout=60) as guard,
        guard.lease(agent=account.agent) as lease,
    ):
        for number in range(60):
            with lease.admit(usage=estimate, session=f"s-{number % 3}") as call:
                call.settle(usage=actual)
        with pytest.raises(BudgetExceeded):
            lease.admit(amounts={"usd": "1000"})
    assert account.usd == (Decimal("0.27"), Decimal(0))  # 60 times 0.0025 + 0.002
    assert account.tokens == (60 * 1200, 0)
    assert len(service.requests()) - before < 60
    with Spendgate(url=service.url, api_key=service.caller_key, lease=True) as guard:
        guard.reserve(agent=account.agent, amounts={"usd": "0.5"}).settle(actual={"usd": "0.23"})
    assert account.usd == (Decimal("0.5"), Decimal(0))
