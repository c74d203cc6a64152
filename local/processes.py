"""Starts and stops programs, in the background or for the duration of a block.

The operating system reuses process ids, so the file of a background program also contains the time
at which the program started. A process is stopped only if both match.
"""

import json
import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from local.console import LocalStackError, say
from local.paths import LOGS, ROOT, RUN

_START_SECONDS_MAX = 60.0
_END_SECONDS_MAX = 15.0
_NEEDED_TO_RUN = ("PATH", "HOME", "LANG", "LC_ALL", "LD_LIBRARY_PATH")


@dataclass(frozen=True)
class Program:
    """A background program of the stack, identified by its name."""

    name: str
    module: str
    """The Python module that it runs, by which it is found if its identity file is damaged."""

    @property
    def log(self) -> Path:
        """The file that receives its output."""
        return LOGS / f"{self.name}.log"

    @property
    def _identity_file(self) -> Path:
        return RUN / f"{self.name}.json"

    def process(self) -> psutil.Process | None:
        """Return the process that this checkout started, if it still runs."""
        try:
            identity = json.loads(self._identity_file.read_text())
            process = psutil.Process(identity["pid"])
            same = process.create_time() == identity["create_time"]
            alive = process.status() != psutil.STATUS_ZOMBIE
        except (FileNotFoundError, psutil.NoSuchProcess):
            return None
        except (ValueError, KeyError, TypeError):  # cut short, by a full disk or a crash
            return self._found_again()
        return process if same and alive else None

    def _found_again(self) -> psutil.Process | None:
        """Find the process by its command, and write its identity file anew."""
        say(f"{self._identity_file.name} is damaged; looking for the {self.name} by its command")
        for process in psutil.process_iter(["cmdline", "cwd"]):
            command = process.info["cmdline"] or ()
            if self.module in command and process.info["cwd"] == str(ROOT):
                self._remember(process)
                return process
        self._identity_file.unlink(missing_ok=True)
        return None

    def _remember(self, process: psutil.Process) -> None:
        identity = {"pid": process.pid, "create_time": process.create_time()}
        temporary = self._identity_file.with_suffix(".tmp")
        temporary.write_text(json.dumps(identity))
        temporary.replace(self._identity_file)

    def ended_by_itself(self) -> bool:
        """Return whether it was started and has exited without `stop`."""
        return self._identity_file.exists() and self.process() is None

    def start(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        """Start it in a new session, so that it survives the terminal."""
        for folder in (LOGS, RUN):
            folder.mkdir(parents=True, exist_ok=True)
        process = psutil.Process(start_detached(command, environment, self.log).pid)
        self._remember(process)
        _wait_for_its_command(process)

    def wait_until(self, ready: Callable[[], bool], *, timeout_seconds: float) -> None:
        """Wait until it is ready.

        Raises LocalStackError with the end of its log if it exits or takes too long.
        """
        deadline = time.monotonic() + timeout_seconds
        while not ready():
            if self.process() is None:
                raise LocalStackError(
                    f"The {self.name} stopped right after its start.", log=self.log
                )
            if time.monotonic() > deadline:
                raise LocalStackError(
                    f"The {self.name} does not respond after {timeout_seconds:.0f} s.", log=self.log
                )
            time.sleep(0.05)

    def stop(self, *, grace_seconds: float) -> bool:
        """Stop it and its children; return whether it was running."""
        process = self.process()
        if process is None:
            self._identity_file.unlink(missing_ok=True)
            return False
        children = process.children(recursive=True)
        process.terminate()
        _gone, left = psutil.wait_procs([process], timeout=grace_seconds)
        _gone, left_children = psutil.wait_procs(children, timeout=2)
        for straggler in [*left, *left_children]:
            straggler.kill()
        psutil.wait_procs([*left, *left_children], timeout=5)
        self._identity_file.unlink(missing_ok=True)
        return True


def _wait_for_its_command(process: psutil.Process) -> None:
    """Wait until it can be found by its command; Linux lets the parent go on before that."""
    with suppress(psutil.Error):  # it has exited already
        while not process.cmdline():
            time.sleep(0.001)


def start_detached(
    command: Sequence[str], environment: Mapping[str, str], log: Path
) -> subprocess.Popen[bytes]:
    """Start a program that keeps running when this process exits."""
    with log.open("ab") as output:
        child = subprocess.Popen(
            list(command),
            env=dict(environment),
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    child.returncode = 0  # otherwise Python warns that the child is still running
    return child


@contextmanager
def listening(
    command: Sequence[str], environment: Mapping[str, str], *, port: int, folder: Path, log: Path
) -> Iterator[None]:
    """Run a program that listens on a port for the duration of the block.

    Raises LocalStackError, with the end of its log, if it does not listen within a minute.
    """
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        _wait_until_it_listens(process, port, log)
        yield
    finally:
        process.terminate()
        try:
            process.wait(timeout=_END_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_it_listens(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS_MAX
    while True:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        if process.poll() is not None:
            raise LocalStackError("The program exited while it started.", log=log)
        if time.monotonic() > deadline:
            raise LocalStackError(f"Nothing listens on port {port}.", log=log)
        time.sleep(0.05)


def finished(command: Sequence[str], environment: Mapping[str, str], log: Path) -> bool:
    """Run a command with its output in a log; return whether its exit code is 0."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        done = subprocess.run(
            command,
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
        )
    return done.returncode == 0


def bare_environment() -> dict[str, str]:
    """Return the few variables that a program needs to run."""
    return {name: os.environ[name] for name in _NEEDED_TO_RUN if name in os.environ}


def base_environment() -> dict[str, str]:
    """Return the caller's environment without AWS variables, to keep the account out of reach."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    for name in ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV"):
        kept.pop(name, None)
    return kept
