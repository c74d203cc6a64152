"""LiteLLM's SDK: `guard.litellm.completion(...)` and `acompletion`, for any provider it knows.

A request to a provider is a reservation of its own, so the retries are made here and not inside
LiteLLM. A refusal is LiteLLM's own exception and ours.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import httpx
import litellm

from spendgate._async.calls import AsyncGuardedCall
from spendgate._async.client import AsyncSpendgate
from spendgate._calls import ModelCall, visible_text
from spendgate._refusals import refusal_response
from spendgate._retry import delay_seconds
from spendgate._runtime import Runtime
from spendgate._sync.calls import GuardedCall
from spendgate._sync.client import Spendgate
from spendgate._wrap import both
from spendgate.errors import ConfigurationError, SpendgateError
from spendgate.integrations._litellm import (
    is_cached,
    outcome_of_litellm_error,
    provider_and_model,
)
from spendgate.usage import usage_from_provider

DEFAULT_MAX_RETRIES = 2

_SEVERAL_REQUESTS = ("fallbacks", "context_window_fallback_dict", "retry_policy")
_ERRORS: Mapping[int, Any] = {
    400: litellm.BadRequestError,
    401: litellm.AuthenticationError,
    403: litellm.PermissionDeniedError,
    404: litellm.NotFoundError,
    422: litellm.UnprocessableEntityError,
    429: litellm.RateLimitError,
}


@dataclass(frozen=True)
class Planned:
    """One call of the application, which may become several requests."""

    call: ModelCall
    options: dict[str, Any]
    subjects: Mapping[str, object]
    retries: int
    swallows_usage: bool


class GuardedLiteLLM:
    """The two functions, for one client's configuration.

    They take what LiteLLM's take, and `subjects`. `user` and the session of `metadata` are subjects
    as well, unless they are named.
    """

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    def completion(
        self,
        model: str,
        messages: Sequence[Any] = (),
        *,
        subjects: Mapping[str, object] | None = None,
        **options: Any,
    ) -> Any:
        """Call `litellm.completion`, guarded."""
        planned = _planned(model, messages, subjects, options)
        guard = Spendgate._of(self._runtime)
        for attempt in range(planned.retries + 1):
            try:
                return _complete(guard, planned)
            except Exception as error:
                if attempt == planned.retries or not _is_retryable(error):
                    raise
                time.sleep(_delay(attempt, error))
        raise AssertionError("the last attempt returns or raises")

    async def acompletion(
        self,
        model: str,
        messages: Sequence[Any] = (),
        *,
        subjects: Mapping[str, object] | None = None,
        **options: Any,
    ) -> Any:
        """Call `litellm.acompletion`, guarded."""
        planned = _planned(model, messages, subjects, options)
        guard = AsyncSpendgate._of(self._runtime)
        for attempt in range(planned.retries + 1):
            try:
                return await _acomplete(guard, planned)
            except Exception as error:
                if attempt == planned.retries or not _is_retryable(error):
                    raise
                await asyncio.sleep(_delay(attempt, error))
        raise AssertionError("the last attempt returns or raises")


def _complete(guard: Spendgate, planned: Planned) -> Any:
    try:
        guarded = GuardedCall.start(guard, planned.call, planned.subjects)
    except SpendgateError as error:
        raise _refusal(error, planned.call) from None
    try:
        response = litellm.completion(**planned.options)
    except BaseException as error:
        guarded.fail(error, outcome_of_litellm_error(error))
        raise
    if planned.call.streams:
        return GuardedStream(response, guarded, swallows_usage=planned.swallows_usage)
    if is_cached(response):
        guarded.release()
        return response
    _report(guarded, planned.call, response)
    guarded.end()
    return response


async def _acomplete(guard: AsyncSpendgate, planned: Planned) -> Any:
    try:
        guarded = await AsyncGuardedCall.start(guard, planned.call, planned.subjects)
    except SpendgateError as error:
        raise _refusal(error, planned.call) from None
    try:
        response = await litellm.acompletion(**planned.options)
    except BaseException as error:
        await guarded.fail(error, outcome_of_litellm_error(error))
        raise
    if planned.call.streams:
        return AsyncGuardedStream(response, guarded, swallows_usage=planned.swallows_usage)
    if is_cached(response):
        await guarded.release()
        return response
    _report(guarded, planned.call, response)
    await guarded.end()
    return response


class _Watched:
    """What both kinds of streams do with chunks; other attributes are those of LiteLLM's stream."""

    def __init__(
        self, inner: Any, guarded: GuardedCall | AsyncGuardedCall, *, swallows_usage: bool
    ) -> None:
        self._inner = inner
        self._guarded = guarded
        self._swallows_usage = swallows_usage
        self._seen = 0
        self._has_final_usage = False
        guarded.saw("")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def _watch(self) -> None:
        """Read the chunks that came since; LiteLLM keeps them with the provider's usage.

        The usage that it returns at the end is its own count where the provider sent none.
        """
        chunks = self._inner.chunks[self._seen :]
        self._seen += len(chunks)
        for chunk in chunks:
            for text in visible_text("chat", chunk.model_dump(exclude_none=True)):
                self._has_final_usage = self._has_final_usage and not text
                self._guarded.saw(text)
            self._has_final_usage |= getattr(chunk, "usage", None) is not None
            _report(self._guarded, self._guarded.model_call, chunk)

    def _is_passed(self, chunk: Any) -> bool:
        """Whether the caller asked for a chunk: not for the usage that only the guard wants."""
        return not (self._swallows_usage and getattr(chunk, "usage", None) is not None)


class GuardedStream(_Watched):
    """A stream that settles at its end, at an error, and when it is closed or dropped."""

    _guarded: GuardedCall

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        while True:
            try:
                chunk = next(self._inner)
            except StopIteration:
                self._watch()
                self._finish()
                raise
            except BaseException:
                self._watch()
                self._guarded.cut()
                raise
            self._watch()
            if self._is_passed(chunk):
                return chunk

    def _finish(self) -> None:
        if self._has_final_usage:
            self._guarded.end()
        else:
            self._guarded.cut()

    def close(self) -> None:
        """Leave the stream: settle what was streamed and close the connection."""
        try:
            _close(self._inner.completion_stream)
        finally:
            self._guarded.cut()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class AsyncGuardedStream(_Watched):
    """The same for `acompletion`."""

    _guarded: AsyncGuardedCall

    def __aiter__(self) -> AsyncIterator[Any]:
        return self

    async def __anext__(self) -> Any:
        while True:
            try:
                chunk = await anext(self._inner)
            except StopAsyncIteration:
                self._watch()
                await self._finish()
                raise
            except BaseException:
                self._watch()
                await self._guarded.cut()
                raise
            self._watch()
            if self._is_passed(chunk):
                return chunk

    async def _finish(self) -> None:
        if self._has_final_usage:
            await self._guarded.end()
        else:
            await self._guarded.cut()

    async def aclose(self) -> None:
        """Leave the stream: settle what was streamed and close the connection."""
        try:
            await self._inner.aclose()
        finally:
            await self._guarded.cut()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()


def _close(stream: Any) -> None:
    """Close the connection of a synchronous stream; LiteLLM has no method for it.

    OpenAI's stream closes it; LiteLLM's own hold a generator over the response.
    """
    for part in (stream, getattr(stream, "streaming_response", None)):
        close = getattr(part, "close", None)
        if close is not None:
            close()


def _planned(
    model: str,
    messages: Sequence[Any],
    subjects: Mapping[str, object] | None,
    options: dict[str, Any],
) -> Planned:
    _refuse_hidden_requests(options)
    retries = options.pop("num_retries", None)
    if retries is None:
        retries = options.pop("max_retries", None)
    provider, name = provider_and_model(model, options)
    call = ModelCall("chat", provider, name, {**options, "model": name, "messages": messages})
    sent = {**options, "model": model, "messages": messages, "num_retries": 0, "max_retries": 0}
    supported = litellm.get_supported_openai_params(model=name, custom_llm_provider=provider) or ()
    asks = call.lacks_usage and "stream_options" in supported
    if asks:
        sent["stream_options"] = {**(options.get("stream_options") or {}), "include_usage": True}
    return Planned(
        call,
        sent,
        {**_subjects_in(options), **(subjects or {})},
        DEFAULT_MAX_RETRIES if retries is None else retries,
        swallows_usage=call.lacks_usage,
    )


def _refuse_hidden_requests(options: Mapping[str, Any]) -> None:
    """LiteLLM would send further requests inside one call, which one reservation cannot cover."""
    named = [name for name in _SEVERAL_REQUESTS if options.get(name)]
    if litellm.num_retries:
        named.append("litellm.num_retries")
    if litellm.model_fallbacks:
        named.append("litellm.model_fallbacks")
    if named:
        raise ConfigurationError(
            f"{', '.join(named)}: guard.litellm reserves for each request by itself; use "
            "num_retries= in the call, and call again with another model where one fails"
        )


def _subjects_in(options: Mapping[str, Any]) -> dict[str, object]:
    metadata = options.get("metadata") or {}
    return {"user": options.get("user"), "session": metadata.get("session_id")}


def _report(guarded: Any, call: ModelCall, response: Any) -> None:
    usage = usage_from_provider(call.provider, call.model, getattr(response, "usage", None))
    guarded.reported(usage, getattr(response, "id", None))


def _refusal(error: SpendgateError, call: ModelCall) -> Exception:
    """LiteLLM's exception of the status, which is ours as well."""
    status, headers, content = refusal_response(error, call.kind)
    response = httpx.Response(
        status, headers=headers, content=content, request=httpx.Request("POST", "http://spendgate")
    )
    kind = _ERRORS.get(status, litellm.ServiceUnavailableError)
    theirs = kind(
        message=str(error), llm_provider=call.provider, model=call.model, response=response
    )
    return both(error, theirs)


def _is_retryable(error: Exception) -> bool:
    """As OpenAI's SDK does: errors of the connection, 408, 409, 429 and 5xx; never a refusal."""
    status = getattr(error, "status_code", None)
    if isinstance(error, SpendgateError) or not isinstance(status, int):
        return False
    return status >= 500 or status in (408, 409, 429)


def _delay(attempt: int, error: Exception) -> float:
    return delay_seconds(attempt, getattr(getattr(error, "response", None), "headers", None))
