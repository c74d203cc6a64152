"""Starts the threads of the client, until the process ends."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from typing import Any

_ended = False


def start(name: str, run: Callable[..., object], *args: Any) -> threading.Thread | None:
    """Start a daemon thread; None once the process ends.

    While the interpreter is being finalized `Thread.start` raises, or on Python 3.11 never returns.
    """
    if have_ended():
        return None
    thread = threading.Thread(target=run, name=name, daemon=True, args=args)
    thread.start()
    return thread


def have_ended() -> bool:
    """Whether the process ends, so that no thread may be started or waited for."""
    return _ended or sys.is_finalizing()


def end() -> None:
    """Start no thread from now on."""
    global _ended  # noqa: PLW0603 (a process ends once)
    _ended = True
