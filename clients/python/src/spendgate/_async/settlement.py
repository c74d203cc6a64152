"""The reservation of one call to a model, and its settlement, which happens once."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping

from spendgate._async import _io
from spendgate._async.client import AsyncSpendgate
from spendgate._async.hold import AsyncHold
from spendgate._calls import ModelCall
from spendgate._outcomes import (
    ResponseObserver,
    SeenResponse,
    outcome_of_exception,
)
from spendgate._runtime import Runtime
from spendgate.errors import SpendgateError
from spendgate.usage import Usage

_log = logging.getLogger("spendgate")


async def reserved(
    client: AsyncSpendgate, call: ModelCall, subjects: Mapping[str, str]
) -> AsyncSettlement:
    """Hold a call's estimate; the heartbeat extends it as long as its settlement lives."""
    settings = client._settings
    usage = call.estimate(settings.estimator, subjects.get("agent", ""))
    hold = await client._reserve(subjects, usage=usage, heartbeat=False)
    settlement = AsyncSettlement(hold, client._runtime, call, usage)
    if settings.heartbeat:
        hold.start_heartbeat(settlement, settings.ttl_seconds)
    return settlement


class AsyncSettlement:
    """The settlement of one call, which happens once."""

    def __init__(self, hold: AsyncHold, runtime: Runtime, call: ModelCall, usage: Usage) -> None:
        self._hold = hold
        self._runtime = runtime
        self._done = False
        self.call = call
        self.usage = usage  # what is reserved
        self.observer: ResponseObserver | SeenResponse | None = None
        runtime.watch(self)

    async def after_exception(self, error: BaseException) -> None:
        """Release if the request was never sent; otherwise the hold expires."""
        if outcome_of_exception(error) == "release":
            await self.release()
        else:
            self.leave(repr(error))

    async def release(self) -> None:
        """Give the hold back."""
        if not self._done:
            self._done = True
            await _io.shielded(lambda: self._quietly(self._hold.release))

    def leave(self, reason: str) -> None:
        """What happened is unknown: the provider may bill, so the hold stays until it expires."""
        if not self._done:
            self._done = True
            self._hold.leave()
            _log.warning(
                "spendgate: %s is left to expire, since the provider may bill: %s",
                self._hold.id, reason,
            )  # fmt: skip

    async def settle(self) -> None:
        """Settle at what was seen of the response."""
        if not self._done:
            self._done = True
            await _io.shielded(lambda: self._quietly(self._settle))

    async def _settle(self) -> None:
        await self._hold.settle(**self._observer().settlement())
        self._learn()

    def _observer(self) -> ResponseObserver | SeenResponse:
        assert self.observer is not None, "a response is observed before it is settled"
        return self.observer

    def _learn(self) -> None:
        """Show the estimator what the model has written."""
        output_tokens = self._observer().output_tokens
        if output_tokens is not None:
            agent = self._hold.subjects.get("agent", "")
            estimator = self._runtime.settings.estimator
            estimator.observe(self.call.to_estimate(agent), output_tokens)

    async def _quietly(self, report: Callable[[], _io.Done]) -> None:
        """Report; an error of the books must not take the response from the application."""
        try:
            await report()
        except SpendgateError as error:
            _log.error("spendgate: %s was not reported: %s", self._hold.id, error)
        except Exception:  # noqa: BLE001 (the provider has served, and is paid)
            _log.exception("spendgate: the report of %s failed", self._hold.id)

    def settle_later(self) -> None:
        """Settle, in the background, a response that was dropped or is open at exit."""
        if not self._done and self.observer is not None:
            self._done = True
            self._hold.settle_later(**self._observer().settlement())
            self._learn()

    def disown(self) -> None:
        """Leave the call to the parent process, which settles it."""
        self._done = True

    def __del__(self) -> None:
        """Settle a response that was dropped without being closed."""
        self.settle_later()
