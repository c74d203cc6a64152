"""A plugin of pytest: figures of tests that the end of the run shows, from every worker."""

from collections.abc import Callable
from typing import Any

import pytest

_figures = pytest.StashKey[list[str]]()


def pytest_configure(config: pytest.Config) -> None:
    """Begin without any."""
    config.stash[_figures] = []


@pytest.fixture
def tell(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Show a line at the end of the run, passed or failed: a seed, how much was done."""
    return request.config.stash[_figures].append


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take over the figures of a worker that has ended."""
    node.config.stash[_figures] += getattr(node, "workeroutput", {}).get("figures", [])


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Hand the figures of this worker over."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["figures"] = session.config.stash[_figures]


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Show the figures."""
    if config.stash[_figures]:
        terminalreporter.section("figures")
    for figure in config.stash[_figures]:
        terminalreporter.line(figure)
