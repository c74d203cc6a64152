"""A rolling window under any load: no interval of its length ever holds more than the limit."""

from dataclasses import dataclass, field

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from spendgate_service.domain.amounts import ONE
from spendgate_service.domain.clocks import CLOCKS_DIFFER_MS_MAX
from spendgate_service.domain.errors import BudgetExceeded
from spendgate_service.domain.periods import RollingPeriod
from spendgate_service.store.client import Table
from tests.support.any_engine import NewTable
from tests.support.examples import examples
from tests.support.ledger_invariants import assert_books_balance
from tests.support.world import AGENT, World

LIMIT = 10
WINDOWS_SECONDS = st.sampled_from([7, 60, 3600])
"""Shorter than its slices are many, a slice of 3 s, and one of 150 s."""


@dataclass
class Hold:
    """A reservation from its grant to what became of it, in milliseconds."""

    amount: int
    from_ms: int
    until_ms: int

    expired: bool = True

    def held_at(self, moment_ms: int) -> int:
        return self.amount if self.from_ms <= moment_ms < self.until_ms else 0

    def held_by_any_clock_at(self, moment_ms: int) -> int:
        """A hold that expired is given to others only when it has on every clock."""
        late_ms = CLOCKS_DIFFER_MS_MAX if self.expired else 0
        return self.amount if self.from_ms <= moment_ms < self.until_ms + late_ms else 0


@dataclass
class History:
    """What was granted and what was spent, as an outsider writes it down."""

    holds: dict[str, Hold] = field(default_factory=dict)
    spent: list[tuple[int, int]] = field(default_factory=list)

    def used(self, *, until_ms: int, length_ms: int) -> int:
        """What was spent in the interval (start, end], and what is held at its end."""
        spent = self.spent_in(until_ms=until_ms, length_ms=length_ms)
        return spent + sum(hold.held_at(until_ms) for hold in self.holds.values())

    def spent_in(self, *, until_ms: int, length_ms: int) -> int:
        return sum(amount for when, amount in self.spent if until_ms - length_ms < when <= until_ms)

    def moments(self) -> list[int]:
        """Every moment at which something was added."""
        return [when for when, _ in self.spent] + [hold.from_ms for hold in self.holds.values()]


@dataclass
class Load:
    """Drives a rolling budget and writes its history."""

    world: World
    window_seconds: int
    history: History = field(default_factory=History)

    @property
    def rule(self) -> RollingPeriod:
        return RollingPeriod(self.window_seconds)

    @property
    def now_ms(self) -> int:
        return self.world.clock.now_ms()

    def left(self) -> tuple[int, int]:
        """At least and at most what may be left: what was spent leaves up to a slice late."""
        length_ms, slice_ms = self.window_seconds * 1000, self.rule.slice_seconds * 1000
        at_most = self.history.used(until_ms=self.now_ms, length_ms=length_ms + slice_ms)
        at_least = self.history.used(until_ms=self.now_ms, length_ms=length_ms)
        return LIMIT - at_most, LIMIT - at_least

    def grantable_at_least(self) -> int:
        """What is granted for certain: what has been gone for a second, by which clocks differ."""
        longest_ms = (self.window_seconds + self.rule.slice_seconds) * 1000 + CLOCKS_DIFFER_MS_MAX
        spent = self.history.spent_in(until_ms=self.now_ms, length_ms=longest_ms)
        holds = self.history.holds.values()
        return LIMIT - spent - sum(hold.held_by_any_clock_at(self.now_ms) for hold in holds)

    def look(self) -> int:
        """What is left, which is what the history calls for."""
        least, most = self.left()
        available = self.world.balance_of(AGENT).available // ONE
        assert least <= available <= most
        return available

    def reserve(self, amount: int, ttl_share: float) -> None:
        """Reserve; the answer is the one that the history calls for."""
        ttl_seconds = max(1, int(self.window_seconds * ttl_share))
        _, most = self.left()
        least = self.grantable_at_least()
        try:
            reservation_id = self.world.reserve(amount, ttl_seconds=ttl_seconds)
        except BudgetExceeded:
            assert amount > least, "refused though there was room"
            return
        assert amount <= most, "granted past the limit"
        bucket_ms = self.world.find(reservation_id).bucket * 1000
        self.history.holds[reservation_id] = Hold(amount, self.now_ms, bucket_ms)

    def reserve_rest(self, ttl_share: float) -> None:
        """Reserve all that is left."""
        self.reserve(max(1, self.look()), ttl_share)

    def finish(self, chosen: int, actual: int | None) -> None:
        """Settle a hold that is still there, or release it where there is no amount."""
        open_ids = [one for one, hold in self.history.holds.items() if hold.held_at(self.now_ms)]
        if not open_ids:
            return
        reservation_id = open_ids[chosen % len(open_ids)]
        hold = self.history.holds[reservation_id]
        if actual is None:
            self.world.release(reservation_id)
        else:
            spent = min(actual, hold.amount)
            self.world.settle(reservation_id, spent)
            self.history.spent.append((self.now_ms, spent))
        hold.until_ms, hold.expired = self.now_ms, False

    def record(self, amount: int) -> None:
        self.world.record(amount)
        self.history.spent.append((self.now_ms, amount))

    def settle_late(self, chosen: int, actual: int) -> None:
        """Settle a hold that has expired: it was spent before, so that moment counts."""
        gone = [
            one
            for one, hold in self.history.holds.items()
            if hold.until_ms <= self.now_ms and self.world.find(one).state == "held"
        ]
        if gone:
            reservation_id = gone[chosen % len(gone)]
            self.world.settle(reservation_id, actual)
            spent_ms = self.history.holds[reservation_id].until_ms
            self.history.spent.append((spent_ms, actual))

    def wait(self, share: float) -> None:
        self.world.clock.advance(max(0.001, self.window_seconds * share))


AMOUNTS = st.integers(1, LIMIT)
SHARES = st.sampled_from([0.001, 0.01, 0.02, 0.04, 0.3, 0.5, 0.9, 0.96, 0.98, 1.0, 1.02, 1.05])
RESERVE = st.tuples(st.just("reserve"), AMOUNTS, SHARES)
REST = st.tuples(st.just("reserve_rest"), SHARES)
SETTLE = st.tuples(st.just("finish"), st.integers(0, 9), AMOUNTS)
RELEASE = st.tuples(st.just("finish"), st.integers(0, 9), st.none())
WAIT = st.tuples(st.just("wait"), SHARES)
RECORD = st.tuples(st.just("record"), st.integers(1, 4))
LATE = st.tuples(st.just("settle_late"), st.integers(0, 9), AMOUNTS)

type Step = tuple[object, ...]

tries = settings(max_examples=examples(10), phases=[Phase.generate])
"""Nothing is made smaller: every try goes to an engine, and that would take minutes."""


def run(table: Table, window_seconds: int, steps: list[Step]) -> Load:
    world = World(table)
    world.budget(LIMIT, period=RollingPeriod(window_seconds))
    load = Load(world, window_seconds)
    for name, *arguments in steps:
        getattr(load, str(name))(*arguments)
        load.look()
    assert_books_balance(world.table, now_ms=load.now_ms)
    return load


@pytest.mark.slow
@tries
@given(
    window_seconds=WINDOWS_SECONDS,
    steps=st.lists(RESERVE | REST | SETTLE | RELEASE | WAIT, min_size=20, max_size=60),
)
def test_no_interval_of_the_windows_length_holds_more_than_the_limit(
    new_table: NewTable, window_seconds: int, steps: list[Step]
) -> None:
    """As long as nobody spends more than was granted."""
    history = run(new_table(), window_seconds, steps).history

    for moment_ms in history.moments():
        for end_ms in (moment_ms, moment_ms + window_seconds * 1000 - 1):
            assert history.used(until_ms=end_ms, length_ms=window_seconds * 1000) <= LIMIT


@pytest.mark.slow
@tries
@given(
    window_seconds=WINDOWS_SECONDS,
    steps=st.lists(
        RESERVE | REST | SETTLE | RELEASE | WAIT | RECORD | LATE, min_size=20, max_size=60
    ),
)
def test_nothing_is_granted_past_the_limit_whatever_was_spent_without_a_grant(
    new_table: NewTable, window_seconds: int, steps: list[Step]
) -> None:
    """Records and late settlements may overrun the limit; then nothing is granted."""
    run(new_table(), window_seconds, steps)
