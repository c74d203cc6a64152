"""What is different without an event loop. `_async/_io.py` has the same names with one."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Annotated, Any, ParamSpec, TypeAlias, TypeVar

T = TypeVar("T")
P = ParamSpec("P")

Interrupted: type[BaseException] = KeyboardInterrupt
"""What stops a call from outside."""


class LoopBinding:
    """Nothing to be bound to."""

    def check(self) -> None:
        """Accept every thread."""


Done: TypeAlias = None
"""What a method that reports returns."""

Pending = Annotated[T, "done"]
sleep = time.sleep


def api_of(runtime: Any) -> Any:
    """The connections that the clients of a runtime share."""
    return runtime.api


def pending(work: Callable[[], T]) -> T:
    """Do it at once."""
    return work()


def run_blocking(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Do it here."""
    return work(*args, **kwargs)


def result_of(future: Future[T]) -> T:
    """Wait for what another thread does."""
    return future.result()


def shielded(work: Callable[[], T]) -> T:
    """Do the work."""
    return work()


def undone_if_interrupted(work: Callable[[], T], undo: Callable[[T], None]) -> T:  # noqa: ARG001
    """Do the work; Ctrl-C leaves a hold that expires."""
    return work()
