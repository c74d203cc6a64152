"""What is different with an event loop. `_sync/_io.py` has the same names without one."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Awaitable, Callable, Generator
from concurrent.futures import Future
from types import TracebackType
from typing import Any, Generic, Protocol, TypeVar

from spendgate.errors import WrongEventLoop

T = TypeVar("T")

Interrupted: type[BaseException] = asyncio.CancelledError
"""What stops a call from outside."""

Done = Awaitable[None]
"""What a method that reports returns."""

_tasks: set[asyncio.Task[object]] = set()


class LoopBinding:
    """Remembers the event loop of the first use, since connections belong to it."""

    def __init__(self) -> None:
        self._loop: weakref.ref[asyncio.AbstractEventLoop] | None = None

    def check(self) -> None:
        """Raise WrongEventLoop in any other loop."""
        loop = asyncio.get_running_loop()
        if self._loop is None:
            self._loop = weakref.ref(loop)
        elif self._loop() is not loop:
            raise WrongEventLoop(
                "this client is bound to the event loop in which it was first used; "
                "create one AsyncSpendgate per event loop (one asyncio.run, one client)"
            )


class Entered(Protocol):
    """An asynchronous context manager."""

    async def __aenter__(self) -> Any: ...

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


EnteredT = TypeVar("EnteredT", bound=Entered)


class Pending(Generic[EnteredT]):
    """Work that starts when it is awaited, or entered by `async with`."""

    def __init__(self, work: Callable[[], Awaitable[EnteredT]]) -> None:
        self._work = work
        self._entered: EnteredT | None = None

    def __await__(self) -> Generator[Any, None, EnteredT]:
        return self._work().__await__()

    async def __aenter__(self) -> EnteredT:
        self._entered = await self._work()
        await self._entered.__aenter__()
        return self._entered

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._entered is not None:
            await self._entered.__aexit__(kind, error, trace)


pending = Pending


def api_of(runtime: Any) -> Any:
    """The connections that the clients of a runtime share."""
    return runtime.async_api


sleep = asyncio.sleep
run_blocking = asyncio.to_thread


async def result_of(future: Future[T]) -> T:
    """Wait for what a thread does."""
    return await asyncio.wrap_future(future)


async def shielded(work: Callable[[], Awaitable[T]]) -> T:
    """Finish the work even if the caller is cancelled."""
    task: asyncio.Task[T] = asyncio.ensure_future(work())
    _tasks.add(task)
    task.add_done_callback(_tasks.discard)
    return await asyncio.shield(task)


async def undone_if_interrupted(work: Callable[[], Awaitable[T]], undo: Callable[[T], None]) -> T:
    """Do the work; if the caller is cancelled meanwhile, undo it as soon as it is done."""
    task: asyncio.Task[T] = asyncio.ensure_future(work())
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        _tasks.add(task)
        task.add_done_callback(lambda done: _undo(done, undo))
        raise


def _undo(task: asyncio.Task[T], undo: Callable[[T], None]) -> None:
    _tasks.discard(task)
    if not task.cancelled() and task.exception() is None:
        undo(task.result())
