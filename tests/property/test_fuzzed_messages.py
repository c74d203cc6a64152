"""The queue consumer takes whatever is sent: it never raises, and no message holds up another.

Every message is applied or put aside with its reason; none comes again while the table answers.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from types import ModuleType
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spendgate_service.api.bodies.messages import Message, RecordMessage, command_of
from spendgate_service.api.queue import DEFECT_RECEIVES_MAX
from spendgate_service.app import Spendgate
from spendgate_service.domain.amounts import ONE
from spendgate_service.domain.requests import SettlementCommand
from spendgate_service.domain.subjects import parse_subject
from spendgate_service.domain.tenants import Tenant
from spendgate_service.settlements.plan import Planner
from spendgate_service.store.ledger import ledger_entries
from spendgate_service.tenants.tenants import create_tenant
from tests.support.examples import examples
from tests.support.functions import LambdaContext, load_function
from tests.support.world import AGENT, TENANT, World

SQS_BYTES_MAX = 2**18

RECORD = {
    "version": 1,
    "type": "record",
    "tenant_id": TENANT,
    "event_id": "evt",
    "subjects": {"agent": "researcher"},
    "actual": {"usd": "0.5"},
}
SETTLE = {
    "version": 1,
    "type": "settle",
    "tenant_id": TENANT,
    "reservation_id": "rsv_00000000000000000000000000",
    "usage": {"provider": "openai", "model": "gpt-4o", "input_tokens": 3, "output_tokens": 4},
}
RELEASE = {
    "version": 1,
    "type": "release",
    "tenant_id": TENANT,
    "reservation_id": "rsv_00000000000000000000000000",
}

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["", "*", "#", "a\u0000b", "\u202e", "1e400", "-1", "0.0000000001", "9" * 40])
    | st.sampled_from([10**30, -1, 1e308, 0.1, 2**63])
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)
NAMES = st.sampled_from(sorted(RECORD | SETTLE | {"metadata": 0, "ref_id": 0, "__class__": 0}))
HUGE = st.sampled_from(
    [
        "[" * 60_000,
        '{"a":' * 30_000,
        "9" * 60_000,
        '{"version":' + "1" * 5_000 + "}",
        '"' + "x" * (SQS_BYTES_MAX - 2) + '"',
        json.dumps(RECORD | {"description": "d" * 200_000}),
        json.dumps(RECORD | {"subjects": {f"kind_{n}": "x" for n in range(2_000)}}),
        json.dumps(RECORD | {"actual": {f"unit_{n}": 1 for n in range(2_000)}}),
        '{"version":1,"version":1}',
        "\ufeff{}",
        "",
    ]
)


@st.composite
def altered_messages(draw: st.DrawFn) -> str:
    """A message that nearly is one: a field is missing, foreign, or not what it should be."""
    message: dict[str, Any] = dict(draw(st.sampled_from([RECORD, SETTLE, RELEASE])))
    for name in draw(st.lists(NAMES, min_size=1, max_size=3)):
        if draw(st.booleans()):
            message.pop(name, None)
        else:
            message[name] = draw(VALUES)
    return json.dumps(message)


@st.composite
def damaged_messages(draw: st.DrawFn) -> str:
    """The text of a message with a piece cut out or another put in."""
    text = json.dumps(draw(st.sampled_from([RECORD, SETTLE])))
    start = draw(st.integers(0, len(text)))
    end = draw(st.integers(start, min(len(text), start + 6)))
    return text[:start] + draw(st.text(max_size=4)) + text[end:]


BODIES = (
    st.text(max_size=60)
    | VALUES.map(json.dumps)
    | altered_messages()
    | altered_messages()
    | damaged_messages()
    | HUGE
)


@dataclass
class DeadLetters:
    """Keeps what was put aside, as the queue would."""

    letters: dict[str, tuple[str, str, str]] = field(default_factory=dict)

    def dead_letter(
        self, body: str, *, code: str, reason: str, message_id: str, **_sent_at: int | None
    ) -> None:
        self.letters[message_id] = (body, code, reason)


@dataclass
class Consumer:
    """The settle function, its dead letters, and the budget that good messages are about."""

    function: ModuleType
    world: World
    dead: DeadLetters
    numbers: Iterator[int]
    budget_id: str

    def consume(self, bodies: list[str], *, receives: int = 1) -> list[str]:
        """Take a batch; the ids of the messages that are to come again."""
        attributes = {"ApproximateReceiveCount": str(receives)}
        records = [
            {
                "messageId": f"m{place}",
                "receiptHandle": f"r{place}",
                "body": body,
                "attributes": attributes,
            }
            for place, body in enumerate(bodies)
        ]
        answer = self.function.handler({"Records": records}, LambdaContext())
        return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]

    def a_good_one(self) -> tuple[str, str]:
        """A message that must be applied, and what its ledger entry refers to."""
        reference = f"good-{next(self.numbers)}"
        message = RECORD | {"event_id": reference, "ref_id": reference, "actual": {"usd": 1}}
        return json.dumps(message), reference

    def applied(self, reference: str) -> int:
        entries = ledger_entries(self.world.table, TENANT, self.budget_id, parse_subject(AGENT))
        return sum(entry.ref_id == reference and entry.amount == ONE for entry in entries)


@pytest.fixture
def consumer(app: Spendgate) -> Consumer:
    dead = DeadLetters()
    vars(app)["dead_letters"] = dead
    world = World(app.table)
    created_at_ms = world.clock.now_ms()
    create_tenant(app.table, Tenant(TENANT, created_at_ms=created_at_ms), idempotency=None)
    budget = world.budget(1000)
    return Consumer(load_function("settle", app), world, dead, count(), budget.budget_id)


@settings(
    max_examples=examples(25),
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(bodies=st.lists(BODIES, min_size=1, max_size=4), place=st.integers(0, 4))
def test_whatever_is_sent_is_applied_or_put_aside_and_its_neighbour_is_applied(
    consumer: Consumer, bodies: list[str], place: int
) -> None:
    good, reference = consumer.a_good_one()
    consumer.dead.letters.clear()
    sent = [*bodies[:place], good, *bodies[place:]]

    assert consumer.consume(sent) == []

    assert consumer.applied(reference) == 1
    for message_id, (body, code, reason) in consumer.dead.letters.items():
        assert body == sent[int(message_id[1:])] != good
        assert code and code != "internal_error"
        assert reason


def test_a_mistake_of_ours_over_one_message_does_not_hold_up_its_neighbours(
    consumer: Consumer, monkeypatch: pytest.MonkeyPatch
) -> None:
    good, reference = consumer.a_good_one()
    bad = json.dumps(RECORD | {"event_id": "bad", "ref_id": "bad"})
    judge = Planner.plan

    def stumbles(planner: Planner, place: int, command: Any, *more: Any) -> Any:
        if getattr(command, "idempotency_key", None) == "bad":
            raise KeyError("nobody foresaw this")
        return judge(planner, place, command, *more)

    monkeypatch.setattr(Planner, "plan", stumbles)

    assert consumer.consume([bad, good]) == ["m0"]
    assert consumer.applied(reference) == 1
    assert consumer.consume([bad], receives=DEFECT_RECEIVES_MAX) == []
    assert consumer.dead.letters["m0"][1:] == ("internal_error", "'nobody foresaw this'")


def test_a_mistake_of_ours_in_reading_one_message_does_not_hold_up_its_neighbours_either(
    consumer: Consumer, monkeypatch: pytest.MonkeyPatch
) -> None:
    good, reference = consumer.a_good_one()
    bad = json.dumps(RECORD | {"event_id": "bad"})

    def stumbles(message: Message, *about: Any, **more: Any) -> SettlementCommand:
        if isinstance(message, RecordMessage) and message.event_id == "bad":
            raise KeyError("nobody foresaw this")
        return command_of(message, *about, **more)

    monkeypatch.setattr("spendgate_service.api.queue.command_of", stumbles)

    assert consumer.consume([bad, good]) == ["m0"]
    assert consumer.applied(reference) == 1
