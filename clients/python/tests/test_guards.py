"""Holds over time: heartbeat, decorator, subjects, local cap, and what cannot be delivered."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import sys
import time
from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, cast

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
from spendgate._journal import Journal
from spendgate._requests import Reply, Request
from spendgate._sync._http import API
from tests.support.service import Account, Service, eventually

GPT_4O = Usage(provider="openai", model="gpt-4o", input_tokens=100, max_output_tokens=100)
NOTHING = (Decimal(0), Decimal(0))


def test_a_heartbeat_keeps_a_hold_that_would_expire(guard: Spendgate, account: Account) -> None:
    with guard.reserve(agent=account.agent, amounts={"usd": 1}, ttl_seconds=3) as hold:
        assert hold.id is not None
        first = guard.reservations.retrieve(hold.id).expires_at
        assert eventually(lambda: guard.reservations.retrieve(str(hold.id)).expires_at > first)
        hold.release()
    assert account.usd == NOTHING


def test_a_failed_heartbeat_goes_on(
    guard: Spendgate, service: Service, account: Account, caplog: pytest.LogCaptureFixture
) -> None:
    with guard.reserve(agent=account.agent, amounts={"usd": 1}, ttl_seconds=6) as hold:
        service.fail_next({"path": "/extend", "status": 503})
        first = guard.reservations.retrieve(str(hold.id)).expires_at
        assert eventually(lambda: guard.reservations.retrieve(str(hold.id)).expires_at > first)
        hold.release()
    assert "was not extended" in caplog.text


def test_a_heartbeat_ends_with_its_owner(guard: Spendgate, account: Account) -> None:
    hold = guard.reserve(agent=account.agent, amounts={"usd": 1})
    beat = hold._beat
    assert beat is not None and not beat.over
    del hold
    gc.collect()
    assert beat.over


def test_subjects_of_the_context_apply_to_every_call(guard: Spendgate, account: Account) -> None:
    with guard.subjects(agent=account.agent, session="s-42"):
        hold = guard.reserve(amounts={"usd": 1})
    assert hold.subjects == {"agent": account.agent, "session": "s-42"}
    assert account.usd == (Decimal(0), Decimal(1))


def test_a_decorated_function_is_reserved_by_its_arguments(
    guard: Spendgate, account: Account
) -> None:
    @guard.guard(agent=lambda query: query["agent"], amounts={"usd": "0.02"},
                 actual=lambda result: {"usd": result})  # fmt: skip
    def research(query: dict[str, str]) -> str:
        """Look it up."""
        assert query
        assert account.usd == (Decimal(0), Decimal("0.02"))
        return "0.015"

    assert research.__doc__ == "Look it up."
    assert research({"agent": account.agent}) == "0.015"
    assert account.usd == (Decimal("0.015"), Decimal(0))


def test_without_an_actual_it_settles_at_the_estimate(guard: Spendgate, account: Account) -> None:
    @guard.guard(agent=account.agent, amounts={"usd": "0.02"})
    def work() -> None:
        """Return nothing."""

    work()
    assert account.usd == (Decimal("0.02"), Decimal(0))


def test_an_exception_leaves_the_hold_unless_it_is_said_to_release(
    guard: Spendgate, account: Account
) -> None:
    @guard.guard(agent=account.agent, amounts={"usd": 1}, release_on=(LookupError,))
    def work(error: Exception) -> None:
        raise error

    with pytest.raises(KeyError):
        work(KeyError("before anything was sent"))
    assert account.usd == NOTHING
    with pytest.raises(ValueError, match="after"):
        work(ValueError("after the provider was paid"))
    assert account.usd == (Decimal(0), Decimal(1))


def test_a_decorated_generator_settles_at_its_last_value(
    guard: Spendgate, account: Account
) -> None:
    @guard.guard(agent=account.agent, amounts={"usd": 1}, actual=lambda last: {"usd": last})
    def stream() -> Iterator[str]:
        yield "0.1"
        yield "0.2"

    assert list(stream()) == ["0.1", "0.2"]
    assert account.usd == (Decimal("0.2"), Decimal(0))
    stopped = stream()
    assert next(stopped) == "0.1"
    stopped.close()  # type: ignore[attr-defined]
    assert account.usd == (Decimal("0.3"), Decimal(0))


def test_decorated_coroutines_and_async_generators(service: Service, account: Account) -> None:
    async def work() -> None:
        async with AsyncSpendgate(url=service.url, api_key=service.caller_key) as guard:

            @guard.guard(agent=account.agent, usage=GPT_4O, actual=lambda usage: usage)
            async def call() -> Usage:
                return Usage(provider="openai", model="gpt-4o", input_tokens=100, output_tokens=10)

            @guard.guard(agent=account.agent, amounts={"tokens": 50}, actual=lambda last: last)
            async def stream() -> AsyncIterator[dict[str, Any]]:
                yield {"tokens": 20}
                yield {"tokens": 30}

            await call()
            assert [value async for value in stream()] == [{"tokens": 20}, {"tokens": 30}]
            with pytest.raises(BudgetExceeded):
                await guard.guard(agent=account.agent, amounts={"usd": 1000})(call)()

    asyncio.run(work())
    assert account.tokens == (140, 0)


def talk(seen: list[Any]) -> Generator[str, Any, str]:
    """Note all that a caller does to a generator."""
    try:
        seen.append((yield "0.1"))
        try:
            yield "0.2"
        except LookupError as error:
            seen.append(error.args[0])
        yield "0.3"
        return "the end"
    finally:
        seen.append("finally")


async def talk_async(seen: list[Any]) -> AsyncGenerator[str, Any]:
    try:
        seen.append((yield "0.1"))
        try:
            yield "0.2"
        except LookupError as error:
            seen.append(error.args[0])
        yield "0.3"
    finally:
        await asyncio.sleep(0)
        seen.append("finally")


def test_a_decorated_generator_is_sent_thrown_and_returned_what_it_would_be(
    guard: Spendgate, account: Account
) -> None:
    decorated = guard.guard(
        agent=account.agent, amounts={"usd": 1}, actual=lambda last: {"usd": last}
    )(talk)
    seen: list[Any] = []
    words = decorated(seen)
    assert [next(words), words.send("sent"), words.throw(LookupError("thrown"))] == [
        "0.1", "0.2", "0.3",
    ]  # fmt: skip
    with pytest.raises(StopIteration) as end:
        next(words)
    assert end.value.value == "the end"
    assert seen == ["sent", "thrown", "finally"]
    assert account.usd == (Decimal("0.3"), Decimal(0))
    words = decorated(seen)
    next(words)
    words.close()
    assert seen[3:] == ["finally"]
    assert account.usd == (Decimal("0.4"), Decimal(0))
    words = decorated(seen)
    next(words)
    with pytest.raises(KeyError):
        words.throw(KeyError("not caught"))
    assert seen[4:] == ["finally"]
    assert account.usd == (Decimal("0.4"), Decimal(1))


def test_a_decorated_async_generator_is_sent_and_thrown_what_it_would_be(
    service: Service, account: Account
) -> None:
    async def work() -> None:
        async with AsyncSpendgate(url=service.url, api_key=service.caller_key) as guard:
            decorated = guard.guard(
                agent=account.agent, amounts={"usd": 1}, actual=lambda last: {"usd": last}
            )(talk_async)
            seen: list[Any] = []
            words = decorated(seen)
            assert await anext(words) == "0.1"
            assert await words.asend("sent") == "0.2"
            assert await words.athrow(LookupError("thrown")) == "0.3"
            with pytest.raises(StopAsyncIteration):
                await anext(words)
            assert seen == ["sent", "thrown", "finally"]
            words = decorated(seen)
            await anext(words)
            await words.aclose()
            assert seen[3:] == ["finally"]
            words = decorated(seen)
            await anext(words)
            with pytest.raises(KeyError):
                await words.athrow(KeyError("not caught"))
            assert seen[4:] == ["finally"]

    asyncio.run(work())
    assert account.usd == (Decimal("0.4"), Decimal(1))


def test_a_settlement_that_finds_no_service_is_delivered_later(
    service: Service, account: Account, caplog: pytest.LogCaptureFixture
) -> None:
    with Spendgate(url=service.url, api_key=service.caller_key, max_retries=0) as guard:
        hold = guard.reserve(agent=account.agent, amounts={"usd": 1})
        service.fail_next({"path": "/settle", "status": 503, "times": 2})
        hold.settle(actual={"usd": "0.5"})
        assert guard.flush(30)
    assert account.usd == (Decimal("0.5"), Decimal(0))
    assert "delivered later" in caplog.text


def test_what_the_service_will_never_accept_is_kept_for_a_person(
    service: Service, account: Account, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with Spendgate(
        url=service.url, api_key=service.caller_key, settlement="background", journal=tmp_path
    ) as guard:
        hold = guard.reserve(agent=account.agent, amounts={"usd": 1})
        assert hold.id is not None
        guard.reservations.settle(hold.id, actual={"usd": 1})
        hold.settle(actual={"usd": 2})
        assert guard.flush(30)
    (entry,) = tmp_path.iterdir()
    assert entry.suffix == ".failed"
    assert json.loads(entry.read_text())["body"] == {"actual": {"usd": 2}}
    assert "is refused" in caplog.text
    assert service.caller_key not in caplog.text


def test_a_broken_entry_of_the_journal_stops_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "1.json").write_text("{")
    (tmp_path / "2.json").write_text(Delivery("release", "rsv_1").to_json())
    caplog.set_level(logging.ERROR)
    assert [delivery.target for delivery in Journal(tmp_path).take_over()] == ["rsv_1"]
    assert (tmp_path / "1.failed").exists()
    assert "cannot be read" in caplog.text


def test_an_unknown_price_is_reported_in_tokens(guard: Spendgate, account: Account) -> None:
    hold = guard.reserve(agent=account.agent, amounts={"usd": 1, "tokens": 500})
    unknown = Usage(provider="own", model="no-price", input_tokens=100, output_tokens=20)
    hold.settle(usage=unknown)
    assert account.tokens == (120, 0)
    assert account.usd == (Decimal(1), Decimal(0))


def test_a_local_cap_is_a_window_that_slides() -> None:
    now = [0.0]
    cap = LocalCap({"tokens": 300}, per=60, monotonic=lambda: now[0])
    assert cap.take(None, GPT_4O)
    now[0] = 30
    assert cap.take({"tokens": 100}, None)
    assert not cap.take({"tokens": 1}, None)
    now[0] = 60
    assert cap.take({"tokens": 200}, None)
    assert not cap.take({"tokens": 1}, None)
    assert not cap.take({"eur": 1}, None), "what it has no cap for is not granted"
    with pytest.raises(ConfigurationError):
        LocalCap({})


def test_a_local_cap_in_usd_prices_the_usage() -> None:
    cap = LocalCap({"usd": "0.0025"})
    assert cap.take(None, GPT_4O)  # 0.00125
    assert cap.take(None, GPT_4O)
    assert not cap.take(None, GPT_4O)
    assert not cap.take(None, Usage(provider="own", model="no-price", input_tokens=1))


@pytest.mark.parametrize("in_lambda", [False, True])
def test_a_local_grant_is_recorded_when_the_service_is_back(
    service: Service, account: Account, monkeypatch: pytest.MonkeyPatch, *, in_lambda: bool
) -> None:
    if in_lambda:  # where no thread runs between invocations
        monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "f")
    cap = LocalCap({"usd": 1})
    with Spendgate(
        url=service.url, api_key=service.caller_key, max_retries=0, on_unavailable=cap
    ) as guard:
        service.fail_next({"path": "/v1/reservations", "status": 503, "times": 2})
        with guard.reserve(agent=account.agent, amounts={"usd": "0.6"}) as hold:
            assert hold.is_local
            hold.settle(actual={"usd": "0.4"})
        with pytest.raises(Unavailable):
            guard.reserve(agent=account.agent, amounts={"usd": "0.6"})
        assert guard.flush(30)
    assert account.usd == (Decimal("0.4"), Decimal(0))


def test_the_record_of_a_local_grant_has_the_moment_of_its_call(tmp_path: Path) -> None:
    options: dict[str, Any] = {"max_retries": 0, "on_unavailable": LocalCap({"usd": 1})}
    with Spendgate(url="http://127.0.0.1:9", api_key="key", **options) as guard:
        before = datetime.now(UTC)
        hold = guard.reserve(agent="a", amounts={"usd": 1})
        after = datetime.now(UTC)
    time.sleep(0.002)
    journal = Journal(tmp_path)
    journal.write(hold.settlement({}, None))
    journal.after_fork()
    (replayed,) = journal.take_over()
    moment = datetime.fromisoformat(replayed.body["occurred_at"])
    assert before - timedelta(milliseconds=1) < moment <= after


def test_a_local_grant_counts_on_the_day_of_its_call(
    service: Service, account: Account, admin: Spendgate
) -> None:
    cap = LocalCap({"usd": 1})
    with Spendgate(
        url=service.url, api_key=service.caller_key, max_retries=0, on_unavailable=cap
    ) as guard:
        service.fail_next({"path": "/v1/reservations", "status": 503})
        hold = guard.reserve(agent=account.agent, amounts={"usd": "0.6"})
        yesterday = datetime.now(UTC) - timedelta(days=1)
        hold._granted_at = yesterday.isoformat(timespec="milliseconds")
        hold.settle()
        assert guard.flush(30)
    (record,) = admin.usage.records(
        start=(yesterday - timedelta(hours=1)).isoformat(), only={"agent": account.agent}
    )
    assert abs(record.occurred_at - yesterday) < timedelta(seconds=1)


@pytest.mark.parametrize("model", ["gpt-4o", "no-price"])
def test_a_local_grant_that_settles_at_its_estimate_is_recorded(
    service: Service, account: Account, model: str
) -> None:
    estimate = Usage(
        provider="openai",
        model=model,
        input_tokens=100,
        max_output_tokens=20,
        min_output_tokens=5,
    )
    cap = LocalCap({"tokens": 1000})
    with Spendgate(
        url=service.url, api_key=service.caller_key, max_retries=0, on_unavailable=cap
    ) as guard:
        service.fail_next({"path": "/v1/reservations", "status": 503})
        with guard.reserve(agent=account.agent, usage=estimate) as hold:
            assert hold.is_local
            hold.settle()
        assert guard.flush(30)
    assert account.tokens == (120, 0)


class FakeQueue:
    """Stands for boto3's SQS client; the service's own consumer reads what is sent."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.urls: list[str] = []

    def client(self, name: str) -> FakeQueue:
        assert name == "sqs"
        return self

    def send_message(self, *, QueueUrl: str, MessageBody: str) -> None:  # noqa: N803
        self.urls.append(QueueUrl)
        if len(self.urls) == 1:
            raise LookupError("the first attempt fails")
        self.service.deliver(MessageBody)


def test_settlements_by_sqs_are_accepted_by_the_consumer(
    service: Service, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue = FakeQueue(service)
    errors = SimpleNamespace(BotoCoreError=LookupError, ClientError=LookupError)
    monkeypatch.setitem(sys.modules, "boto3", cast("ModuleType", queue))
    monkeypatch.setitem(sys.modules, "botocore", cast("ModuleType", SimpleNamespace()))
    monkeypatch.setitem(sys.modules, "botocore.exceptions", cast("ModuleType", errors))
    with Spendgate(
        url=service.url, api_key=service.caller_key, settlement="sqs", queue_url="queue"
    ) as guard:
        guard.reserve(agent=account.agent, usage=GPT_4O).settle(
            usage=Usage(provider="openai", model="gpt-4o", input_tokens=100, output_tokens=10)
        )
        guard.reserve(agent=account.agent, amounts={"usd": 1}).release()
        assert guard.flush(30)
    assert queue.urls == ["queue"] * 3
    assert account.tokens == (110, 0)
    assert account.usd == (Decimal("0.00035"), Decimal(0))


def test_an_inline_settlement_is_in_the_journal_before_its_first_attempt(
    service: Service, account: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored: list[int] = []
    send = API.send

    def watched(api: API, request: Request) -> Reply:
        stored.append(len(list(tmp_path.glob("*.json"))))
        return send(api, request)

    with Spendgate(url=service.url, api_key=service.caller_key, journal=str(tmp_path)) as guard:
        hold = guard.reserve(agent=account.agent, amounts={"usd": 1})
        monkeypatch.setattr(API, "send", watched)
        hold.settle(actual={"usd": "0.5"})

    assert stored == [1]
    assert list(tmp_path.iterdir()) == []
    assert account.usd == (Decimal("0.5"), Decimal(0))
