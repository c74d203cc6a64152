"""In real processes: kill -9, Ctrl-C, exit, fork, and two processes on one journal.

Each test runs a program of its own and looks at the books afterwards.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from spendgate import Spendgate
from spendgate.testing import FakeProvider
from tests.support.service import Account, Service, eventually

SETTLE_FAILS = {"path": "/settle", "status": 503, "times": 10_000}

PROLOGUE = """
import ctypes, json, os, sys, threading, time
import httpx2
from spendgate import Spendgate
options = json.loads(sys.argv[1])
provider_url, agent = options.pop("provider_url"), options.pop("agent")
guard = Spendgate(**options)
client = httpx2.Client(transport=guard.transport(httpx2, agent=agent))
def call(text="hello"):
    messages = [{"role": "user", "content": agent + " " + text}]
    body = {"model": "gpt-4o", "messages": messages, "max_tokens": 64}
    return client.post(provider_url + "/chat/completions", json=body).raise_for_status()
def stream():
    messages = [{"role": "user", "content": agent + " !words=50"}]
    body = {"model": "gpt-4o", "messages": messages, "max_tokens": 64, "stream": True}
    request = client.build_request("POST", provider_url + "/chat/completions", json=body)
    return client.send(request, stream=True).iter_bytes()
def opened():
    chunks = stream()
    next(chunks)
    # CPython 3.13.0 crashes, also without a guard, if it collects an open stream at its end.
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(chunks))
    return chunks
def say(text):
    print(text, flush=True)
"""


@pytest.fixture(scope="module")
def provider() -> Iterator[FakeProvider]:
    with FakeProvider() as provider:
        yield provider


class Program:
    """A program with a wrapped client."""

    errors = ""

    def __init__(self, service: Service, provider: FakeProvider, account: Account) -> None:
        self.service, self.provider, self.account = service, provider, account

    def start(self, body: str, **options: Any) -> subprocess.Popen[str]:
        """Start it; `call()` makes one guarded call, `say()` prints a line."""
        settings = {
            "url": self.service.url,
            "api_key": self.service.caller_key,
            "provider_url": self.provider.openai_url,
            "agent": self.account.agent,
            "timeout": 60,
            **options,
        }
        return subprocess.Popen(
            [sys.executable, "-c", PROLOGUE + textwrap.dedent(body), json.dumps(settings)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1] / "src")},
        )

    def run(self, body: str, **options: Any) -> str:
        """Run it to its end; what it printed."""
        with self.start(body, **options) as process:
            try:
                output, self.errors = process.communicate(timeout=60)
            finally:
                process.kill()
        assert process.returncode == 0, self.errors
        assert "Traceback" not in self.errors, self.errors
        return output

    def served_tokens(self) -> int:
        return sum(call.total_tokens for call in self.provider.log_of(self.account.agent))


@pytest.fixture
def program(service: Service, provider: FakeProvider, account: Account) -> Program:
    return Program(service, provider, account)


def restart(service: Service, journal: Path) -> None:
    """Start a client on the journal, as the next process would, and let it deliver."""
    with Spendgate(
        url=service.url, api_key=service.caller_key, settlement="background", journal=journal
    ) as guard:
        assert guard.flush(30)


def lines_of(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def settlements(service: Service) -> int:
    return sum(path.endswith("/settle") for path in service.requests())


def test_a_settlement_in_the_background_is_delivered_before_the_process_ends(
    program: Program, account: Account, tmp_path: Path
) -> None:
    program.run("call()", settlement="background", journal=str(tmp_path))
    assert account.tokens == (program.served_tokens(), 0)
    assert list(tmp_path.iterdir()) == []


def test_kill_9_between_the_answer_and_the_settlement_is_replayed_once(
    program: Program, service: Service, account: Account, tmp_path: Path
) -> None:
    service.fail_next(SETTLE_FAILS)
    body = "call(); say('paid'); time.sleep(60)"
    with program.start(body, settlement="background", journal=str(tmp_path)) as process:
        assert lines_of(process) == "paid"
        (entry,) = tmp_path.glob("*.json")
        assert entry.stat().st_mode & 0o777 == 0o600
        process.kill()
    service.fail_next()
    assert account.tokens[0] == 0
    before = settlements(service)
    restart(service, tmp_path)
    restart(service, tmp_path)
    assert settlements(service) - before == 1
    assert account.tokens == (program.served_tokens(), 0)
    assert list(tmp_path.iterdir()) == []


def test_ctrl_c_during_a_settlement_loses_nothing(
    program: Program, service: Service, account: Account, tmp_path: Path
) -> None:
    service.fail_next({"path": "/settle", "status": 503, "seconds": 2, "times": 1})
    before = settlements(service)
    body = """
    threading.Timer(0.01, lambda: say("started")).start()
    try:
        call()
    except KeyboardInterrupt:
        say("interrupted")
    """
    with program.start(body, journal=str(tmp_path), max_retries=0) as process:
        assert lines_of(process) == "started"
        assert eventually(lambda: any(tmp_path.glob("*.json")))
        process.send_signal(signal.SIGINT)
        process.wait(timeout=60)
    assert settlements(service) >= before
    restart(service, tmp_path)
    assert account.tokens == (program.served_tokens(), 0)
    assert list(tmp_path.iterdir()) == []


def test_two_processes_share_a_journal(
    program: Program, service: Service, account: Account, tmp_path: Path
) -> None:
    service.fail_next({"path": "/settle", "status": 503, "times": 5})
    body = "[call(f'{os.getpid()} {number}') for number in range(5)]"
    options = {"settlement": "background", "journal": str(tmp_path), "max_retries": 0}
    with program.start(body, **options) as first, program.start(body, **options) as second:
        assert first.wait(60) == second.wait(60) == 0
    restart(service, tmp_path)
    assert len(program.provider.log_of(account.agent)) == 10
    assert account.tokens == (program.served_tokens(), 0)
    assert list(tmp_path.iterdir()) == []


def test_a_process_leaves_the_entries_of_a_living_one_alone(
    program: Program, service: Service, tmp_path: Path
) -> None:
    service.fail_next(SETTLE_FAILS)
    body = "call(); say('paid'); time.sleep(60)"
    with program.start(body, settlement="background", journal=str(tmp_path)) as process:
        assert lines_of(process) == "paid"
        with Spendgate(
            url=service.url, api_key=service.caller_key, settlement="background", journal=tmp_path
        ) as other:
            assert other._runtime.worker.pending == 0
        process.kill()
    service.fail_next()
    restart(service, tmp_path)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_client_that_was_made_before_a_fork_works_on_both_sides(
    program: Program, account: Account, tmp_path: Path
) -> None:
    body = """
    import warnings
    warnings.simplefilter("ignore", DeprecationWarning)  # of fork beside our own threads
    call("before")
    child = os.fork()
    if child == 0:  # the connections to the provider are the parent's
        client = httpx2.Client(transport=guard.transport(httpx2, agent=agent))
    call("child" if child == 0 else "parent")
    if child:
        assert os.waitpid(child, 0)[1] == 0
    """
    program.run(body, settlement="background", journal=str(tmp_path), ttl_seconds=30)
    assert len(program.provider.log_of(account.agent)) == 3
    assert account.tokens == (program.served_tokens(), 0)
    assert list(tmp_path.iterdir()) == []


BACKGROUND = {"settlement": "background"}


@pytest.mark.parametrize("options", [{}, BACKGROUND], ids=["inline", "background"])
@pytest.mark.parametrize(
    "body",
    [
        "chunks = opened()",
        "def left():\n    for _ in stream(): break\nleft()",
        "with guard:\n    chunks = opened()",
    ],
    ids=["open", "dropped", "open after close"],
)
def test_a_stream_that_was_left_is_settled_before_the_process_ends(
    program: Program, account: Account, tmp_path: Path, body: str, options: dict[str, Any]
) -> None:
    program.run(body, journal=str(tmp_path), **options)
    spent, held = account.tokens
    assert 0 < spent < program.served_tokens()
    assert held == 0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("options", [{}, BACKGROUND], ids=["inline", "background"])
def test_a_decorated_generator_that_is_open_at_exit_settles_at_its_last_value(
    program: Program, account: Account, tmp_path: Path, options: dict[str, Any]
) -> None:
    body = """
    @guard.guard(agent=agent, amounts={"tokens": 20}, actual=lambda last: {"tokens": last})
    def numbers():
        yield from (7, 9)
    open_at_exit = numbers()
    next(open_at_exit)
    """
    program.run(body, journal=str(tmp_path), **options)
    assert account.tokens == (7, 0)
    assert list(tmp_path.iterdir()) == []


def test_a_stream_that_is_left_after_the_exit_is_in_the_journal(
    program: Program, service: Service, account: Account, tmp_path: Path
) -> None:
    body = """
    import atexit
    from spendgate import _runtime
    atexit.unregister(_runtime._at_exit)
    atexit.register(lambda: next(stream()))  # runs after what is registered later
    atexit.register(_runtime._at_exit)
    """
    program.run(body, journal=str(tmp_path), **BACKGROUND)
    assert "stays in the journal" in program.errors
    assert account.tokens[0] == 0
    restart(service, tmp_path)
    spent, held = account.tokens
    assert 0 < spent < program.served_tokens()
    assert held == 0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_child_process_leaves_the_open_streams_to_its_parent(
    program: Program, account: Account
) -> None:
    body = """
    import warnings
    warnings.simplefilter("ignore", DeprecationWarning)  # of fork beside our own threads
    chunks = opened()
    child = os.fork()
    if child:
        assert os.waitpid(child, 0)[1] == 0
        for _ in chunks: pass
    """
    program.run(body)
    assert account.tokens == (program.served_tokens(), 0)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_child_process_waits_for_no_lock_that_a_thread_of_its_parent_held(
    program: Program,
) -> None:
    body = """
    import signal, warnings
    from spendgate import LocalCap
    from spendgate.estimators import CallToEstimate, LearnedEstimator
    warnings.simplefilter("ignore", DeprecationWarning)  # of fork beside our own threads
    estimator, cap = LearnedEstimator(), LocalCap({"tokens": 100})
    held, ended = threading.Event(), threading.Event()
    def hold():
        with estimator._lock, cap._lock:
            held.set()
            ended.wait()
    threading.Thread(target=hold).start()
    held.wait()
    child = os.fork()
    if child == 0:
        signal.alarm(30)  # ends a child that hangs
        asked = CallToEstimate("gpt-4o", {}, 10)
        estimator.observe(asked, 5)
        assert estimator.output_tokens(asked) == 10
        assert cap.take({"tokens": 1}, None)
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    ended.set()
    assert status == 0
    """
    program.run(body)
