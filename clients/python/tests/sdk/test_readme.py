"""The README's use of the client does what it says: its blocks run as a reader would run them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from spendgate import Spendgate
from spendgate.testing import FakeProvider
from tests.support.pages import blocks_in
from tests.support.service import ROOT, Service

Reader = Callable[..., str]

CALL_OPENAI = 'client.responses.create(model="gpt-4o", input="hello")'
CALL_ANTHROPIC = """client.messages.create(
    model="claude-sonnet-4-6", max_tokens=64, messages=[{"role": "user", "content": "hello"}]
)"""

_VARIES = re.compile(r"about \d+ \w+|bud_\w+")


def blocks_of(language: str) -> list[str]:
    """The blocks of the section in one language, in their order."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    section = readme.partition("\n## Use it\n")[2].partition("\n## ")[0]
    return blocks_in(section, language)


def comparable(text: str) -> str:
    """A text without what differs from run to run: the budget's id, the time until it resets."""
    return _VARIES.sub("...", text)


@pytest.fixture
def provider() -> Iterator[FakeProvider]:
    with FakeProvider() as provider:
        yield provider


@pytest.fixture
def read(service: Service, provider: FakeProvider, tmp_path: Path) -> Reader:
    """Run Python after the README's shell commands, in a checkout where `make up` has run.

    The SDKs find the fake provider by the variables that they read themselves.
    """
    stack = {"api_url": service.url, "caller_key": service.caller_key}
    (tmp_path / ".local").mkdir()
    (tmp_path / ".local" / "stack.json").write_text(json.dumps(stack), encoding="utf-8")
    (shell,) = blocks_of("sh")
    commands = [line for line in shell.splitlines() if not line.startswith("pip ")]
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT / "clients/python/src"),
        "OPENAI_BASE_URL": provider.openai_url,
        "OPENAI_API_KEY": "fake",
        "ANTHROPIC_BASE_URL": provider.url,
        "ANTHROPIC_API_KEY": "fake",
    }

    def run(*programs: str) -> str:
        script = "\n".join(["set -eu", *commands, 'exec "$0" -c "$1"'])
        done = subprocess.run(
            ["bash", "-c", script, sys.executable, "\n".join(programs)],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def test_the_readme_installs_what_is_in_this_repository() -> None:
    (shell,) = blocks_of("sh")
    installed = re.findall(r"pip install (\S+)", shell)
    assert installed
    assert all((ROOT / folder / "pyproject.toml").is_file() for folder in installed)


def test_what_the_readme_shows_settles_and_refuses(
    read: Reader, provider: FakeProvider, admin: Spendgate
) -> None:
    use_openai, use_anthropic, refusal = blocks_of("python")
    (printed,) = blocks_of("text")
    admin.budgets.create(
        subject="agent:researcher",
        unit="usd",
        limit="10",
        period={"type": "calendar", "unit": "day"},
    )

    read(use_anthropic, CALL_ANTHROPIC, use_openai, CALL_OPENAI)
    (balance,) = admin.spend(agent="researcher").budgets
    assert balance.spent > 0
    assert balance.held == 0
    assert [call.path for call in provider.log()] == ["/v1/messages", "/v1/responses"]

    admin.record(agent="researcher", actual={"usd": balance.limit - balance.spent})
    refused = read(use_openai, refusal)
    assert comparable(refused) == comparable(printed)
    assert len(provider.log()) == 2, "a refused call does not reach the provider"
    (balance,) = admin.spend(agent="researcher").budgets
    assert balance.spent == balance.limit
    assert balance.held == 0
