"""Reserving: all or none, once per idempotency key, never past a limit."""

import pytest

from spendgate_service.domain.amounts import ONE
from spendgate_service.domain.calendar import CalendarPeriod
from spendgate_service.domain.clocks import CLOCKS_DIFFER_MS_MAX
from spendgate_service.domain.errors import (
    BudgetExceeded,
    IdempotencyConflict,
    InvalidValue,
    ReservationExpired,
    ReservationFinalized,
)
from spendgate_service.domain.hold_buckets import DEAD_BUCKETS_MAX
from spendgate_service.domain.requests import CLAIMS_MAX
from tests.support.ledger_invariants import read_books
from tests.support.world import AGENT, ORGANIZATION, World, id_in, many_subjects


def test_a_granted_amount_is_held_and_no_longer_available(world: World) -> None:
    budget = world.budget(10)

    world.reserve(4)

    assert world.spent_and_held(budget) == (0, 4)
    assert world.counter(budget).available == 6 * ONE


def test_a_reservation_is_found_as_it_was_granted(world: World) -> None:
    budget = world.budget(10)

    found = world.find(world.reserve(4, ttl_seconds=60))

    assert found.state == "held"
    assert found.amounts == {"usd": 4 * ONE}
    assert [line.budget_id for line in found.lines] == [budget.budget_id]
    assert found.expires_at_ms == world.clock.now_ms() + 60_000


def test_the_whole_limit_can_be_reserved_and_nothing_more(world: World) -> None:
    budget = world.budget(10)
    world.reserve(10)

    with pytest.raises(BudgetExceeded):
        world.reserve(1)

    assert world.spent_and_held(budget) == (0, 10)


def test_an_amount_above_the_limit_is_refused_by_a_budget_that_nobody_has_used(
    world: World,
) -> None:
    world.budget(10, on="agent:*")

    with pytest.raises(BudgetExceeded) as refused:
        world.reserve(11)

    assert refused.value.violations[0].available == 10 * ONE
    assert read_books(world.table).counters == {}


def test_if_one_budget_refuses_the_others_hold_nothing(world: World) -> None:
    large, small = world.budget(100, on=ORGANIZATION), world.budget(1)

    with pytest.raises(BudgetExceeded):
        world.reserve(2, by=(ORGANIZATION, AGENT))

    assert world.spent_and_held(large) == (0, 0)
    assert world.spent_and_held(small) == (0, 0)
    assert read_books(world.table).reservations == []


def test_every_violation_is_reported_in_the_order_of_refusal(world: World) -> None:
    subjects = ("zebra:z", "tool:t", "apple:a", AGENT, "user:u", ORGANIZATION)
    for subject in subjects:
        world.budget(1, on=subject)

    with pytest.raises(BudgetExceeded) as refused:
        world.reserve(2, by=subjects)

    assert [violation.scope for violation in refused.value.violations] == [
        "organization", "user", "agent", "tool", "apple", "zebra",
    ]  # fmt: skip


def test_a_refusal_says_what_was_spent_held_and_asked(world: World) -> None:
    budget = world.budget(10)
    world.record(3)
    world.reserve(5)

    with pytest.raises(BudgetExceeded) as refused:
        world.reserve(4)

    violation = refused.value.violations[0]
    assert violation.budget_id == budget.budget_id
    assert (violation.limit, violation.spent, violation.held) == (10 * ONE, 3 * ONE, 5 * ONE)
    assert (violation.available, violation.requested) == (2 * ONE, 4 * ONE)
    assert (violation.blocked_by, violation.retry_after_seconds) == ("held", 5)


def test_a_refusal_by_a_period_tells_the_seconds_until_it_ends(world: World) -> None:
    world.budget(1, period=CalendarPeriod("hour"))
    world.clock.advance(3600 - 90)

    with pytest.raises(BudgetExceeded) as refused:
        world.reserve(2)

    assert refused.value.retry_after_seconds == 90


def test_a_replay_gets_the_first_answer_byte_for_byte_and_holds_nothing_more(
    world: World,
) -> None:
    budget = world.budget(10)
    first = world.ask(4, key="k")
    world.clock.advance(7)

    again = world.ask(4, key="k")

    assert again.answer == first.answer
    assert (first.replayed, again.replayed) == (False, True)
    assert world.spent_and_held(budget) == (0, 4)


def test_a_replay_gets_the_first_answer_also_where_nothing_is_left_to_grant(world: World) -> None:
    world.budget(4)
    first = world.ask(4, key="k")

    assert world.ask(4, key="k").answer == first.answer


def test_a_replay_of_a_settled_reservation_is_refused_and_holds_nothing(world: World) -> None:
    budget = world.budget(10)
    first = world.ask(4, key="k")
    world.settle(id_in(first), 3)

    with pytest.raises(ReservationFinalized, match="was settled"):
        world.ask(4, key="k")
    assert world.spent_and_held(budget) == (3, 0)


def test_a_replay_of_an_expired_reservation_is_refused_and_holds_nothing(world: World) -> None:
    budget = world.budget(10)
    world.ask(4, key="k", ttl_seconds=10)
    world.clock.advance(10)

    with pytest.raises(ReservationExpired) as refused:
        world.ask(4, key="k", ttl_seconds=10)
    assert refused.value.reservation.state == "held"
    assert world.spent_and_held(budget) == (0, 0)


def test_an_amount_of_0_is_granted_also_below_an_overrun_and_at_a_limit_of_0(world: World) -> None:
    empty, overrun = world.budget(0, on="user:u"), world.budget(1)
    world.record(5)

    assert world.reserve(0, by=("user:u", AGENT))
    assert world.spent_and_held(overrun) == (5, 0)
    assert world.spent_and_held(empty, "user:u") == (0, 0)
    with pytest.raises(BudgetExceeded) as refused:
        world.reserve(1, by=("user:u", AGENT))
    assert [violation.budget_id for violation in refused.value.violations] == [
        empty.budget_id, overrun.budget_id,
    ]  # fmt: skip


def test_the_same_key_with_another_request_is_a_conflict_and_holds_nothing(world: World) -> None:
    budget = world.budget(10)
    world.ask(4, key="k")

    with pytest.raises(IdempotencyConflict):
        world.ask(5, key="k")

    assert world.spent_and_held(budget) == (0, 4)


def test_the_same_key_with_another_request_that_is_refused_is_still_a_conflict(
    world: World,
) -> None:
    world.budget(10)
    world.ask(4, key="k")

    with pytest.raises(IdempotencyConflict):
        world.ask(400, key="k")


def test_a_refused_request_can_be_granted_later_under_the_same_key(world: World) -> None:
    budget = world.budget(4)
    blocking = world.reserve(4)
    with pytest.raises(BudgetExceeded):
        world.ask(2, key="k")
    world.release(blocking)

    assert not world.ask(2, key="k").replayed
    assert world.spent_and_held(budget) == (0, 2)


def test_a_hold_that_expired_comes_back_with_the_write_that_needs_it(world: World) -> None:
    budget = world.budget(10)
    world.reserve(10, ttl_seconds=1)
    world.clock.advance(2)

    world.reserve(9)

    assert world.spent_and_held(budget) == (0, 9)
    assert len(world.counter(budget).holds) == 1


def test_a_hold_blocks_until_it_has_expired_on_every_clock(world: World) -> None:
    world.budget(10)
    bucket = world.find(world.reserve(10, ttl_seconds=300)).bucket
    world.clock.at_ms = bucket * 1000 + CLOCKS_DIFFER_MS_MAX - 1
    with pytest.raises(BudgetExceeded):
        world.reserve(1)
    world.clock.at_ms += 1

    world.reserve(10)


def test_several_expired_holds_come_back_together(world: World) -> None:
    budget = world.budget(10)
    for _ in range(5):
        world.reserve(2, ttl_seconds=1)
        world.clock.advance(0.3)
    world.clock.advance(3)

    world.reserve(10)

    assert world.spent_and_held(budget) == (0, 10)


def test_many_dead_buckets_are_swept_though_nothing_needs_them(world: World) -> None:
    budget = world.budget(1000)
    for _ in range(DEAD_BUCKETS_MAX):
        world.reserve(1, ttl_seconds=1)
        world.clock.advance(1)
    assert len(world.counter(budget).holds) == DEAD_BUCKETS_MAX
    world.clock.advance(1)

    world.reserve(1)

    assert len(world.counter(budget).holds) == 1
    assert world.counter(budget).available == 999 * ONE


def test_a_new_period_starts_with_the_whole_limit(world: World) -> None:
    budget = world.budget(10, period=CalendarPeriod("hour"))
    world.reserve(10)
    world.clock.advance(3600)

    world.reserve(10)

    assert world.spent_and_held(budget) == (0, 10)
    assert len(read_books(world.table).counters) == 2


def test_every_subject_has_its_own_counter_under_a_default(world: World) -> None:
    budget = world.budget(10, on="agent:*")

    world.reserve(10, by=("agent:a",))
    world.reserve(7, by=("agent:b",))

    assert world.spent_and_held(budget, "agent:a") == (0, 10)
    assert world.spent_and_held(budget, "agent:b") == (0, 7)


def test_a_budget_in_a_unit_that_is_not_asked_for_holds_nothing(world: World) -> None:
    usd, tokens = world.budget(10), world.budget(1, unit="tokens")

    world.reserve(5)

    assert world.spent_and_held(usd) == (0, 5)
    assert world.spent_and_held(tokens) == (0, 0)


def test_a_request_that_no_budget_limits_is_granted(world: World) -> None:
    assert world.find(world.reserve(5)).lines == ()


def test_an_amount_of_27_digits_is_held_exactly(world: World) -> None:
    limit = 10**18 - 1
    budget = world.budget(limit)
    world.ask_exactly({"usd": limit * ONE - 1})

    assert world.counter(budget).available == 1


def test_more_budgets_than_a_settlement_can_write_are_refused_before_anything_is_held(
    world: World,
) -> None:
    subjects = many_subjects(3)
    for subject in subjects:
        for unit in range(CLAIMS_MAX // 3 + 1):
            world.budget(1, on=subject, unit=f"unit{unit}")

    with pytest.raises(InvalidValue, match="at most 24"):
        world.ask_exactly({f"unit{unit}": ONE for unit in range(20)}, by=subjects)

    assert all(not counter.holds for counter in read_books(world.table).counters.values())
