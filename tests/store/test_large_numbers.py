"""Many of everything at once: buckets, budgets, entries. DynamoDB's limits are not ours."""

from spendgate_service.domain.amounts import ONE
from spendgate_service.domain.budgets import Budget
from spendgate_service.domain.calendar import CalendarPeriod
from spendgate_service.domain.clocks import CLOCKS_DIFFER_SECONDS_MAX
from spendgate_service.domain.ledger import LedgerEntry
from spendgate_service.domain.requests import CLAIMS_MAX
from spendgate_service.store import values
from spendgate_service.store.counters import hold_attribute
from spendgate_service.store.keys import LEDGER_PREFIX
from spendgate_service.store.ledger import read_ledger
from tests.support.ledger_invariants import read_books, scan
from tests.support.rollover import close
from tests.support.world import AGENT, ORGANIZATION, World, many_subjects


def ledger(world: World) -> list[LedgerEntry]:
    return [
        entry
        for item in scan(world.table)
        if item["sk"]["S"].startswith(LEDGER_PREFIX)
        for entry in read_ledger(item)
    ]


def test_every_ledger_entry_of_a_settlement_has_an_id_of_its_own(world: World) -> None:
    for subject in (AGENT, ORGANIZATION):
        world.budget(10, on=subject)
    world.settle(world.reserve(5, by=(AGENT, ORGANIZATION)), 3)
    world.record(1, by=(AGENT, ORGANIZATION))

    ids = [entry.entry_id for entry in ledger(world)]

    assert len(ids) == len(set(ids)) == 4


def with_dead_buckets(world: World, budget: Budget, count: int) -> None:
    """As callers make them with assorted hold times: each holds 1 and has ended on every clock."""
    key = values.key(world.counter_key(budget))
    item = world.table.get(key)
    assert item is not None
    ended = world.clock.now_ms() // 1000 - CLOCKS_DIFFER_SECONDS_MAX
    holds = {hold_attribute(ended - place): values.amount(ONE) for place in range(count)}
    available = values.amount(values.read_amount(item["available"]) - count * ONE)
    world.table.put({**item, **holds, "available": available})


def test_a_counter_with_hundreds_of_dead_buckets_grants_and_is_tidied_up(world: World) -> None:
    budget = world.budget(1000)
    with_dead_buckets(world, budget, 250)

    for _ in range(6):
        world.reserve(1)

    assert len(world.counter(budget).holds) < 10
    assert world.spent_and_held(budget) == (0, 6)


def test_an_exhausted_counter_with_hundreds_of_dead_buckets_gives_them_back(world: World) -> None:
    budget = world.budget(250)
    with_dead_buckets(world, budget, 250)

    world.reserve(250)

    assert world.spent_and_held(budget) == (0, 250)


def test_as_many_budgets_again_may_apply_to_what_was_not_reserved(world: World) -> None:
    subjects = many_subjects(CLAIMS_MAX // 3)
    for subject in subjects:
        for unit in ("usd", "usd", "usd", "tokens", "tokens", "tokens"):
            world.budget(10, on=subject, unit=unit)
    reservation_id = world.reserve(1, by=subjects)

    world.settle(reservation_id, 1, tokens=5)

    assert len(ledger(world)) == 2 * CLAIMS_MAX


def test_a_statement_says_what_was_spent_though_a_reservation_came_in_at_the_end(
    world: World,
) -> None:
    world.budget(10, period=CalendarPeriod("hour"))
    world.clock.advance(3600 - 1)
    reservation_id = world.reserve(5, ttl_seconds=30)
    world.clock.advance(70)
    close(world)
    world.settle(reservation_id, 3)
    world.clock.advance(60)
    close(world)

    assert len(read_books(world.table).statements) == 1
