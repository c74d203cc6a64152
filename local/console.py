"""What the local stack says while it works."""

import os
import shlex
import signal
import sys
import time
from collections.abc import Callable, Iterator
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


def run(command: Callable[[], int], *, interrupted: str = "Interrupted") -> int:
    """Run a command of make's to its exit code; whatever ends it early is told in a sentence."""
    try:
        return command()
    except LocalStackError as error:
        print(f"\n{error}", file=sys.stderr, flush=True)
        return 1
    except KeyboardInterrupt:
        print(f"\n{interrupted}", file=sys.stderr, flush=True)
        return 130
    except BrokenPipeError:  # whoever reads us, such as head, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE


def number(variable: str, *, least: int = 1) -> int | None:
    """Read a number that the caller may have said; raises LocalStackError if it is none."""
    said = os.environ.get(variable)
    if not said:
        return None
    if not said.isdecimal() or int(said) < least:
        raise LocalStackError(f"{variable}={said} is not a whole number of at least {least}.")
    return int(said)


def words(variable: str) -> list[str]:
    """Split what the caller may have said as a shell would; raises LocalStackError if it cannot."""
    said = os.environ.get(variable, "")
    try:
        return shlex.split(said)
    except ValueError as error:
        raise LocalStackError(f"{variable}={said} cannot be split into words: {error}.") from error


def _last_lines(log: Path, count: int = 15) -> list[str]:
    try:
        return log.read_text(errors="replace").splitlines()[-count:]
    except OSError:
        return []
