"""The usage log: every spend leaves one record, in the transaction that counts it."""

from dataclasses import replace

import pytest

from spendgate_service.domain.amounts import ONE
from spendgate_service.domain.calendar import CalendarPeriod
from spendgate_service.domain.model_usage import Usage
from spendgate_service.domain.periods import RollingPeriod
from spendgate_service.domain.requests import SettlementCommand
from spendgate_service.domain.reservations import Provenance
from spendgate_service.domain.subjects import parse_subject
from spendgate_service.domain.usage_records import MeteredUsage, UsageRecord
from spendgate_service.store.usage import find_usage_record
from tests.support.ledger_invariants import read_books
from tests.support.world import AGENT, ORGANIZATION, TENANT, World, record, release, settle

METERED = MeteredUsage(
    "anthropic",
    "claude-sonnet-4-5",
    Usage("anthropic", "claude-sonnet-4-5", 1000, 500, cached_input_tokens=400, requests=2,
          service_tier="batch"),
    "builtin",
)  # fmt: skip
PROVENANCE = Provenance("gateway", "llm_generation", "gen-1", "A sentence.")


def usage_of(world: World) -> list[UsageRecord]:
    """All records of the log, in the order of their ids."""
    found = [record for _, record in read_books(world.table).usage]
    return sorted(found, key=lambda usage: usage.record_id)


def test_a_settlement_leaves_one_record_whatever_number_of_budgets_it_touches(
    world: World,
) -> None:
    """Also in a rolling window; it occurred when it was reserved, as its budgets count it."""
    rolling = world.budget(10, on=ORGANIZATION, period=RollingPeriod(3600))
    daily = world.budget(10, period=CalendarPeriod("day"))
    reserved_at_ms = world.clock.now_ms()
    reservation = world.reserve(5, by=(ORGANIZATION, AGENT))
    world.clock.advance(7)

    command = replace(settle(reservation, 6), metered=METERED, provenance=PROVENANCE)
    world.settlements.apply_one(command)

    (usage,) = usage_of(world)
    assert usage.subjects == (parse_subject(ORGANIZATION), parse_subject(AGENT))
    assert (usage.amounts, usage.metered, usage.calls) == ({"usd": 6 * ONE}, METERED, 2)
    assert (usage.occurred_at_ms, usage.recorded_at_ms) == (reserved_at_ms, world.clock.now_ms())
    assert (usage.reservation_id, usage.provenance) == (reservation, PROVENANCE)
    assert (usage.overrun, usage.late, usage.reverses) == (True, False, None)
    shares = {share.budget_id: share for share in usage.budgets}
    assert {share.amount for share in usage.budgets} == {6 * ONE}
    assert shares[rolling.budget_id].leaves_at is not None
    assert shares[daily.budget_id].leaves_at is None
    assert find_usage_record(world.table, TENANT, usage.record_id) == usage


def test_spend_that_no_budget_covers_leaves_a_record(world: World) -> None:
    """Recorded with a key or without one, reserved, and in another unit than any budget's."""
    world.budget(10, on="user:u-1")
    world.record(4, key="evt-1")
    world.record(4, key="evt-1")
    world.record(tokens=4)
    world.settle(world.reserve(1), 2)

    records = usage_of(world)

    assert [usage.budgets for usage in records] == [(), (), ()]
    amounts = sorted(next(iter(usage.amounts.items())) for usage in records)
    assert amounts == [("tokens", 4 * ONE), ("usd", 2 * ONE), ("usd", 4 * ONE)]


def test_a_release_and_what_is_applied_twice_leave_no_record(world: World) -> None:
    world.budget(10)
    settled, released = world.reserve(1), world.reserve(1)
    commands: list[SettlementCommand] = [settle(settled, 1), settle(settled, 1)]
    commands += [release(released), release(released)]

    world.settlements.apply([*commands, *commands])

    assert [usage.reservation_id for usage in usage_of(world)] == [settled]


def test_a_batch_over_two_days_has_each_record_under_its_own_day(world: World) -> None:
    """Each record is found by its id, and by no other tenant."""
    yesterday = world.clock.now_ms() - 86_400_000
    commands = [
        record(number, key=f"evt-{number}", occurred_at_ms=yesterday if number % 2 else None)
        for number in range(1, 7)
    ]

    world.settlements.apply(commands)

    records = usage_of(world)
    assert {usage.occurred_at_ms for usage in records[:3]} == {yesterday}
    assert sorted(usage.amounts["usd"] // ONE for usage in records) == [1, 2, 3, 4, 5, 6]
    for usage in records:
        assert find_usage_record(world.table, TENANT, usage.record_id) == usage
        assert find_usage_record(world.table, "other", usage.record_id) is None
    unknown = records[0].record_id[:-2] + "99"
    assert find_usage_record(world.table, TENANT, unknown) is None


def test_a_budget_without_a_counter_for_the_past_is_named_and_not_counted(world: World) -> None:
    """A record of the past, over several kinds of period: the log has the spend, the ledger not."""
    world.budget(10, period=CalendarPeriod("day"))
    world.budget(10, on=ORGANIZATION, period=RollingPeriod(3600))
    always = world.budget(10, on="user:u-1")

    world.record(
        3, by=(ORGANIZATION, AGENT, "user:u-1"), key="evt",
        occurred_at_ms=world.clock.now_ms() - 3 * 86_400_000,
    )  # fmt: skip

    (usage,) = usage_of(world)
    counted = [share.budget_id for share in usage.budgets if share.counted]
    assert (len(usage.budgets), counted) == (3, [always.budget_id])


@pytest.mark.parametrize("text", ["ünïcode ☃", 'quotes " and \\', "a,b;=1+1"])
def test_texts_of_callers_come_back_as_they_were(world: World, text: str) -> None:
    command = replace(
        record(1, by=(f"agent:{text}",)),
        provenance=Provenance(description=text),
        metadata={"name": text, "list": [1, {"deep": None}]},
    )

    world.settlements.apply_one(command)

    (usage,) = usage_of(world)
    assert usage.subject_id("agent") == usage.provenance.description == text
    assert usage.metadata == command.metadata
