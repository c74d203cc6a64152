"""A stage for faults: the functions over an engine in memory whose whole state can be put back."""

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from types import SimpleNamespace
from typing import Any, cast

import boto3
import pytest
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from moto import mock_aws
from moto.core.models import botocore_stubber
from moto.dynamodb.models import dynamodb_backends

from spendgate_service.api.handlers.rollover import PeriodsFailed
from spendgate_service.store import ids
from spendgate_service.store.client import CLIENT_CONFIG, DynamoClient, Table
from spendgate_service.store.errors import Unavailable
from tests.scenarios.service import Party, Service, tenant
from tests.support.app import Inline
from tests.support.clock import NOON_MS, FakeClock
from tests.support.engines import REGION, create_table
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
_ACCOUNT = "123456789012"

type Snapshot = tuple[int, Any]


class Shelf:
    """Reads what is in the engine without asking it: an audit after each of some thousand cases."""

    def scan(self, **_arguments: object) -> dict[str, Any]:
        """Every item, as DynamoDB would answer it."""
        rows = [item for partition in _items().values() for item in partition.values()]
        return {
            "Items": [
                {name: value.to_regular_json() for name, value in row.attrs.items()} for row in rows
            ]
        }


@dataclass
class Stage:
    """One tenant with admin and caller, the wire to its table, and what was laid down for it."""

    table: Table
    wire: FaultyWire
    clock: FakeClock
    party: Party
    waits: list[float]
    dead_letters: RecordingDeadLetters
    audited: Table = field(default_factory=lambda: Table(cast("DynamoClient", Shelf()), TABLE_NAME))
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
        again = {one["itemIdentifier"] for one in answer["batchItemFailures"]}
        self.waiting = [one for one in self.waiting if one["messageId"] in again]
        return HttpAnswer(503 if again else 200, {}, {"Retry-After": "1"})

    def roll_over(self) -> HttpAnswer:
        """One run of the scheduled function; a run that fails is followed by the next one."""
        rollover = load_function("rollover", self.party.service.app)
        try:
            summary = rollover.handler({}, LongContext())
        except (Unavailable, PeriodsFailed):
            return HttpAnswer(503, {}, {"Retry-After": "60"})
        return HttpAnswer(200, dict(summary))

    def snapshot(self) -> Snapshot:
        """All that is in the table, and the time."""
        return self.clock.at_ms, copy.deepcopy(_items())

    def restore(self, snapshot: Snapshot) -> None:
        """Put everything back, in a new process on a sound network."""
        self.clock.at_ms, stored = snapshot
        items = _items()
        items.clear()
        items.update(copy.deepcopy(stored))
        self.dead_letters.codes.clear()
        self.dead_letters.message_ids.clear()
        self.waiting.clear()
        self.new_process()
        self.wire.calls.clear()

    def new_process(self) -> None:
        """Forget whatever a function keeps between calls."""
        self.wire.heal()
        self.party.service.restart()


def _items() -> Any:
    return dynamodb_backends[_ACCOUNT][REGION].tables[TABLE_NAME].items


def _answered_by_moto(request: AWSPreparedRequest) -> AWSResponse:
    answer = botocore_stubber("before-send.dynamodb.Any", request)
    assert answer is not None
    return answer


def _numbers() -> Callable[[int], int]:
    """Ids that are the same in every run: on them depends where the due counters are listed."""
    numbers = count(1)
    return lambda _bits: next(numbers)


@contextmanager
def a_stage() -> Iterator[Stage]:
    """The functions over moto, one thread, one clock; their waits are noted, not waited."""
    with pytest.MonkeyPatch.context() as patch, mock_aws():
        clock, waits = FakeClock(NOON_MS), list[float]()
        client = boto3.client("dynamodb", region_name=REGION, config=CLIENT_CONFIG)
        create_table(client, TABLE_NAME)
        client.meta.events.unregister("before-send", cast("Any", botocore_stubber))
        wire = FaultyWire(_answered_by_moto)
        put_on_wire(client, wire)
        table = Table(cast("DynamoClient", client), TABLE_NAME, sleep=waits.append)
        aside = RecordingDeadLetters()
        patch.setattr(ids, "secrets", SimpleNamespace(randbits=_numbers()))
        service = Service(table, clock, {"budgets_pool": Inline(), "dead_letters": aside})
        party = tenant(service, TENANT).on(**SUBJECTS)
        yield Stage(table, wire, clock, party, waits, aside)
