"""One run of some processes over one table, step by step."""

import hashlib
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from botocore.exceptions import ClientError, ReadTimeoutError
from greenlet import getcurrent, greenlet

from tests.interleavings.footprints import CLOCK, Footprint, things_read
from tests.interleavings.processes import Call, Choice, Event, Process
from tests.support.dynamo_expressions import Attributes
from tests.support.exact_indexes import Key
from tests.support.exact_table import Change, ExactTable

STALE_MS = 1000
"""How long after a change an eventually consistent read may not see it yet."""

_READS = frozenset({"get_item", "batch_get_item", "query", "scan"})


class Run:
    """One execution of some processes over one table, step by step."""

    def __init__(self, engine: ExactTable, *, now_ms: int) -> None:
        self.engine = engine
        self.now_ms = now_ms
        self.current: Process | None = None
        self.processes: dict[str, Process] = {}
        self.calls: list[tuple[str, Mapping[str, Any]]] = []
        self.performing: Mapping[str, Any] = {}
        self._previous: dict[Key, tuple[Attributes | None, int]] = {}
        self._newborn: list[Process] = []
        self._footprint = Footprint()
        self._involved: list[str] = []
        self._ids = 0
        self._listener = engine.on_change
        engine.on_change = self._changed

    # ------------------------------------------------------------------ for the processes

    def add(self, process: Process) -> None:
        """A process that begins with a step of its own."""
        process.pending = Call("start")
        self.processes[process.name] = process

    def add_waiting(self, name: str, calls: Sequence[Call]) -> None:
        """A process of the scheduler's own: the clock, or TTL."""
        first, *others = calls

        def body() -> None:
            for call in others:
                self.wait(call)

        self.processes[name] = Process(name, body, pending=first)

    def spawn(self, body: Callable[[], object]) -> Process:
        """A process of the one that runs now; it begins when that waits for the first time."""
        parent = self.current
        if parent is None:
            process = Process("inline", body)
            self._finish(process)
            return process
        siblings = sum(other.parent is parent for other in self.processes.values())
        process = Process(f"{parent.name}.{siblings + 1}", body, parent=parent)
        process.losses_left = parent.losses_left
        self.processes[process.name] = process
        self._newborn.append(process)
        return process

    def wait(self, call: Call) -> Any:
        """Stop until the scheduler answers."""
        return getcurrent().parent.switch(call)

    def clock_of(self, offset_ms: int = 0) -> int:
        """The time by the clock of the process that runs now."""
        if self.current is None:
            return self.now_ms + offset_ms
        self._footprint.reads.add(CLOCK)
        return self.now_ms + self.current.root.offset_ms

    def random_bits(self, bits: int) -> int:
        """Random bits that depend on who asks, and not on what others do."""
        process = self.current
        if process is None:
            self._ids += 1
            seed = f"outside {self._ids}"
        else:
            process.ids += 1
            seed = f"{process.name} {process.ids}"
        digest = hashlib.blake2b(seed.encode(), digest_size=16).digest()
        return int.from_bytes(digest) & ((1 << bits) - 1)

    # ------------------------------------------------------------------ for the scheduler

    def choices(self) -> list[Choice]:
        """What may happen next."""
        return [
            Choice(process.name, how)
            for process in self.processes.values()
            if process.pending is not None and process.awaits is None
            for how in self._ways(process, process.pending)
        ]

    def _ways(self, process: Process, call: Call) -> Sequence[str]:
        if call.operation == "start":
            return process.ways_to_start
        if process.losses_left and call.operation not in _READS:
            return ("", "answer lost")
        if self._may_be_stale(call):
            return ("", "stale")
        return ("",)

    def _may_be_stale(self, call: Call) -> bool:
        """Whether an eventually consistent read may find what was there until a moment ago."""
        if call.operation != "batch_get_item":
            return False
        ((_, request),) = call.arguments["RequestItems"].items()
        if request.get("ConsistentRead"):
            return False
        stale = self._stale_items()
        return any(thing in stale for thing in things_read(call.operation, call.arguments))

    def _stale_items(self) -> dict[Key, Attributes | None]:
        """What was there before the last change, of the items that changed a moment ago."""
        return {
            key: item
            for key, (item, until_ms) in self._previous.items()
            if self.now_ms - until_ms < STALE_MS
        }

    def step(self, choice: Choice) -> Event:
        """Let one process take its step."""
        process = self.processes[choice.process]
        call = process.pending
        assert call is not None
        self._footprint, self._involved = Footprint(), []
        process.pending = None
        answer, error = self._perform(process, call, choice.how)
        self._resume(process, answer, error)
        while self._newborn:
            self._resume(self._newborn.pop(0), None, None)
        return Event(choice, str(call), self._footprint, tuple(self._involved))

    def _perform(
        self, process: Process, call: Call, how: str
    ) -> tuple[object, BaseException | None]:
        match call.operation:
            case "start":
                process.offset_ms = int(how or 0)
                return None, None
            case "tick":
                self.now_ms += call.arguments["ms"]
                self._footprint.set_clock()
                return None, None
            case "expire":
                self._expire(call.arguments["prefix"])
                return None, None
        return self._call(process, call, how)

    def _call(self, process: Process, call: Call, how: str) -> tuple[object, BaseException | None]:
        self._footprint.reads |= things_read(call.operation, call.arguments)
        now = self.engine.items
        if how == "stale":
            stale = {**now, **self._stale_items()}
            self.engine.items = {key: item for key, item in stale.items() if item is not None}
        answer: object = None
        error: BaseException | None = None
        self.performing = call.arguments
        try:
            answer = getattr(self.engine, call.operation)(**call.arguments)
        except ClientError as refused:
            error = refused
        finally:
            if how == "stale":
                self.engine.items = now
        if how != "stale":
            self.calls.append((call.operation, call.arguments))
        if how == "answer lost":
            process.losses_left -= 1
            return None, ReadTimeoutError(endpoint_url="http://dynamodb.test")
        return answer, error

    def _expire(self, prefix: str) -> None:
        """Remove, as TTL does, what has expired among the items of partitions so named."""
        self._footprint.reads.add(CLOCK)
        for key, item in list(self.engine.items.items()):
            if not key[0].startswith(prefix) or "expires_ttl" not in item:
                continue
            self._footprint.reads.add(key)
            if int(item["expires_ttl"]["N"]) * 1000 <= self.now_ms:
                self.engine.remove(key)

    def _resume(self, process: Process, answer: object, error: BaseException | None) -> None:
        """Let a process go on to its next call, and after its end the one that waits for it."""
        self._involved.append(process.name)
        if process.thread is None:
            process.thread = greenlet(lambda _started: self._finish(process))
        before, self.current = self.current, process
        request = process.thread.switch(answer) if error is None else process.thread.throw(error)
        self.current = before
        if process.done:
            parent = process.parent
            if parent is not None and parent.awaits is process:
                parent.awaits = parent.pending = None
                self._resume(parent, None, None)
            return
        process.pending = request
        if request.operation == "wait":
            process.awaits = self.processes[request.arguments["for"]]
            if process.awaits.done:
                process.awaits = process.pending = None
                self._resume(process, None, None)

    def _finish(self, process: Process) -> None:
        try:
            process.result = process.body()
        except Exception as error:  # noqa: BLE001 (the waiting process gets it)
            process.error = error
        process.done = True

    def _changed(self, changes: Sequence[Change]) -> None:
        self._footprint.add_changes(changes)
        for change in changes:
            self._previous[change.key] = change.before, self.now_ms
        self._listener(changes)

    def end(self) -> None:
        """Let go of what is still waiting."""
        self.engine.on_change = self._listener
        for process in self.processes.values():
            if process.thread is not None and not process.thread.dead:
                process.thread.throw()


@contextmanager
def patched_ids(run_of: Callable[[], Run]) -> Iterator[None]:
    """Random ids that are the same in every run."""
    with (
        patch.object(secrets, "randbits", lambda bits: run_of().random_bits(bits)),
        patch.object(secrets, "token_hex", lambda size: f"{run_of().random_bits(8 * size):x}"),
    ):
        yield
