"""A budget remembers which limit was in force when a period ended."""

from dataclasses import replace

from spendgate_service.domain.budgets import LIMITS_REMEMBERED_MAX, Budget
from spendgate_service.domain.calendar import CalendarPeriod
from spendgate_service.domain.periods import BALANCE, DurationPeriod, Period
from spendgate_service.domain.subjects import Subject
from tests.support.clock import NOON_MS

NOW = NOON_MS // 1000
HOUR = 3600
HOURLY = CalendarPeriod("hour")
AGENT = Subject("agent", "a")


def budget(limit: int, *, created_at_ms: int = NOON_MS) -> Budget:
    return Budget("bud_1", AGENT, "usd", limit, HOURLY, created_at_ms, created_at_ms)


def ended(at: int) -> Period:
    return Period("p", at - HOUR, at)


def changed(before: Budget, limit: int, *, at: float, forgotten_ms: int = 0) -> Budget:
    """The budget with another limit from so many hours after noon."""
    after = replace(before, limit=limit)
    now_ms = NOON_MS + int(at * HOUR * 1000)
    return after.remembering_limit_of(before, now_ms=now_ms, forgotten_ms=forgotten_ms)


def test_the_limit_of_a_period_is_the_one_that_was_in_force_when_it_ended() -> None:
    first = budget(1000, created_at_ms=NOON_MS - 1)
    third = changed(changed(first, 2, at=0.5), 3, at=1.01)

    assert [third.limit_in(ended(NOW + hours * HOUR)) for hours in (0, 1, 2)] == [1000, 2, 3]
    assert third.limit_in(BALANCE) == 3


def test_a_limit_that_changes_at_the_end_of_a_period_belongs_to_the_next_one() -> None:
    after = changed(budget(1000), 2, at=1)

    assert after.limit_in(ended(NOW + HOUR)) == 1000
    assert after.limit_in(ended(NOW + 2 * HOUR)) == 2


def test_a_limit_under_which_no_period_ended_is_not_remembered() -> None:
    after = changed(budget(1000), 2, at=0.5)

    assert after.past_limits == ()
    assert after.limit_in(ended(NOW + HOUR)) == 2


def test_a_duration_ends_at_any_moment_so_that_each_limit_is_remembered() -> None:
    after = changed(replace(budget(1000), period=DurationPeriod(60)), 2, at=0.5)

    assert after.limit_in(ended(NOW + 60)) == 1000


def test_of_past_limits_the_last_are_kept_and_those_of_periods_that_are_gone_are_not() -> None:
    after = budget(1000)
    hours = LIMITS_REMEMBERED_MAX + 5
    for hour in range(1, hours + 1):
        after = changed(after, hour, at=hour)
    kept = changed(after, 7, at=hours + 1, forgotten_ms=NOON_MS + hours * HOUR * 1000)

    assert len(after.past_limits) == LIMITS_REMEMBERED_MAX
    assert [past.limit for past in kept.past_limits] == [hours - 1, hours]
