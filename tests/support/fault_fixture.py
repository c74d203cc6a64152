"""A stage for faults: the functions over an engine in memory whose whole state can be put back."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from types import SimpleNamespace
from typing import Any

import pytest

from spendgate_service.api.handlers.rollover import RolloverFailed
from spendgate_service.store import ids
from spendgate_service.store.client import Table
from spendgate_service.store.errors import Unavailable
from tests.scenarios.service import Party, Service, tenant
from tests.support.app import Inline
from tests.support.clock import NOON_MS, FakeClock
from tests.support.dynamo_expressions import Attributes
from tests.support.exact_indexes import Key
from tests.support.exact_table import ExactTable
from tests.support.exact_wire import answered_by, client_of_dynamodb
from tests.support.functions import (
    HttpAnswer,
    LambdaContext,
    LongContext,
    load_function,
)
from tests.support.numbered_calls import FaultyWire, put_on_wire
from tests.support.settlement_queue import Record, RecordingDeadLetters

TABLE_NAME = "spendgate-faults"
TENANT = "acme"
SUBJECTS = {"agent": "researcher", "session": "s-42"}

type Snapshot = tuple[int, Mapping[Key, Attributes]]


@dataclass
class Stage:
    """One tenant with admin and caller, the wire to its table, and what was laid down for it.

    `audited` reads what is in the engine without the wire.
    """

    engine: ExactTable
    audited: Table
    table: Table
    wire: FaultyWire
    clock: FakeClock
    party: Party
    waits: list[float]
    dead_letters: RecordingDeadLetters
    waiting: list[Record] = field(default_factory=list)

    def ask(self, method: str, path: str, body: object = None, **more: Any) -> HttpAnswer:
        """One request, as its caller sees it."""
        key = more.pop("key", None)
        headers = {"Idempotency-Key": key} if key else {}
        return self.party.ask(method, path, body, headers=headers, **more)

    def consume(self) -> HttpAnswer:
        """One delivery of the messages that wait: those that come back go on waiting."""
        for record in self.waiting:
            receives = int(record["attributes"]["ApproximateReceiveCount"])
            record["attributes"] = {"ApproximateReceiveCount": str(receives + 1)}
        handler = self.party.service.functions["settle"].handler
        answer = handler({"Records": self.waiting}, LambdaContext())
        again = {failure["itemIdentifier"] for failure in answer["batchItemFailures"]}
        self.waiting = [message for message in self.waiting if message["messageId"] in again]
        return HttpAnswer(503 if again else 200, {}, {"Retry-After": "1"})

    def roll_over(self) -> HttpAnswer:
        """One run of the scheduled function; a run that fails is followed by the next one."""
        rollover = load_function("rollover", self.party.service.app)
        try:
            summary = rollover.handler({}, LongContext())
        except (Unavailable, RolloverFailed):
            return HttpAnswer(503, {}, {"Retry-After": "60"})
        return HttpAnswer(200, dict(summary))

    def snapshot(self) -> Snapshot:
        """All that is in the table, and the time."""
        return self.clock.at_ms, dict(self.engine.items)

    def restore(self, snapshot: Snapshot) -> None:
        """Put everything back, in a new process on a sound network."""
        self.clock.at_ms, stored = snapshot
        self.engine.items = dict(stored)
        self.dead_letters.codes.clear()
        self.dead_letters.message_ids.clear()
        self.waiting.clear()
        self.new_process()
        self.wire.calls.clear()

    def new_process(self) -> None:
        """Forget whatever a function keeps between calls."""
        self.wire.heal()
        self.party.service.restart()


def _numbers() -> Callable[[int], int]:
    """Ids that are the same in every run: on them depends where the due counters are listed."""
    numbers = count(1)
    return lambda _bits: next(numbers)


@contextmanager
def a_stage() -> Iterator[Stage]:
    """The functions, one thread, one clock; their waits are noted, not waited."""
    with pytest.MonkeyPatch.context() as patch:
        clock, waits, engine = FakeClock(NOON_MS), list[float](), ExactTable()
        client, wire = client_of_dynamodb(), FaultyWire(answered_by(engine))
        put_on_wire(client, wire)
        table = Table(client, TABLE_NAME, sleep=waits.append)
        aside = RecordingDeadLetters()
        patch.setattr(ids, "secrets", SimpleNamespace(randbits=_numbers()))
        service = Service(table, clock, {"budgets_pool": Inline(), "dead_letters": aside})
        party = tenant(service, TENANT).on(**SUBJECTS)
        yield Stage(engine, Table(engine, TABLE_NAME), table, wire, clock, party, waits, aside)
