"""The transport that guards calls to models: reserve, send, settle by what came back."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from spendgate import _subjects
from spendgate._async import _io
from spendgate._async.client import AsyncSpendgate
from spendgate._async.settlement import AsyncSettlement, reserved
from spendgate._calls import ModelCall, kind_of, provider_of, read_call
from spendgate._outcomes import ResponseObserver, outcome_of_status
from spendgate._refusals import ERROR_EXTENSION, refusal_response
from spendgate._runtime import Runtime
from spendgate.errors import SpendgateError


@dataclass(frozen=True, slots=True)
class GuardOptions:
    """How a transport reads and rewrites requests."""

    provider: str | None = None
    models: Mapping[str, str] = field(default_factory=dict)
    ask_for_usage: bool = True


class AsyncCallGuard:
    """The rules of one guarded transport, for either HTTP library."""

    def __init__(
        self, runtime: Runtime, lib: Any, options: GuardOptions, subjects: Mapping[str, object]
    ) -> None:
        self.lib = lib
        self.options = options
        self._runtime = runtime
        self._client = AsyncSpendgate._of(runtime)
        self._client._api.retain()
        self._is_open = True
        self._subjects = _subjects.named(subjects)

    async def handle(self, request: Any, inner: Any) -> Any:
        """Send a request through the inner transport, guarded if it is a call to a model."""
        kind = kind_of(request.method, request.url.path)
        if kind is None:
            return await inner.handle_async_request(self._without_header(request))
        provider = self.options.provider or provider_of(request.url.host, kind)
        content = await request.aread()
        call = read_call(kind, content, provider=provider, models=self.options.models)
        if call is None:
            return await inner.handle_async_request(self._without_header(request))
        try:
            asks = self.options.ask_for_usage and call.lacks_usage
            outbound = self._outbound(request, call.with_usage() if asks else None)
            settlement = await self._reserve(call, request)
        except SpendgateError as error:
            return self._refused(error, call, request)
        return await self._send(settlement, outbound, inner, asks=asks)

    async def aclose(self) -> None:
        """Close the connections to the service, unless another client uses them."""
        if self._is_open:
            self._is_open = False
            await self._client._api.release()

    async def _reserve(self, call: ModelCall, request: Any) -> AsyncSettlement:
        subjects = _subjects.merged(
            self._runtime.settings.subjects,
            self._subjects,
            header=request.headers.get(_subjects.SUBJECTS_HEADER),
        )
        return await reserved(self._client, call, subjects)

    async def _send(
        self, settlement: AsyncSettlement, outbound: Any, inner: Any, *, asks: bool
    ) -> Any:
        try:
            response = await inner.handle_async_request(outbound)
        except BaseException as error:
            await settlement.after_exception(error)
            raise
        outcome = outcome_of_status(response.status_code)
        if outcome != "settle":
            if outcome == "release":
                await settlement.release()
            else:
                settlement.leave(f"status {response.status_code}")
            return response
        settlement.observer = ResponseObserver(
            settlement.call,
            settlement.usage,
            self._runtime.settings.estimator,
            headers=response.headers,
            swallow_usage=asks,
        )
        return self.lib.Response(
            response.status_code,
            headers=response.headers,
            stream=stream_class(self.lib)(response.stream, settlement),
            extensions=response.extensions,
        )

    def _outbound(self, request: Any, content: bytes | None) -> Any:
        """Return the request for the provider: no Spendgate headers, no compression."""
        headers = request.headers.copy()
        headers.pop(_subjects.SUBJECTS_HEADER, None)
        headers["accept-encoding"] = "identity"
        if content is not None:
            headers.pop("content-length", None)
        return self.lib.Request(
            request.method,
            request.url,
            headers=headers,
            content=request.content if content is None else content,
            extensions=request.extensions,
        )

    def _without_header(self, request: Any) -> Any:
        if _subjects.SUBJECTS_HEADER in request.headers:
            del request.headers[_subjects.SUBJECTS_HEADER]
        return request

    def _refused(self, error: SpendgateError, call: ModelCall, request: Any) -> Any:
        status, headers, content = refusal_response(error, call.kind)
        return self.lib.Response(
            status,
            headers=headers,
            content=content,
            request=request,
            extensions={ERROR_EXTENSION: error},
        )


def guard_transport(
    runtime: Runtime,
    lib: Any,
    inner: Any,
    options: Mapping[str, Any],
    subjects: Mapping[str, object],
) -> Any:
    """A transport of a library that guards what it sends through the inner one."""
    given = {name: value for name, value in options.items() if value is not None}
    guard = AsyncCallGuard(runtime, lib, GuardOptions(**given), subjects)
    return transport_class(lib)(guard, lib.AsyncHTTPTransport() if inner is None else inner)


_transport_classes: dict[str, type] = {}
_stream_classes: dict[str, type] = {}


def transport_class(lib: Any) -> type:
    """The guarded transport of a library."""
    found = _transport_classes.get(lib.__name__)
    if found is not None:
        return found

    class AsyncGuardTransport(lib.AsyncBaseTransport):  # type: ignore[misc]
        """Guards calls to models; other requests pass."""

        def __init__(self, guard: AsyncCallGuard, inner: Any, owner: Any = None) -> None:
            self._guard = guard
            self._inner = inner
            self._owner = owner  # the client that the inner transport belongs to

        async def handle_async_request(self, request: Any) -> Any:
            return await self._guard.handle(request, self._inner)

        async def aclose(self) -> None:
            await (self._inner if self._owner is None else self._owner).aclose()
            await self._guard.aclose()

    _transport_classes[lib.__name__] = AsyncGuardTransport
    return AsyncGuardTransport


def stream_class(lib: Any) -> type:
    """The observed stream of a library."""
    found = _stream_classes.get(lib.__name__)
    if found is not None:
        return found

    class AsyncObservedStream(lib.AsyncByteStream):  # type: ignore[misc]
        """Passes bytes on, and settles at the end, at an error and when it is closed."""

        def __init__(self, inner: Any, settlement: AsyncSettlement) -> None:
            self._inner = inner
            self._settlement = settlement

        async def __aiter__(self) -> AsyncIterator[bytes]:
            observer = self._settlement.observer
            assert isinstance(observer, ResponseObserver), "a stream has its observer"
            try:
                async for chunk in self._inner:
                    passed = observer.feed(chunk)
                    if passed:
                        yield passed
            except (Exception, _io.Interrupted):
                await self._settlement.settle()
                raise
            rest = observer.end()
            await self._settlement.settle()
            if rest:
                yield rest

        async def aclose(self) -> None:
            try:
                await self._inner.aclose()
            finally:
                await self._settlement.settle()

    _stream_classes[lib.__name__] = AsyncObservedStream
    return AsyncObservedStream
