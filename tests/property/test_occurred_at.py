"""Spend of any moment, in any kind of period: counted when it occurred, or not at all.

A report of the past never opens a period, and never carries a cent.
"""

import json

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from spendgate_service.domain.amounts import ONE
from spendgate_service.domain.budgets import CarryOver
from spendgate_service.domain.calendar import CALENDAR_UNITS, CalendarPeriod
from spendgate_service.domain.occurrence import JUST_NOW_MS_MAX
from spendgate_service.domain.periods import (
    DurationPeriod,
    NoPeriod,
    PeriodRule,
    RollingPeriod,
    period_in_force,
    period_of,
)
from spendgate_service.store import keys
from tests.support.any_engine import NewTable
from tests.support.examples import examples
from tests.support.ledger_invariants import Books, assert_books_balance, read_books
from tests.support.rollover import close
from tests.support.world import World

HOUR, DAY = 3600, 86_400
SECONDS = st.one_of(
    st.sampled_from([0, 59, 61, HOUR, 2 * HOUR, DAY, 3 * DAY, 40 * DAY]), st.integers(0, 3 * HOUR)
)
RULES: st.SearchStrategy[PeriodRule] = st.one_of(
    st.builds(CalendarPeriod, st.sampled_from(["hour", "day"])),
    st.builds(CalendarPeriod, st.sampled_from(CALENDAR_UNITS)),
    st.builds(DurationPeriod, st.sampled_from([60, HOUR, DAY])),
    st.builds(RollingPeriod, st.sampled_from([60, HOUR, DAY])),
    st.just(NoPeriod()),
)
CARRIED = CarryOver(unused=True, debt=True)
STEPS = st.lists(
    st.tuples(SECONDS, SECONDS, st.integers(1, 15), st.booleans()), min_size=1, max_size=8
)
"""How long nothing happens, how long ago the spend occurred, how much, and whether the rollover
runs before."""


@settings(max_examples=examples(100), phases=[Phase.generate, Phase.shrink])
@given(rule=RULES, carries_over=st.booleans(), steps=STEPS)
def test_spend_counts_in_the_period_in_which_it_occurred_or_in_none(
    new_table: NewTable,
    rule: PeriodRule,
    carries_over: bool,
    steps: list[tuple[int, int, int, bool]],
) -> None:
    world = World(new_table())
    terms = CARRIED if carries_over and isinstance(rule, CalendarPeriod | DurationPeriod) else None
    world.budget(10, on="agent:*", period=rule, carry_over=terms)
    counted = 0
    for idle_seconds, seconds_ago, usd, closes in steps:
        world.clock.advance(idle_seconds)
        if closes:
            assert not close(world).failed
        counted += usd * reported(world, rule, seconds_ago, usd)

    books = assert_books_balance(world.table, now_ms=world.clock.now_ms())
    assert sum(books.spent_by_ledger.values()) == counted * ONE


def reported(world: World, rule: PeriodRule, seconds_ago: int, usd: int) -> bool:
    """Record spend of the past, and check what it did to the table; whether it was counted."""
    before, now_ms = read_books(world.table), world.clock.now_ms()
    at_ms = now_ms - seconds_ago * 1000
    (share,) = json.loads(world.record(usd, occurred_at_ms=at_ms))["budgets"]
    after = read_books(world.table)

    opened = after.counters.keys() - before.counters.keys()
    for _, sort_key in opened:
        ends_at = period_of(sort_key.removeprefix(keys.PERIOD_PREFIX)).ends_at
        assert ends_at is None or ends_at * 1000 > now_ms, "a report of the past opened a period"
    assert share["counted"] or not opened
    assert not seconds_ago or carried(after, opened) == carried(before, opened)
    if share["counted"]:
        assert_is_in(share["period_key"], rule, at_ms, now_ms)
    elif isinstance(rule, CalendarPeriod):
        key = period_in_force(rule, now_ms=at_ms).key
        assert all(sort_key != keys.PERIOD_PREFIX + key for _, sort_key in after.counters)
    return bool(share["counted"])


def carried(books: Books, opened: set[keys.Key]) -> dict[keys.Key, tuple[int, int]]:
    """What came into each period and left it, but for those that were opened just now."""
    return {
        key: (counter.carried_in, counter.carried_out)
        for key, counter in books.counters.items()
        if key not in opened
    }


def assert_is_in(period_key: str, rule: PeriodRule, at_ms: int, now_ms: int) -> None:
    """The period has the moment; a window may have begun just after it."""
    if isinstance(rule, CalendarPeriod):
        assert period_key == period_in_force(rule, now_ms=at_ms).key
    elif isinstance(rule, RollingPeriod):
        assert now_ms - at_ms < rule.seconds * 1000 + JUST_NOW_MS_MAX
    elif isinstance(rule, DurationPeriod):
        period = period_of(period_key)
        assert period.starts_at is not None and period.ends_at is not None
        has_it = period.starts_at * 1000 <= at_ms < period.ends_at * 1000
        assert has_it or (now_ms - at_ms <= JUST_NOW_MS_MAX and period.ends_at * 1000 > now_ms)
