"""DynamoDB refuses half of all calls for half a minute: what can wait waits, others are told."""

import os
import random
from collections import Counter as Tally
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from spendgate_service.domain.amounts import ONE
from spendgate_service.store.client import TRIES_MAX
from tests.faults.operations import three_budgets
from tests.support.engines import template
from tests.support.fault_fixture import Stage, a_stage
from tests.support.functions import HttpAnswer
from tests.support.ledger_invariants import assert_books_balance
from tests.support.numbered_calls import FAULTS, Fault
from tests.support.settlement_queue import finishing, records

SEED = int(os.environ.get("SPENDGATE_SEED", random.randrange(2**32)))
OVERLOAD_SECONDS = 30
REQUESTS_A_SECOND = 8
CALL_SECONDS = 0.01
TIME_LIMIT_SECONDS: float = template()["Resources"]["ReserveFunction"]["Properties"]["Timeout"]
LONGEST_WAIT_SECONDS = 0.025 * 2 ** (TRIES_MAX - 2)
CALLS_MAX = TRIES_MAX * (1 + 3 + 3 + 1)
"""A read, three holds, as many given back, and a put, each tried as often as it may be."""

(THROTTLED,) = (fault for fault in FAULTS if fault.name == "throttled")


@pytest.fixture
def stage() -> Iterator[Stage]:
    with a_stage() as stage:
        yield stage


class Overload:
    """Refuses every other call by chance until its time is over; every call takes a while.

    It begins with as many as one call is tried, so that the first caller gets 503 in every run.
    """

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.dice = random.Random(SEED)
        self.over_at_ms = stage.clock.at_ms + OVERLOAD_SECONDS * 1000
        self.refused = 0
        stage.wire.fault_at = self.fault_at
        stage.table._sleep = self.sleep

    def fault_at(self, _number: int, _operation: str) -> Fault | None:
        self.stage.clock.advance(CALL_SECONDS)
        begins = self.refused < TRIES_MAX
        if self.is_over or not (begins or self.dice.random() < 0.5):
            return None
        self.refused += 1
        return THROTTLED

    def sleep(self, seconds: float) -> None:
        self.stage.waits.append(seconds)
        self.stage.clock.advance(seconds)

    @property
    def is_over(self) -> bool:
        return self.stage.clock.at_ms >= self.over_at_ms


def reserve(stage: Stage, number: int) -> tuple[HttpAnswer, float]:
    """The answer, and how many seconds it took."""
    started_ms = stage.clock.at_ms
    wish = {"subjects": dict(stage.party.subjects), "amounts": {"usd": "0.01"}}
    answer = stage.ask("POST", "/v1/reservations", wish, key=f"k-{number}")
    return answer, (stage.clock.at_ms - started_ms) / 1000


@dataclass
class Traffic:
    """Callers who ask once in a while, and what they were answered."""

    stage: Stage
    granted: list[str] = field(default_factory=list)
    turned_away: list[int] = field(default_factory=list)
    answers: Tally[int] = field(default_factory=Tally)
    most_waiting: int = 0

    def ask(self, number: int) -> None:
        """One reservation, answered in time and after a bounded number of calls."""
        calls, waits = len(self.stage.wire.calls), len(self.stage.waits)
        answer, seconds = reserve(self.stage, number)
        self.answers[answer.status] += 1
        assert seconds < TIME_LIMIT_SECONDS / 2
        assert len(self.stage.wire.calls) - calls <= CALLS_MAX
        assert all(wait <= LONGEST_WAIT_SECONDS for wait in self.stage.waits[waits:])
        if answer.status == 503:
            assert int(answer.headers["Retry-After"]) >= 1
            self.turned_away.append(number)
        else:
            assert answer.status in {200, 201}, answer
            self.granted.append(answer.body["reservation_id"])

    def settle(self, reservation_ids: list[str]) -> None:
        """Send settlements, and have them delivered once together with those that wait."""
        messages = [
            finishing(reservation_id, {"usd": "0.01"}) for reservation_id in reservation_ids
        ]
        for record in records(messages):
            record["messageId"] = f"{len(self.stage.wire.calls)}-{record['messageId']}"
            self.stage.waiting.append(record)
        self.stage.consume()
        self.most_waiting = max(self.most_waiting, len(self.stage.waiting))


@pytest.mark.slow
def test_an_overload_is_answered_503_in_time_and_leaves_nothing_undone(
    stage: Stage, tell: Callable[[str], None]
) -> None:
    budgets = three_budgets(stage)
    overload, traffic = Overload(stage), Traffic(stage)
    while not overload.is_over:
        traffic.ask(sum(traffic.answers.values()))
        traffic.settle(traffic.granted[-1:])
        stage.clock.advance(1 / REQUESTS_A_SECOND)
    tell(
        f"overload: SPENDGATE_SEED={SEED}: {overload.refused} of {len(stage.wire.calls)} calls "
        "refused, "
        f"answers {dict(traffic.answers)}, {len(stage.waits)} waits, "
        f"up to {traffic.most_waiting} messages waiting"
    )
    assert traffic.answers[201] and traffic.answers[503]
    assert len(set(stage.waits)) > len(stage.waits) / 2, "waits without jitter come all at once"

    for again in traffic.turned_away:
        traffic.ask(again)
    traffic.settle(traffic.granted)

    assert stage.waiting == [] and stage.dead_letters.codes == []
    books = assert_books_balance(stage.audited, now_ms=stage.clock.now_ms(), orphans_allowed=True)
    spent = [counter.spent for counter in books.counters.values()]
    assert spent == [len(set(traffic.granted)) * ONE // 100] * len(budgets)
