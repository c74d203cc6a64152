"""A plugin of pytest: no log of the whole run may hold a secret, or the run fails at its end.

A key is known by its form, wherever it was made. Secrets that this process makes are known by
themselves as well, so that half a key does not slip through. Searched is whatever a test writes
(standard output and error, its children's too, and the log) and what is handed to `search`: the
logs of emulators and of the functions in them.
"""

import re
import secrets
from collections.abc import Iterator
from typing import Any

import pytest

KEY = re.compile(
    r"sg\.(?:-|[A-Za-z0-9][A-Za-z0-9_.-]{0,63})\.(?P<key_id>key_[0-9a-z]{26})\.[A-Za-z0-9_-]{43}"
)
_SIGNING_SECRET = re.compile(r"whsec_[A-Za-z0-9+/]{43}=")
_LONG_WORD = re.compile(r"[A-Za-z0-9_-]{43,}")
_SECRET_LENGTH = 43

_made: set[str] = set()
_leaks: list[str] = []
_make_secret = secrets.token_urlsafe


def pytest_configure() -> None:
    """Take note of every secret that is made from now on."""
    secrets.token_urlsafe = _noting


def pytest_unconfigure() -> None:
    secrets.token_urlsafe = _make_secret


def _noting(nbytes: int | None = None) -> str:
    made = _make_secret(nbytes)
    _made.add(made)
    return made


def search(where: str, log: str) -> None:
    """Look for secrets in a log; `where` is how a reader finds it again."""
    _leaks.extend(f"{where}: the key {match['key_id']}" for match in KEY.finditer(log))
    _leaks.extend(
        f"{where}: a secret, {match[0][:10]}..." for match in _SIGNING_SECRET.finditer(log)
    )
    without_keys = KEY.sub("", log)
    for word in set(_LONG_WORD.findall(without_keys)):
        _leaks.extend(
            f"{where}: a secret, {word[start : start + 4]}..."
            for start in range(len(word) - _SECRET_LENGTH + 1)
            if word[start : start + _SECRET_LENGTH] in _made
        )


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Search what a test has written, once it is all there."""
    if report.when == "teardown":
        for name, text in report.sections:
            search(f"{report.nodeid}, {name.lower()}", text)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> Iterator[None]:
    """Fail the run if anything was found."""
    yield
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["leaks"] = _leaks
    if _leaks:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take over what a worker that has ended has found."""
    _leaks.extend(getattr(node, "workeroutput", {}).get("leaks", []))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say where, and not what."""
    if _leaks:
        terminalreporter.section("secrets in logs", red=True, bold=True)
        for leak in sorted(set(_leaks)):
            terminalreporter.write_line(leak)
