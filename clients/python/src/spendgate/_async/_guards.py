"""What guards code that exists: SDK clients, transports, functions, contexts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from spendgate import _subjects
from spendgate._async import _io
from spendgate._requests import Amounts
from spendgate._runtime import Runtime

if TYPE_CHECKING:
    from spendgate._async.lease import AsyncLease
    from spendgate.integrations.litellm import GuardedLiteLLM

ClientT = TypeVar("ClientT")
FunctionT = TypeVar("FunctionT", bound=Callable[..., Any])


class AsyncGuards:
    """Each imports what it needs when it is first used."""

    _runtime: Runtime

    def wrap(
        self,
        client: ClientT,
        *,
        provider: str | None = None,
        models: Mapping[str, str] | None = None,
        ask_for_usage: bool = True,
        **subjects: object,
    ) -> ClientT:
        """A copy of an OpenAI or Anthropic client whose calls are reserved and settled.

        Sync and async clients alike. `models` maps names that have no price, such as Azure's
        deployments, to models. `ask_for_usage=False` leaves `stream_options` as they are.
        """
        from spendgate._wrap import wrap  # noqa: PLC0415 (only for those who wrap)

        options = {"provider": provider, "models": models, "ask_for_usage": ask_for_usage}
        wrapped: ClientT = wrap(self._runtime, client, options, subjects)
        return wrapped

    def transport(
        self,
        lib: Any,
        *,
        inner: Any = None,
        provider: str | None = None,
        models: Mapping[str, str] | None = None,
        ask_for_usage: bool = True,
        **subjects: object,
    ) -> Any:
        """A transport of `lib` (the module httpx2 or httpx) for any client built on it.

        It sends through `inner`, by default a new HTTP transport.
        """
        from spendgate._async.transport import guard_transport  # noqa: PLC0415 (only for those who wrap)

        options = {"provider": provider, "models": models, "ask_for_usage": ask_for_usage}
        return guard_transport(self._runtime, lib, inner, options, subjects)

    def guard(
        self,
        *,
        amounts: Any = None,
        usage: Any = None,
        actual: Callable[[Any], Any] | None = None,
        release_on: tuple[type[BaseException], ...] = (),
        **subjects: Any,
    ) -> Callable[[FunctionT], FunctionT]:
        """Decorate a function, a coroutine function or a generator: reserve before, settle after.

        `amounts`, `usage` and each subject are values, or functions of the call's arguments.
        `actual` turns the result (of a generator, the last value) into a `Usage` or amounts;
        without it the call settles at its estimate. An exception leaves the hold to expire, unless
        it is one of `release_on`.
        """
        from spendgate._decorator import decorator  # noqa: PLC0415 (only for those who decorate)

        return decorator(
            self._runtime,
            amounts=amounts,
            usage=usage,
            actual=actual,
            release_on=release_on,
            subjects=subjects,
        )

    def lease(
        self,
        *,
        amounts: Amounts | None = None,
        ttl: int = 60,
        max_call_seconds: float = 600.0,
        entries: Literal["gathered", "each"] = "gathered",
        on_expiry: Literal["release", "charge"] = "release",
        metadata: Mapping[str, Any] | None = None,
        **subjects: object,
    ) -> _io.Pending[AsyncLease]:
        """Hold a block from which `lease.admit(...)` admits calls without a request.

        `amounts` is its first size; then it follows the rate of its calls, up and down. `ttl` is
        after how many seconds the service gives back what a crash leaves, or charges it with
        `on_expiry="charge"`. `entries` says whether calls of the same subjects and model share a
        line of the usage log.
        """
        from spendgate._async.lease import open_lease  # noqa: PLC0415 (only for those who lease)
        from spendgate._leases.tenures import LeaseTerms  # noqa: PLC0415 (only for those who lease)

        terms = LeaseTerms(
            ttl_seconds=ttl,
            max_call_seconds=max_call_seconds,
            entries=entries,
            on_expiry=on_expiry,
            metadata=metadata,
        )
        return _io.pending(lambda: open_lease(self._runtime, terms, amounts, subjects))

    @property
    def litellm(self) -> GuardedLiteLLM:
        """LiteLLM's `completion` and `acompletion`, guarded (extra `litellm`)."""
        from spendgate.integrations.litellm import GuardedLiteLLM  # noqa: PLC0415 (an extra)

        return GuardedLiteLLM(self._runtime)

    def subjects(self, **subjects: str) -> AbstractContextManager[None]:
        """Add subjects to every call within a `with` block, in this thread or task."""
        return _subjects.subjects_in_context(**subjects)
