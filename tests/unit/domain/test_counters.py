"""Counters and balances: what can be granted, and what people see of it."""

from dataclasses import replace

import pytest

from spendgate_service.domain.amounts import ONE
from spendgate_service.domain.balances import Balance
from spendgate_service.domain.budgets import Budget
from spendgate_service.domain.calendar import CalendarPeriod
from spendgate_service.domain.clocks import CLOCKS_DIFFER_MS_MAX, CLOCKS_DIFFER_SECONDS_MAX
from spendgate_service.domain.counters import Counter, new_counter
from spendgate_service.domain.decisions import check_result_of
from spendgate_service.domain.errors import BudgetExceeded
from spendgate_service.domain.periods import (
    BALANCE,
    NoPeriod,
    Period,
    RollingPeriod,
    period_in_force,
)
from spendgate_service.domain.subjects import Subject
from tests.support.clock import NOON_MS

NOW = NOON_MS // 1000
AGENT = Subject("agent", "a")


def counter(limit: int, spent: int = 0, **holds: int) -> Counter:
    """Holds are named by the seconds from now at which they expire: `in_5`, `ago_5`."""
    buckets = {
        NOW + int(name[3:]) if name.startswith("in_") else NOW - int(name[4:]): amount
        for name, amount in holds.items()
    }
    return Counter(limit, spent, limit - spent - sum(buckets.values()), version=1, holds=buckets)


def budget(limit: int = 100, *, warn_at_pct: tuple[int, ...] = (80,)) -> Budget:
    return Budget("bud_1", AGENT, "usd", limit, NoPeriod(), 0, 0, warn_at_pct=warn_at_pct)


def balance(of: Counter, period: Period = BALANCE, **arguments: tuple[int, ...]) -> Balance:
    return Balance(budget(of.limit, **arguments), AGENT, period, of, NOON_MS)


def test_a_new_counter_has_its_whole_limit_available() -> None:
    assert new_counter(budget(100), version=7) == Counter(100, 0, 100, 7)


def test_a_hold_in_force_is_not_available_and_an_expired_one_is() -> None:
    one = counter(100, 10, in_5=20, ago_5=30)

    assert one.held(now_ms=NOON_MS) == 20
    assert one.available_at(now_ms=NOON_MS) == 70
    assert one.reclaimable_holds(now_ms=NOON_MS) == {NOW - 5: 30}


def test_a_hold_is_shown_as_expired_at_its_bucket_to_the_millisecond() -> None:
    one = counter(100, in_5=100)

    assert one.held(now_ms=NOON_MS + 4_999) == 100
    assert one.held(now_ms=NOON_MS + 5_000) == 0
    assert one.available_at(now_ms=NOON_MS + 5_000) == 100


def test_a_hold_is_granted_to_others_when_it_has_expired_on_every_clock() -> None:
    one = counter(100, in_5=100)

    assert not one.can_grant(1, now_ms=NOON_MS + 5_000 + CLOCKS_DIFFER_MS_MAX - 1)
    assert one.can_grant(100, now_ms=NOON_MS + 5_000 + CLOCKS_DIFFER_MS_MAX)


def test_an_amount_is_granted_up_to_what_is_available_and_not_a_billionth_more() -> None:
    assert counter(100, 40).can_grant(60, now_ms=NOON_MS)
    assert not counter(100, 40).can_grant(61, now_ms=NOON_MS)


def test_below_zero_nothing_is_granted_but_a_request_for_nothing() -> None:
    assert counter(100, 101).can_grant(0, now_ms=NOON_MS)
    assert not counter(100, 101).is_spent_for(0, now_ms=NOON_MS)
    assert not counter(100, 101).can_grant(1, now_ms=NOON_MS)
    assert not counter(100, 100).can_grant(1, now_ms=NOON_MS)


def test_a_grant_reclaims_expired_holds_and_keeps_the_others() -> None:
    after = counter(100, 10, in_5=20, ago_5=30, ago_1=5).hold(60, bucket=NOW + 9, now_ms=NOON_MS)

    assert after.holds == {NOW + 5: 20, NOW + 9: 60}
    assert after.available == 10


def test_grants_of_one_expiry_share_a_bucket() -> None:
    after = counter(100, in_5=20).hold(30, bucket=NOW + 5, now_ms=NOON_MS)

    assert after.holds == {NOW + 5: 50}


def test_a_newer_policy_moves_what_is_available_by_the_difference() -> None:
    after = counter(100, 40, in_5=20).with_limit(70, version=2)

    assert (after.limit, after.available, after.version) == (70, 10, 2)
    assert after.spent == 40


def test_a_limit_below_what_is_spent_shows_as_an_overrun() -> None:
    assert counter(100, 40).with_limit(30, version=2).overrun(now_ms=0) == 10
    assert counter(100, 100).overrun(now_ms=0) == 0


def test_credits_belong_to_the_entitlement_and_not_to_the_limit() -> None:
    credited = Counter(limit=100, spent=120, available=30, version=1)

    assert credited.entitlement == 150
    assert credited.overrun(now_ms=0) == 0


@pytest.mark.parametrize(
    ("spent", "status"),
    [(0, "active"), (79, "active"), (80, "warning"), (99, "warning"), (100, "exhausted"),
     (130, "exhausted")],
)  # fmt: skip
def test_a_balance_warns_from_its_threshold_on_and_is_exhausted_at_its_limit(
    spent: int, status: str
) -> None:
    assert balance(counter(100, spent)).status == status


def test_the_lowest_threshold_warns_and_without_thresholds_nothing_does() -> None:
    assert balance(counter(100, 50), warn_at_pct=(90, 50)).is_warning
    assert not balance(counter(100, 99), warn_at_pct=()).is_warning


def test_a_budget_that_is_fully_held_is_exhausted_until_the_hold_expires() -> None:
    assert balance(counter(100, in_5=100)).status == "exhausted"
    assert balance(counter(100, ago_5=100)).status == "active"


def test_a_violation_tells_what_people_need_to_know() -> None:
    period = period_in_force(CalendarPeriod("hour"), now_ms=NOON_MS)
    seen = counter(10 * ONE, 4 * ONE, in_5=ONE, ago_5=2 * ONE)

    violation = balance(seen, period).violation(9 * ONE)

    assert (violation.held, violation.available, violation.requested) == (ONE, 5 * ONE, 9 * ONE)
    assert violation.retry_after_seconds == 3600
    assert violation.blocked_by == "spent"
    assert str(violation) == (
        "agent:a usd balance budget bud_1 has 5 of 10 left and 9 was asked for"
    )


def test_an_outlook_names_every_refusal_in_the_order_of_the_balances() -> None:
    full, fine, short = (balance(counter(10, spent)) for spent in (10, 0, 8))

    outlook = check_result_of([(full, 5), (fine, 5), (short, 5)])

    assert isinstance(outlook.refusal, BudgetExceeded)
    assert [violation.spent for violation in outlook.refusal.violations] == [10, 8]
    assert check_result_of([(fine, 10)]).refusal is None


def test_the_seconds_to_a_reset_are_rounded_up_and_never_none_at_all() -> None:
    period = Period("hour", NOW - 3600, NOW)
    rule = CalendarPeriod("hour")
    hourly = replace(budget(), period=rule)

    def left(before_ms: int) -> int | None:
        at = NOW * 1000 - before_ms
        return Balance(hourly, AGENT, period, counter(100), at).resets_in_seconds

    assert [left(3_600_000), left(1_001), left(1_000), left(1), left(0)] == [3600, 2, 1, 1, 1]
    assert balance(counter(100)).resets_in_seconds is None


def rolling(limit: int, **slices: int) -> Counter:
    """Slices are named by the seconds from now at which they leave the window."""
    one = counter(limit, sum(slices.values()), **slices)
    return replace(one, holds={}, slices=one.holds, available=limit - one.spent)


def test_a_slice_that_has_left_the_window_is_available_again_and_no_longer_spent() -> None:
    one = rolling(100, in_5=20, ago_5=30)

    assert one.spent_at(now_ms=NOON_MS) == 20
    assert one.available_at(now_ms=NOON_MS) == 80


def test_a_refusal_by_a_rolling_window_says_when_enough_comes_back() -> None:
    budgets = replace(budget(), period=RollingPeriod(3600))
    one = Balance(budgets, AGENT, BALANCE, rolling(100, in_5=20, in_9=30, in_60=50), NOON_MS)

    assert one.retry_after_seconds(20) == 5 + CLOCKS_DIFFER_SECONDS_MAX
    assert one.retry_after_seconds(50) == 9 + CLOCKS_DIFFER_SECONDS_MAX
    assert one.retry_after_seconds(51) == 60 + CLOCKS_DIFFER_SECONDS_MAX
    assert one.retry_after_seconds(101) == 3600


def test_a_soft_limit_warns_or_pauses_by_what_is_spent_and_not_by_what_is_held() -> None:
    warns = replace(budget(), soft_limit=50)
    pauses = replace(warns, on_soft_limit="pause")

    def status(of: Budget, spent: int) -> str:
        return Balance(of, AGENT, BALANCE, counter(100, spent, in_5=20), NOON_MS).status

    assert [status(warns, 49), status(warns, 50)] == ["active", "warning"]
    assert [status(pauses, 49), status(pauses, 50)] == ["active", "paused"]


def test_a_resumed_budget_is_not_paused_again_before_its_period_ends() -> None:
    soft = replace(budget(), soft_limit=50, on_soft_limit="pause", period=CalendarPeriod("hour"))
    resumed = replace(soft, resumed_at_ms=NOON_MS)
    now, later = Period("a", NOW - 60, NOW + 60), Period("b", NOW + 60, NOW + 120)

    assert soft.pauses_at(now) == 50
    assert resumed.pauses_at(now) is None
    assert resumed.pauses_at(later) == 50


@pytest.mark.parametrize(
    ("asked", "is_spent"),
    [(10, False), (30, False), (31, True)],
)
def test_a_budget_is_spent_for_an_amount_that_not_even_its_holds_would_make_up_for(
    asked: int, is_spent: bool
) -> None:
    one = counter(100, 70, in_5=20)

    assert one.is_spent_for(asked, now_ms=NOON_MS) is is_spent


def test_a_slice_that_has_left_the_window_is_not_spent() -> None:
    one = Counter(100, 100, 0, version=1, slices={NOW - 1: 40, NOW: 60})

    assert not one.is_spent_for(40, now_ms=NOON_MS)
    assert one.is_spent_for(41, now_ms=NOON_MS)
