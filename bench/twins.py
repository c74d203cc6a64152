"""The floor of an operation: the very calls that it made, with their arguments prepared.

Two tables go through the same life. The service works on one; the calls that it makes are noted and
then made again by a bare client on the other, where every condition holds as it did.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

import botocore.exceptions

type Noted = tuple[str, dict[str, Any]]


class NotingClient:
    """Passes calls on and notes them; operations in `left_out` are noted nowhere and not made."""

    def __init__(self, engine: Any) -> None:
        self._engine = engine
        self._lock = threading.Lock()
        self.noted: list[Noted] = []
        self.left_out: Collection[str] = ()

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        passed_on = getattr(self._engine, operation)

        def call(**arguments: Any) -> Any:
            if operation in self.left_out:
                return {}
            with self._lock:
                self.noted.append((operation, arguments))
            return passed_on(**arguments)

        setattr(self, operation, call)
        return call

    def take(self) -> list[Noted]:
        """The calls since the last time."""
        noted, self.noted = self.noted, []
        return noted


class Twin:
    """A table that goes through what another went through, call by call."""

    def __init__(self, client: Any, name: str) -> None:
        self._client = client
        self._name = name
        self._pool = ThreadPoolExecutor(16)

    def prepare(self, noted: list[Noted]) -> Callable[[], None]:
        """The same calls on this table, ready to be made.

        Updates that follow each other are made side by side, as the service makes them.
        """
        calls = [
            (operation, getattr(self._client, operation), self._on_this_table(arguments))
            for operation, arguments in noted
        ]
        rows = [list(row) for _, row in groupby(calls, key=lambda call: call[0])]

        def make() -> None:
            for row in rows:
                is_parallel = row[0][0] == "update_item"
                beside = [self._pool.submit(_made, *call) for call in row[1:] if is_parallel]
                for call in row[:1] if is_parallel else row:
                    _made(*call)
                for one in beside:
                    one.result()

        return make

    def _on_this_table(self, arguments: Any) -> Any:
        match arguments:
            case dict():
                return {
                    (self._name if _is_table(name) else name): (
                        self._name if name == "TableName" else self._on_this_table(value)
                    )
                    for name, value in arguments.items()
                }
            case list():
                return [self._on_this_table(one) for one in arguments]
            case _:
                return arguments


def _is_table(name: str) -> bool:
    return name.startswith("bench-")


def _made(_operation: str, call: Callable[..., Any], arguments: dict[str, Any]) -> None:
    try:
        call(**arguments)
    except botocore.exceptions.ClientError as error:
        if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
            raise


@dataclass(slots=True)
class Sample:
    """Times of one side: CPU of the process, and of the clock on the wall, in microseconds."""

    cpu: list[float] = field(default_factory=list)
    wall: list[float] = field(default_factory=list)

    def take(self, work: Callable[[], object]) -> None:
        """Do it once and note how long it took."""
        cpu, wall = time.process_time_ns(), time.perf_counter_ns()
        work()
        self.wall.append((time.perf_counter_ns() - wall) / 1000)
        self.cpu.append((time.process_time_ns() - cpu) / 1000)


def calls_text(noted: list[Noted]) -> str:
    """For example `3 UpdateItem, 1 PutItem`."""
    tally = Counter("".join(map(str.title, name.split("_"))) for name, _ in noted)
    return ", ".join(f"{times} {name}" for name, times in tally.items())
