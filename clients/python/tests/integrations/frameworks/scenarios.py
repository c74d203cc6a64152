"""The scenario table of the frameworks: what is asked of each, and what it must come to."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextvars import copy_context
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from typing import Any, ClassVar

from spendgate import Spendgate
from spendgate.integrations import find_error
from spendgate.testing import FakeProvider
from tests.support.service import Service, new_account


@dataclass(frozen=True)
class Ask:
    """One use of a framework."""

    prompt: str
    agent: str
    streams: bool = False
    take: int | None = None
    """Leave the stream after so many texts."""
    retries: int = 0
    """Of the provider's SDK."""


@dataclass
class Driver:
    """Uses one framework in one way."""

    service: Service
    provider: FakeProvider
    is_async: bool

    name: ClassVar[str]
    packages: ClassVar[tuple[str, ...]]
    refusal: ClassVar[type[Exception]]
    """What the framework raises where a provider refuses with 429."""
    failure: ClassVar[type[Exception]] = Exception
    """What it raises where a provider fails."""
    counts_input: ClassVar[bool]
    """Whether an aborted stream is settled at the input that the provider counts."""

    def run(self, ask: Ask) -> str:
        """The text of the answer."""
        raise NotImplementedError


@dataclass(frozen=True)
class Scenario:
    """What the provider does, what the application does, and how many requests it takes."""

    name: str
    directives: str
    requests: int
    streams: bool = False
    take: int | None = None
    retries: int = 0
    fails: bool = False
    is_refused: bool = False
    is_left: bool = False
    """Whether the hold expires by itself, since the provider may bill."""


SCENARIOS = (
    Scenario("ok", "", 1),
    Scenario("stream", "!words=7", 1, streams=True),
    Scenario("tools", "!calls=1", 3),
    Scenario("refused", "", 0, is_refused=True),
    Scenario("refused stream", "", 0, streams=True, is_refused=True),
    Scenario("provider error", "!status=500", 1, fails=True),
    Scenario("retry", "!status=429 !times=1", 2, retries=2),
    Scenario("unknown", "!status=504", 1, fails=True, is_left=True),
    Scenario("abort", "!words=20 !wait=3", 1, streams=True, take=3),
    Scenario("drop", "!words=20 !drop=3", 1, streams=True, fails=True),
)


@dataclass(frozen=True)
class Row:
    """What one scenario came to."""

    requests: int
    spent: int
    held: int
    served: int
    spent_output: int
    served_output: int
    subjects: list[dict[str, str]]
    """Who spent, by the usage log."""
    error: BaseException | None

    @property
    def ours(self) -> BaseException | None:
        """Our error in the framework's."""
        return None if self.error is None else find_error(self.error)


def play(driver: Driver, scenario: Scenario, *, admin: Spendgate, fake: FakeProvider) -> Row:
    """Run a scenario for a new agent, and read both sides' books."""
    account = new_account(admin, tokens=10 if scenario.is_refused else 100_000_000)
    ask = Ask(
        f"{account.agent} hello {scenario.directives}",
        account.agent,
        scenario.streams,
        scenario.take,
        scenario.retries,
    )
    error: BaseException | None = None
    try:
        driver.run(ask)
    except Exception as raised:  # noqa: BLE001 (the row says which)
        error = raised
    served = fake.log_of(account.agent)
    spent, held = account.tokens
    records = list(admin.usage.records(only={"agent": account.agent}))
    return Row(
        requests=len(served),
        spent=spent,
        held=held,
        served=sum(call.total_tokens for call in served),
        spent_output=sum((record.usage or {}).get("output_tokens", 0) for record in records),
        served_output=sum(call.output_tokens for call in served),
        subjects=[record.subjects for record in records],
        error=error,
    )


def problems(driver: Driver, scenario: Scenario, row: Row) -> list[str]:
    """What a row should not say."""
    found: list[str] = []

    def expect(holds: bool, text: str) -> None:
        if not holds:
            found.append(text)

    expect(row.requests == scenario.requests, f"{row.requests} requests reached the provider")
    if scenario.is_refused:
        expect(isinstance(row.error, driver.refusal), f"the refusal arrives as {row.error!r}")
        expect(row.ours is not None, "the refusal does not lead to our error")
        expect("budget" in str(row.error), f"the refusal does not say why: {row.error}")
    elif scenario.fails:
        expect(isinstance(row.error, driver.failure), f"the failure arrives as {row.error!r}")
    else:
        expect(row.error is None, f"it raises {row.error!r}")
    if scenario.is_left:
        expect(row.spent == 0 and row.held > 0, f"spent {row.spent}, held {row.held}")
        return found
    expect(row.held == 0, f"{row.held} tokens stay held")
    if scenario.name == "tools":
        tools = sorted(subjects.get("tool", "") for subjects in row.subjects)
        sessions = {subjects.get("session", "") for subjects in row.subjects}
        users = {subjects.get("user") for subjects in row.subjects}
        expect(tools == ["", "", "look_up"], f"the tool is named in {tools}")
        expect(users == {"u-7"}, f"the users are {users}")
        expect(len(sessions) == 1 and all(sessions), f"the sessions are {sessions}")
    cut_short = scenario.take is not None or "!drop" in scenario.directives
    if cut_short and not driver.counts_input:
        expect(row.spent > row.spent_output, "the input of an aborted stream is free")
        expect(
            row.spent_output == row.served_output,
            f"output spent {row.spent_output}, served {row.served_output}",
        )
    else:
        expect(row.spent == row.served, f"spent {row.spent}, served {row.served}")
    return found


def versions(packages: tuple[str, ...]) -> str:
    """The packages with their versions."""
    return ", ".join(f"{name} {version(name)}" for name in packages)


@cache
def _runner() -> asyncio.Runner:
    return asyncio.Runner()


def run_async(work: Coroutine[Any, Any, str]) -> str:
    """Run in the one event loop of the session: LangChain shares its HTTP clients."""
    return _runner().run(_finished(work), context=copy_context())


async def _finished(work: Coroutine[Any, Any, str]) -> str:
    """Wait for the work, and for what closes the generators that it left."""
    result = await work
    await asyncio.sleep(0)  # the loop makes tasks of what closes them
    left = asyncio.all_tasks() - {asyncio.current_task()}
    await asyncio.gather(*left, return_exceptions=True)
    return result
