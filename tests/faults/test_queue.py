"""Settlements from a queue, many of them twice, some of them poison, while consumers are killed."""

import itertools
import json
import os
import random
import threading
import time
from collections import Counter as Tally
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from spendgate_service.api.queue import consume
from spendgate_service.domain.amounts import ONE
from spendgate_service.domain.tenants import Tenant
from spendgate_service.store.client import Table
from spendgate_service.tenants.tenants import create_tenant
from tests.support.engines import new_client_at
from tests.support.faulty_client import Killed
from tests.support.ledger_invariants import assert_books_balance
from tests.support.numbered_calls import Fault, FaultyWire, put_on_wire, sender_of
from tests.support.settlement_queue import RecordingDeadLetters, finishing
from tests.support.sqs import MemoryQueue
from tests.support.world import AGENT, ORGANIZATION, TENANT, World

MESSAGES = int(os.environ.get("SPENDGATE_MESSAGES", "800"))
SEED = int(os.environ.get("SPENDGATE_SEED", random.randrange(2**32)))
CONSUMERS = 4
TWICE, POISON = 0.3, 0.01
"""Shares of the messages that come twice and that are poison."""
BETWEEN_KILLS = (20, 100)
"""The least and the most calls, of all consumers together, from one that kills to the next.

So few kill that no message meets five dying consumers, after which SQS would put it aside itself;
and some do in every run, since the consumers make more than twice a hundred calls.
"""

POISONS = (
    ("{not json", "invalid_json"),
    (json.dumps({"version": 1, "type": "dance", "tenant_id": TENANT}), "invalid_request"),
    (json.dumps(finishing("rsv_unknown", {"usd": 1})), "not_found"),
    (json.dumps(finishing("rsv_unknown", {"usd": "-1"})), "invalid_request"),
)
KILLS = (
    Fault("killed before", error=Killed),
    Fault("killed after", error=Killed, executed="at once"),
)


def killing_calls(dice: random.Random) -> set[int]:
    """Which calls kill, by their numbers: more of them than there are calls."""
    return set(itertools.accumulate(dice.randint(*BETWEEN_KILLS) for _ in range(MESSAGES)))


@dataclass
class Consumers:
    """Some threads, each with an environment of its own, that is made anew when it was killed."""

    world: World
    url: str
    queue: MemoryQueue
    aside: RecordingDeadLetters = field(default_factory=RecordingDeadLetters)
    kills: int = 0
    calls: Iterator[int] = field(default_factory=itertools.count)
    killing: set[int] = field(default_factory=lambda: killing_calls(random.Random(SEED)))

    def work(self, number: int) -> None:
        """Consume until nothing is left."""
        dice = random.Random(SEED + number)
        world = self._new_environment(dice)
        while not self.queue.is_empty:
            batch = self.queue.receive()
            if not batch:
                time.sleep(0.05)
                continue
            try:
                answer = consume(batch, world.app)
            except Killed:
                self.kills += 1
                world = self._new_environment(dice)
                continue
            self.queue.settle(batch, answer)

    def _new_environment(self, dice: random.Random) -> World:
        client = new_client_at(self.url)
        wire = FaultyWire(sender_of(client))
        wire.fault_at = lambda _number, _operation: (
            dice.choice(KILLS) if next(self.calls) in self.killing else None
        )
        put_on_wire(client, wire)
        world = self.world.on(Table(client, self.world.table.name))
        vars(world.app)["dead_letters"] = self.aside
        return world


@dataclass
class Sent:
    """What was put into the queue: what it must come to, and which messages are poison."""

    spent: int = 0
    poison: dict[str, str] = field(default_factory=dict)


def fill(queue: MemoryQueue, world: World, dice: random.Random) -> Sent:
    """Settlements, releases and records in one heap."""
    sent = Sent()
    subjects = {"agent": AGENT.partition(":")[2]}
    for number in range(MESSAGES):
        amount = dice.randint(0, 3)
        if dice.random() < POISON or number == 0:
            body, code = dice.choice(POISONS)
            sent.poison[f"m-{number}"] = code
            queue.send(f"m-{number}", body)
            continue
        if number % 3 == 0:
            reservation_id = world.reserve(2, by=(ORGANIZATION, AGENT))
            actual = {"usd": amount} if number % 5 else None
            message = finishing(reservation_id, actual)
            sent.spent += amount if actual else 0
        else:
            message = {
                "version": 1, "type": "record", "tenant_id": TENANT, "subjects": subjects,
                "event_id": f"evt-{number}", "actual": {"usd": str(amount)},
            }  # fmt: skip
            sent.spent += amount
        for copy in range(2 if dice.random() < TWICE else 1):
            queue.send(f"m-{number}-{copy}", json.dumps(message))
    return sent


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_every_settlement_is_applied_once_though_consumers_are_killed_and_poison_is_put_aside(
    world: World, dynamodb_local_url: str, tell: Callable[[str], None]
) -> None:
    create_tenant(world.table, Tenant(TENANT, created_at_ms=1), idempotency=None)
    budget, agent = world.budget(10**6, on=ORGANIZATION), world.budget(10**6)
    queue = MemoryQueue(random.Random(SEED))
    sent = fill(queue, world, random.Random(SEED))
    consumers = Consumers(world, dynamodb_local_url, queue)

    run_together(consumers.work)

    dead_letter = dict(zip(consumers.aside.message_ids, consumers.aside.codes, strict=True))
    tell(
        f"queue: SPENDGATE_SEED={SEED}: {MESSAGES} messages, {queue.delivered} deliveries, "
        f"{consumers.kills} consumers killed, put aside {dict(Tally(dead_letter.values()))}"
    )
    assert dead_letter == sent.poison
    assert queue.lost_patience == []
    assert [world.spent_and_held(counted) for counted in (budget, agent)] == [(sent.spent, 0)] * 2
    books = assert_books_balance(world.table, now_ms=world.clock.now_ms())
    assert sum(books.spent_by_ledger.values()) == 2 * sent.spent * ONE
    assert consumers.kills


def run_together(work: Callable[[int], None]) -> None:
    """Every consumer in a thread; what one of them raises is raised here."""
    raised: list[BaseException] = []

    def guarded(number: int) -> None:
        try:
            work(number)
        except BaseException as error:  # noqa: BLE001 (a thread's error would be lost)
            raised.append(error)

    threads = [threading.Thread(target=guarded, args=(consumer,)) for consumer in range(CONSUMERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if raised:
        raise raised[0]
