"""Extends reservations while their calls run: one thread for all of them."""

from __future__ import annotations

import heapq
import itertools
import logging
import threading
import time
import weakref
from collections.abc import Callable
from dataclasses import dataclass

from spendgate import _threads
from spendgate.errors import ConflictError, NotFoundError, SpendgateError

_log = logging.getLogger("spendgate")

Extend = Callable[[str, int], object]


@dataclass(eq=False, slots=True)
class Beat:
    """The heartbeat of one reservation; it ends with its owner at the latest."""

    reservation_id: str
    ttl_seconds: int
    owner: weakref.ref[object]
    stopped: bool = False

    def stop(self) -> None:
        """Extend it no longer."""
        self.stopped = True

    @property
    def over(self) -> bool:
        """Whether there is nothing left to extend."""
        return self.stopped or self.owner() is None


class Heartbeat:
    """Extends each reservation every third of its time to live."""

    def __init__(self, extend: Extend) -> None:
        self._extend = extend
        self._order = itertools.count()
        self._reset()

    def _reset(self) -> None:
        self._changed = threading.Condition()
        self._due: list[tuple[float, int, Beat]] = []
        self._thread: threading.Thread | None = None
        self._closed = False

    def add(self, owner: object, reservation_id: str, ttl_seconds: int) -> Beat:
        """Keep a reservation for as long as its owner lives or until the beat is stopped."""
        beat = Beat(reservation_id, ttl_seconds, weakref.ref(owner))
        with self._changed:
            self._push(beat)
            if self._thread is None or not self._thread.is_alive():
                self._thread = _threads.start("spendgate-heartbeat", self._run, self._changed)
            if self._due[0][2] is beat:
                self._changed.notify()
        return beat

    def close(self) -> None:
        """Extend nothing from now on."""
        with self._changed:
            self._closed = True
            self._due.clear()
            self._changed.notify()

    def after_fork(self) -> None:
        """Forget the parent's reservations: the parent extends them."""
        self._reset()

    def _push(self, beat: Beat) -> None:
        due = time.monotonic() + beat.ttl_seconds / 3
        heapq.heappush(self._due, (due, next(self._order), beat))

    def _run(self, changed: threading.Condition) -> None:
        while True:
            with changed:
                while not self._due or self._due[0][0] > time.monotonic():
                    if self._closed:
                        return
                    changed.wait(self._due[0][0] - time.monotonic() if self._due else None)
                _, _, beat = heapq.heappop(self._due)
            if not beat.over:
                self._beat(beat)
                with changed:
                    self._push(beat)

    def _beat(self, beat: Beat) -> None:
        try:
            self._extend(beat.reservation_id, beat.ttl_seconds)
        except (ConflictError, NotFoundError) as error:
            _log.warning("spendgate: %s is extended no longer: %s", beat.reservation_id, error)
            beat.stop()
        except SpendgateError as error:
            _log.warning("spendgate: %s was not extended: %s", beat.reservation_id, error)
        except Exception:  # noqa: BLE001 (the thread must go on)
            _log.exception("spendgate: %s was not extended", beat.reservation_id)
