"""A durable journal: one file per delivery, until the service has confirmed it.

Processes may share a directory. Each entry has a lock file, locked by the operating system while a
process works on the entry; the lock ends with its process.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

from spendgate._deliveries import Delivery

if sys.platform == "win32":
    import msvcrt

    def _lock_file(descriptor: int) -> None:
        """Lock without waiting; raises OSError if another process has it."""
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _lock_file(descriptor: int) -> None:
        """Lock without waiting; raises OSError if another process has it."""
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


_log = logging.getLogger("spendgate")


class Journal:
    """The deliveries of a directory that are not confirmed yet.

    Where the file system fails, an error is logged and the delivery goes on without the journal.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._locks: dict[str, int] = {}
        self._mutex = threading.RLock()  # a response may be dropped, and collected, meanwhile
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)

    def write(self, delivery: Delivery) -> None:
        """Store a delivery before its first attempt, locked by this process."""
        text = delivery.to_json()
        temporary = self._directory / f"{delivery.id}.tmp"
        with self._logged("a crash loses", delivery):
            self._lock(delivery.id)
            try:
                descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
                with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                    file.write(text)
                    file.flush()
                    os.fsync(file.fileno())
                temporary.replace(self._entry(delivery.id))
            except OSError:
                with contextlib.suppress(OSError):
                    temporary.unlink()
                self._unlock(delivery.id)
                raise

    def holds(self, delivery: Delivery) -> bool:
        """Whether this process has stored a delivery that is not confirmed yet."""
        return delivery.id in self._locks

    def confirm(self, delivery: Delivery) -> None:
        """Remove what the service has confirmed."""
        with self._logged("the next process sends again", delivery):
            self._entry(delivery.id).unlink(missing_ok=True)
        self._unlock(delivery.id)

    def set_aside(self, delivery: Delivery) -> None:
        """Keep what the service will never accept as `*.failed`, for a person to look at."""
        entry = self._entry(delivery.id)
        with (
            self._logged("the next process sends again", delivery),
            contextlib.suppress(FileNotFoundError),
        ):
            entry.replace(entry.with_suffix(".failed"))
        self._unlock(delivery.id)

    def take_over(self) -> Iterator[Delivery]:
        """The deliveries that no process works on: those of processes that have ended."""
        for path in sorted(self._directory.glob("*.json")):
            if path.stem in self._locks or not self._lock(path.stem):
                continue
            try:
                yield Delivery.from_json(path.read_text(encoding="utf-8"))
            except FileNotFoundError:
                self._unlock(path.stem)
            except ValueError as error:
                _log.error("spendgate: the journal entry %s cannot be read: %s", path, error)
                path.replace(path.with_suffix(".failed"))
                self._unlock(path.stem)

    def after_fork(self) -> None:
        """Close the locks that are the parent's; closing does not unlock them there."""
        self._mutex = threading.RLock()
        for descriptor in self._locks.values():
            os.close(descriptor)
        self._locks.clear()

    @contextlib.contextmanager
    def _logged(self, consequence: str, delivery: Delivery) -> Iterator[None]:
        """Log a failure of the file system: it must not stop the delivery, nor reach the caller."""
        try:
            yield
        except OSError as error:
            _log.error(
                "spendgate: the journal %s failed, so %s %s %s: %s",
                self._directory, consequence, delivery.kind, delivery.target, error,
            )  # fmt: skip

    def _entry(self, name: str) -> Path:
        return self._directory / f"{name}.json"

    def _lock(self, name: str) -> bool:
        path = self._directory / f"{name}.lock"
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            _lock_file(descriptor)
        except OSError:
            os.close(descriptor)
            return False
        with self._mutex:
            self._locks[name] = descriptor
        return True

    def _unlock(self, name: str) -> None:
        with self._mutex:
            descriptor = self._locks.pop(name, None)
        if descriptor is None:
            return
        with contextlib.suppress(OSError):  # Windows removes no file that is open
            (self._directory / f"{name}.lock").unlink(missing_ok=True)
        os.close(descriptor)
