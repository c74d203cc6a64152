"""What is spent beyond a reservation, in units that it did not hold."""

import pytest

from spendgate_service.audit.partition import Finding
from spendgate_service.audit.table import TableAudit
from spendgate_service.domain.amounts import ONE
from spendgate_service.domain.periods import DurationPeriod, RollingPeriod
from spendgate_service.domain.rates import Origin, Rate
from spendgate_service.store.ledger import ledger_entries
from tests.support.world import TENANT, World, set_rates


def test_a_window_is_started_under_rules_that_changed_since_they_were_read(world: World) -> None:
    budget = world.budget(10, period=DurationPeriod(3600))
    world.policy_cache.rules(TENANT, [budget.subject])
    world.on(world.table).set_limit(budget, 20)

    world.record(3)

    assert world.balance_of(str(budget.subject)).counter.spent == 3 * ONE


def test_a_rate_that_is_too_old_does_not_matter_to_a_budget_that_was_met_directly(
    world: World,
) -> None:
    budget = world.budget(10)
    set_rates(world, Rate("tokens", "usd", ONE, updated_at_ms=0, max_age_seconds=1))

    world.settle(world.reserve(5), 4, tokens=1000)
    world.settle(world.reserve(5), 0, tokens=1000)
    world.record(0, tokens=1000)

    assert world.spent_and_held(budget) == (4, 0)


def test_what_was_not_reserved_counts_in_a_rolling_window_from_its_settlement(
    world: World,
) -> None:
    world.budget(10)
    tokens = world.budget(100, unit="tokens", period=RollingPeriod(3600))
    reservation_id = world.reserve(1, ttl_seconds=7200)
    world.clock.advance(5400)

    world.settle(reservation_id, 1, tokens=100)

    assert world.counter(tokens).spent_at(now_ms=world.clock.now_ms()) == 100 * ONE


@pytest.mark.parametrize("overrun", [False, True])
def test_a_unit_first_named_at_the_settlement_is_converted_as_in_a_record(
    world: World, overrun: bool
) -> None:
    set_rates(
        world,
        Rate("usd", "credits", ONE, updated_at_ms=0),
        Rate("tokens", "credits", ONE // 100, updated_at_ms=0),
    )
    budget = world.budget(200, unit="credits")
    usd = 2 if overrun else 1

    reservation_id = world.reserve(1)
    world.settle(reservation_id, usd, tokens=5000)
    assert world.spent_and_held(budget) == (50, 0)
    world.record(usd, tokens=5000)
    assert world.spent_and_held(budget) == (100, 0)

    assert world.settle(reservation_id, usd, tokens=5000).replayed
    assert world.find(reservation_id).overrun is overrun
    assert found_by_audit(world) == []


def test_the_books_keep_the_rate_at_which_a_settlement_was_converted(world: World) -> None:
    set_rates(world, Rate("tokens", "usd", ONE // 1000, updated_at_ms=0))
    budget = world.budget(10)

    world.settle(world.reserve(0), 0, tokens=2000)

    (entry,) = ledger_entries(world.table, TENANT, budget.budget_id, budget.subject)
    assert (entry.amount, entry.origin) == (2 * ONE, Origin(2000 * ONE, "tokens", ONE // 1000))
    assert found_by_audit(world) == []


def found_by_audit(world: World) -> list[Finding]:
    found: list[Finding] = []
    TableAudit(world.table, clock=world.clock.now_ms, report=found.append).run(segments=1)
    return found
