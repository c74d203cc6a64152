"""A plugin of pytest: workers that run side by side share one engine of each kind.

The process that starts the workers runs the engines, each once the first test wants it. A worker
asks by a file in a folder that both know, and finds the address in another. Without workers an
engine runs in the process of the tests.
"""

import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

import local.dynamodb_local
from local.dynamodb_local import dynamodb_local
from local.paths import DYNAMODB_LOCAL
from tests.support.ministack import ministack

type Engine = Callable[[], AbstractContextManager[str]]


@contextmanager
def _in_a_folder_that_is_not_ascii() -> Iterator[str]:
    """Run DynamoDB Local as in a checkout whose path has an umlaut, in a locale without any."""
    DYNAMODB_LOCAL.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch, pytest.MonkeyPatch.context() as patch:
        folder = Path(scratch) / "Kosten für Agenten"
        folder.symlink_to(DYNAMODB_LOCAL)
        patch.setattr(local.dynamodb_local, "DYNAMODB_LOCAL", folder)
        patch.setenv("LC_ALL", "C")
        with dynamodb_local() as url:
            yield url


ENGINES: dict[str, Engine] = {
    "dynamodb_local": _in_a_folder_that_is_not_ascii,
    "ministack": ministack,
}

_LOOK_SECONDS = 0.1
_START_SECONDS_MAX = 240


class EngineHost:
    """Starts the engines that workers ask for, and stops them after the last test."""

    def __init__(self) -> None:
        self._running = ExitStack()
        self.folder = Path(self._running.enter_context(tempfile.TemporaryDirectory()))
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="engines", daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        waiting = dict(ENGINES)
        while not self._ended.wait(_LOOK_SECONDS):
            for name in [name for name in waiting if (self.folder / f"{name}.wanted").exists()]:
                _write(self.folder / f"{name}.started", self._started(waiting.pop(name)))

    def _started(self, engine: Engine) -> str:
        try:
            return self._running.enter_context(engine())
        except Exception as error:  # noqa: BLE001 (the test that wanted the engine fails with it)
            return f"error: {error}"

    def pytest_configure_node(self, node: Any) -> None:
        """Say to a worker where to ask."""
        node.workerinput["engines"] = str(self.folder)

    def pytest_unconfigure(self) -> None:
        """Stop the engines."""
        self._ended.set()
        self._thread.join()
        self._running.close()


def _write(path: Path, text: str) -> None:
    """Write a file that is never seen half written."""
    scratch = path.with_suffix(".new")
    scratch.write_text(text)
    scratch.rename(path)


def pytest_configure(config: pytest.Config) -> None:
    """Host the engines where workers are started."""
    if config.getoption("numprocesses", None) and not hasattr(config, "workerinput"):
        config.pluginmanager.register(EngineHost())


@contextmanager
def engine(config: pytest.Config, name: str) -> Iterator[str]:
    """The address of an engine: the shared one, or one of this process."""
    if not hasattr(config, "workerinput"):
        with ENGINES[name]() as url:
            yield url
        return
    yield _shared(Path(config.workerinput["engines"]), name)


def _shared(folder: Path, name: str) -> str:
    (folder / f"{name}.wanted").touch()
    started = folder / f"{name}.started"
    deadline = time.monotonic() + _START_SECONDS_MAX
    while not started.exists():
        assert time.monotonic() < deadline, f"{name} has not started"
        time.sleep(_LOOK_SECONDS)
    url = started.read_text()
    assert not url.startswith("error: "), url
    return url


@pytest.fixture(scope="session")
def dynamodb_local_url(pytestconfig: pytest.Config) -> Iterator[str]:
    """Amazon's own engine."""
    with engine(pytestconfig, "dynamodb_local") as url:
        yield url


@pytest.fixture(scope="session")
def ministack_url(pytestconfig: pytest.Config) -> Iterator[str]:
    """The AWS emulator, apart from the local stack."""
    with engine(pytestconfig, "ministack") as url:
        yield url
