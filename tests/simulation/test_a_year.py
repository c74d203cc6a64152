"""A simulated year: at its end every statement equals its ledger, and nothing was lost on the way.

Nothing is removed by TTL here, so that a settlement may be late by two years; in AWS a
reservation is remembered for a day after its hold has expired.
`SPENDGATE_SEED` repeats a run; the seed of each is printed.
"""

import os
import random
import secrets

from spendgate_service.domain.budgets import Budget
from spendgate_service.domain.calendar import CalendarPeriod
from spendgate_service.domain.periods import DurationPeriod, period_in_force, period_of
from spendgate_service.domain.statements import carries_over, may_close
from spendgate_service.periods.run import close_due_periods
from spendgate_service.store import keys
from tests.simulation.year import DAY, Year
from tests.support.any_engine import NewTable
from tests.support.ledger_invariants import Books, assert_books_balance
from tests.support.world import World

STEPS = int(os.environ.get("SPENDGATE_YEAR_STEPS", "250"))


def test_a_year_of_forty_budgets(new_table: NewTable) -> None:
    world = World(new_table())
    seed = int(os.environ.get("SPENDGATE_SEED") or secrets.randbelow(10**9))
    print(f"SPENDGATE_SEED={seed} SPENDGATE_YEAR_STEPS={STEPS}")
    year = Year(world, random.Random(seed))

    year.run(STEPS)
    world.clock.advance(10 * DAY)  # every hold has expired
    now_ms = world.clock.now_ms()
    assert not close_due_periods(world.table, now_ms=now_ms, has_time=lambda: True).failed

    print(dict(year.happened))
    books = assert_books_balance(world.table, now_ms=now_ms)
    assert not [key for key, end in books.due.items() if may_close(ends_at=end, now_ms=now_ms)]
    budgets = {budget.budget_id: budget for budget in year.budgets}
    for key in books.counters:
        budget = budgets[keys.read_counter_partition(key[0])[1]]
        assert_the_statement_equals_the_ledger(books, key, now_ms)
        assert_what_left_has_arrived(books, key, budget)
    assert {"granted", "refused", "settled", "runs killed"} <= year.happened.keys()


def assert_the_statement_equals_the_ledger(books: Books, key: keys.Key, now_ms: int) -> None:
    period = period_of(key[1].removeprefix(keys.PERIOD_PREFIX))
    if period.ends_at is None or not may_close(ends_at=period.ends_at, now_ms=now_ms):
        assert key not in books.statements
        return
    statement, counter = books.statements[key][-1], books.counters[key]
    assert statement.is_final
    assert statement.spent == books.spent_by_ledger[key]
    assert statement.credits == books.credited_by_ledger[key]
    assert statement.carried_in - statement.carried_out == books.carried_by_ledger[key]
    assert (statement.limit, statement.carried_in) == (counter.limit, counter.carried_in)


def assert_what_left_has_arrived(books: Books, key: keys.Key, budget: Budget) -> None:
    """What a period left is in the next one to the last digit, or waits for it."""
    partition, sort_key = key
    if key not in books.statements:
        assert books.counters[key].carried_out == 0
        return
    statement = books.statements[key][-1]
    assert statement.carried_out == carries_over(budget.carry_over, statement.unused)
    rule, period = budget.period, statement.period
    assert period.ends_at is not None
    if isinstance(rule, CalendarPeriod):
        following = period_in_force(rule, now_ms=period.ends_at * 1000).key
        after = books.counters.get((partition, keys.PERIOD_PREFIX + following))
        assert statement.carried_out == (after.carried_in if after else 0)
        assert after or not (budget.carry_over and budget.carry_over.unused)
    else:
        assert isinstance(rule, DurationPeriod)
        later = sorted(key for key in books.counters if key[0] == partition and key[1] > sort_key)
        arrived = books.counters[later[0]].carried_in if later else books.waiting[partition]
        assert statement.carried_out == arrived
