"""Rollover: one statement for each period, and a counter leaves the index of the due."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from spendgate_service.budgets.change import change_budget
from spendgate_service.domain.amounts import ONE
from spendgate_service.domain.calendar import CalendarPeriod
from spendgate_service.domain.statements import CLOSING_GRACE_SECONDS
from spendgate_service.domain.subjects import parse_subject
from spendgate_service.periods.run import Progress
from spendgate_service.store import keys, values
from spendgate_service.store.errors import Objection, Throttled, TransactionFailed
from spendgate_service.store.values import Item
from tests.support.ledger_invariants import assert_books_balance, read_books, scan
from tests.support.rollover import close
from tests.support.world import TENANT, World

HOUR = CalendarPeriod("hour")


def due(world: World) -> int:
    return sum("due_shard" in item for item in scan(world.table))


def test_a_period_that_has_ended_gets_a_statement_of_what_it_came_to(world: World) -> None:
    world.budget(10, period=HOUR)
    world.record(12)
    world.clock.advance(3600 + CLOSING_GRACE_SECONDS)

    assert close(world) == Progress(closed=1)

    (statement,) = read_books(world.table).all_statements
    assert (statement.limit, statement.spent, statement.overrun) == (10 * ONE, 12 * ONE, 2 * ONE)
    assert statement.is_final


def test_a_closed_period_leaves_the_index_and_is_not_closed_again(world: World) -> None:
    world.budget(10, period=HOUR)
    world.clock.advance(3600 + CLOSING_GRACE_SECONDS)
    close(world)

    assert due(world) == 0
    assert close(world) == Progress()


def test_a_period_in_force_stays_open(world: World) -> None:
    world.budget(10, period=HOUR)
    world.clock.advance(3599)

    assert close(world) == Progress()
    assert due(world) == 1


def test_a_balance_that_never_resets_is_never_due(world: World) -> None:
    world.budget(10)
    world.record(1)
    world.clock.advance(400 * 86_400)

    assert close(world) == Progress()


def test_with_a_hold_open_a_statement_is_provisional_and_final_when_it_is_settled(
    world: World,
) -> None:
    world.budget(10, period=HOUR)
    world.clock.advance(3500)
    reservation = world.reserve(5, ttl_seconds=600)
    world.clock.advance(200)
    assert close(world) == Progress(closed=1, waiting=1)
    assert close(world) == Progress(waiting=1)

    world.settle(reservation, 3)

    assert close(world) == Progress(closed=1)
    provisional, final = read_books(world.table).all_statements
    assert (provisional.is_final, provisional.held, provisional.spent) == (False, 5 * ONE, 0)
    assert (final.is_final, final.held, final.spent) == (True, 0, 3 * ONE)


def test_with_a_hold_that_nobody_settles_a_statement_is_final_when_it_has_expired(
    world: World,
) -> None:
    world.budget(10, period=HOUR)
    world.clock.advance(3500)
    world.reserve(5, ttl_seconds=600)
    world.clock.advance(200)
    close(world)
    world.clock.advance(600)

    assert close(world) == Progress(closed=1)
    assert read_books(world.table).all_statements[-1].is_final
    assert due(world) == 0


def test_a_late_settlement_is_corrected_by_a_further_statement(world: World) -> None:
    budget = world.budget(10, period=HOUR)
    counter = world.counter_key(budget)
    world.clock.advance(3500)
    reservation = world.reserve(5, ttl_seconds=10)
    world.clock.advance(200)
    close(world)
    first = read_books(world.table).statements[counter]

    world.settle(reservation, 3)

    assert close(world) == Progress(closed=1)
    books = assert_books_balance(world.table, now_ms=world.clock.now_ms())
    assert books.counters[counter].spent == 3 * ONE
    assert books.statements[counter][:1] == first
    assert [statement.spent for statement in books.statements[counter]] == [0, 3 * ONE]
    assert close(world) == Progress()


def test_a_period_that_is_due_again_for_nothing_gets_no_further_statement(world: World) -> None:
    budget = world.budget(10, period=HOUR)
    world.record(3)
    counter = world.counter_key(budget)
    world.clock.advance(3600 + CLOSING_GRACE_SECONDS)
    close(world)
    world.table.update(
        values.key(counter),
        UpdateExpression="SET due_shard = :shard",
        ExpressionAttributeValues={":shard": values.text(keys.due_shard_of(counter))},
    )

    assert close(world) == Progress(closed=1)

    assert len(read_books(world.table).all_statements) == 1
    assert due(world) == 0


def test_a_run_that_is_killed_leaves_all_of_a_closing_or_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.budget(10, period=HOUR)
    world.record(4)
    world.clock.advance(3600 + CLOSING_GRACE_SECONDS)
    transact = world.table.transact

    def killed_after_it(*writes: Any) -> None:
        transact(*writes)
        raise KeyboardInterrupt

    with monkeypatch.context() as crash:
        crash.setattr(world.table, "transact", stop)
        with pytest.raises(KeyboardInterrupt):
            close(world)
    assert (read_books(world.table).all_statements, due(world)) == ([], 1)
    with monkeypatch.context() as crash:
        crash.setattr(world.table, "transact", killed_after_it)
        with pytest.raises(KeyboardInterrupt):
            close(world)
    assert (len(read_books(world.table).all_statements), due(world)) == (1, 0)
    assert close(world) == Progress()


def test_a_run_that_another_one_overtakes_finds_nothing_to_do(world: World) -> None:
    world.budget(10, period=HOUR)
    world.clock.advance(3600 + CLOSING_GRACE_SECONDS)
    other = world.on(world.table)

    def others_do() -> None:
        assert close(other) == Progress(closed=1)

    late = world.overtaken_by(others_do)

    assert close(late) == Progress()
    assert len(read_books(world.table).all_statements) == 1


def test_a_settlement_between_reading_and_closing_is_in_the_statement(world: World) -> None:
    world.budget(10, period=HOUR)
    world.clock.advance(3500)
    reservation = world.reserve(5, ttl_seconds=10)
    world.clock.advance(200)

    def others_do() -> None:
        world.settle(reservation, 3)

    late = world.overtaken_by(others_do)

    assert close(late) == Progress(closed=1)
    (statement,) = read_books(world.table).all_statements
    assert statement.spent == 3 * ONE


def test_one_period_that_cannot_be_closed_keeps_no_other_from_closing(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(5):
        world.budget(10, on=f"agent:{number}", period=HOUR)
    broken = world.counter_key(world.budget(10, on="agent:broken", period=HOUR))

    def set_version(value: Item) -> None:
        world.table.update(
            values.key(broken),
            UpdateExpression="SET version = :version",
            ExpressionAttributeValues={":version": value},
        )

    set_version(values.text("broken"))
    world.clock.advance(3600 + CLOSING_GRACE_SECONDS)

    progress = close(world)

    assert (progress.closed, progress.failed) == (5, 1)
    assert "a period cannot be closed" in caplog.text
    set_version(values.number(1))
    assert close(world) == Progress(closed=1)


def test_a_policy_that_cannot_be_read_keeps_no_other_budget_from_closing(world: World) -> None:
    for number in range(5):
        world.budget(10, on=f"agent:{number}", period=HOUR)
    broken = values.key(keys.policy_key(TENANT, parse_subject("agent:0")))
    policy = world.table.get(broken)
    assert policy is not None
    world.table.put({**broken, "version": policy["version"]})
    world.clock.advance(3600 + CLOSING_GRACE_SECONDS)

    progress = close(world)

    assert (progress.closed, progress.failed) == (4, 1)


def test_a_partition_that_cannot_be_read_keeps_no_other_from_closing(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(8):
        world.budget(10, on=f"agent:{number}", period=HOUR)
    world.clock.advance(3600 + CLOSING_GRACE_SECONDS)
    query = world.table.query
    others = iter([True])

    def one_fails(**arguments: Any) -> dict[str, Any]:
        if next(others, False):
            raise Throttled("not now")
        return query(**arguments)

    monkeypatch.setattr(world.table, "query", one_fails)

    first = close(world)

    assert first.failed == 1
    assert "a partition of the index cannot be read" in caplog.text
    assert first.closed + close(world).closed == 8


def test_a_transaction_that_can_never_succeed_is_a_failure(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.budget(10, period=HOUR)
    world.clock.advance(3600 + CLOSING_GRACE_SECONDS)
    with monkeypatch.context() as never:
        failed = TransactionFailed([Objection("ItemCollectionSizeLimitExceeded", None), None])
        never.setattr(world.table, "transact", raising(failed))
        assert close(world) == Progress(failed=1)

    assert close(world) == Progress(closed=1)


def test_what_waits_for_its_holds_comes_after_what_has_ended_since(world: World) -> None:
    world.budget(10, period=HOUR)
    world.clock.advance(3500)
    world.reserve(5, ttl_seconds=7200)
    world.clock.advance(200)
    close(world)
    world.record(1)
    world.clock.advance(3600)
    has_time = iter([True])  # for one transaction

    assert close(world, has_time=lambda: next(has_time, False)).closed == 1

    assert {statement.period.key for statement in read_books(world.table).all_statements} == {
        "2026-03-08T12",
        "2026-03-08T13",
    }


def test_a_change_after_the_end_is_no_change_of_the_limit_in_the_period(world: World) -> None:
    """Who lowers a limit and renames the budget later has lowered it in the period all the same."""
    budget = world.budget(10, on="agent:*", period=HOUR)
    world.record(1)
    world.set_limit(budget, 4)
    world.clock.advance(3600)
    change_budget(
        world.table, TENANT, budget.budget_id,
        lambda current: replace(current, name="agents", updated_at_ms=world.clock.now_ms()),
        now_ms=world.clock.now_ms(),
    )  # fmt: skip
    world.clock.advance(CLOSING_GRACE_SECONDS)

    close(world)

    (statement,) = read_books(world.table).all_statements
    assert statement.limit == 4 * ONE


def test_a_limit_that_was_changed_after_the_end_is_not_that_of_the_period(world: World) -> None:
    budget = world.budget(10, on="agent:*", period=HOUR)
    world.record(1)
    world.clock.advance(3600)
    world.set_limit(budget, 4)
    world.clock.advance(CLOSING_GRACE_SECONDS)

    close(world)

    (statement,) = read_books(world.table).all_statements
    assert statement.limit == 10 * ONE


def test_the_statement_of_a_deleted_budget_is_still_written(world: World) -> None:
    budget = world.budget(10, period=HOUR)
    world.record(3)
    world.delete(budget)
    world.clock.advance(3600 + CLOSING_GRACE_SECONDS)

    assert close(world) == Progress(closed=1)
    (statement,) = read_books(world.table).all_statements
    assert statement.spent == 3 * ONE


def test_a_limit_that_nobody_has_met_yet_counts_for_the_period_in_which_it_was_set(
    world: World,
) -> None:
    budget = world.budget(10, on="agent:*", period=HOUR)
    world.record(3)
    world.set_limit(budget, 20)
    world.clock.advance(3600 + CLOSING_GRACE_SECONDS)

    assert close(world) == Progress(closed=1)
    (statement,) = read_books(world.table).all_statements
    assert statement.limit == 20 * ONE


def test_a_run_out_of_time_stops_and_the_next_goes_on(world: World) -> None:
    for number in range(5):
        world.budget(10, on=f"agent:{number}", period=HOUR)
    world.clock.advance(3600 + CLOSING_GRACE_SECONDS)
    answers = iter([True])

    first = close(world, has_time=lambda: next(answers, False))

    assert first.ran_out_of_time and 1 <= first.closed < 5
    assert close(world) == Progress(closed=5 - first.closed)
    assert len(read_books(world.table).all_statements) == 5


def raising(error: Exception) -> Callable[..., None]:
    def raise_it(*_arguments: object) -> None:
        raise error

    return raise_it


def stop(*_arguments: object, **_named: object) -> None:
    raise KeyboardInterrupt


def test_a_period_stays_open_for_a_reservation_that_is_under_way_at_its_end(world: World) -> None:
    world.budget(10, period=HOUR)
    world.record(1)
    world.clock.advance(3600 + CLOSING_GRACE_SECONDS - 1)

    assert close(world) == Progress(waiting=1)
    assert read_books(world.table).all_statements == []
