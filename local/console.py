"""What the local stack says while it works."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class LocalStackError(Exception):
    """The stack cannot do what was asked; the message says what to look at."""

    def __init__(self, message: str, *, log: Path | None = None) -> None:
        """Name the log whose last lines say why, if there is one."""
        lines = [message]
        if log is not None:
            lines.append(f"Its log: {log}")
            lines.extend(f"    {line}" for line in _last_lines(log))
        super().__init__("\n".join(lines))


@contextmanager
def step(title: str) -> Iterator[None]:
    """Say what is being done, and how long it took."""
    print(f"==> {title} ... ", end="", flush=True)
    started = time.monotonic()
    try:
        yield
    except BaseException:
        print("failed", flush=True)
        raise
    print(f"{time.monotonic() - started:.1f} s", flush=True)


def say(text: str) -> None:
    """Print one line of progress."""
    print(f"==> {text}", flush=True)


def fail(error: LocalStackError) -> int:
    """Print why it did not work; answer the exit code."""
    print(f"\n{error}", file=sys.stderr, flush=True)
    return 1


def _last_lines(log: Path, count: int = 15) -> list[str]:
    try:
        return log.read_text(errors="replace").splitlines()[-count:]
    except OSError:
        return []
