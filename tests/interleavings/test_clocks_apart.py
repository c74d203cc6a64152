"""Two environments whose clocks differ by as much as is admitted: every writer, every reader."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from typing import cast

import pytest

from spendgate_service.domain.budgets import CarryOver
from spendgate_service.domain.calendar import CalendarPeriod
from spendgate_service.domain.clocks import CLOCKS_DIFFER_MS_MAX
from spendgate_service.domain.errors import BudgetExceeded
from spendgate_service.domain.hold_buckets import DEAD_BUCKETS_MAX, bucket_width_seconds
from spendgate_service.domain.periods import PeriodRule, RollingPeriod
from spendgate_service.domain.statements import CLOSING_GRACE_SECONDS
from spendgate_service.store.client import Table
from spendgate_service.store.clients import DynamoClient
from tests.support.clock import FakeClock
from tests.support.exact_table import ExactTable
from tests.support.ledger_invariants import assert_books_balance
from tests.support.rollover import charge, close
from tests.support.world import World

HOLD_SECONDS = 5


@dataclass
class AheadOf(FakeClock):
    """A clock that is ahead of another one by as much as clocks may differ."""

    other: FakeClock | None = None

    def now_ms(self) -> int:
        assert self.other is not None
        return self.other.now_ms() + CLOCKS_DIFFER_MS_MAX

    def monotonic(self) -> float:
        return self.now_ms() / 1000


type Clocks = tuple[World, World]
"""The environment that is behind, and the one that is ahead."""


@pytest.fixture
def clocks() -> Clocks:
    table = Table(cast("DynamoClient", ExactTable()), "spendgate", sleep=lambda _seconds: None)
    behind = World(table)
    return behind, World(table, AheadOf(other=behind.clock))


def until(world: World, moment: int, *, ms: int = 0) -> None:
    """Move the clock that is behind to a moment."""
    world.clock.at_ms = moment * 1000 + ms


def many_dead_buckets(world: World) -> None:
    for _ in range(DEAD_BUCKETS_MAX):
        world.reserve(1, ttl_seconds=1)
        world.clock.advance(1)


def reclaims_and_holds(ahead: World) -> None:
    with pytest.raises(BudgetExceeded):
        ahead.reserve(60)


def sweeps_after_a_hold(ahead: World) -> None:
    ahead.reserve(1)


def holds_and_settles(ahead: World) -> None:
    ahead.settle(ahead.reserve(1, ttl_seconds=1), 1)


WRITERS = [reclaims_and_holds, sweeps_after_a_hold, holds_and_settles]


@pytest.mark.parametrize("write", WRITERS)
def test_no_writer_gives_away_a_hold_that_the_clock_behind_still_honours(
    clocks: Clocks, write: Callable[[World], None]
) -> None:
    behind, ahead = clocks
    budget = behind.budget(100)
    many_dead_buckets(behind)
    held = behind.reserve(50, ttl_seconds=HOLD_SECONDS)
    bucket = behind.find(held).bucket
    until(behind, bucket, ms=-1)

    write(ahead)

    assert behind.counter(budget).holds[bucket] == behind.counter(budget).limit // 2
    behind.extend(held, 60)
    behind.settle(held, 50)
    assert_books_balance(behind.table, now_ms=ahead.clock.now_ms())


def test_a_hold_that_has_ended_by_the_clock_behind_is_granted_by_the_one_ahead(
    clocks: Clocks,
) -> None:
    behind, ahead = clocks
    behind.budget(10)
    held = behind.reserve(10, ttl_seconds=HOLD_SECONDS)
    until(behind, behind.find(held).bucket)

    assert ahead.reserve(10)


def test_no_slice_is_spent_again_that_is_in_the_window_of_the_clock_behind(clocks: Clocks) -> None:
    behind, ahead = clocks
    budget = behind.budget(10, period=RollingPeriod(60))
    behind.record(10)
    (leaves_at,) = behind.counter(budget).slices
    until(behind, leaves_at, ms=-1)

    with pytest.raises(BudgetExceeded) as refused:
        ahead.reserve(1)
    retry_after = refused.value.retry_after_seconds
    ahead.record(1)

    assert leaves_at in behind.counter(budget).slices
    assert retry_after is not None
    behind.clock.advance(retry_after)
    assert ahead.reserve(1)


def test_a_period_is_not_closed_for_good_over_a_hold_that_the_clock_behind_honours(
    clocks: Clocks,
) -> None:
    behind, ahead = clocks
    behind.budget(10, period=CalendarPeriod("hour"), carry_over=CarryOver(unused=True))
    ends_at = (behind.clock.now_ms() // 3_600_000 + 1) * 3600
    until(behind, ends_at - 1)
    held = behind.reserve(10, ttl_seconds=_until_the_end_of_a_bucket(from_seconds=ends_at - 1))
    bucket = behind.find(held).bucket
    until(behind, bucket, ms=-1)

    close(ahead)

    books = assert_books_balance(behind.table, now_ms=ahead.clock.now_ms())
    assert [statement.carried_out for statement in books.all_statements] == [0]
    behind.extend(held, 60)


def test_a_lease_is_not_charged_while_the_clock_behind_may_extend_it(clocks: Clocks) -> None:
    behind, ahead = clocks
    budget = behind.budget(10)
    lease = behind.reserve(6, ttl_seconds=HOLD_SECONDS, on_expiry="charge")
    behind.clock.at_ms = behind.find(lease).expires_at_ms - 1

    assert charge(ahead).charged == 0

    behind.extend(lease, 60)
    assert behind.spent_and_held(budget) == (0, 6)


def _until_the_end_of_a_bucket(*, from_seconds: int) -> int:
    """Return a time to live longer than the grace, whose hold expires with its bucket."""
    return next(
        ttl_seconds
        for ttl_seconds in count(CLOSING_GRACE_SECONDS + 2)
        if (from_seconds + ttl_seconds) % bucket_width_seconds(ttl_seconds) == 0
    )


READERS: list[PeriodRule] = [CalendarPeriod("day"), RollingPeriod(3600)]


@pytest.mark.parametrize("period", READERS, ids=lambda rule: rule.label)
def test_a_hold_is_shown_as_ended_by_each_clock_when_it_ends(
    clocks: Clocks, period: PeriodRule
) -> None:
    behind, ahead = clocks
    budget = behind.budget(10, period=period)
    held = behind.reserve(10, ttl_seconds=HOLD_SECONDS)
    until(behind, behind.find(held).bucket, ms=-1)

    shown = [world.balance_of(str(budget.subject)) for world in (behind, ahead)]

    assert [balance.held for balance in shown] == [budget.limit, 0]
    assert [balance.available for balance in shown] == [0, budget.limit]
