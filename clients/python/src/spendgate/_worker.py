"""Delivers in the background: one thread, retries with growing pauses, a bounded flush at exit."""

from __future__ import annotations

import heapq
import itertools
import logging
import threading
import time
from collections.abc import Callable

from spendgate import _retry, _threads
from spendgate._deliveries import Delivery, fallback, is_temporary
from spendgate._journal import Journal
from spendgate.errors import APIStatusError, SpendgateError

_log = logging.getLogger("spendgate")

_LOOK_AGAIN_SECONDS = 30.0


class Worker:
    """A queue of deliveries and the thread that sends them, started when it is needed."""

    def __init__(self, send: Callable[[Delivery], object], journal: Journal | None) -> None:
        self._send = send
        self._journal = journal
        self._order = itertools.count()
        self._reset()

    def _reset(self) -> None:
        self._changed = threading.Condition(threading.RLock())
        self._due: list[tuple[float, int, int, Delivery]] = []
        self._busy = False
        self._thread: threading.Thread | None = None

    def submit(self, delivery: Delivery) -> None:
        """Deliver as soon as possible; does not wait."""
        with self._changed:
            if not _threads.have_ended():
                self._push(0.0, 0, delivery)
                self._start()
                self._changed.notify_all()
                return
        kept = "it stays in the journal" if self._journal is not None else "its hold expires"
        _log.error("spendgate: %s %s came after the exit; %s", delivery.kind, delivery.target, kept)

    def recover(self) -> None:
        """Deliver what processes that have ended left in the journal."""
        if self._journal is None:
            return
        for delivery in self._journal.take_over():
            _log.info("spendgate: delivering %s from the journal", delivery.kind)
            self.submit(delivery)

    def flush(self, timeout: float | None = None) -> bool:
        """Wait until everything is delivered; False if the time was too short."""
        deadline = None if timeout is None else time.monotonic() + timeout
        with self._changed:
            self._make_all_due()
            while self._due or self._busy:
                left = None if deadline is None else deadline - time.monotonic()
                if left is not None and left <= 0:
                    return False
                self._changed.wait(left)
        return True

    def after_fork(self) -> None:
        """Forget the thread and the queue: the parent delivers what is the parent's."""
        self._reset()

    @property
    def pending(self) -> int:
        """How many deliveries wait."""
        with self._changed:
            return len(self._due) + self._busy

    def _start(self) -> None:
        if self._thread is None or not self._thread.is_alive():
            self._thread = _threads.start("spendgate-worker", self._run, self._changed)

    def _push(self, due: float, attempt: int, delivery: Delivery) -> None:
        heapq.heappush(self._due, (due, next(self._order), attempt, delivery))

    def _make_all_due(self) -> None:
        self._due = [(0.0, order, attempt, item) for _, order, attempt, item in self._due]
        heapq.heapify(self._due)
        self._changed.notify_all()

    def _run(self, changed: threading.Condition) -> None:
        while True:
            with changed:
                self._busy = False
                changed.notify_all()
                while not self._due or self._due[0][0] > time.monotonic():
                    wait = self._due[0][0] - time.monotonic() if self._due else None
                    changed.wait(_LOOK_AGAIN_SECONDS if wait is None else wait)
                _, _, attempt, delivery = heapq.heappop(self._due)
                self._busy = True
            self._attempt(attempt, delivery)

    def _attempt(self, attempt: int, delivery: Delivery) -> None:
        try:
            self._send(delivery)
        except SpendgateError as error:
            self._failed(attempt, delivery, error)
        except Exception:  # noqa: BLE001 (the thread must go on)
            _log.exception("spendgate: %s %s failed", delivery.kind, delivery.target)
            self._failed(attempt, delivery, None)
        else:
            if self._journal is not None:
                self._journal.confirm(delivery)

    def _failed(self, attempt: int, delivery: Delivery, error: SpendgateError | None) -> None:
        if error is None or is_temporary(error):
            _log.warning(
                "spendgate: %s %s is tried again: %s", delivery.kind, delivery.target, error
            )
            with self._changed:
                self._push(time.monotonic() + _retry.delay_seconds(attempt), attempt + 1, delivery)
            return
        instead = fallback(delivery, error) if isinstance(error, APIStatusError) else None
        if instead is not None:
            _log.warning(
                "spendgate: %s is refused; it is reported without the price or time: %s",
                delivery.target, error,
            )  # fmt: skip
            self.submit(instead)
            return
        _log.error("spendgate: %s %s is refused: %s", delivery.kind, delivery.target, error)
        if self._journal is not None:
            self._journal.set_aside(delivery)
