"""An item that must be new stays the one that came first, also in the moment before the write."""

from dataclasses import replace

import pytest

from spendgate_service.budgets.create import create_budget
from spendgate_service.budgets.increase_requests import expire_requests
from spendgate_service.domain.amounts import ONE
from spendgate_service.domain.budgets import Budget
from spendgate_service.domain.calendar import CalendarPeriod
from spendgate_service.domain.errors import AlreadyExists, BudgetExceeded
from spendgate_service.domain.increase_requests import Decision, IncreaseRequest
from spendgate_service.domain.periods import DurationPeriod, PeriodRule, RollingPeriod
from spendgate_service.domain.subjects import parse_subject
from spendgate_service.store.errors import TransactionFailed
from spendgate_service.store.ids import new_id
from spendgate_service.store.increase_requests import (
    decision_writes,
    expiry_write,
    puts_of_request,
    read_request_of,
)
from spendgate_service.store.slugs import find_slug
from tests.store.test_reversals import reversed_by
from tests.store.test_usage_records import usage_of
from tests.support.outbox import outbox
from tests.support.world import AGENT, TENANT, World

HOUR = 3600


def test_a_reversal_that_another_one_overtakes_returns_what_that_one_wrote(world: World) -> None:
    budget = world.budget(10)
    world.record(4)
    (record,) = usage_of(world)
    overtaken = world.overtaken_by(lambda: reversed_by(world, record.record_id))

    second = reversed_by(overtaken, record.record_id)

    assert second.replayed
    assert world.spent_and_held(budget) == (0, 0)
    assert len(usage_of(world)) == 2


def test_a_slug_that_another_subject_takes_meanwhile_is_refused(world: World) -> None:
    def create(by: World, subject: str) -> Budget:
        new = replace(
            template, budget_id=new_id("bud_", now_ms=world.clock.now_ms()), slug="lab",
            subject=parse_subject(subject),
        )  # fmt: skip
        create_budget(by.table, TENANT, new, idempotency=None, now_ms=world.clock.now_ms())
        return new

    template = world.budget(10, on="user:template")
    first: list[Budget] = []
    overtaken = world.overtaken_by(lambda: first.append(create(world, "user:ada")))

    with pytest.raises(AlreadyExists):
        create(overtaken, "user:bob")

    assert find_slug(world.table, TENANT, "lab") == first[0].budget_id


@pytest.mark.parametrize("period", [CalendarPeriod("hour"), DurationPeriod(HOUR)], ids=repr)
def test_a_first_use_while_the_limit_is_lowered_leaves_what_the_new_limit_allows(
    world: World, period: PeriodRule
) -> None:
    """Its counter, and its window, start under the old limit just before that is lowered."""
    budget = world.budget(10, period=period)
    world.clock.advance(HOUR)
    other = world.on(world.table)

    world.overtaken_by(lambda: other.reserve(2)).set_limit(budget, 3)

    with pytest.raises(BudgetExceeded) as refused:
        other.reserve(2)
    assert refused.value.violations[0].limit == 3 * ONE
    other.reserve(1)


def test_an_event_of_a_level_is_the_one_of_the_environment_that_was_first(world: World) -> None:
    """Another one, which has not seen it, meets the level later and writes nothing."""
    world.budget(10)
    other = world.on(world.table)
    world.record(8)
    (first,) = outbox(world.table)
    world.clock.advance(60)

    other.record(1)

    assert outbox(world.table) == [first]


def test_what_replaces_in_a_rolling_window_as_much_as_has_left_it_is_inherited(
    world: World,
) -> None:
    """The spent amount is the same before and after: the total of all time is not."""
    default = world.budget(1, on="agent:*", period=RollingPeriod(HOUR))
    world.record(1)
    world.clock.advance(2 * HOUR)
    own = replace(
        default,
        budget_id=new_id("bud_", now_ms=world.clock.now_ms()),
        subject=parse_subject(AGENT),
    )
    overtaken = world.overtaken_by(lambda: world.settle(world.reserve(1), 1))

    create_budget(
        overtaken.table, TENANT, own, idempotency=None, opening_spent="inherit",
        now_ms=world.clock.now_ms(),
    )  # fmt: skip

    assert world.on(world.table).balance_of(AGENT).spent == ONE


def a_request(world: World) -> IncreaseRequest:
    """A pending request that ends in an hour."""
    now_ms = world.clock.now_ms()
    request = IncreaseRequest(
        request_id=new_id("req_", now_ms=now_ms), budget_id="bud_1", subject=parse_subject(AGENT),
        unit="usd", amount=ONE, until=None, reason="more work", key_id="key_1", key_name=None,
        created_at_ms=now_ms, ends_at=now_ms // 1000 + HOUR,
    )  # fmt: skip
    world.table.transact(puts_of_request(world.table, TENANT, request, now_ms=now_ms))
    return request


def close(world: World, request: IncreaseRequest) -> None:
    expired = replace(request, stage="expired")
    world.table.transact([expiry_write(world.table, TENANT, expired, now_ms=world.clock.now_ms())])


def test_a_request_that_was_decided_by_a_slower_clock_is_not_closed(world: World) -> None:
    """Its decision comes just before the end by its clock, and just before the other's write."""
    request = a_request(world)
    world.clock.advance(HOUR)
    decision = Decision(world.clock.now_ms() - 1, "key_2", None, None)
    denied = replace(request, stage="denied", decision=decision)
    writes = decision_writes(world.table, TENANT, denied, now_ms=decision.at_ms)
    overtaken = world.overtaken_by(lambda: world.table.transact(writes))

    closed = expire_requests(overtaken.table, now_ms=world.clock.now_ms(), has_time=lambda: True)

    assert (closed.expired, closed.failed) == (0, 0)
    assert read_request_of(world.table, TENANT, request.request_id) == denied


def test_a_request_is_not_closed_before_its_end(world: World) -> None:
    request = a_request(world)
    world.clock.advance(HOUR - 1)

    with pytest.raises(TransactionFailed):
        close(world, request)

    assert read_request_of(world.table, TENANT, request.request_id).stage == "pending"
    world.clock.advance(1)
    close(world, request)
    assert read_request_of(world.table, TENANT, request.request_id).stage == "expired"
