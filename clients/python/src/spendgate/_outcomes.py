"""What a call to a provider came to: settle, release, or leave the hold to expire."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Literal, TypedDict

from spendgate import _calls
from spendgate._calls import ModelCall
from spendgate._sse import EventSplitter, event_data
from spendgate.estimators import Estimator, text_size
from spendgate.usage import Usage, usage_from_provider

Outcome = Literal["settle", "release", "unknown"]

_NOT_BILLED = frozenset({400, 401, 403, 404, 405, 409, 413, 422, 429, 500, 503, 529})
_NEVER_SENT = frozenset({"ConnectError", "ConnectTimeout", "PoolTimeout", "ProxyError"})
_PREVENTED = frozenset({"UnsupportedProtocol"})
_PLAIN = frozenset({"", "identity"})
_COMPRESSED = frozenset({"gzip", "x-gzip", "deflate"})
_READABLE = _PLAIN | _COMPRESSED
_REF_TYPE = "llm_generation"
_REF_ID_MAX = 256  # what the service takes; gateways make longer ids


def outcome_of_status(status: int) -> Outcome:
    """A success settles; a status with which providers bill nothing releases; else unknown.

    After 408, 499, 502, 504 or 524 the provider may go on generating, and bill it.
    """
    if 200 <= status < 300:
        return "settle"
    return "release" if status in _NOT_BILLED else "unknown"


def outcome_of_exception(error: BaseException) -> Outcome:
    """Release only if the request was never sent: no connection, no TLS, no name, no free slot."""
    names = {kind.__name__ for kind in type(error).__mro__}
    return "release" if names & (_NEVER_SENT | _PREVENTED) else "unknown"


def outcome_of_error(error: BaseException) -> Outcome:
    """Read a framework's error: the status or the HTTP client's exception it was raised from."""
    for cause in causes_of(error):
        for name in ("status_code", "code"):
            status = getattr(cause, name, None)
            if isinstance(status, int) and 400 <= status < 600:
                return outcome_of_status(status)
        if outcome_of_exception(cause) == "release":
            return "release"
    return "unknown"


def causes_of(error: BaseException) -> Iterator[BaseException]:
    """Yield an error, and what it was raised from."""
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__


def settled_usage(
    call: ModelCall,
    estimate: Usage,
    reported: Usage | None,
    *,
    is_complete: bool,
    seen_tokens: int | None,
) -> tuple[Usage | None, str]:
    """What a call settles at, and whose count it is; None is the estimate.

    `seen_tokens` is what was seen of a stream, None where the response is no stream.
    """
    if reported is not None and is_complete:
        return reported, "provider"
    if seen_tokens is None or call.may_reason:
        return None, "estimate"
    if reported is not None:
        return replace(reported, output_tokens=max(seen_tokens, reported.output_tokens)), "estimate"
    return replace(estimate, output_tokens=seen_tokens, max_output_tokens=None), "estimate"


class Settled(TypedDict):
    """The arguments of a settlement; without a usage it settles at the estimate."""

    usage: Usage | None
    meter_source: str
    ref_type: str | None
    ref_id: str | None


def settlement_at(usage: Usage | None, source: str, response_id: str | None) -> Settled:
    """Settle at a usage, in the name of a response."""
    ref_type = _REF_TYPE if response_id else None
    ref_id = response_id[:_REF_ID_MAX] if response_id else None
    return {"usage": usage, "meter_source": source, "ref_type": ref_type, "ref_id": ref_id}


class ResponseObserver:
    """Watches the body of a successful response and says what it came to."""

    def __init__(
        self,
        call: ModelCall,
        estimate: Usage,
        estimator: Estimator,
        *,
        headers: Mapping[str, str],
        swallow_usage: bool,
    ) -> None:
        self._call = call
        self._estimate = estimate
        self._estimator = estimator
        self._is_stream = "text/event-stream" in headers.get("content-type", "")
        encoding = headers.get("content-encoding", "").strip().lower()
        self._decoder = _decoder(encoding)
        self._is_unreadable = encoding not in _READABLE
        self._swallows = swallow_usage and self._is_stream and encoding in _PLAIN
        self._splitter = EventSplitter()
        self._body = bytearray()
        self._usage: dict[str, Any] = {}
        self._text_bytes = 0
        self._id: str | None = None
        self._ended = False

    def feed(self, chunk: bytes) -> bytes:
        """Take a chunk of the body; return what is passed on of it."""
        plain = self._plain(chunk)
        if not self._is_stream:
            self._body += plain
            return chunk
        kept = [event for event in self._splitter.feed(plain) if self._sees(event)]
        return b"".join(kept) if self._swallows else chunk

    def _plain(self, chunk: bytes) -> bytes:
        """Return the chunk without its encoding; nothing once the body cannot be read."""
        if self._is_unreadable or self._decoder is None:
            return b"" if self._is_unreadable else chunk
        try:
            plain: bytes = self._decoder.decompress(chunk)
        except zlib.error:
            self._is_unreadable = True
            return b""
        return plain

    def end(self) -> bytes:
        """The body is complete; return what was held back."""
        self._ended = True
        rest = self._splitter.rest()
        if rest and not self._sees(rest):
            return b""
        return rest if self._swallows else b""

    def settlement(self) -> Settled:
        """The arguments of the settlement.

        The provider's own usage if it came; of a stream that was cut short what was seen of it.
        Where more may have been written than was seen, it settles at the estimate.
        """
        if not self._is_stream and self._ended:
            self._read_body()
        usage, source = self._actual()
        return settlement_at(usage, source, self._id)

    @property
    def output_tokens(self) -> int | None:
        """What the model has written by the provider's count, for estimators that learn."""
        if not self._is_complete():
            return None
        usage = self._provider_usage()
        return usage.output_tokens if usage is not None else None

    def _actual(self) -> tuple[Usage | None, str]:
        counts = self._is_stream and not self._is_unreadable
        seen = self._estimator.text_tokens(self._text_bytes) if counts else None
        return settled_usage(
            self._call,
            self._estimate,
            self._provider_usage(),
            is_complete=self._is_complete(),
            seen_tokens=seen,
        )

    def _is_complete(self) -> bool:
        """Whether the usage is the final one; Anthropic's first counts the input only."""
        return bool(self._usage) and (
            self._call.kind != "messages" or not self._is_stream or "_final" in self._usage
        )

    def _provider_usage(self) -> Usage | None:
        return usage_from_provider(self._call.provider, self._call.model, self._usage or None)

    def _sees(self, event: bytes) -> bool:
        """Read an event; False if it is one that the caller did not ask for."""
        data = event_data(event)
        if data is None:
            return True
        try:
            for text in _calls.visible_text(self._call.kind, data):
                self._text_bytes += text_size(text)
        except (AttributeError, TypeError):  # an event of another form
            self._is_unreadable = True
        self._note(data)
        return not (self._swallows and _calls.is_usage_only(data))

    def _note(self, data: Mapping[str, Any]) -> None:
        self._id = self._id or _calls.id_in(data)
        usage = _calls.usage_in(data)
        if usage is None:
            return
        self._usage.update({name: value for name, value in usage.items() if value is not None})
        if data.get("type") == "message_delta":
            self._usage["_final"] = True

    def _read_body(self) -> None:
        try:
            data: Any = json.loads(self._body)
        except ValueError:
            return
        if isinstance(data, Mapping):
            self._note(data)


class SeenResponse:
    """What a framework says of a response, where the guard does not see the provider's bytes."""

    def __init__(self, call: ModelCall, estimate: Usage, estimator: Estimator) -> None:
        self._call = call
        self._estimate = estimate
        self._estimator = estimator
        self.reported: Usage | None = None
        self.is_complete = False
        self.is_stream = False
        self.text_bytes = 0
        self.response_id: str | None = None

    def settlement(self) -> Settled:
        """The arguments of the settlement."""
        usage, source = settled_usage(
            self._call,
            self._estimate,
            self.reported,
            is_complete=self.is_complete,
            seen_tokens=self._estimator.text_tokens(self.text_bytes) if self.is_stream else None,
        )
        return settlement_at(usage, source, self.response_id)

    @property
    def output_tokens(self) -> int | None:
        """What the model has written by the provider's count, for estimators that learn."""
        if self.reported is None or not self.is_complete:
            return None
        return self.reported.output_tokens


def _decoder(encoding: str) -> Any:
    """A decoder for a body that came compressed although `identity` was asked for."""
    return zlib.decompressobj(zlib.MAX_WBITS | 32) if encoding in _COMPRESSED else None
