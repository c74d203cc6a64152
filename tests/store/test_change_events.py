"""What admins do to a budget, and what is announced of it then."""

from dataclasses import replace
from typing import Any

import pytest

from spendgate_service.budgets.change import ChangeEvent, change_budget
from spendgate_service.budgets.credit import Credit, apply_credit
from spendgate_service.domain.amounts import ONE
from spendgate_service.domain.budgets import Budget
from spendgate_service.domain.calendar import CalendarPeriod
from spendgate_service.domain.errors import BudgetPaused
from spendgate_service.domain.reservations import Provenance
from spendgate_service.store.outbox import event_id
from tests.support.outbox import detail_of, outbox, told
from tests.support.world import AGENT, TENANT, World

LAST_UNIT = ["exhausted", "threshold_reached-80pct"]


def top_up(world: World, budget: Budget, amount: int) -> None:
    credit = Credit(budget.budget_id, None, amount * ONE, Provenance())
    apply_credit(world.table, TENANT, credit, idempotency=None, now_ms=world.clock.now_ms())


def test_a_balance_that_was_topped_up_announces_anew_what_it_reaches_anew(world: World) -> None:
    wallet = world.budget(10)
    world.record(10)
    top_up(world, wallet, 10)
    world.record(5)
    assert told(world.table) == LAST_UNIT

    world.record(5)

    assert told(world.table) == sorted(2 * LAST_UNIT)
    assert len({event_id(event.key) for event in outbox(world.table)}) == 4


def test_a_grant_announces_anew_what_a_balance_reaches_after_a_top_up(world: World) -> None:
    wallet = world.budget(10)
    world.record(10)
    top_up(world, wallet, 10)
    world.reserve(0)
    top_up(world, wallet, -10)
    assert told(world.table) == LAST_UNIT

    world.reserve(0)

    assert told(world.table) == sorted(2 * LAST_UNIT)


def test_a_limit_that_was_raised_for_a_while_lets_a_balance_announce_anew(world: World) -> None:
    budget = world.budget(10, on="agent:*")
    world.record(9)
    world.change(budget, limit=20 * ONE)
    world.record(0)
    assert told(world.table) == ["threshold_reached-80pct"]

    world.change(budget, limit=10 * ONE)
    world.record(0)

    assert told(world.table) == ["threshold_reached-80pct"] * 2


def test_a_top_up_tells_nothing_anew_of_what_it_does_not_lead_out_of(world: World) -> None:
    wallet = world.budget(10)
    world.change(wallet, soft_limit=5 * ONE, on_soft_limit="pause", warn_at_pct=())
    monthly = world.budget(10, unit="tokens", period=CalendarPeriod("month"))
    world.record(5, tokens=9)
    before = told(world.table)

    top_up(world, wallet, 10)
    top_up(world, monthly, 1)
    world.record(1, tokens=1)

    assert told(world.table) == before == ["paused-5", "threshold_reached-5", LAST_UNIT[1]]


def test_a_budget_that_an_admin_has_paused_announces_nothing_of_a_balance_that_nobody_read(
    world: World,
) -> None:
    wallet = world.budget(0)
    top_up(world, wallet, 100)
    world.change(wallet, paused=True)

    with pytest.raises(BudgetPaused):
        world.reserve(1)

    assert told(world.table) == []


def test_a_pause_and_a_resume_are_told_in_the_same_moment_as_they_happen(world: World) -> None:
    budget = world.budget(10)
    for paused, event_type in ((True, "budget.paused"), (False, "budget.resumed")):
        change_budget(
            world.table, TENANT, budget.budget_id,
            lambda current, paused=paused: replace(current, paused=paused),  # type: ignore[misc]
            event=ChangeEvent(event_type),  # type: ignore[arg-type]
            now_ms=world.clock.now_ms(),
        )  # fmt: skip

    events = [(event.event_type, detail_of(event)) for event in outbox(world.table)]
    assert [(event_type, detail["by"]) for event_type, detail in events] == [
        ("budget.paused", "admin"),
        ("budget.resumed", "admin"),
    ]
    assert [detail["balance"]["status"] for _, detail in events] == ["paused", "active"]


def soft_paused(world: World, **fields: Any) -> Budget:
    """A budget of 10 that its soft limit of 5 has paused."""
    budget = world.budget(10, **fields)
    world.change(budget, soft_limit=5 * ONE, on_soft_limit="pause", warn_at_pct=())
    world.record(5)
    return budget


def told_of_a_change(world: World, budget: Budget, **fields: object) -> list[str]:
    """What is told in the moment of a change that may resume a budget."""
    before = len(outbox(world.table))
    change_budget(
        world.table, TENANT, budget.budget_id,
        lambda current: replace(current, **fields),  # type: ignore[arg-type]
        event=ChangeEvent("budget.resumed", of_defaults=False),
        now_ms=world.clock.now_ms(),
    )  # fmt: skip
    found = [event for event in outbox(world.table) if event.event_type == "budget.resumed"]
    assert len(outbox(world.table)) == before + len(found)
    return [event.event_type for event in found]


ENDS_A_PAUSE = [
    {"soft_limit": 6 * ONE},
    {"soft_limit": None, "on_soft_limit": "warn"},
    {"on_soft_limit": "warn"},
    {"period": CalendarPeriod("month")},
]
LEAVES_A_PAUSE = [{"soft_limit": 4 * ONE}, {"limit": 20 * ONE}, {"mode": "shadow"}]


@pytest.mark.parametrize("fields", ENDS_A_PAUSE)
def test_a_change_that_ends_a_pause_tells_of_it(world: World, fields: dict[str, object]) -> None:
    budget = soft_paused(world, period=CalendarPeriod("day"))

    assert told_of_a_change(world, budget, **fields) == ["budget.resumed"]
    assert world.balance_of(AGENT).status != "paused"


@pytest.mark.parametrize("fields", LEAVES_A_PAUSE)
def test_a_change_that_leaves_a_budget_paused_tells_nothing(
    world: World, fields: dict[str, object]
) -> None:
    assert told_of_a_change(world, soft_paused(world), **fields) == []
    assert world.balance_of(AGENT).status == "paused"


def test_a_change_that_begins_a_pause_is_told_by_the_next_request(world: World) -> None:
    budget = world.budget(10)
    world.change(budget, soft_limit=8 * ONE, on_soft_limit="pause", warn_at_pct=())
    world.record(5)

    assert told_of_a_change(world, budget, soft_limit=5 * ONE) == []
    with pytest.raises(BudgetPaused):
        world.reserve(1)

    assert told(world.table) == ["paused-5", "threshold_reached-5"]


def test_a_change_that_leaves_a_budget_paused_by_hand_tells_nothing(world: World) -> None:
    budget = soft_paused(world)
    world.change(budget, paused=True)

    assert told_of_a_change(world, budget, soft_limit=6 * ONE) == []


def test_a_change_of_a_default_tells_nothing_of_those_whom_it_may_resume(world: World) -> None:
    budget = soft_paused(world, on="agent:*")

    assert told_of_a_change(world, budget, soft_limit=6 * ONE) == []
