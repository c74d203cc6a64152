"""Failed settlements return soon: an outage loses none, and what kills the function is found.

Time is the test's: the queue delivers by the clock that the service reads.
"""

import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError, ReadTimeoutError

from spendgate_service.api.isolation import SUSPECT_RECEIVES, UNFINISHED_MAX
from spendgate_service.api.queue import DEFECT_RECEIVES_MAX, consume
from spendgate_service.dead_letters.redelivery import BACKOFF_SECONDS, Redelivery, backoff_seconds
from spendgate_service.domain.tenants import Tenant
from spendgate_service.settlements.apply import Settlements
from spendgate_service.store.client import Table
from spendgate_service.store.errors import Unavailable
from spendgate_service.tenants.tenants import create_tenant
from tests.support.faulty_client import Killed
from tests.support.settlement_queue import RecordingDeadLetters
from tests.support.sqs import MemoryQueue
from tests.support.world import AGENT, TENANT, World

OUTAGE_SECONDS = 20 * 60
VISIBILITY_SECONDS = 200

type Fails = Callable[[str, dict[str, Any]], bool]


@dataclass
class Unreliable:
    """A client of the table; a call for which `fails` is true gets no response from DynamoDB."""

    engine: Any
    error: Callable[[], Exception]
    fails: Fails = lambda _operation, _arguments: False

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        def call(**arguments: Any) -> Any:
            if self.fails(operation, arguments):
                raise self.error()
            return getattr(self.engine, operation)(**arguments)

        return call


def no_connection() -> Exception:
    return EndpointConnectionError(endpoint_url="http://table")


def no_response() -> Exception:
    return ReadTimeoutError(endpoint_url="http://table")


@dataclass
class Settling:
    """One budget, the queue of its settlements, and an environment that consumes it."""

    world: World
    client: Unreliable
    budget: Any
    dead: RecordingDeadLetters = field(default_factory=RecordingDeadLetters)
    applied_at: dict[str, float] = field(default_factory=dict)
    last_receives: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.queue = MemoryQueue(random.Random(7), self.now, VISIBILITY_SECONDS)
        vars(self.world.app).update(dead_letters=self.dead, redelivery=self.queue)

    def now(self) -> float:
        return self.world.clock.monotonic()

    def send(self, *names: str) -> None:
        for name in names:
            message = {
                "version": 1, "type": "record", "tenant_id": TENANT,
                "subjects": {"agent": AGENT.partition(":")[2]},
                "event_id": name, "actual": {"usd": "1"},
            }  # fmt: skip
            self.queue.send(name, json.dumps(message))

    def consume_all(self, *, at_most: int = 2_000) -> None:
        """Deliver until the queue is empty; time passes only while no message is visible."""
        for _ in range(at_most):
            if self.queue.is_empty:
                return
            batch = self.queue.receive()
            if not batch:
                self.world.clock.advance(max(0.001, self.queue.next_at - self.now()))
                continue
            self.consume(batch)
        pytest.fail("the queue is never empty")

    def consume(self, batch: Sequence[dict[str, Any]]) -> None:
        for record in batch:
            receives = int(record["attributes"]["ApproximateReceiveCount"])
            self.last_receives[record["messageId"]] = receives
        try:
            answer: Any = consume(batch, self.world.app)
        except Killed:
            return
        failed = {entry["itemIdentifier"] for entry in answer["batchItemFailures"]}
        for record in batch:
            if record["messageId"] not in failed:
                self.applied_at.setdefault(record["messageId"], self.now())
        self.queue.settle(list(batch), answer)

    def spent(self) -> int:
        spent, held = self.world.spent_and_held(self.budget)
        assert held == 0
        return int(spent)


@pytest.fixture(params=[no_connection, no_response], ids=["no connection", "no response"])
def settling(memory_table: Table, request: pytest.FixtureRequest) -> Settling:
    create_tenant(memory_table, Tenant(TENANT, created_at_ms=1), idempotency=None)
    client = Unreliable(memory_table.client, request.param)
    table = Table(client, memory_table.name, sleep=lambda _seconds: None)
    world = World(memory_table).on(table)
    return Settling(world, client, world.budget(10_000))


def test_after_an_outage_every_settlement_is_applied_within_one_step_of_its_backoff(
    settling: Settling,
) -> None:
    """Settlements arrive during the whole outage of 20 minutes; none is dead-lettered."""
    begins = settling.now()
    ends = begins + OUTAGE_SECONDS
    settling.client.fails = lambda _operation, _arguments: settling.now() < ends
    names: list[str] = []
    while settling.now() < ends:
        names.append(f"event-{len(names)}")
        settling.send(names[-1])
        settling.consume(settling.queue.receive())
        settling.world.clock.advance(7)

    settling.consume_all()

    assert settling.dead.codes == settling.queue.lost_patience == []
    assert settling.spent() == len(names)
    for name in names:
        step = backoff_seconds(max(1, settling.last_receives[name] - 1))
        assert settling.applied_at[name] - ends <= step + 7, name
    assert max(settling.last_receives.values()) > DEFECT_RECEIVES_MAX


@pytest.mark.parametrize("operation", ["batch_get_item", "update_item", "transact_write_items"])
def test_an_outage_of_one_kind_of_call_dead_letters_nothing(
    settling: Settling, operation: str
) -> None:
    """The marks of messages are calls, too: none that remains makes an innocent message suspect."""
    ends = settling.now() + OUTAGE_SECONDS
    settling.client.fails = lambda called, _arguments: called == operation and settling.now() < ends
    names = [f"event-{number}" for number in range(12)]
    settling.send(*names)

    settling.consume_all()

    assert settling.dead.codes == []
    assert settling.spent() == len(names)


def test_a_message_that_kills_the_function_is_dead_lettered_after_five_deliveries(
    settling: Settling, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"event-{number}" for number in range(9)]
    settling.send("killer", *names)
    apply = Settlements.apply

    def killed(settlements: Settlements, commands: Sequence[Any]) -> Any:
        if any(command.idempotency_key == "killer" for command in commands):
            raise Killed
        return apply(settlements, commands)

    monkeypatch.setattr(Settlements, "apply", killed)

    settling.consume_all()

    assert settling.dead.message_ids == ["killer"]
    assert settling.dead.codes == ["ConsumerKilled"]
    assert settling.last_receives["killer"] == SUSPECT_RECEIVES + UNFINISHED_MAX == 6
    assert settling.spent() == len(names)


def test_a_defect_dead_letters_at_the_fifth_delivery(
    settling: Settling, monkeypatch: pytest.MonkeyPatch
) -> None:
    settling.send("bad")
    monkeypatch.setattr(Settlements, "apply", lambda *_: [KeyError("unforeseen")])
    begins = settling.now()

    settling.consume_all()

    assert settling.dead.codes == ["internal_error"]
    assert settling.last_receives["bad"] == DEFECT_RECEIVES_MAX
    assert settling.now() - begins == pytest.approx(sum(BACKOFF_SECONDS), abs=1)


def test_a_message_that_never_succeeds_is_dead_lettered_at_once(settling: Settling) -> None:
    settling.queue.send("poison", "no JSON")
    settling.send("good")

    settling.consume(settling.queue.receive())

    assert settling.dead.codes == ["invalid_json"]
    assert settling.queue.is_empty
    assert settling.spent() == 1


class RefusingSqs:
    """Takes some entries of a batch and refuses the others."""

    def __init__(self) -> None:
        self.entries: list[dict[str, Any]] = []

    def change_message_visibility_batch(self, **arguments: Any) -> dict[str, Any]:
        assert arguments["QueueUrl"] == "url"
        self.entries += arguments["Entries"]
        return {"Failed": [{"Id": "0", "Code": "ReceiptHandleIsInvalid"}]}


def test_the_visibility_follows_the_number_of_deliveries() -> None:
    sqs: Any = RefusingSqs()

    with pytest.raises(Unavailable, match="1 messages"):
        Redelivery(sqs, "url").delay(
            {f"r{receives}": backoff_seconds(receives) for receives in (1, 2, 3, 4, 900)}
        )

    assert {entry["ReceiptHandle"]: entry["VisibilityTimeout"] for entry in sqs.entries} == {
        "r1": 1, "r2": 5, "r3": 30, "r4": 120, "r900": 120,
    }  # fmt: skip
