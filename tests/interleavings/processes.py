"""Operations as processes that wait at every call to DynamoDB, and one run of some of them.

A process is a greenlet: the service's own code, stopped in the middle of a call until the scheduler
picks it. A step is one call and the code after it, up to the next call. Beside the operations, the
clock and TTL are processes too.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from greenlet import greenlet

from tests.interleavings.footprints import Footprint, things_read


class Choice(NamedTuple):
    """Which process goes next, and how its call is answered."""

    process: str
    how: str = ""

    def __str__(self) -> str:
        return f"{self.process} ({self.how})" if self.how else self.process


@dataclass(frozen=True, slots=True)
class Call:
    """What a process waits for: a call of the client, or something that the scheduler does."""

    operation: str
    arguments: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        items = sorted("/".join(str(part) for part in thing[-2:]) for thing in _things(self))
        return f"{self.operation} {', '.join(items)}".strip()


def _things(call: Call) -> set[tuple[str, ...]]:
    if call.operation in {"start", "tick", "expire", "wait"}:
        return {tuple(str(value) for value in call.arguments.values())} if call.arguments else set()
    return things_read(call.operation, call.arguments)


@dataclass(slots=True, eq=False)
class Process:
    """One greenlet. `parent` waits for what it has given to the pool."""

    name: str
    body: Callable[[], object]
    ways_to_start: tuple[str, ...] = ("",)
    losses_left: int = 0
    parent: "Process | None" = None
    thread: greenlet | None = None
    pending: Call | None = None
    awaits: "Process | None" = None
    offset_ms: int = 0
    done: bool = False
    result: object = None
    error: BaseException | None = None
    ids: int = 0

    @property
    def root(self) -> "Process":
        """The operation that it is a part of, whose environment it shares."""
        return self if self.parent is None else self.parent.root


@dataclass(slots=True)
class Event:
    """A step that was taken. `involved` are the processes whose code ran in it."""

    choice: Choice
    label: str
    footprint: Footprint
    involved: tuple[str, ...]
