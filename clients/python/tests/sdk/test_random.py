"""Random calls: what was settled is what the provider served, over all calls that reached it."""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from spendgate import AsyncSpendgate, Spendgate
from spendgate.testing import FakeProvider
from tests.support.drivers import API_KEY, APIS, MAX_TOKENS, RUNS_EVERYTHING, Api
from tests.support.service import Account, Service

CALLS = int(os.environ.get("SPENDGATE_CLIENT_CALLS") or (100 if RUNS_EVERYTHING else 50))
SEED = int(os.environ.get("SEED") or 0) or random.SystemRandom().randrange(1, 2**32)
AT_ONCE = 8

EXACT = (
    "", "", "!words=1", "!words=25", "!reasoning=11", "!status=429 !times=1", "!status=500",
    "!status=503 !times=2", "!status=400", "!no_usage",
)  # fmt: skip
STREAMED = ("!words=20 !wait=4", "!words=20 !drop=3", "!pace=0.002")
UNKNOWN = ("!status=504", "!reset")


@dataclass(frozen=True)
class Planned:
    """One call of the run."""

    number: int
    api: Api
    streams: bool
    directives: str

    @property
    def leaves_its_hold(self) -> bool:
        return self.directives in UNKNOWN

    def prompt(self, agent: str) -> str:
        return f"{agent} call {self.number} {self.directives}"


def plan(rng: random.Random) -> Iterator[Planned]:
    for number in range(CALLS):
        streams = rng.random() < 0.6
        choices = [*EXACT, *UNKNOWN, *(STREAMED if streams else ())]
        directives = rng.choice(choices)
        if not streams and directives == "!no_usage":
            directives = ""  # without a usage and a stream only the estimate is known
        yield Planned(number, rng.choice(APIS), streams, directives)


async def run(calls: list[Planned], clients: dict[str, Any], agent: str) -> None:
    slots = asyncio.Semaphore(AT_ONCE)

    async def one(call: Planned) -> None:
        async with slots:
            await make(call, clients[call.api.sdk], call.prompt(agent))

    await asyncio.gather(*(one(call) for call in calls))


async def make(call: Planned, client: Any, prompt: str) -> None:
    """Make a call; errors of the provider are part of the run."""
    try:
        answer = await call.api.create(client, prompt, call.streams)
        if call.streams:
            await read(call, answer)
    except Exception as error:
        if "spendgate" in type(error).__module__:
            raise


async def read(call: Planned, stream: Any) -> None:
    words = 0
    async with stream:
        async for chunk in stream:
            words += bool(call.api.text(chunk))
            if "!wait=4" in call.directives and words == 4:
                break


def held_by(call: Planned, provider: FakeProvider, agent: str) -> int:
    """What a call leaves held: an estimate for every attempt whose outcome is unknown."""
    served = provider.log_of(f"{agent}")
    mine = [item for item in served if f" call {call.number} " in item.prompt]
    return sum(item.input_tokens + MAX_TOKENS for item in mine)


@pytest.mark.timeout(3600)
def test_what_is_settled_is_what_was_served(service: Service, account: Account) -> None:
    print(f"SEED={SEED}")
    calls = list(plan(random.Random(SEED)))
    with FakeProvider() as provider:

        async def work() -> None:
            async with AsyncSpendgate(
                url=service.url, api_key=service.caller_key, timeout=120
            ) as guard:
                made = clients(guard, provider, account.agent)
                await run(calls, made, account.agent)
                for client in made.values():
                    await client.close()
                assert await asyncio.to_thread(guard.flush, 60)

        asyncio.run(work())
        unknown = {call.number for call in calls if call.leaves_its_hold}
        served = [
            item.total_tokens
            for item in provider.log_of(account.agent)
            if int(item.prompt.split(" call ")[1].split()[0]) not in unknown
        ]
        held = sum(held_by(call, provider, account.agent) for call in calls if call.leaves_its_hold)
        assert account.tokens == (sum(served), held), f"SEED={SEED}"
        assert served


def clients(guard: AsyncSpendgate, provider: FakeProvider, agent: str) -> dict[str, Any]:
    """A wrapped client of each SDK; the timeout is far above what a busy machine needs."""
    made = {}
    for sdk in {api.sdk for api in APIS}:
        name = "AsyncOpenAI" if sdk == "openai" else "AsyncAnthropic"
        url = provider.openai_url if sdk == "openai" else provider.url
        client = getattr(__import__(sdk), name)(base_url=url, api_key=API_KEY, timeout=60)
        made[sdk] = guard.wrap(client, agent=agent)
    return made


def test_a_fan_out_grants_exactly_what_fits(
    service: Service, admin: Spendgate, account: Account
) -> None:
    """200 calls at once on a budget for 50, where every call comes to its estimate.

    A smaller run makes 40 on a budget for 10.
    """
    fits, calls = (50, 200) if RUNS_EVERYTHING else (10, 40)
    with FakeProvider() as provider:

        async def work() -> list[Any]:
            async with (
                AsyncSpendgate(url=service.url, api_key=service.caller_key, timeout=120) as guard,
                clients(guard, provider, account.agent)["openai"] as client,
            ):
                asked = (call(client) for _ in range(calls))
                return list(await asyncio.gather(*asked, return_exceptions=True))

        async def call(client: Any) -> Any:
            return await client.chat.completions.create(
                model="gpt-4o",
                messages=[{"role": "user", "content": f"{account.agent} !words=10"}],
                max_tokens=20,
            )

        probe = asyncio.run(one_call(service, provider, account, call))
        budgets = {budget.unit: budget for budget in admin.budgets.list(
            subject=f"agent:{account.agent}")}  # fmt: skip
        limit = probe * (fits + 1)
        admin.budgets.update(budgets["tokens"].budget_id, limit=limit)
        answers = asyncio.run(work())
        granted = [answer for answer in answers if not isinstance(answer, BaseException)]
        refused = {type(answer).__name__ for answer in answers if isinstance(answer, BaseException)}
        assert (len(granted), refused) == (fits, {"BudgetExceeded"})
        assert len(provider.log_of(account.agent)) == fits + 1
        assert account.tokens == (limit, 0)


async def one_call(service: Service, provider: FakeProvider, account: Account, call: Any) -> int:
    """What a call comes to, which is also what it holds: its answer is as long as it may be."""
    async with AsyncSpendgate(url=service.url, api_key=service.caller_key) as guard:
        async with clients(guard, provider, account.agent)["openai"] as client:
            usage = (await call(client)).usage
        assert usage.completion_tokens == 20
        return int(usage.total_tokens)


@pytest.mark.parametrize("sdk", ["openai"])
def test_azure_clients_are_guarded_by_the_model_behind_the_deployment(
    sdk: str, service: Service, account: Account
) -> None:
    azure: Any = __import__(sdk).AzureOpenAI
    with (
        FakeProvider() as provider,
        Spendgate(url=service.url, api_key=service.caller_key) as guard,
        guard.wrap(
            azure(azure_endpoint=provider.url, api_version="2024-10-21", api_key=API_KEY),
            agent=account.agent,
            models={"my-deployment": "gpt-4o"},
        ) as client,
    ):
        client.chat.completions.create(
            model="my-deployment",
            messages=[{"role": "user", "content": "hello"}],
            max_tokens=64,
        )
        embedding = client.embeddings.create(model="text-embedding-3-small", input="hello")
        assert embedding.usage.total_tokens > 0
        (chat, embedded) = provider.log()
        assert chat.path == "/openai/deployments/my-deployment/chat/completions"
        assert account.tokens == (chat.total_tokens + embedded.total_tokens, 0)


def test_copies_of_a_wrapped_client_are_guarded_too(service: Service, account: Account) -> None:
    with (
        FakeProvider() as provider,
        Spendgate(url=service.url, api_key=service.caller_key) as guard,
        guard.wrap(
            __import__("openai").OpenAI(base_url=provider.openai_url, api_key=API_KEY),
            agent=account.agent,
        ) as client,
    ):
        copy = client.with_options(timeout=30)
        with pytest.raises(ValueError, match="wrapped already"):
            guard.wrap(copy)
        header = {"spendgate-subjects": "tool=search%3Aweb,session=s-1"}
        copy.embeddings.create(model="text-embedding-3-small", input="hello", extra_headers=header)
        client.models.list()
        assert len(provider.log()) == 1
        assert account.tokens == (provider.log()[0].total_tokens, 0)


def test_a_synchronous_guard_wraps_an_asynchronous_client(
    service: Service, account: Account
) -> None:
    async def work(guard: Spendgate, provider: FakeProvider) -> None:
        client = __import__("openai").AsyncOpenAI(base_url=provider.openai_url, api_key=API_KEY)
        async with guard.wrap(client, agent=account.agent) as wrapped:
            await wrapped.embeddings.create(model="text-embedding-3-small", input="hello")

    with FakeProvider() as provider:
        with Spendgate(url=service.url, api_key=service.caller_key) as guard:
            asyncio.run(work(guard, provider))
        assert account.tokens == (provider.log()[0].total_tokens, 0)


def test_a_client_that_cannot_be_wrapped_says_so(service: Service) -> None:
    with (
        Spendgate(url=service.url, api_key=service.caller_key) as guard,
        pytest.raises(ValueError, match="cannot wrap dict"),
    ):
        guard.wrap({})
