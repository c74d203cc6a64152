"""A lock that is free in a child process, also if a thread of the parent held it at the fork."""

from __future__ import annotations

import os
import threading

from spendgate._living import Living

_locks: Living[Lock] = Living()


class Lock:
    """A lock for objects that have no owner to make it anew in a child process.

    What it guards must be consistent between any two statements.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        _locks.add(self)

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, *_error: object) -> None:
        self._lock.release()

    def renew(self) -> None:
        """Replace the lock, which another thread of the parent may have held."""
        self._lock = threading.Lock()


def _after_fork_in_child() -> None:
    for lock in _locks:
        lock.renew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
