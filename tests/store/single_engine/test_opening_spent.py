"""What is inherited is exact beside other writes, and the period closes as any other does."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from spendgate_service.budgets.change import change_budget
from spendgate_service.budgets.create import create_budget
from spendgate_service.budgets.read import StoredBudget
from spendgate_service.domain.amounts import ONE
from spendgate_service.domain.budgets import Budget, OpeningSpent
from spendgate_service.domain.calendar import CalendarPeriod
from spendgate_service.domain.periods import DurationPeriod, PeriodRule, RollingPeriod
from spendgate_service.domain.statements import CLOSING_GRACE_SECONDS
from spendgate_service.store import keys
from spendgate_service.store.ids import new_id
from tests.support.counting_client import counting
from tests.support.ledger_invariants import assert_books_balance
from tests.support.rollover import close
from tests.support.world import AGENT, TENANT, World

HOUR = CalendarPeriod("hour")
PERIODS = (HOUR, DurationPeriod(3600), RollingPeriod(3600))


def inherit(
    world: World,
    default: Budget,
    opening_spent: OpeningSpent | None = "inherit",
) -> StoredBudget:
    now_ms = world.clock.now_ms()
    own = replace(
        default,
        budget_id=new_id("bud_", now_ms=now_ms),
        subject=replace(default.subject, id="researcher"),
        created_at_ms=now_ms,
    )
    made = create_budget(
        world.table, TENANT, own, idempotency=None, opening_spent=opening_spent, now_ms=now_ms
    )
    assert isinstance(made, StoredBudget)
    return made


MEANWHILE: dict[str, Callable[[World], object]] = {
    "a record": lambda world: world.record(2),
    "a settlement": lambda world: world.settle(world.reserve(3), 2),
}


@pytest.mark.parametrize("period", PERIODS, ids=lambda period: type(period).__name__)
@pytest.mark.parametrize("name", MEANWHILE)
def test_what_is_spent_under_the_default_meanwhile_is_inherited_as_well(
    world: World, period: PeriodRule, name: str
) -> None:
    default = world.budget(10, on="agent:*", period=period)
    world.record(1)

    made = inherit(world.overtaken_by(lambda: MEANWHILE[name](world)), default)

    assert made.balance is not None and made.balance.spent == 3 * ONE
    world.clock.advance(1)
    assert world.balance_of(AGENT).spent == 3 * ONE
    assert_books_balance(world.table, now_ms=world.clock.now_ms())


@pytest.mark.parametrize("period", PERIODS, ids=lambda period: type(period).__name__)
def test_a_first_use_of_the_default_meanwhile_is_inherited_as_well(
    world: World, period: PeriodRule
) -> None:
    default = world.budget(10, on="agent:*", period=period)

    made = inherit(world.overtaken_by(lambda: world.record(2)), default)

    assert made.balance is not None and made.balance.spent == 2 * ONE


@pytest.mark.parametrize("after", PERIODS[1:], ids=lambda period: type(period).__name__)
def test_what_is_spent_in_the_replaced_period_meanwhile_is_inherited_as_well(
    world: World, after: PeriodRule
) -> None:
    budget = world.budget(10, period=HOUR)
    world.record(1)
    overtaken = world.overtaken_by(lambda: world.record(2))

    changed = change_budget(
        overtaken.table, TENANT, budget.budget_id, lambda found: replace(found, period=after),
        opening_spent="inherit", now_ms=world.clock.now_ms(),
    )  # fmt: skip

    assert changed.balance is not None and changed.balance.spent == 3 * ONE
    assert_books_balance(world.table, now_ms=world.clock.now_ms())


def test_a_period_with_an_opening_amount_is_closed_with_it(world: World) -> None:
    default = world.budget(10, on="agent:*", period=HOUR)
    world.record(4)
    made = inherit(world, default)
    world.clock.advance(1)
    world.record(1)
    world.clock.advance(3600 + CLOSING_GRACE_SECONDS)
    close(world)

    books = assert_books_balance(world.table, now_ms=world.clock.now_ms())
    spent = {
        keys.read_counter_partition(partition)[1]: statement.spent
        for (partition, _), (statement,) in books.statements.items()
    }
    assert spent == {default.budget_id: 4 * ONE, made.budget.budget_id: 5 * ONE}


def test_inheriting_costs_a_ledger_entry_and_the_check_of_its_source(world: World) -> None:
    default = world.budget(10, on="agent:*", period=HOUR)
    world.record(1)
    table, client = counting(world.table)
    costs: dict[str, float] = {}
    for opening_spent in (None, "inherit"):
        client.forget()
        made = inherit(world.on(table), default, opening_spent=opening_spent)
        costs[str(opening_spent)] = client.write_units
        print(f"opening_spent {opening_spent}: {client.write_units} written, "
              f"{client.read_units} read")  # fmt: skip
        world.delete(made.budget)
        world.clock.advance(6)

    assert costs["inherit"] - costs["None"] == 4
