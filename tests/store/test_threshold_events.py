"""What a balance has reached is put into the outbox, once per period."""

from dataclasses import replace

import pytest

from spendgate_service.budgets.change import change_budget
from spendgate_service.domain.amounts import ONE
from spendgate_service.domain.budgets import CarryOver
from spendgate_service.domain.calendar import CalendarPeriod
from spendgate_service.domain.errors import BudgetExceeded, BudgetPaused
from spendgate_service.domain.periods import DurationPeriod, RollingPeriod
from spendgate_service.domain.statements import CLOSING_GRACE_SECONDS
from spendgate_service.store.policy_cache import PRESENT_SECONDS_MAX
from tests.support.outbox import detail_of, outbox, told
from tests.support.rollover import close
from tests.support.world import AGENT, TENANT, World, record, settle

HOUR = 3600


def test_a_threshold_is_announced_by_the_settlement_that_reaches_it(world: World) -> None:
    budget = world.budget(10, period=CalendarPeriod("month"))
    first, second = world.reserve(7), world.reserve(1)
    world.settle(first, 7)
    assert told(world.table) == []

    world.settle(second, 1)

    (event,) = outbox(world.table)
    detail = detail_of(event)
    assert event.event_type == "budget.threshold_reached"
    assert detail["threshold"] == {"type": "percentage", "pct": 80, "amount": None}
    assert (detail["budget_id"], detail["subject"]) == (budget.budget_id, AGENT)
    assert (detail["balance"]["spent"], detail["balance"]["utilization_pct"]) == ("8", 80.0)
    assert event.occurred_at_ms == world.clock.now_ms()


def test_each_threshold_is_announced_by_itself(world: World) -> None:
    world.change(world.budget(10), warn_at_pct=(50, 80, 100))

    world.record(5)
    assert told(world.table) == ["threshold_reached-50pct"]

    world.record(5)
    assert told(world.table) == [
        "exhausted",
        *(f"threshold_reached-{pct}pct" for pct in (100, 50, 80)),
    ]


def test_a_threshold_is_announced_once_in_a_period_and_again_in_the_next(world: World) -> None:
    world.budget(10, period=CalendarPeriod("hour"))
    for _ in range(3):
        world.record(8)
    assert len([event for event in told(world.table) if event == "threshold_reached-80pct"]) == 1

    world.clock.advance(HOUR)
    world.record(8)

    assert len([event for event in told(world.table) if event == "threshold_reached-80pct"]) == 2


def test_nothing_left_is_announced_by_the_spend_that_takes_the_rest(world: World) -> None:
    world.budget(10, period=CalendarPeriod("month"))
    held = world.reserve(10)
    assert told(world.table) == []

    world.settle(held, 10)

    event = outbox(world.table)[0]
    assert event.event_type == "budget.exhausted"
    assert detail_of(event)["balance"]["spent"] == "10"


def test_a_soft_limit_is_a_threshold_of_its_own_and_a_pause_where_it_pauses(world: World) -> None:
    budget = world.budget(10)
    world.change(budget, soft_limit=6 * ONE, warn_at_pct=())

    world.record(6)
    assert told(world.table) == ["threshold_reached-6"]

    world.change(budget, on_soft_limit="pause")
    world.record(1)

    assert told(world.table) == ["paused-6", "threshold_reached-6"]
    paused, threshold = outbox(world.table)
    assert detail_of(paused)["by"] == "soft_limit"
    assert detail_of(threshold)["threshold"] == {"type": "soft_limit", "pct": None, "amount": "6"}


def test_a_late_settlement_announces_in_the_period_that_it_belongs_to(world: World) -> None:
    world.budget(10, period=CalendarPeriod("hour"))
    reservation = world.reserve(9)
    world.clock.advance(2 * HOUR)

    world.settle(reservation, 9)

    (event,) = outbox(world.table)
    assert detail_of(event)["balance"]["period"]["key"] in event.key[1]
    assert event.expires_at is not None and event.expires_at * 1000 > world.clock.now_ms()


def test_each_subject_of_a_default_has_its_own_events(world: World) -> None:
    world.budget(10, on="agent:*", period=DurationPeriod(HOUR))

    world.record(8, by=("agent:one",))
    world.record(8, by=("agent:two",))

    assert [detail_of(event)["subject"] for event in outbox(world.table)] == [
        "agent:one",
        "agent:two",
    ]


def test_a_rolling_window_announces_once_in_each_stretch_of_its_length(world: World) -> None:
    world.budget(10, period=RollingPeriod(HOUR))
    world.record(8)
    world.record(1)
    assert told(world.table) == ["threshold_reached-80pct"]

    world.clock.advance(3 * HOUR)
    world.record(8)

    assert told(world.table) == ["threshold_reached-80pct"] * 2


def test_what_never_ends_is_announced_for_good(world: World) -> None:
    world.budget(10)
    other = world.on(world.table)

    world.record(8)
    other.record(1)

    (event,) = outbox(world.table)
    assert event.expires_at is None


def test_a_whole_batch_is_announced_by_its_sums(world: World) -> None:
    world.budget(10)
    world.budget(100, on="organization:acme")
    reservations = [world.reserve(2, by=("organization:acme", AGENT)) for _ in range(5)]

    world.settlements.apply([settle(reservation, 2) for reservation in reservations])

    assert told(world.table) == ["exhausted", "threshold_reached-80pct"]
    assert {detail_of(event)["subject"] for event in outbox(world.table)} == {AGENT}


def test_a_release_and_a_refusal_announce_nothing(world: World) -> None:
    world.budget(10)
    reservation = world.reserve(9)

    with pytest.raises(BudgetExceeded):
        world.reserve(2)
    world.release(reservation)

    assert told(world.table) == []


def test_a_refusal_announces_what_was_missed(world: World) -> None:
    """Where everything is refused, no grant and no settlement comes that could make up for it."""
    budget = world.budget(10)
    world.change(budget, soft_limit=5 * ONE, on_soft_limit="pause", warn_at_pct=())
    reservation = world.reserve(5)
    silent = World(world.table, world.clock, world.pool)
    silent.app.threshold_events = None  # type: ignore[assignment]
    silent.settle(reservation, 5)
    assert told(world.table) == []

    with pytest.raises(BudgetPaused):
        world.reserve(1)

    assert told(world.table) == ["paused-5", "threshold_reached-5"]


def test_a_change_that_was_not_read_yet_keeps_nothing_from_being_announced(world: World) -> None:
    budget = world.budget(10)
    reservation = world.reserve(9)
    change_budget(
        world.table, TENANT, budget.budget_id,
        lambda current: replace(current, name="renamed"), now_ms=world.clock.now_ms(),
    )  # fmt: skip

    world.settle(reservation, 9)

    assert told(world.table) == ["threshold_reached-80pct"]


def test_a_period_that_has_carried_on_what_it_left_is_not_exhausted(world: World) -> None:
    world.budget(100, period=CalendarPeriod("hour"), carry_over=CarryOver(unused=True))
    reservation = world.reserve(10, ttl_seconds=3 * HOUR)
    world.clock.advance(HOUR + CLOSING_GRACE_SECONDS)
    close(world)

    world.settle(reservation, 10)

    assert told(world.table) == []


def test_a_period_that_is_over_is_not_paused_any_more(world: World) -> None:
    budget = world.budget(10, period=CalendarPeriod("hour"))
    world.change(budget, soft_limit=5 * ONE, on_soft_limit="pause", warn_at_pct=())
    reservation = world.reserve(6)
    world.clock.advance(HOUR)

    world.settle(reservation, 6)

    assert told(world.table) == ["threshold_reached-5"]


def test_a_replay_announces_nothing_anew(world: World) -> None:
    world.budget(10)
    other = world.on(world.table)
    world.record(9, key="k")

    other.record(9, key="k")
    other.ask(1, key="r")
    other.ask(1, key="r")

    assert told(world.table) == ["threshold_reached-80pct"]


def test_a_budget_that_is_gone_or_disabled_announces_nothing(world: World) -> None:
    gone, disabled = world.budget(10), world.budget(10, unit="tokens")
    reservation = world.reserve(5, tokens=5)
    world.change(disabled, disabled=True)
    world.delete(gone)
    world.clock.advance(PRESENT_SECONDS_MAX + 1)

    world.settle(reservation, 10, tokens=10)

    assert told(world.table) == []


def test_a_counter_of_another_kind_of_period_than_the_budget_has_now_is_left_alone(
    world: World,
) -> None:
    budget = world.budget(10, period=CalendarPeriod("day"))
    reservation = world.reserve(9)
    world.change(budget, period=CalendarPeriod("hour"))

    world.settle(reservation, 9)

    assert told(world.table) == []


def test_a_changed_default_is_announced_as_the_policy_has_it(world: World) -> None:
    budget = world.budget(10, on="agent:*")
    world.record(6)
    world.set_limit(budget, 7)
    world.clock.advance(PRESENT_SECONDS_MAX + 1)

    world.settlements.apply([record(0, key="any")])

    (event,) = outbox(world.table)
    assert detail_of(event)["balance"]["limit"] == "7"
