"""Messages, errors and arguments of the local commands."""

import os
import shlex
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


class LocalStackError(Exception):
    """A local command failed; the message says why and what to look at."""

    def __init__(self, message: str, *, log: Path | None = None) -> None:
        """Append the last lines of the log that says why, if there is one."""
        lines = [message]
        if log is not None:
            lines.append(f"Its log: {log}")
            lines.extend(f"    {line}" for line in _last_lines(log))
        super().__init__("\n".join(lines))


@contextmanager
def step(title: str) -> Iterator[None]:
    """Print the title of a step, and how long it took."""
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
    """Run a make command and return its exit code; print one sentence for each failure."""
    try:
        return command()
    except LocalStackError as error:
        print(f"\n{error}", file=sys.stderr, flush=True)
        return 1
    except KeyboardInterrupt:
        print(f"\n{interrupted}", file=sys.stderr, flush=True)
        return 130
    except BrokenPipeError:  # the reader of the output, such as head, has exited
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE


def number(variable: str, *, least: int = 1) -> int | None:
    """Read an optional number from a variable. Raises LocalStackError if it is not one."""
    value = os.environ.get(variable)
    if not value:
        return None
    if not value.isdecimal() or int(value) < least:
        raise LocalStackError(f"{variable}={value} is not an integer of at least {least}.")
    return int(value)


def words(variable: str) -> list[str]:
    """Split a variable as a shell would. Raises LocalStackError if its quoting is wrong."""
    value = os.environ.get(variable, "")
    try:
        return shlex.split(value)
    except ValueError as error:
        raise LocalStackError(f"{variable}={value} cannot be split into words: {error}.") from error


def _last_lines(log: Path, count: int = 15) -> list[str]:
    try:
        return log.read_text(errors="replace").splitlines()[-count:]
    except OSError:
        return []
