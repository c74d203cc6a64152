"""The decorator `guard.guard(...)` for functions, coroutine functions and generators."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
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
        last: Any = None
        with client.reserve(**reserve(args, kwargs)) as hold:
            try:
                for last in function(*args, **kwargs):
                    yield last
            except GeneratorExit:
                hold.settle(**settle(last))
                raise
            except free:
                hold.release()
                raise
            hold.settle(**settle(last))

    return guarded


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
        last: Any = None
        async with client.reserve(**reserve(args, kwargs)) as hold:
            try:
                async for last in function(*args, **kwargs):
                    yield last
            except GeneratorExit:
                await hold.settle(**settle(last))
                raise
            except free:
                await hold.release()
                raise
            await hold.settle(**settle(last))

    return guarded
