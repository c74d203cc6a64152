"""A level is reported again once it was left and reached again, in every kind of period."""

from collections import Counter as Tally
from collections.abc import Callable

import pytest

from spendgate_service.budgets.credit import Credit, apply_credit
from spendgate_service.domain.amounts import ONE
from spendgate_service.domain.budgets import Budget
from spendgate_service.domain.calendar import CalendarPeriod
from spendgate_service.domain.errors import BudgetExceeded
from spendgate_service.domain.ledger import LedgerEntry
from spendgate_service.domain.periods import DurationPeriod, NoPeriod, PeriodRule, RollingPeriod
from spendgate_service.domain.reservations import Provenance
from spendgate_service.domain.subjects import parse_subject
from spendgate_service.store import keys, values
from spendgate_service.store.policy_cache import PRESENT_SECONDS_MAX
from tests.support.outbox import told
from tests.support.world import AGENT, TENANT, World

HOUR = 3600
PERIODS: list[PeriodRule] = [
    NoPeriod(),
    CalendarPeriod("month"),
    DurationPeriod(HOUR),
    RollingPeriod(HOUR),
]
ONCE_EACH = {"threshold_reached-50pct": 1, "threshold_reached-80pct": 1, "exhausted": 1}

pytestmark = [
    pytest.mark.parametrize("period", PERIODS, ids=str),
    pytest.mark.parametrize("on", [AGENT, "agent:*"]),
]


def budget_of(world: World, on: str, period: PeriodRule) -> Budget:
    budget = world.budget(10, on=on, period=period)
    world.change(budget, warn_at_pct=(50, 80))
    world.clock.advance(PRESENT_SECONDS_MAX + 1)
    return budget


def by_record(world: World, usd: int) -> None:
    world.record(usd)


def by_settlement(world: World, usd: int) -> None:
    world.settle(world.reserve(usd), usd)


SPENDING = pytest.mark.parametrize("spend", [by_record, by_settlement])


def counted(world: World) -> dict[str, int]:
    return dict(Tally(told(world.table)))


@SPENDING
def test_a_raised_limit_rearms_what_it_leads_out_of(
    world: World, on: str, period: PeriodRule, spend: Callable[[World, int], None]
) -> None:
    budget = budget_of(world, on, period)
    spend(world, 10)
    assert counted(world) == ONCE_EACH

    world.set_limit(budget, 20)
    world.clock.advance(PRESENT_SECONDS_MAX + 1)
    spend(world, 1)
    assert counted(world) == ONCE_EACH
    spend(world, 9)

    assert counted(world) == {
        "threshold_reached-50pct": 1,
        "threshold_reached-80pct": 2,
        "exhausted": 2,
    }


@SPENDING
def test_a_raised_limit_rearms_also_without_a_look_in_between(
    world: World, on: str, period: PeriodRule, spend: Callable[[World, int], None]
) -> None:
    budget = budget_of(world, on, period)
    spend(world, 10)

    world.set_limit(budget, 20)
    world.clock.advance(PRESENT_SECONDS_MAX + 1)
    spend(world, 10)
    spend(world, 0)

    assert counted(world) == {
        "threshold_reached-50pct": 1,
        "threshold_reached-80pct": 2,
        "exhausted": 2,
    }


@SPENDING
def test_a_credit_rearms_what_it_leads_out_of(
    world: World, on: str, period: PeriodRule, spend: Callable[[World, int], None]
) -> None:
    budget = budget_of(world, on, period)
    spend(world, 10)

    credit = Credit(budget.budget_id, parse_subject(AGENT), 30 * ONE, Provenance())
    apply_credit(world.table, TENANT, credit, idempotency=None, now_ms=world.clock.now_ms())
    world.clock.advance(1)
    spend(world, 30)
    spend(world, 0)

    assert counted(world) == dict.fromkeys(ONCE_EACH, 2)


def test_a_reversal_rearms_what_it_leads_out_of(world: World, on: str, period: PeriodRule) -> None:
    budget = budget_of(world, on, period)
    world.record(9)
    entry_key = world.counter_key(budget, AGENT)
    reverse(world, entry_key, 6)
    world.clock.advance(1)

    world.record(6)

    assert counted(world) == {"threshold_reached-50pct": 2, "threshold_reached-80pct": 2}
    take_back(world, entry_key, -6)


def entry_of(world: World, counter: tuple[str, str], usd: int) -> LedgerEntry:
    _, budget_id, subject = keys.read_counter_partition(counter[0])
    return LedgerEntry(
        entry_id="led_x",
        budget_id=budget_id,
        subject=subject,
        period_key=keys.period_key_of(counter[1]),
        unit="usd",
        amount=usd * ONE,
        created_at_ms=world.clock.now_ms(),
    )


def reverse(world: World, counter: tuple[str, str], usd: int) -> None:
    """Take back what was spent, and look for events as a settlement does."""
    take_back(world, counter, usd)
    entry = entry_of(world, counter, -usd)
    world.threshold_events.after_spending([(counter, entry)], now_ms=world.clock.now_ms())


def take_back(world: World, counter: tuple[str, str], usd: int) -> None:
    world.table.update(
        values.key(counter),
        UpdateExpression="SET spent = spent - :usd, available = available + :usd",
        ExpressionAttributeValues={":usd": values.amount(usd * ONE)},
    )


def test_a_hold_uses_up_no_level(world: World, on: str, period: PeriodRule) -> None:
    budget_of(world, on, period)
    held = world.reserve(10)
    with pytest.raises(BudgetExceeded):
        world.reserve(1)
    assert counted(world) == {}
    world.release(held)

    world.record(10)

    assert counted(world) == ONCE_EACH
