"""The decorator `guard.guard(...)` for functions, coroutine functions and generators."""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Mapping
from typing import Any

from spendgate._runtime import Runtime
from spendgate._sync.client import Spendgate
from spendgate.usage import Usage


def decorator(
    runtime: Runtime,
    *,
    amounts: Any,
    usage: Any,
    actual: Callable[[Any], Any] | None,
    release_on: tuple[type[BaseException], ...],
    subjects: Mapping[str, Any],
) -> Callable[[Any], Any]:
    """The decorator for one set of arguments."""

    def reservation(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments of `reserve`, with functions called with the call's own arguments."""
        given = {"amounts": amounts, "usage": usage, **subjects}
        return {
            name: value(*args, **kwargs) if callable(value) else value
            for name, value in given.items()
        }

    def settlement(result: Any) -> dict[str, Any]:
        """The arguments of `settle` for a result."""
        spent = actual(result) if actual is not None else None
        if spent is None:
            return {}
        return {"usage": spent} if isinstance(spent, Usage) else {"actual": spent}

    def decorate(function: Any) -> Any:
        if inspect.isasyncgenfunction(function):
            return _async_generator(runtime, function, reservation, settlement, release_on)
        if inspect.isgeneratorfunction(function):
            return _generator(runtime, function, reservation, settlement, release_on)
        if inspect.iscoroutinefunction(function):
            return _coroutine(runtime, function, reservation, settlement, release_on)
        return _function(runtime, function, reservation, settlement, release_on)

    return decorate


_Reservation = Callable[[tuple[Any, ...], Mapping[str, Any]], dict[str, Any]]
_Settlement = Callable[[Any], dict[str, Any]]
_Releasing = tuple[type[BaseException], ...]


def _function(
    runtime: Runtime, function: Any, reserve: _Reservation, settle: _Settlement, free: _Releasing
) -> Any:
    client = Spendgate._of(runtime)

    @functools.wraps(function)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        with client.reserve(**reserve(args, kwargs)) as hold:
            try:
                result = function(*args, **kwargs)
            except free:
                hold.release()
                raise
            hold.settle(**settle(result))
            return result

    return guarded


def _generator(
    runtime: Runtime, function: Any, reserve: _Reservation, settle: _Settlement, free: _Releasing
) -> Any:
    client = Spendgate._of(runtime)

    @functools.wraps(function)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        with client.reserve(**reserve(args, kwargs)) as hold:
            watched = _Watched(hold, settle, function(*args, **kwargs))
            runtime.watch(watched)
            try:
                result = yield from watched
            except GeneratorExit:
                watched.settle()
                raise
            except free:
                watched.release()
                raise
            except BaseException:
                watched.disown()
                raise
            watched.settle()
            return result

    return guarded


class _Unfinished:
    """The hold of a generator that has not ended, which settles by the last value."""

    def __init__(self, hold: Any, settlement: _Settlement) -> None:
        self._hold = hold
        self._settlement = settlement
        self.last: Any = None
        self._done = False

    def ends(self) -> bool:
        """Whether this is the first that ends it; only that one may report."""
        was_done, self._done = self._done, True
        return not was_done

    def settlement(self) -> dict[str, Any]:
        """The arguments of `settle`."""
        return self._settlement(self.last)

    def settle_later(self) -> None:
        """Settle, in the background, what is open at exit."""
        if self.ends():
            self._hold.settle_later(**self.settlement())

    def disown(self) -> None:
        """Leave the hold: to the parent process, or to expire."""
        if self.ends():
            self._hold.leave()


class _Watched(_Unfinished, Generator[Any, Any, Any]):
    """A generator that notes the last value that it has yielded."""

    def __init__(
        self, hold: Any, settlement: _Settlement, generator: Generator[Any, Any, Any]
    ) -> None:
        super().__init__(hold, settlement)
        self._generator = generator

    def settle(self) -> None:
        """Settle by the last value."""
        if self.ends():
            self._hold.settle(**self.settlement())

    def release(self) -> None:
        """Give the hold back."""
        if self.ends():
            self._hold.release()

    def send(self, value: Any) -> Any:
        self.last = self._generator.send(value)
        return self.last

    def throw(self, *error: Any) -> Any:
        self.last = self._generator.throw(*error)
        return self.last

    def close(self) -> None:
        self._generator.close()


def _coroutine(
    runtime: Runtime, function: Any, reserve: _Reservation, settle: _Settlement, free: _Releasing
) -> Any:
    from spendgate._async.client import AsyncSpendgate  # noqa: PLC0415 (asyncio where it is used)

    client = AsyncSpendgate._of(runtime)

    @functools.wraps(function)
    async def guarded(*args: Any, **kwargs: Any) -> Any:
        async with client.reserve(**reserve(args, kwargs)) as hold:
            try:
                result = await function(*args, **kwargs)
            except free:
                await hold.release()
                raise
            await hold.settle(**settle(result))
            return result

    return guarded


def _async_generator(
    runtime: Runtime, function: Any, reserve: _Reservation, settle: _Settlement, free: _Releasing
) -> Any:
    from spendgate._async.client import AsyncSpendgate  # noqa: PLC0415 (asyncio where it is used)

    client = AsyncSpendgate._of(runtime)

    @functools.wraps(function)
    async def guarded(*args: Any, **kwargs: Any) -> Any:
        async with client.reserve(**reserve(args, kwargs)) as hold:
            watched = _AsyncWatched(hold, settle, function(*args, **kwargs))
            runtime.watch(watched)
            try:
                while await watched.step():
                    try:
                        watched.send((yield watched.last))
                    except GeneratorExit:
                        await watched.aclose()
                        raise
                    except BaseException as error:  # noqa: BLE001 (by `athrow`: for the function)
                        watched.throw(error)
            except GeneratorExit:
                await watched.settle()
                raise
            except free:
                await watched.release()
                raise
            except BaseException:
                watched.disown()
                raise
            await watched.settle()

    return guarded


class _AsyncWatched(_Unfinished):
    """The same for an async generator; `yield from` has no async."""

    def __init__(
        self, hold: Any, settlement: _Settlement, generator: AsyncGenerator[Any, Any]
    ) -> None:
        super().__init__(hold, settlement)
        self._generator = generator
        self._next: Callable[[], Awaitable[Any]] = generator.__anext__

    async def settle(self) -> None:
        """Settle by the last value."""
        if self.ends():
            await self._hold.settle(**self.settlement())

    async def release(self) -> None:
        """Give the hold back."""
        if self.ends():
            await self._hold.release()

    async def step(self) -> bool:
        """Run to the next value; False at the end."""
        try:
            self.last = await self._next()
        except StopAsyncIteration:
            return False
        return True

    def send(self, value: Any) -> None:
        """Send a value at the next step."""
        self._next = functools.partial(self._generator.asend, value)

    def throw(self, error: BaseException) -> None:
        """Throw an error at the next step."""
        self._next = functools.partial(self._generator.athrow, error)

    async def aclose(self) -> None:
        """Close the generator."""
        await self._generator.aclose()
