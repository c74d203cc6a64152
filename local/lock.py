"""A lock: one command at a time changes the local stack."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager

from local.console import say
from local.paths import LOCAL


@contextmanager
def one_at_a_time() -> Iterator[None]:
    """Wait for any other `make up` or `make down` of this checkout.

    The operating system releases the lock of a command that died.
    """
    LOCAL.mkdir(exist_ok=True)
    with (LOCAL / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("Waiting for another make up or make down to finish")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
