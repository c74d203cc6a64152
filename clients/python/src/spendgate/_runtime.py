"""What the clients of one configuration share, and what forks and exits do to it."""

from __future__ import annotations

import atexit
import logging
import os
import threading
import time
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from spendgate import _threads
from spendgate._living import Living
from spendgate._requests import request
from spendgate._settings import Settings, in_lambda
from spendgate._sync._http import API

if TYPE_CHECKING:
    from spendgate._async._http import AsyncAPI
    from spendgate._deliveries import Delivery
    from spendgate._heartbeat import Heartbeat
    from spendgate._journal import Journal
    from spendgate._lease_book import LeaseBook
    from spendgate._sqs import SettlementQueue
    from spendgate._worker import Worker
    from spendgate.usage import Usage

_log = logging.getLogger("spendgate")

_EXIT_FLUSH_SECONDS = 5.0
_HEARTBEAT_TIMEOUT_SECONDS = 5.0

T = TypeVar("T")

_runtimes: Living[Runtime] = Living()


class Open(Protocol):
    """A call whose response may still be read; both do nothing once it is settled."""

    def settle_later(self) -> None:
        """Settle, in the background, at what was seen."""

    def disown(self) -> None:
        """Leave the call to the parent process, which settles it."""


class _Part(Generic[T]):
    """A part of a runtime, made when it is first used, by one thread for all.

    `functools.cached_property` lets two threads make it twice: the leases and deliveries of one
    would be left behind when the client is closed.
    """

    def __init__(self, make: Callable[[Runtime], T]) -> None:
        self._make = make
        self.__doc__ = make.__doc__

    def __set_name__(self, _owner: type, name: str) -> None:
        self._name = name

    def __get__(self, runtime: Runtime, _owner: type | None = None) -> T:
        with runtime._making:
            made = vars(runtime)
            if self._name not in made:
                made[self._name] = self._make(runtime)
            part: T = made[self._name]
            return part


class Runtime:
    """The threads, the journal and the local cap behind one configuration."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._making = threading.RLock()
        self.api = API(settings)
        self._beats_api = API(settings, timeout=_HEARTBEAT_TIMEOUT_SECONDS, max_retries=0)
        self.closed = False
        self._open: Living[Open] = Living()
        _runtimes.add(self)
        if settings.journal is not None:
            self.worker.recover()

    @_Part
    def heartbeat(self) -> Heartbeat:
        """Extends the holds of calls that run."""
        from spendgate._heartbeat import Heartbeat  # noqa: PLC0415 (loaded when it is needed)

        return Heartbeat(self._extend)

    @_Part
    def journal(self) -> Journal | None:
        """The journal, if one is configured."""
        if self.settings.journal is None:
            return None
        from spendgate._journal import Journal  # noqa: PLC0415 (loaded when it is needed)

        return Journal(self.settings.journal)

    @_Part
    def worker(self) -> Worker:
        """Delivers in the background."""
        from spendgate._worker import Worker  # noqa: PLC0415 (loaded when it is needed)

        return Worker(self.send, self.journal)

    @_Part
    def leases(self) -> LeaseBook:
        """The leases of all calls, and the threads that renew them."""
        from spendgate._lease_book import LeaseBook  # noqa: PLC0415 (loaded when it is needed)

        return LeaseBook(self)

    @_Part
    def async_api(self) -> AsyncAPI:
        """The connections of the asynchronous client."""
        from spendgate._async._http import AsyncAPI  # noqa: PLC0415 (asyncio where it is used)

        return AsyncAPI(self.settings)

    @_Part
    def queue(self) -> SettlementQueue:
        """The settlement queue, if settlements are sent to it."""
        from spendgate._sqs import SettlementQueue  # noqa: PLC0415 (needs the extra)

        return SettlementQueue(str(self.settings.queue_url), self.settings.tenant_id)

    def send(self, delivery: Delivery) -> None:
        """Deliver once, by HTTP or by SQS; raises SpendgateError."""
        if self.settings.settlement == "sqs":
            self.queue.send(delivery)
        else:
            self.send_by_http(delivery)

    def send_by_http(self, delivery: Delivery) -> None:
        """Deliver once, by HTTP; raises SpendgateError."""
        self.api.send(delivery.request())

    def keep(self, delivery: Delivery) -> None:
        """Deliver later what could not be delivered now; until then the journal has it."""
        self._store(delivery)
        if in_lambda():
            _log.error(
                "spendgate: %s %s was not delivered; its hold expires",
                delivery.kind,
                delivery.target,
            )
            return
        self.closed = False
        self.worker.submit(delivery)

    def deliver_dropped(self, delivery: Delivery) -> None:
        """Deliver from a finalizer, where nothing can be awaited.

        Lambda freezes threads between invocations, so there it waits for the delivery. A thread
        sends it: the finalizer may run within a lock of the connections.
        """
        self._store(delivery)
        self.closed = False
        self.worker.submit(delivery)
        if in_lambda() and not self.worker.flush(_EXIT_FLUSH_SECONDS):
            _log.error(
                "spendgate: %s %s is not delivered yet; it is tried again while an invocation "
                "runs, until its hold expires",
                delivery.kind,
                delivery.target,
            )

    def _store(self, delivery: Delivery) -> None:
        journal = self.journal
        if journal is not None and not journal.holds(delivery):
            journal.write(delivery)

    def keep_release(self, reservation_id: str) -> None:
        """Release a hold later."""
        from spendgate._deliveries import Delivery  # noqa: PLC0415 (loaded when it is needed)

        self.keep(Delivery("release", reservation_id))

    def grants_locally(
        self,
        amounts: Mapping[str, Decimal | int | float | str] | None,
        usage: Usage | None,
    ) -> bool:
        """Whether the local cap grants what the service could not be asked for."""
        cap = self.settings.on_unavailable
        return cap is not None and cap.take(amounts, usage)

    def close(self, timeout: float = _EXIT_FLUSH_SECONDS) -> bool:
        """Drain the leases, deliver what waits, close the connections; False if some remains."""
        if self.closed:
            return True
        self.closed = True
        if "heartbeat" in self.__dict__:
            self.heartbeat.close()
        deadline = time.monotonic() + timeout
        if "leases" in self.__dict__:
            self.leases.close(timeout)
        flushed = self.flush(max(0.0, deadline - time.monotonic()))
        if not flushed:
            kept = "they stay in the journal" if self.journal else "their holds expire"
            _log.error("spendgate: %s deliveries remain; %s", self.worker.pending, kept)
        self.api.close()
        self._beats_api.close()
        return flushed

    def watch(self, call: Open) -> None:
        """Remember a call as long as it lives, for exits and forks."""
        self._open.add(call)

    def settle_open(self) -> None:
        """Settle the streams that are still open at what was seen of them."""
        for call in self._open:
            try:
                call.settle_later()
            except Exception:  # noqa: BLE001 (the others must be settled)
                _log.exception("spendgate: an open stream was not settled")

    def flush(self, timeout: float | None) -> bool:
        """Wait until everything is delivered; False if the time was too short."""
        return self.worker.flush(timeout) if "worker" in self.__dict__ else True

    def after_fork(self) -> None:
        """Make everything anew in the child: locks, threads and connections are the parent's."""
        self._making = threading.RLock()
        self.api.after_fork()
        self._beats_api.after_fork()
        for part in ("async_api", "heartbeat", "journal", "worker", "leases"):
            made = self.__dict__.get(part)
            if made is not None:
                made.after_fork()
        vars(self).pop("queue", None)
        for call in self._open:
            call.disown()

    def _extend(self, reservation_id: str, ttl_seconds: int) -> None:
        self._beats_api.send(
            request(
                "POST", "reservations", reservation_id, "extend", body={"ttl_seconds": ttl_seconds}
            )
        )


def _after_fork_in_child() -> None:
    for runtime in _runtimes:
        runtime.after_fork()


def _at_exit() -> None:
    """Settle the streams that are open, deliver, close; after that no thread starts."""
    for runtime in _runtimes:
        runtime.settle_open()
    for runtime in _runtimes:
        runtime.close()
    _threads.end()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
atexit.register(_at_exit)
