"""LiteLLM's proxy with four workers: spent equals what the provider served, in any order."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.metadata
import os
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # or its import asks the network

import httpx
import openai
import pytest
from litellm.proxy._types import UserAPIKeyAuth

from spendgate import AsyncSpendgate, ConfigurationError, Spendgate
from spendgate.integrations.litellm_proxy import SpendgateGuard
from spendgate.testing import FakeProvider
from tests.support.litellm_proxy import MASTER_KEY, WORKERS, Proxy, running_proxy
from tests.support.pages import blocks_of
from tests.support.rows import Books
from tests.support.service import Account, Service, eventually

MAX_TOKENS = 64
CALLS_OF_A_KIND = 6
MODELS = ["smart", "claude"]
PAGE = "docs/litellm.md"
VERSIONS = f"litellm {importlib.metadata.version('litellm')}"

pytestmark = pytest.mark.filterwarnings("default")  # LiteLLM warns of its own models


@pytest.fixture(scope="session")
def proxy(
    service: Service, provider: FakeProvider, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Proxy]:
    with running_proxy(service, provider, tmp_path_factory.mktemp("proxy")) as proxy:
        yield proxy


@pytest.fixture
def books(provider: FakeProvider) -> Books:
    return Books(f"LiteLLM proxy, {WORKERS} workers", VERSIONS, provider)


def arguments(account: Account, prompt: str, model: str = "smart") -> dict[str, Any]:
    return {
        "model": model,
        "messages": [{"role": "user", "content": f"{account.agent} {prompt}"}],
        "max_tokens": MAX_TOKENS,
        "extra_headers": {"spendgate-subjects": f"agent={account.agent}"},
    }


def complete(proxy: Proxy, account: Account, prompt: str, model: str = "smart") -> None:
    with proxy.client() as client:
        client.chat.completions.create(**arguments(account, prompt, model))


def stream(
    proxy: Proxy, account: Account, prompt: str, model: str = "smart", take: int | None = None
) -> str:
    """The text of a stream, left after so many words."""
    words: list[str] = []
    with (
        proxy.client() as client,
        client.chat.completions.create(**arguments(account, prompt, model), stream=True) as chunks,
    ):
        for chunk in chunks:
            words += filter(None, [chunk.choices[0].delta.content])  # no chunk is without a choice
            if take is not None and len(words) >= take:
                break
    return "".join(words)


def estimate(books: Books, account: Account) -> int:
    """What a call of the account holds: as the fake counts, without the form of Messages."""
    (call, *_) = books.served(account)
    typed = len("typetexttext") // 3 if call.path.endswith("/messages") else 0
    return call.input_tokens - typed + MAX_TOKENS


SCENARIOS: dict[str, tuple[str, dict[str, Any], type[Exception] | None, int]] = {
    # name: (prompt, how the stream is read, the error, requests that reach the provider)
    "ok": ("hello", {}, None, 1),
    "stream": ("hello !words=7", {"take": None}, None, 1),
    "stream without usage": ("hello !words=7 !no_usage", {"take": None}, None, 1),
    "abort": ("hello !words=20 !wait=3", {"take": 3}, None, 1),
    "retry": ("hello !status=429 !times=1", {}, None, 2),
    "provider error": ("hello !status=500", {}, openai.InternalServerError, 3),
    "bad request": ("hello !status=400", {}, openai.BadRequestError, 1),
}


def play(proxy: Proxy, account: Account, scenario: str, model: str, number: int) -> None:
    prompt, reading, error, _ = SCENARIOS[scenario]
    call: Callable[..., object] = stream if reading else complete
    with contextlib.nullcontext() if error is None else pytest.raises(error):
        call(proxy, account, f"{prompt} call{number}", model, **reading)


def test_calls_of_every_kind_at_once_are_spent_as_they_were_served(
    proxy: Proxy, books: Books, accounts: Callable[..., Account]
) -> None:
    played = {(scenario, model): accounts() for scenario in SCENARIOS for model in MODELS}
    calls = [
        (account, scenario, model, number)
        for number in range(CALLS_OF_A_KIND)
        for (scenario, model), account in played.items()
    ]
    with ThreadPoolExecutor(16) as threads:
        for done in [threads.submit(play, proxy, *call) for call in calls]:
            done.result()
    assert proxy.workers() == WORKERS
    for (scenario, model), account in played.items():
        requests = SCENARIOS[scenario][3] * CALLS_OF_A_KIND
        books.are(account, f"{scenario} ({model}, {CALLS_OF_A_KIND} calls)", requests=requests)


def test_dropped_streams_are_spent_as_far_as_the_proxy_saw_them(
    proxy: Proxy, books: Books, account: Account
) -> None:
    """What breaks off before the proxy has seen a word may be billed: that hold expires."""
    for number in range(CALLS_OF_A_KIND):
        with pytest.raises(openai.APIError):
            stream(proxy, account, f"hello !words=20 !drop=3 !pace=0.1 call{number}")
    served = books.served(account)
    held = estimate(books, account)

    def settled_or_held() -> tuple[int, int]:
        """How many calls are settled at what was streamed, and how many wait."""
        spent, waiting = account.tokens
        assert spent % served[0].total_tokens == 0
        assert waiting % held == 0
        return spent // served[0].total_tokens, waiting // held

    assert len(served) == CALLS_OF_A_KIND
    assert eventually(lambda: settled_or_held()[1] < CALLS_OF_A_KIND)
    assert sum(settled_or_held()) == CALLS_OF_A_KIND


@pytest.mark.parametrize("model", MODELS)
def test_a_retry_after_an_attempt_that_may_be_billed_is_spent_beside_its_hold(
    proxy: Proxy, books: Books, account: Account, model: str
) -> None:
    complete(proxy, account, "hello !status=504 !times=1", model)
    held = estimate(books, account)
    books.are(account, f"retry after 504 ({model})", requests=2, held=held)


def test_where_every_attempt_may_be_billed_the_hold_expires_by_itself(
    proxy: Proxy, books: Books, account: Account
) -> None:
    with pytest.raises(openai.InternalServerError):
        complete(proxy, account, "hello !status=504")
    books.are(account, "504 three times", requests=3, held=estimate(books, account))


def test_a_refused_request_reaches_no_provider_and_says_why(
    proxy: Proxy, books: Books, accounts: Callable[..., Account]
) -> None:
    poor = accounts(tokens=10)
    for call in (complete, stream):
        with pytest.raises(openai.RateLimitError) as refused:
            call(proxy, poor, "hello")
        assert "has 10 of 10 left" in refused.value.message
        assert refused.value.type == "budget_exceeded"
        assert refused.value.response.headers["x-should-retry"] == "false"
    books.are(poor, "refused", requests=0)


def test_workers_together_never_pass_a_limit(
    proxy: Proxy, books: Books, accounts: Callable[..., Account]
) -> None:
    account = accounts(tokens=5 * (MAX_TOKENS + 20))

    def outcome(number: int) -> str:
        try:
            complete(proxy, account, f"hello {number} !words=20")
        except openai.RateLimitError:
            return "refused"
        return "served"

    with ThreadPoolExecutor(16) as threads:
        outcomes = Counter(threads.map(outcome, range(32)))
    assert outcomes["refused"] and outcomes["served"]
    books.are(account, "32 calls, money for a few", requests=outcomes["served"])
    assert account.tokens[0] <= 5 * (MAX_TOKENS + 20)


@pytest.mark.parametrize("path", ["/v1/messages", "/v1/responses", "/v1/embeddings"])
def test_the_other_endpoints_are_guarded(
    proxy: Proxy, books: Books, account: Account, path: str
) -> None:
    prompt = f"{account.agent} hello"
    bodies: dict[str, dict[str, Any]] = {
        "/v1/messages": {
            "model": "claude",
            "max_tokens": MAX_TOKENS,
            "messages": [{"role": "user", "content": prompt}],
        },
        "/v1/responses": {"model": "smart", "max_output_tokens": MAX_TOKENS, "input": prompt},
        "/v1/embeddings": {"model": "embed", "input": prompt},
    }
    headers = {
        "authorization": f"Bearer {MASTER_KEY}",
        "spendgate-subjects": f"agent={account.agent}",
    }
    answer = httpx.post(f"{proxy.url}{path}", json=bodies[path], headers=headers, timeout=120)
    assert answer.status_code == 200, answer.text
    books.are(account, path, requests=1)


def test_metadata_of_a_caller_settles_no_reservation(
    proxy: Proxy, books: Books, account: Account, guard: Spendgate
) -> None:
    with guard.reserve(agent=account.agent, amounts={"tokens": 1000}, heartbeat=False) as hold:
        forged: dict[str, Any] = {
            "reservation_id": hold.id,
            "proof": "0" * 64,
            "subjects": {},
            "kind": "chat",
        }
        forged_call = arguments(account, "hello")
        forged_call["extra_body"] = {"metadata": {"spendgate": forged}}
        with proxy.client() as client:
            client.chat.completions.create(**forged_call)
        books.are(account, "forged metadata", requests=1, held=1000)
        hold.release()


def test_the_naming_of_the_page_adds_to_what_the_proxy_knows_of_its_key(
    service: Service, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    naming, *_ = blocks_of(PAGE, "python")
    monkeypatch.setenv("SPENDGATE_URL", service.url)
    monkeypatch.setenv("SPENDGATE_API_KEY", service.caller_key)
    monkeypatch.setenv("SPENDGATE_SUBJECTS", "app=gateway")
    names: dict[str, Any] = {}
    exec(naming, names)
    key = UserAPIKeyAuth(
        team_id="search", user_id="ada", key_alias="laptop", metadata={"department": "sales"}
    )
    header = f"agent={account.agent},team=forged"
    data = {
        **arguments(account, "hello", "openai/gpt-4o"),
        "litellm_session_id": "s-42",
        "proxy_server_request": {"headers": {"spendgate-subjects": header}},
    }

    async def reserve() -> None:
        guard = names["guard"]
        async with guard._client:
            await guard.async_pre_call_hook(key, None, data, "acompletion")

    asyncio.run(reserve())
    assert data["metadata"]["spendgate"]["subjects"] == {
        "agent": account.agent,
        "app": "gateway",
        "department": "sales",
        "key": "laptop",
        "session": "s-42",
        "team": "search",
        "user": "ada",
    }
    assert account.tokens[1] > MAX_TOKENS


@pytest.mark.parametrize("ends", ["cached", "rejected before it is sent"])
def test_a_request_that_reaches_no_provider_is_released(
    service: Service, account: Account, ends: str
) -> None:
    async def work() -> None:
        async with AsyncSpendgate(url=service.url, api_key=service.caller_key) as client:
            guard = SpendgateGuard(client)
            data = arguments(account, "hello", "openai/gpt-4o")
            header = {"spendgate-subjects": f"agent={account.agent}"}
            data["proxy_server_request"] = {"headers": header}
            await guard.async_pre_call_hook(UserAPIKeyAuth(), None, data, "acompletion")
            if ends == "cached":
                logged = {"cache_hit": True, "litellm_params": {"metadata": data["metadata"]}}
                await guard.async_log_success_event(logged, None, None, None)
            else:
                error = RuntimeError("another callback refuses it")
                await guard.async_post_call_failure_hook(data, error, UserAPIKeyAuth())

    asyncio.run(work())
    assert account.tokens == (0, 0)


def test_a_client_with_leases_is_refused(service: Service) -> None:
    client = AsyncSpendgate(url=service.url, api_key=service.caller_key, lease=True)
    with pytest.raises(ConfigurationError, match="without lease="):
        SpendgateGuard(client)
