"""Runs lease holders: threads that take their steps, so that no call waits for a renewal."""

from __future__ import annotations

import heapq
import itertools
import logging
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from spendgate import _threads
from spendgate._leases.amounts import Units
from spendgate._leases.holder import Holder, Waiter
from spendgate._leases.lines import CallInfo
from spendgate._leases.steps import Report, Step
from spendgate._leases.tenure import Admission
from spendgate._requests import Reply, Request
from spendgate.errors import SpendgateError
from spendgate.usage import Usage

_log = logging.getLogger("spendgate")

THREADS_MAX = 4
_SHORTEST_SECONDS = 0.02
_DRAIN_POLL_SECONDS = 0.01


class SharedLease:
    """A holder and its lock, shared by all threads and tasks that spend from it."""

    __slots__ = ("__weakref__", "_engine", "due_at", "holder", "is_awake", "is_busy", "lock")

    def __init__(self, engine: LeaseEngine, holder: Holder) -> None:
        self._engine = engine
        self.holder = holder
        self.lock = threading.Lock()
        self.is_awake = False
        """Whether a thread works for it, or is about to."""
        self.is_busy = False
        self.due_at: float | None = None

    def admit(self, estimate: Units) -> Admission | None:
        """Admit a call if there is room; never waits for the service."""
        with self.lock:
            call = self.holder.admit(estimate, self._engine.clock())
        self._wake_if_wanted()
        return call

    def estimate_of(self, usage: Usage) -> Units | None:
        """What a usage comes to by the service's price; None if no response had one."""
        with self.lock:
            return self.holder.estimate_of(usage)

    def wait(self, estimate: Units | None, usage: Usage | None) -> Waiter:
        """Let a call wait for room."""
        with self.lock:
            waiter = self.holder.wait(estimate, usage)
        self._engine.wake(self)
        return waiter

    def abandon(self, waiter: Waiter) -> None:
        """Let a call wait no longer; if it was admitted meanwhile, give that back."""
        admitted = waiter.admitted
        with self.lock:  # so that it is not just being admitted
            was_admitted = not admitted.cancel() and admitted.exception() is None
        if was_admitted:
            self.release(admitted.result())

    def settle(self, call: Admission, actual: Units, info: CallInfo) -> bool:
        """Count what a call came to; False if it has ended before."""
        with self.lock:
            done = self.holder.settle(call, actual, info)
        self._wake_if_wanted()
        return done

    def release(self, call: Admission) -> None:
        """Give back what a call was admitted for."""
        with self.lock:
            self.holder.release(call)
        self._wake_if_wanted()

    def leave(self, call: Admission) -> None:
        """What the call spent is unknown."""
        with self.lock:
            self.holder.leave(call, self._engine.clock())

    def retire(self) -> None:
        """Admit nothing more from what is held."""
        with self.lock:
            self.holder.retire()
        self._engine.wake(self)

    def close(self) -> None:
        """Admit nothing more at all."""
        with self.lock:
            self.holder.close()
        self._engine.wake(self)

    @property
    def left(self) -> dict[str, int]:
        """What may be admitted without asking the service."""
        with self.lock:
            return self.holder.left

    def after_fork(self) -> None:
        """Begin anew: what is held, and the calls that run, are the parent's."""
        self.lock = threading.Lock()
        self.is_awake = self.is_busy = False
        self.due_at = None
        self.holder.after_fork()

    def _wake_if_wanted(self) -> None:
        if self.holder.wants_step and not self.is_awake:
            self._engine.wake(self)


class LeaseEngine:
    """The threads of all leases of a client, started when they are needed."""

    def __init__(
        self,
        send: Callable[[Request], Reply],
        report: Callable[[Report], object],
        clock: Callable[[], float] = time.monotonic,
        noticed: Callable[[Mapping[str, Any]], object] = lambda _: None,
    ) -> None:
        self.clock = clock
        self._noticed = noticed
        self._send = send
        self._report = report
        self._order = itertools.count()
        self._reset()

    def _reset(self) -> None:
        self._changed = threading.Condition()
        self._due: list[tuple[float, int, SharedLease]] = []
        self._threads = 0
        self._idle = 0
        self.closed = False

    def wake(self, lease: SharedLease) -> None:
        """Take the steps of a lease as soon as possible."""
        lease.is_awake = True
        if self.closed:
            self.work(lease)
            return
        with self._changed:
            self._push(lease, 0.0)
            if not self._idle and self._threads < THREADS_MAX:
                started = _threads.start("spendgate-lease", self._run, self._changed)
                self._threads += started is not None
            if self._threads:
                self._changed.notify()
                return
        self.work(lease)  # the process ends

    def work(self, lease: SharedLease) -> None:
        """Take the steps that are due."""
        while True:
            with lease.lock:
                step = lease.holder.next_step(self.clock())
            if step is None:
                return
            self._take(lease, step)

    def drain(self, lease: SharedLease, timeout: float) -> bool:
        """Close a lease, report what was spent and give back what is left; False if it is late."""
        deadline = time.monotonic() + timeout
        lease.close()
        while not lease.holder.is_drained:
            if time.monotonic() >= deadline:
                return False
            time.sleep(_DRAIN_POLL_SECONDS)
        return True

    def close(self) -> None:
        """Stop the threads; what is settled later is reported by who settles it."""
        with self._changed:
            self.closed = True
            self._due.clear()
            self._changed.notify_all()

    def after_fork(self) -> None:
        """Leave the leases and their calls to the parent."""
        self._reset()

    def _take(self, lease: SharedLease, step: Step) -> None:
        try:
            if isinstance(step, Report):
                self._report(step)
                response: Mapping[str, Any] = {}
            else:
                response = self._send(step.request()).json()
        except Exception as error:  # noqa: BLE001 (the calls that wait must learn of it)
            if not isinstance(error, SpendgateError):
                _log.exception("spendgate: a lease failed")
            with lease.lock:
                lease.holder.failed(step, error, self.clock())
            return
        with lease.lock:
            lease.holder.succeeded(step, response, self.clock())
        self._noticed(response)

    def _push(self, lease: SharedLease, due_at: float) -> None:
        lease.due_at = due_at
        heapq.heappush(self._due, (due_at, next(self._order), lease))

    def _run(self, changed: threading.Condition) -> None:
        while True:
            with changed:
                lease = self._next(changed)
                if lease is None:
                    self._threads -= 1
                    return
                lease.is_busy = lease.is_awake = True
            try:
                self.work(lease)
            except Exception:  # noqa: BLE001 (the thread must go on)
                _log.exception("spendgate: a lease failed")
            lease.is_awake = False
            with lease.lock:
                now = self.clock()
                due_at = lease.holder.wakes_at(now)
            with changed:
                lease.is_busy = False
                if due_at is not None:
                    at_once = due_at == now
                    self._push(lease, now if at_once else max(due_at, now + _SHORTEST_SECONDS))

    def _next(self, changed: threading.Condition) -> SharedLease | None:
        """Wait for a lease that is due; None once the engine is closed."""
        while not self.closed:
            now = self.clock()
            while self._due and self._due[0][0] <= now:
                due_at, _, lease = heapq.heappop(self._due)
                if due_at == lease.due_at and not lease.is_busy:
                    lease.due_at = None
                    return lease
            self._idle += 1
            changed.wait(self._due[0][0] - now if self._due else None)
            self._idle -= 1
        return None
