"""What each application does."""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from spendgate import Spendgate, Usage

from local.console import LocalStackError
from local.demo.apps.caller import MAX_OUTPUT_TOKENS, MODEL, caller
from local.demo.prices import USD

STREAMS, LEFT_STREAMS, LEASED_CALLS, CRASHED_CALLS, CALLS_MAX = 6, 4, 20, 3, 20

_TAKEN_CHUNKS = 3
_CRASH_SECONDS_MAX = 120
_FLUSH_SECONDS_MAX = 60
_INCREASE_USD = "0.01"
_LEASED_USAGE = Usage(
    provider="openai", model=MODEL, input_tokens=100, max_output_tokens=MAX_OUTPUT_TOKENS
)


@dataclass(frozen=True, slots=True)
class Stage:
    """Where the applications run."""

    api_url: str
    caller_key: str
    provider_url: str
    guard: Spendgate
    admin: Spendgate


@dataclass(frozen=True, slots=True)
class Application:
    """An agent with its budget, and what it does."""

    agent: str
    limit_usd: str
    act: Callable[[Stage, str], str]
    """Runs it; returns what happened."""


def stream(stage: Stage, agent: str) -> str:
    """Read each stream to its end."""
    with caller(stage.guard, stage.provider_url, agent) as app:
        for number in range(STREAMS):
            app.stream(f"story {number} !words=20")
    return f"read {STREAMS} streams"


def leave_streams(stage: Stage, agent: str) -> str:
    """Leave each stream after a few words."""
    with caller(stage.guard, stage.provider_url, agent) as app:
        for number in range(LEFT_STREAMS):
            app.stream(f"story {number} !words=50 !wait={_TAKEN_CHUNKS}", take=_TAKEN_CHUNKS)
    return f"left {LEFT_STREAMS} streams after {_TAKEN_CHUNKS} words"


def lease(stage: Stage, agent: str) -> str:
    """Hold a block of the budget once, and admit calls from it without asking."""
    block = {USD: Decimal(LEASED_CALLS) * Decimal("0.003")}
    with (
        caller(None, stage.provider_url, agent) as app,
        stage.guard.lease(amounts=block, agent=agent) as lease,
    ):
        for number in range(LEASED_CALLS):
            with lease.admit(usage=_LEASED_USAGE) as admitted:
                answer = app.call(f"question {number}") or {}
                admitted.settle(provider_usage=answer["usage"])
    return f"made {LEASED_CALLS} calls from a lease"


def crash(stage: Stage, agent: str) -> str:
    """Die by kill -9 with settlements in a journal, which the next process delivers."""
    with tempfile.TemporaryDirectory() as journal:
        command = [sys.executable, "-m", "local.demo.apps.crash"]
        arguments = [stage.provider_url, agent, journal, str(CRASHED_CALLS)]
        service = {"SPENDGATE_URL": stage.api_url, "SPENDGATE_API_KEY": stage.caller_key}
        modules = {"PYTHONPATH": os.pathsep.join(sys.path)}
        killed = subprocess.run(
            [*command, *arguments],
            env={**os.environ, **service, **modules},
            timeout=_CRASH_SECONDS_MAX,
            check=False,
        )
        if killed.returncode != -signal.SIGKILL:
            raise LocalStackError(f"{agent} was to be killed, and ended with {killed.returncode}.")
        kept = len(list(Path(journal).glob("*.json")))
        with Spendgate(url=stage.api_url, api_key=stage.caller_key, journal=journal) as restarted:
            if not restarted.flush(_FLUSH_SECONDS_MAX):
                raise LocalStackError("The settlements of the journal cannot be delivered.")
    return f"was killed; {kept} of {CRASHED_CALLS} settlements came from its journal"


def ask_for_more(stage: Stage, agent: str) -> str:
    """Spend the budget, ask for more, get it, and go on."""
    with caller(stage.guard, stage.provider_url, agent) as app:
        for number in range(CALLS_MAX):
            if app.call(f"question {number}") is None:
                break
        request = stage.guard.increase_requests.create(
            subject=f"agent:{agent}",
            unit=USD,
            amount=_INCREASE_USD,
            reason="the questions are not answered yet",
        )
        stage.admin.increase_requests.approve(request.id)
        went_on = app.call("the last question")
    if went_on is None:
        raise LocalStackError(f"agent:{agent} was refused although its increase was approved.")
    return f"was refused after {number} calls, asked for more and got it"


CAST = (
    Application("storyteller", "1", stream),
    Application("impatient", "1", leave_streams),
    Application("busy", "1", lease),
    Application("unlucky", "1", crash),
    Application("curious", "0.0025", ask_for_more),
)
