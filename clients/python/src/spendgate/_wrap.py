"""Wraps the clients of OpenAI's and Anthropic's SDKs."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from spendgate._refusals import ERROR_EXTENSION
from spendgate._runtime import Runtime
from spendgate.errors import ConfigurationError, SpendgateError

_HTTP_LIBRARIES = ("httpx2", "httpx")


def wrap(
    runtime: Runtime, client: Any, options: Mapping[str, Any], subjects: Mapping[str, object]
) -> Any:
    """A copy of an SDK's client over the same connections, with a guard in front of them."""
    http: Any = getattr(client, "_client", None)
    library = _library_of(http)
    if library is None or not callable(getattr(client, "copy", None)):
        raise ConfigurationError(
            f"cannot wrap {type(client).__name__}: pass a client of openai or anthropic, or give "
            "guard.transport(...) to the framework's HTTP client"
        )
    if hasattr(http._transport, "_guard"):
        raise ConfigurationError(
            "the client is wrapped already, and a second guard would reserve each call twice; "
            "name more subjects by guard.subjects(...) or the header spendgate-subjects"
        )
    given = {**options, "provider": options.get("provider") or _provider_of(client)}
    guarded = _guarded_http_client(runtime, http, library, given, subjects)
    return _translate_errors(client.copy(http_client=guarded))


def _library_of(http: object) -> Any:
    """The module, httpx2 or httpx, that an HTTP client is of."""
    for kind in type(http).__mro__:
        name = kind.__module__.partition(".")[0]
        if name in _HTTP_LIBRARIES:
            return sys.modules[name]
    return None


def _provider_of(client: object) -> str | None:
    """Azure's clients by their name; others by the host of each request."""
    return "azure" if "Azure" in type(client).__name__ else None


def _guarded_http_client(
    runtime: Runtime,
    http: Any,
    lib: Any,
    options: Mapping[str, Any],
    subjects: Mapping[str, object],
) -> Any:
    """A twin of an HTTP client: its mounts, proxies, timeouts and connections, guarded."""
    is_async = isinstance(http, lib.AsyncClient)
    if is_async:
        from spendgate._async import transport  # noqa: PLC0415 (asyncio only where it is used)
    else:
        from spendgate._sync import transport  # type: ignore[no-redef] # noqa: PLC0415
    base = lib.AsyncClient if is_async else lib.Client
    twin: Any = object.__new__(_public_class(http, base))
    twin.__dict__.update(http.__dict__)
    first = transport.guard_transport(runtime, lib, http._transport, options, subjects)
    first._owner = http
    twin._transport = first
    twin._mounts = {
        pattern: None if mounted is None else type(first)(first._guard, mounted, http)
        for pattern, mounted in http._mounts.items()
    }
    return twin


def _public_class(http: Any, base: type) -> type:
    """The class of an HTTP client, without the SDK's own that closes itself when collected."""
    kinds = (kind for kind in type(http).__mro__ if issubclass(kind, base))
    return next(kind for kind in kinds if not kind.__module__.startswith(("openai", "anthropic")))


def _translate_errors(client: Any) -> Any:
    """Raise our errors above the SDK's retries, also from copies (`with_options`)."""
    make_error, copy = client._make_status_error, client.copy

    def make_status_error(message: str, *, body: object, response: Any) -> Exception:
        theirs: Exception = make_error(message, body=body, response=response)
        ours = response.extensions.get(ERROR_EXTENSION)
        return theirs if ours is None else both(ours, theirs)

    def copied(*args: Any, **kwargs: Any) -> Any:
        return _translate_errors(copy(*args, **kwargs))

    client._make_status_error = make_status_error
    client.copy = client.with_options = copied
    return client


def both(ours: SpendgateError, theirs: Exception) -> Exception:
    """One exception that is ours and the SDK's: `except RateLimitError` still catches it."""
    kind: Any = _both_class(type(ours), type(theirs))
    error: Any = kind.__new__(kind)
    error.args = ours.args
    error.__dict__.update(theirs.__dict__)
    error.__dict__.update(ours.__dict__)
    error._ours = ours
    found: Exception = error
    return found


_both_classes: dict[tuple[type, type], type[Exception]] = {}


def _both_class(ours: type[SpendgateError], theirs: type[Exception]) -> type[Exception]:
    found = _both_classes.get((ours, theirs))
    if found is not None:
        return found

    def reduce(self: Exception) -> Any:
        """Cross process boundaries as our error: the SDK's needs a response."""
        return vars(self)["_ours"].__reduce__()

    names = {"__module__": ours.__module__, "__reduce__": reduce}
    made = type(ours.__name__, (ours, theirs), names)
    _both_classes[ours, theirs] = made
    return made
