"""Any sequence of operations leaves the balances that a model in ten lines of Python predicts."""

from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    invariant,
    rule,
    run_state_machine_as_test,
)

from spendgate.domain.amounts import ONE
from spendgate.domain.errors import BudgetExceeded, ReservationFinalized
from spendgate.domain.periods import CalendarPeriod
from tests.books import assert_books_balance
from tests.engines import table_at
from tests.world import AGENT, ORGANIZATION, World, release, settle

AMOUNTS = st.integers(0, 8)
TTLS = st.sampled_from([1, 2, 30, 300, 4000])
HOURLY_LIMIT = 20


@dataclass
class Held:
    """What the model knows of a reservation."""

    amount: int
    hour: str
    bucket: int
    expires_at_ms: int
    state: str = "held"
    spent: int = 0

    def holds(self, now_ms: int) -> int:
        return self.amount if self.state == "held" and now_ms < self.bucket * 1000 else 0


@dataclass
class Model:
    """A balance of the agent's own, and an hourly budget of its organization."""

    limit: int = 10
    reservations: dict[str, Held] = field(default_factory=dict)
    recorded: list[tuple[str, int]] = field(default_factory=list)

    def left(self, now_ms: int, hour: str) -> tuple[int, int]:
        in_all = self.limit - sum(
            one.holds(now_ms) + one.spent for one in self.reservations.values()
        )
        in_hour = HOURLY_LIMIT - sum(
            one.holds(now_ms) + one.spent for one in self.reservations.values() if one.hour == hour
        )
        in_all -= sum(amount for _, amount in self.recorded)
        in_hour -= sum(amount for when, amount in self.recorded if when == hour)
        return in_all, in_hour


class Life(RuleBasedStateMachine):
    """Drives the store and the model with the same operations."""

    url = ""
    ids = Bundle("ids")

    def __init__(self) -> None:
        super().__init__()
        self.world = World(table_at(self.url))
        self.model = Model()
        self.agent = self.world.budget(self.model.limit)
        hour = CalendarPeriod("hour")
        self.organization = self.world.budget(HOURLY_LIMIT, on=ORGANIZATION, period=hour)

    @property
    def hour(self) -> str:
        return self.world.counter_key(self.organization)[1]

    @rule(target=ids, amount=AMOUNTS, ttl_seconds=TTLS)
    def reserve(self, amount: int, ttl_seconds: int) -> str:
        left = self.model.left(self.world.clock.now_ms(), self.hour)
        try:
            found = self.world.find(
                self.world.reserve(amount, by=(ORGANIZATION, AGENT), ttl_seconds=ttl_seconds)
            )
        except BudgetExceeded:
            assert amount > min(left)
            return "refused"
        assert amount <= min(left)
        held = Held(amount, self.hour, found.bucket, found.expires_at_ms)
        self.model.reservations[found.reservation_id] = held
        return found.reservation_id

    @rule(chosen=st.lists(st.tuples(ids, st.none() | AMOUNTS), min_size=1, max_size=4))
    def finish(self, chosen: list[tuple[str, int | None]]) -> None:
        """Settle, or release where there is no amount, several in one batch."""
        commands = [
            release(one) if actual is None else settle(one, actual) for one, actual in chosen
        ]
        outcomes = self.world.settlements.apply(commands)
        for (reservation_id, actual), outcome in zip(chosen, outcomes, strict=True):
            known = self.model.reservations.get(reservation_id)
            if known is None:
                continue
            wanted = "released" if actual is None else "settled"
            if known.state == "held":
                known.state, known.spent = wanted, actual or 0
            same = (known.state, known.spent) == (wanted, actual or 0)
            assert isinstance(outcome, Exception) != same

    @rule(reservation_id=ids, ttl_seconds=TTLS)
    def extend(self, reservation_id: str, ttl_seconds: int) -> None:
        known = self.model.reservations.get(reservation_id)
        if known is None:
            return
        can = known.state == "held" and self.world.clock.now_ms() < known.expires_at_ms
        try:
            found = self.world.extend(reservation_id, ttl_seconds)
        except ReservationFinalized:
            assert not can
            return
        assert can
        known.bucket, known.expires_at_ms = found.bucket, found.expires_at_ms

    @rule(amount=AMOUNTS)
    def record(self, amount: int) -> None:
        self.world.record(amount, by=(ORGANIZATION, AGENT))
        self.model.recorded.append((self.hour, amount))

    @rule(seconds=st.sampled_from([0.5, 1, 7, 400, 3600]))
    def wait(self, seconds: float) -> None:
        self.world.clock.advance(seconds)

    @rule(limit=st.integers(0, 60))
    def set_limit(self, limit: int) -> None:
        self.world.set_limit(self.agent, limit)
        self.model.limit = limit

    @invariant()
    def both_have_the_same_left(self) -> None:
        now_ms = self.world.clock.now_ms()
        balances = {
            str(balance.subject): balance.available // ONE
            for subject in (AGENT, ORGANIZATION)
            for balance in (self.world.balance_of(subject),)
        }
        assert (balances[AGENT], balances[ORGANIZATION]) == self.model.left(now_ms, self.hour)

    def teardown(self) -> None:
        assert_books_balance(self.world.table, now_ms=self.world.clock.now_ms())


@pytest.mark.slow
def test_any_sequence_of_operations_leaves_the_balances_of_the_model(
    dynamodb_local_url: str,
) -> None:
    Life.url = dynamodb_local_url
    run_state_machine_as_test(
        Life,
        settings=settings(
            max_examples=40,
            stateful_step_count=25,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
