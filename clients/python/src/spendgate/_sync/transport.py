# Generated from `_async` by `make client-models`. Do not edit.
"""The transport that guards calls to models: reserve, send, settle by what came back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from spendgate import _subjects
from spendgate._calls import ModelCall, kind_of, provider_of, read_call
from spendgate._outcomes import ResponseObserver, outcome_of_status
from spendgate._refusals import ERROR_EXTENSION, refusal_response
from spendgate._runtime import Runtime
from spendgate._sync import _io
from spendgate._sync.client import Spendgate
from spendgate._sync.settlement import Settlement, reserved
from spendgate.errors import SpendgateError


@dataclass(frozen=True, slots=True)
class GuardOptions:
    """How a transport reads and rewrites requests."""

    provider: str | None = None
    models: Mapping[str, str] = field(default_factory=dict)
    ask_for_usage: bool = True


class CallGuard:
    """The rules of one guarded transport, for either HTTP library."""

    def __init__(
        self, runtime: Runtime, lib: Any, options: GuardOptions, subjects: Mapping[str, object]
    ) -> None:
        self.lib = lib
        self.options = options
        self._runtime = runtime
        self._client = Spendgate._of(runtime)
        self._client._api.retain()
        self._is_open = True
        self._subjects = _subjects.named(subjects)

    def handle(self, request: Any, inner: Any) -> Any:
        """Send a request through the inner transport, guarded if it is a call to a model."""
        kind = kind_of(request.method, request.url.path)
        if kind is None:
            return inner.handle_request(self._without_header(request))
        provider = self.options.provider or provider_of(request.url.host, kind)
        content = request.read()
        call = read_call(kind, content, provider=provider, models=self.options.models)
        if call is None:
            return inner.handle_request(self._without_header(request))
        try:
            asks = self.options.ask_for_usage and call.lacks_usage
            outbound = self._outbound(request, call.with_usage() if asks else None)
            settlement = self._reserve(call, request)
        except SpendgateError as error:
            return self._refused(error, call, request)
        return self._send(settlement, outbound, inner, asks=asks)

    def close(self) -> None:
        """Close the connections to the service, unless another client uses them."""
        if self._is_open:
            self._is_open = False
            self._client._api.release()

    def _reserve(self, call: ModelCall, request: Any) -> Settlement:
        subjects = _subjects.merged(
            self._runtime.settings.subjects,
            self._subjects,
            header=request.headers.get(_subjects.SUBJECTS_HEADER),
        )
        return reserved(self._client, call, subjects)

    def _send(self, settlement: Settlement, outbound: Any, inner: Any, *, asks: bool) -> Any:
        try:
            response = inner.handle_request(outbound)
        except BaseException as error:
            settlement.after_exception(error)
            raise
        outcome = outcome_of_status(response.status_code)
        if outcome != "settle":
            if outcome == "release":
                settlement.release()
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
    guard = CallGuard(runtime, lib, GuardOptions(**given), subjects)
    return transport_class(lib)(guard, lib.HTTPTransport() if inner is None else inner)


_transport_classes: dict[str, type] = {}
_stream_classes: dict[str, type] = {}


def transport_class(lib: Any) -> type:
    """The guarded transport of a library."""
    found = _transport_classes.get(lib.__name__)
    if found is not None:
        return found

    class GuardTransport(lib.BaseTransport):  # type: ignore[misc]
        """Guards calls to models; other requests pass."""

        def __init__(self, guard: CallGuard, inner: Any, owner: Any = None) -> None:
            self._guard = guard
            self._inner = inner
            self._owner = owner  # the client that the inner transport belongs to

        def handle_request(self, request: Any) -> Any:
            return self._guard.handle(request, self._inner)

        def close(self) -> None:
            (self._inner if self._owner is None else self._owner).close()
            self._guard.close()

    _transport_classes[lib.__name__] = GuardTransport
    return GuardTransport


def stream_class(lib: Any) -> type:
    """The observed stream of a library."""
    found = _stream_classes.get(lib.__name__)
    if found is not None:
        return found

    class ObservedStream(lib.SyncByteStream):  # type: ignore[misc]
        """Passes bytes on, and settles at the end, at an error and when it is closed."""

        def __init__(self, inner: Any, settlement: Settlement) -> None:
            self._inner = inner
            self._settlement = settlement

        def __iter__(self) -> Iterator[bytes]:
            observer = self._settlement.observer
            assert isinstance(observer, ResponseObserver), "a stream has its observer"
            try:
                for chunk in self._inner:
                    passed = observer.feed(chunk)
                    if passed:
                        yield passed
            except (Exception, _io.Interrupted):
                self._settlement.settle()
                raise
            rest = observer.end()
            self._settlement.settle()
            if rest:
                yield rest

        def close(self) -> None:
            try:
                self._inner.close()
            finally:
                self._settlement.settle()

    _stream_classes[lib.__name__] = ObservedStream
    return ObservedStream
