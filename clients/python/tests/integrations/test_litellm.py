"""LiteLLM's SDK: what is held, spent, and served by the provider after every kind of call."""

from __future__ import annotations

import asyncio
import gc
import importlib.metadata
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # or its import asks the network

import httpx
import litellm
import pytest

import spendgate
from spendgate import AsyncSpendgate, Spendgate
from spendgate.testing import FakeProvider
from tests.support.pages import blocks_of
from tests.support.rows import Books
from tests.support.service import ROOT, Account, Service, with_own_tenant

DRIVERS = ["sync-openai", "async-anthropic", "sync-anthropic", "async-openai"]
MAX_TOKENS = 64
PAGE = "docs/litellm.md"
VERSIONS = f"litellm {importlib.metadata.version('litellm')}"

litellm.suppress_debug_info = True

pytestmark = pytest.mark.filterwarnings("default")  # LiteLLM warns of its own models


@pytest.fixture
def books(provider: FakeProvider, driver: Driver) -> Books:
    return Books(f"LiteLLM SDK, {driver.name}", VERSIONS, provider)


@dataclass
class Driver:
    """Calls one provider through `completion`, or through `acompletion` in an event loop."""

    name: str
    model: str
    provider: FakeProvider
    guard_options: dict[str, Any]
    account: Account
    runs_async: bool
    options: dict[str, Any] = field(default_factory=dict)

    def arguments(self, prompt: str) -> dict[str, Any]:
        is_openai = self.model.startswith("openai/")
        return {
            "model": self.model,
            "messages": [{"role": "user", "content": f"{self.account.agent} {prompt}"}],
            "max_tokens": MAX_TOKENS,
            "api_base": self.provider.openai_url if is_openai else self.provider.url,
            "api_key": "not-a-key",
            "subjects": {"agent": self.account.agent},
            **self.options,
        }

    def complete(self, prompt: str) -> Any:
        if self.runs_async:
            return asyncio.run(self._acomplete(prompt))
        with Spendgate(**self.guard_options) as guard:
            response = guard.litellm.completion(**self.arguments(prompt))
            assert guard.flush(30)
            return response

    def stream(
        self, prompt: str, *, take: int | None = None, error: Exception | None = None
    ) -> list[Any]:
        if self.runs_async:
            return asyncio.run(self._astream(prompt, take, error))
        chunks: list[Any] = []
        with Spendgate(**self.guard_options) as guard:
            with guard.litellm.completion(**self.arguments(prompt), stream=True) as stream:
                for chunk in stream:
                    chunks.append(chunk)
                    _stop(chunks, take, error)
                    if _is_enough(chunks, take):
                        break
            assert guard.flush(30)
        return chunks

    async def _acomplete(self, prompt: str) -> Any:
        async with AsyncSpendgate(**self.guard_options) as guard:
            return await guard.litellm.acompletion(**self.arguments(prompt))

    async def _astream(self, prompt: str, take: int | None, error: Exception | None) -> list[Any]:
        chunks: list[Any] = []
        async with AsyncSpendgate(**self.guard_options) as guard:
            made = await guard.litellm.acompletion(**self.arguments(prompt), stream=True)
            async with made as stream:
                async for chunk in stream:
                    chunks.append(chunk)
                    _stop(chunks, take, error)
                    if _is_enough(chunks, take):
                        break
        return chunks


def text_of(chunk: Any) -> str:
    return chunk.choices[0].delta.content or ""  # as most applications read it


def _is_enough(chunks: list[Any], take: int | None) -> bool:
    return take is not None and len([chunk for chunk in chunks if text_of(chunk)]) >= take


def _stop(chunks: list[Any], take: int | None, error: Exception | None) -> None:
    if error is not None and _is_enough(chunks, take):
        raise error


@pytest.fixture(params=DRIVERS if os.environ.get("WHOLE_TABLE") else DRIVERS[:2])
def driver(
    request: pytest.FixtureRequest, provider: FakeProvider, service: Service, account: Account
) -> Driver:
    kind, name = request.param.split("-")
    model = "openai/gpt-4o" if name == "openai" else "anthropic/claude-sonnet-4-6"
    options = {"url": service.url, "api_key": service.caller_key, "timeout": 60}
    return Driver(request.param, model, provider, options, account, kind == "async")


def test_a_call_is_settled_at_the_usage_of_the_provider(
    driver: Driver, books: Books, account: Account
) -> None:
    assert driver.complete("hello").choices[0].message.content.startswith("word0")
    books.are(account, "ok", requests=1)


@pytest.mark.parametrize(
    ("fault", "scenario"), [("", "stream"), ("!no_usage", "stream without usage")]
)
def test_a_stream_is_settled_and_shows_no_chunk_that_was_not_asked_for(
    driver: Driver, books: Books, account: Account, fault: str, scenario: str
) -> None:
    chunks = driver.stream(f"hello !words=7 {fault}")
    assert "".join(map(text_of, chunks)).split() == [f"word{number}" for number in range(7)]
    assert not any(getattr(chunk, "usage", None) for chunk in chunks)
    books.are(account, scenario, requests=1)


def test_a_caller_that_asks_for_the_usage_of_a_stream_gets_it(
    driver: Driver, books: Books, account: Account
) -> None:
    driver.options["stream_options"] = {"include_usage": True}
    chunks: list[Any] = []

    def keep(chunk: Any) -> str:
        chunks.append(chunk)
        return ""

    driver.options["stream"] = True
    arguments = driver.arguments("hello")
    if driver.runs_async:

        async def read() -> None:
            async with AsyncSpendgate(**driver.guard_options) as guard:
                async for chunk in await guard.litellm.acompletion(**arguments):
                    keep(chunk)

        asyncio.run(read())
    else:
        with Spendgate(**driver.guard_options) as guard:
            for chunk in guard.litellm.completion(**arguments):
                keep(chunk)
    assert chunks[-1].usage.completion_tokens > 0
    books.are(account, "stream with usage", requests=1)


def test_an_aborted_stream_is_settled_at_what_was_streamed(
    driver: Driver, books: Books, account: Account
) -> None:
    driver.stream("hello !words=20 !wait=3", take=3)
    books.are(account, "abort", requests=1)


def test_an_error_of_the_application_settles_what_was_streamed(
    driver: Driver, books: Books, account: Account
) -> None:
    with pytest.raises(ZeroDivisionError):
        driver.stream("hello !words=20 !wait=3", take=3, error=ZeroDivisionError("a bug"))
    books.are(account, "error of the application", requests=1)


def test_a_dropped_stream_is_settled_at_what_was_streamed(
    driver: Driver, books: Books, account: Account
) -> None:
    with pytest.raises(litellm.ServiceUnavailableError):
        driver.stream("hello !words=20 !drop=3")
    books.are(account, "drop", requests=1)


def test_a_stream_that_is_dropped_without_being_closed_is_settled(
    provider: FakeProvider, service: Service, account: Account
) -> None:
    options: dict[str, Any] = {"url": service.url, "api_key": service.caller_key, "timeout": 60}
    driver = Driver("sync-openai", "openai/gpt-4o", provider, options, account, runs_async=False)
    with Spendgate(**options) as guard:
        arguments = driver.arguments("hello !words=4")
        stream = guard.litellm.completion(**arguments, stream=True)
        while not text_of(next(stream)):
            pass
        del stream
        gc.collect()
        assert guard.flush(30)
    spent, held = account.tokens
    assert spent > 0
    assert held == 0


def test_a_429_of_the_provider_is_retried_and_costs_nothing(
    driver: Driver, books: Books, account: Account
) -> None:
    driver.complete("hello !status=429 !times=1")
    books.are(account, "retry", requests=2)


def test_errors_of_the_provider_cost_nothing(
    driver: Driver, books: Books, account: Account
) -> None:
    driver.options["num_retries"] = 1
    with pytest.raises(litellm.InternalServerError):
        driver.complete("hello !status=500")
    books.are(account, "provider error", requests=2)


def test_a_refused_connection_costs_nothing(driver: Driver, books: Books, account: Account) -> None:
    driver.options.update(api_base="http://127.0.0.1:9", num_retries=0)
    with pytest.raises(litellm.InternalServerError):
        driver.complete("hello")
    books.are(account, "no connection", requests=0)


@pytest.mark.parametrize("fault", ["!slow=1.5", "!reset", "!status=504"])
def test_where_the_provider_may_have_billed_the_hold_expires_by_itself(
    driver: Driver, books: Books, account: Account, fault: str
) -> None:
    driver.options.update(timeout=0.5, num_retries=0)
    with pytest.raises(litellm.exceptions.openai.APIError):
        driver.complete(f"hello {fault}")
    spent, held = account.tokens
    assert spent == 0
    assert held > MAX_TOKENS
    assert len(books.served(account)) == 1


def test_a_refusal_is_ours_and_litellms_and_reaches_no_provider(
    driver: Driver, books: Books, accounts: Callable[..., Account], service: Service
) -> None:
    driver.account = poor = accounts(tokens=10)
    asked = service.requests().count("/v1/reservations")
    with pytest.raises(spendgate.BudgetExceeded) as refused:
        driver.stream("hello")
    error = refused.value
    assert isinstance(error, litellm.RateLimitError)
    assert "has 10" in str(error)
    assert error.violations[0].available == 10
    assert type(pickle.loads(pickle.dumps(error))) is spendgate.BudgetExceeded
    assert service.requests().count("/v1/reservations") == asked + 1, "a refusal is not retried"
    books.are(poor, "refused", requests=0)


def test_while_the_service_is_unavailable_no_call_is_made(
    driver: Driver, books: Books, account: Account, service: Service
) -> None:
    driver.guard_options["max_retries"] = 0
    service.fail_next({"path": "/v1/reservations", "status": 503})
    with pytest.raises(spendgate.Unavailable) as unavailable:
        driver.complete("hello")
    assert isinstance(unavailable.value, litellm.ServiceUnavailableError)
    books.are(account, "Spendgate unavailable", requests=0)


def test_a_response_of_the_cache_costs_nothing(
    guard: Spendgate, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cached(**_: object) -> Any:
        response = litellm.ModelResponse(usage=litellm.Usage(prompt_tokens=9, completion_tokens=9))
        response._hidden_params["cache_hit"] = True
        return response

    monkeypatch.setattr(litellm, "completion", cached)
    guard.litellm.completion("openai/gpt-4o", [], subjects={"agent": account.agent})
    assert account.tokens == (0, 0)


@pytest.mark.parametrize(
    "options",
    [{"fallbacks": ["openai/gpt-4o-mini"]}, {"retry_policy": {"RateLimitErrorRetries": 1}}],
)
def test_options_that_hide_requests_are_refused(guard: Spendgate, options: dict[str, Any]) -> None:
    with pytest.raises(spendgate.ConfigurationError, match=next(iter(options))):
        guard.litellm.completion("openai/gpt-4o", [], **options)


def test_user_and_session_are_subjects(
    guard: Spendgate, provider: FakeProvider, admin: Spendgate
) -> None:
    user = f"user-{provider.url.rpartition(':')[2]}"
    admin.budgets.create(subject=f"user:{user}", unit="tokens", limit=1000)
    guard.litellm.completion(
        "openai/gpt-4o",
        [{"role": "user", "content": "hello"}],
        api_base=provider.openai_url,
        api_key="not-a-key",
        max_tokens=MAX_TOKENS,
        user=user,
        metadata={"session_id": "s-42"},
    )
    assert guard.spend(user=user).budgets[0].spent > 0
    (record,) = admin.usage.records(only={"user": user})
    assert record.subjects["session"] == "s-42"


def follow(*programs: str, provider: FakeProvider, service: Service) -> str:
    """Run blocks of the page as a reader would; LiteLLM finds the provider by its variables."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", "\n".join(programs)],
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT / "clients/python/src"),
            "SPENDGATE_URL": service.url,
            "SPENDGATE_API_KEY": service.caller_key,
            "OPENAI_BASE_URL": provider.openai_url,
            "OPENAI_API_KEY": "not-a-key",
        },
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_programs_of_the_page_do_what_it_says(provider: FakeProvider, service: Service) -> None:
    service = with_own_tenant(service, "pages")
    _, call, refusal, session = blocks_of(PAGE, "python")
    (printed,) = blocks_of(PAGE, "text")
    through_session = """
response = litellm.completion(
    model="openai/gpt-4o", messages=[{"role": "user", "content": "hello"}]
)
print(response.choices[0].message.content)
"""
    said = "word0 word1 word2 word3 word4 \n"
    with service.admin() as admin:
        admin.budgets.create(subject="agent:researcher", unit="usd", limit="1")
        admin.budgets.create(subject="agent:spent", unit="usd", limit="0")
        assert follow(call, refusal, provider=provider, service=service) == said + printed
        (first,) = admin.spend(agent="researcher").budgets
        assert first.spent > 0
        assert follow(session, through_session, provider=provider, service=service) == said
        (second,) = admin.spend(agent="researcher").budgets
    assert second.spent == 2 * first.spent
    assert second.held == 0
    assert len(provider.log()) == len(provider.log_of("hello"))


def test_through_a_guarded_session_a_refusal_is_litellms(
    provider: FakeProvider,
    guard: Spendgate,
    accounts: Callable[..., Account],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    poor = accounts(tokens=10)
    session = httpx.Client(transport=guard.transport(httpx, agent=poor.agent))
    monkeypatch.setattr(litellm, "client_session", session)
    with pytest.raises(litellm.RateLimitError, match="has 10 of 10 left"):
        litellm.completion(
            "openai/gpt-4o",
            [{"role": "user", "content": poor.agent}],
            api_base=provider.openai_url,
            api_key=f"key-of-{poor.agent}",  # LiteLLM keeps a client per key
        )
    assert provider.log_of(poor.agent) == []
