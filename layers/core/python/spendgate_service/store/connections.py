"""Connections that outlive a pause, and which of them a call may still trust.

Lambda freezes a function between two invocations. Meanwhile a connection that is kept may be closed
at its other end, or forgotten by whoever stands between, and only the next call on it would tell,
by ending without an answer. Such a write may have been applied as far as anybody knows, so it is
not repeated: the caller would get 503 for nothing but a pause. A new connection costs some ms.
"""

from collections.abc import Callable
from threading import Lock
from typing import Any

IDLE_MS_MAX = 30_000
"""Longer than any call to the table takes: what has been idle for so long is used by nobody."""


def drop_idle_connections(client: Any, now_ms: Callable[[], int]) -> None:
    """From now on a call of that client of the SDK trusts no connection from before a pause."""
    used_at_ms = now_ms()
    lock = Lock()

    def before_call(**_about_the_call: object) -> None:
        nonlocal used_at_ms
        with lock:
            called_at_ms = now_ms()
            if called_at_ms - used_at_ms > IDLE_MS_MAX:
                client.close()
            used_at_ms = called_at_ms

    client.meta.events.register("before-call", before_call)
