"""The floor of an operation: the calls that it made, with prepared arguments.

Two tables get the same writes. The service uses one. Its calls are recorded and repeated by a plain
client on the other table, where every condition holds as before.
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
    """Forwards and records calls; operations in `left_out` are neither made nor recorded."""

    def __init__(self, engine: Any) -> None:
        self._engine = engine
        self._lock = threading.Lock()
        self.noted: list[Noted] = []
        self.left_out: Collection[str] = ()

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        forward = getattr(self._engine, operation)

        def call(**arguments: Any) -> Any:
            if operation in self.left_out:
                return {}
            with self._lock:
                self.noted.append((operation, arguments))
            return forward(**arguments)

        setattr(self, operation, call)
        return call

    def take(self) -> list[Noted]:
        """Return the calls since the last time."""
        noted, self.noted = self.noted, []
        return noted


class Twin:
    """A table that gets the calls of another table."""

    def __init__(self, client: Any, name: str) -> None:
        self._client = client
        self._name = name
        self._pool = ThreadPoolExecutor(16)

    def prepare(self, noted: list[Noted]) -> Callable[[], None]:
        """Return a function that makes the same calls on this table.

        Consecutive updates run in parallel, as in the service.
        """
        calls = [
            (operation, getattr(self._client, operation), self._on_this_table(arguments))
            for operation, arguments in noted
        ]
        rows = [list(row) for _, row in groupby(calls, key=lambda call: call[0])]

        def make() -> None:
            for row in rows:
                is_parallel = row[0][0] == "update_item"
                parallel = [self._pool.submit(_made, *call) for call in row[1:] if is_parallel]
                for call in row[:1] if is_parallel else row:
                    _made(*call)
                for update in parallel:
                    update.result()

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
                return [self._on_this_table(value) for value in arguments]
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
    """Times of one side in microseconds: CPU of the process and wall clock."""

    cpu: list[float] = field(default_factory=list)
    wall: list[float] = field(default_factory=list)

    def take(self, work: Callable[[], object]) -> None:
        """Run the work once and record its times."""
        cpu, wall = time.process_time_ns(), time.perf_counter_ns()
        work()
        self.wall.append((time.perf_counter_ns() - wall) / 1000)
        self.cpu.append((time.process_time_ns() - cpu) / 1000)


def calls_text(noted: list[Noted]) -> str:
    """Return the calls as text: `3 UpdateItem, 1 PutItem`."""
    tally = Counter("".join(map(str.title, name.split("_"))) for name, _ in noted)
    return ", ".join(f"{times} {name}" for name, times in tally.items())
