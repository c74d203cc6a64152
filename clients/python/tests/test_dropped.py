"""Settlements that must not be lost: of dropped streams, in Lambda, and where the journal fails."""

from __future__ import annotations

import asyncio
import gc
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx2
import pytest

from spendgate import AsyncSpendgate, Spendgate
from spendgate._deliveries import Delivery
from spendgate._journal import Journal
from spendgate.estimators import ByteEstimator
from spendgate.testing import FakeProvider
from tests.support.service import Account, Service, eventually

SETTLE_FAILS = {"path": "/settle", "status": 503, "times": 10_000}


@pytest.fixture(scope="module")
def provider() -> Iterator[FakeProvider]:
    with FakeProvider() as provider:
        yield provider


@pytest.fixture(autouse=True)
def _no_fault_is_left(service: Service) -> Iterator[None]:
    yield
    service.fail_next()


def body_of(account: Account, *, stream: bool) -> dict[str, Any]:
    messages = [{"role": "user", "content": f"{account.agent} hello"}]
    return {"model": "gpt-4o", "messages": messages, "max_tokens": 64, "stream": stream}


def call(guard: Spendgate, provider: FakeProvider, account: Account) -> str:
    """The text of a response that is read to its end."""
    with httpx2.Client(transport=guard.transport(httpx2, agent=account.agent)) as client:
        url = f"{provider.openai_url}/chat/completions"
        return client.post(url, json=body_of(account, stream=False)).raise_for_status().text


def drop_a_stream(guard: Spendgate, provider: FakeProvider, account: Account) -> None:
    """Leave a stream after its first chunk without closing it."""
    client = httpx2.Client(transport=guard.transport(httpx2, agent=account.agent))
    url = f"{provider.openai_url}/chat/completions"
    asked = client.build_request("POST", url, json=body_of(account, stream=True))
    next(iter(client.send(asked, stream=True).stream))  # type: ignore[arg-type]
    gc.collect()


async def drop_a_stream_async(
    guard: AsyncSpendgate, provider: FakeProvider, account: Account
) -> None:
    """Leave a stream after its first chunk without closing it."""
    client = httpx2.AsyncClient(transport=guard.transport(httpx2, agent=account.agent))
    url = f"{provider.openai_url}/chat/completions"
    asked = client.build_request("POST", url, json=body_of(account, stream=True))
    response = await client.send(asked, stream=True)
    chunks = response.stream.__aiter__()  # type: ignore[union-attr]
    await anext(chunks)
    del response, chunks, client
    gc.collect()


def entries_of(journal: Path) -> int:
    return len(list(journal.glob("*.json")))


@pytest.mark.parametrize("is_async", [False, True])
def test_a_dropped_stream_is_in_the_journal_before_its_first_attempt(
    service: Service, provider: FakeProvider, account: Account, tmp_path: Path, *, is_async: bool
) -> None:
    options: dict[str, Any] = {"url": service.url, "api_key": service.caller_key}
    options |= {"timeout": 60, "journal": tmp_path}
    service.fail_next(SETTLE_FAILS)

    async def drop() -> None:
        async with AsyncSpendgate(**options) as guard:
            await drop_a_stream_async(guard, provider, account)
            while guard._runtime.worker.pending == 0:  # noqa: ASYNC110 (a finalizer sets it)
                await asyncio.sleep(0.01)
            assert entries_of(tmp_path) == 1
            service.fail_next()

    if is_async:
        asyncio.run(drop())
    else:
        with Spendgate(**options) as guard:
            drop_a_stream(guard, provider, account)
            assert entries_of(tmp_path) == 1
            service.fail_next()
    assert eventually(lambda: list(tmp_path.iterdir()) == [])
    spent, held = account.tokens
    assert spent > 0 and held == 0


@pytest.mark.parametrize("settlement", ["inline", "sqs"])
def test_in_lambda_a_dropped_stream_is_settled_at_once(
    service: Service,
    provider: FakeProvider,
    account: Account,
    monkeypatch: pytest.MonkeyPatch,
    settlement: Any,
) -> None:
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "f")
    queue = SimpleNamespace(
        send=lambda delivery: service.deliver(delivery.message(service.caller_key.split(".")[1]))
    )
    with Spendgate(
        url=service.url, api_key=service.caller_key, settlement=settlement, queue_url="queue"
    ) as guard:
        vars(guard._runtime)["queue"] = queue
        drop_a_stream(guard, provider, account)
        spent, held = account.tokens
        assert spent > 0 and held == 0


def _remove(directory: Path, _: pytest.MonkeyPatch) -> None:
    shutil.rmtree(directory)


def _fill(_: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_space(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", no_space)


@pytest.mark.parametrize(
    ("settlement", "fail"), [("inline", _remove), ("background", _remove), ("inline", _fill)]
)
def test_a_response_survives_a_journal_that_fails(  # noqa: PLR0917 (fixtures)
    service: Service,
    provider: FakeProvider,
    account: Account,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    settlement: Any,
    fail: Any,
) -> None:
    directory = tmp_path / "journal"
    with Spendgate(
        url=service.url, api_key=service.caller_key, settlement=settlement, journal=directory
    ) as guard:
        fail(directory, monkeypatch)
        assert "gen-" in call(guard, provider, account)
        assert guard.flush(30)
    assert account.tokens == (
        sum(served.total_tokens for served in provider.log_of(account.agent)),
        0,
    )
    assert "a crash loses settle" in caplog.text
    assert not directory.exists() or list(directory.iterdir()) == []


def test_an_entry_that_cannot_be_removed_is_logged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    journal = Journal(tmp_path)
    delivery = Delivery("release", "rsv_1")
    journal.write(delivery)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", _is_read_only)
        patch.setattr(Path, "replace", _is_read_only)
        journal.confirm(delivery)
        journal.set_aside(delivery)
    assert caplog.text.count("the next process sends again release rsv_1") == 2


def _is_read_only(*_: object, **__: object) -> None:
    raise OSError(30, "Read-only file system")


def test_a_response_survives_an_estimator_that_fails(
    service: Service, provider: FakeProvider, account: Account, caplog: pytest.LogCaptureFixture
) -> None:
    class Failing(ByteEstimator):
        def observe(self, *_: object) -> None:
            raise LookupError("a defect of the application")

    with Spendgate(url=service.url, api_key=service.caller_key, estimator=Failing()) as guard:
        assert "gen-" in call(guard, provider, account)
    assert account.tokens[0] > 0 and account.tokens[1] == 0
    assert "a defect of the application" in caplog.text
