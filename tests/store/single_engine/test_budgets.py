"""Budgets in the table: creating, reading, listing, changing, deleting."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from spendgate_service.budgets.balance_lists import list_tenants_balances
from spendgate_service.budgets.change import change_budget, delete_budget
from spendgate_service.budgets.create import create_budget
from spendgate_service.budgets.read import (
    StoredBudget,
    list_budgets,
    read_balance,
    read_budget,
)
from spendgate_service.domain.amounts import ONE
from spendgate_service.domain.budgets import BUDGETS_PER_SUBJECT_MAX, Budget, Claim
from spendgate_service.domain.calendar import CalendarPeriod
from spendgate_service.domain.errors import (
    BudgetChanged,
    IdempotencyConflict,
    InvalidValue,
    NotFound,
)
from spendgate_service.domain.periods import NoPeriod, PeriodRule, period_in_force
from spendgate_service.domain.subjects import Subject, parse_subject
from spendgate_service.reservations.hold import take_hold
from spendgate_service.store import keys, values
from spendgate_service.store.claims import CounterClaim
from spendgate_service.store.client import Table
from spendgate_service.store.errors import PolicyChanged
from spendgate_service.store.idempotency import IdempotencyRecord, Replay
from spendgate_service.store.ids import new_id
from spendgate_service.store.paging import PageRequest
from spendgate_service.store.policies import read_policy_of
from spendgate_service.store.values import Item
from spendgate_service.wire.budgets import budget_response
from spendgate_service.wire.values import json_text
from tests.support.counting_client import counting
from tests.support.world import World

TENANT = "acme"
NOW_MS = 1_772_971_200_000  # 2026-03-08T12:00:00Z
HOUR_END = 1_772_974_800
AGENT = Subject("agent", "researcher")


def a_budget(
    subject: str = "agent:researcher",
    limit: int = 10,
    period: PeriodRule | None = None,
    now_ms: int = NOW_MS,
) -> Budget:
    return Budget(
        budget_id=new_id("bud_", now_ms=now_ms),
        subject=parse_subject(subject),
        unit="usd",
        limit=limit * ONE,
        period=period or NoPeriod(),
        created_at_ms=now_ms,
        updated_at_ms=now_ms,
    )


def create(table: Table, budget: Budget, *, now_ms: int = NOW_MS) -> Budget:
    stored = create_budget(table, TENANT, budget, idempotency=None, now_ms=now_ms)
    assert isinstance(stored, StoredBudget)
    return stored.budget


def with_limit(limit: int, *, now_ms: int = NOW_MS + 1) -> Callable[[Budget], Budget]:
    return lambda budget: replace(budget, limit=limit * ONE, updated_at_ms=now_ms)


def claim_as_read(
    table: Table, budget: Budget, amount: int, *, now_ms: int = NOW_MS
) -> CounterClaim:
    """What a reserve wants that reads the policy now and keeps it."""
    version = read_policy_of(table, TENANT, budget.subject).version
    claim = Claim(budget, AGENT, amount * ONE, version)
    return CounterClaim(TENANT, claim, period_in_force(budget.period, now_ms=now_ms))


def counter_item(table: Table, budget: Budget, period_key: str) -> Item | None:
    key = keys.counter_key(TENANT, budget.budget_id, budget.subject, period_key)
    return table.get(values.key(key))


def once(key: str = "k-1", fingerprint: str = "f") -> IdempotencyRecord:
    return IdempotencyRecord(TENANT, "create_budget", key, fingerprint)


def replay_of(stored: StoredBudget | Replay) -> Replay:
    """What a replay of a creation gets: the response to the first one."""
    assert isinstance(stored, StoredBudget)
    return Replay(
        json_text(budget_response(stored.budget, version=stored.version, balance=stored.balance))
    )


def test_a_budget_that_was_created_is_read_back_with_its_balance(memory_table: Table) -> None:
    budget = replace(a_budget(), name="Research", metadata={"team": "r"}, warn_at_pct=(50, 90))

    create(memory_table, budget)
    stored = read_budget(memory_table, TENANT, budget.budget_id, now_ms=NOW_MS)

    assert stored.budget == replace(budget, revision=1)
    assert stored.version == 1
    assert stored.balance is not None
    assert stored.balance.available == 10 * ONE


def test_a_default_has_no_balance_of_its_own(memory_table: Table) -> None:
    budget = create(memory_table, a_budget("agent:*"))

    assert read_budget(memory_table, TENANT, budget.budget_id, now_ms=NOW_MS).balance is None


def test_a_budget_of_another_tenant_is_not_found(memory_table: Table) -> None:
    budget = create(memory_table, a_budget())

    with pytest.raises(NotFound):
        read_budget(memory_table, "globex", budget.budget_id, now_ms=NOW_MS)


def test_a_new_counter_has_what_the_indexes_and_the_rollover_need(memory_table: Table) -> None:
    budget = create(memory_table, a_budget(period=CalendarPeriod("hour")))

    counter = counter_item(memory_table, budget, "2026-03-08T12")

    assert counter is not None
    assert counter["ends_at"] == values.number(HOUR_END)
    assert counter["due_shard"]["S"].startswith("DUE#")
    assert counter["budget_ref"] == values.text(
        keys.budget_ref(TENANT, budget.budget_id, keys.budget_shard_of(budget.subject))
    )
    assert values.read_amount(counter["available"]) == 10 * ONE


def test_a_lowered_limit_binds_a_reserve_that_still_knows_the_old_policy(
    memory_table: Table,
) -> None:
    budget = create(memory_table, a_budget(limit=10))
    stale = claim_as_read(memory_table, budget, 6)

    change_budget(memory_table, TENANT, budget.budget_id, with_limit(5), now_ms=NOW_MS)

    with pytest.raises(PolicyChanged):
        take_hold(memory_table, stale, bucket=NOW_MS // 1000 + 60, now_ms=NOW_MS)


def test_a_lowered_limit_leaves_what_is_held_and_shows_what_is_missing(memory_table: Table) -> None:
    budget = create(memory_table, a_budget(limit=10))
    take_hold(
        memory_table, claim_as_read(memory_table, budget, 6),
        bucket=NOW_MS // 1000 + 60, now_ms=NOW_MS,
    )  # fmt: skip

    stored = change_budget(memory_table, TENANT, budget.budget_id, with_limit(5), now_ms=NOW_MS)

    assert stored.balance is not None
    assert stored.balance.counter.limit == 5 * ONE
    assert stored.balance.held == 6 * ONE
    assert stored.balance.available == -1 * ONE


def test_a_change_near_the_end_of_a_period_reaches_the_next_period_too(memory_table: Table) -> None:
    budget = create(memory_table, a_budget(period=CalendarPeriod("hour")))
    stale = claim_as_read(memory_table, budget, 6, now_ms=HOUR_END * 1000)

    change_budget(
        memory_table, TENANT, budget.budget_id, with_limit(5), now_ms=HOUR_END * 1000 - 3000
    )

    with pytest.raises(PolicyChanged):
        take_hold(memory_table, stale, bucket=HOUR_END + 60, now_ms=HOUR_END * 1000)


def test_a_change_within_a_period_leaves_the_next_period_alone(memory_table: Table) -> None:
    budget = create(memory_table, a_budget(period=CalendarPeriod("hour")))

    change_budget(memory_table, TENANT, budget.budget_id, with_limit(5), now_ms=NOW_MS)

    assert counter_item(memory_table, budget, "2026-03-08T13") is None


def test_a_deleted_budget_no_longer_grants_to_a_reserve_that_still_knows_it(
    memory_table: Table,
) -> None:
    budget = create(memory_table, a_budget())
    stale = claim_as_read(memory_table, budget, 1)

    delete_budget(memory_table, TENANT, budget.budget_id, now_ms=NOW_MS)

    with pytest.raises(PolicyChanged):
        take_hold(memory_table, stale, bucket=NOW_MS // 1000 + 60, now_ms=NOW_MS)


def test_a_deleted_budget_is_gone_from_reads_and_lists_but_its_counter_stays(
    memory_table: Table,
) -> None:
    budget = create(memory_table, a_budget())

    delete_budget(memory_table, TENANT, budget.budget_id, now_ms=NOW_MS)

    with pytest.raises(NotFound):
        read_budget(memory_table, TENANT, budget.budget_id, now_ms=NOW_MS)
    assert list_budgets(memory_table, TENANT, PageRequest(), now_ms=NOW_MS).data == ()
    assert counter_item(memory_table, budget, "balance") is not None


def test_a_deleted_budget_takes_no_place_in_a_page(memory_table: Table) -> None:
    gone = create(memory_table, a_budget(now_ms=NOW_MS))
    stays = create(memory_table, a_budget(now_ms=NOW_MS + 1))

    delete_budget(memory_table, TENANT, gone.budget_id, now_ms=NOW_MS)

    page = list_budgets(memory_table, TENANT, PageRequest(limit=1), now_ms=NOW_MS)
    assert [stored.budget for stored in page.data] == [stays]


def test_a_policy_that_was_emptied_never_uses_a_version_again(memory_table: Table) -> None:
    first = create(memory_table, a_budget())
    delete_budget(memory_table, TENANT, first.budget_id, now_ms=NOW_MS)

    second = create(memory_table, a_budget())

    assert read_budget(memory_table, TENANT, second.budget_id, now_ms=NOW_MS).version == 3


def test_a_budget_moved_to_another_period_fences_off_its_old_counter(memory_table: Table) -> None:
    budget = create(memory_table, a_budget(period=CalendarPeriod("hour")))
    stale = claim_as_read(memory_table, budget, 1)

    moved = change_budget(
        memory_table, TENANT, budget.budget_id,
        lambda current: replace(current, period=CalendarPeriod("day")), now_ms=NOW_MS,
    )  # fmt: skip

    assert moved.balance is not None
    assert moved.balance.period.key == "2026-03-08"
    with pytest.raises(PolicyChanged):
        take_hold(memory_table, stale, bucket=NOW_MS // 1000 + 60, now_ms=NOW_MS)


def test_a_change_that_changes_nothing_keeps_the_version(memory_table: Table) -> None:
    budget = create(memory_table, a_budget(limit=10))

    stored = change_budget(memory_table, TENANT, budget.budget_id, with_limit(10), now_ms=NOW_MS)

    assert stored.version == 1
    assert stored.budget.updated_at_ms == NOW_MS


def test_a_change_to_a_default_writes_no_counters(memory_table: Table) -> None:
    budget = create(memory_table, a_budget("agent:*", period=CalendarPeriod("hour")))

    change_budget(memory_table, TENANT, budget.budget_id, with_limit(5), now_ms=NOW_MS)

    assert counter_item(memory_table, budget, "2026-03-08T12") is None


def test_the_balance_of_a_default_is_asked_for_by_subject(memory_table: Table) -> None:
    budget = create(memory_table, a_budget("agent:*"))
    take_hold(
        memory_table, claim_as_read(memory_table, budget, 4),
        bucket=NOW_MS // 1000 + 60, now_ms=NOW_MS,
    )  # fmt: skip

    own = read_balance(memory_table, TENANT, budget.budget_id, AGENT, now_ms=NOW_MS)
    other = read_balance(
        memory_table, TENANT, budget.budget_id, Subject("agent", "other"), now_ms=NOW_MS
    )

    assert own.held == 4 * ONE
    assert other.available == 10 * ONE


@pytest.mark.parametrize("asked", [None, Subject("agent", "*"), Subject("tool", "researcher")])
def test_a_default_has_no_balance_for_nobody_or_for_another_type(
    memory_table: Table, asked: Subject | None
) -> None:
    budget = create(memory_table, a_budget("agent:*"))

    with pytest.raises(InvalidValue):
        read_balance(memory_table, TENANT, budget.budget_id, asked, now_ms=NOW_MS)


def test_a_change_that_loses_a_race_is_made_again_on_what_the_winner_left(
    memory_table: Table,
) -> None:
    budget = create(memory_table, a_budget(limit=10))
    rivals = iter([None])

    def rename(one: Budget) -> Budget:
        for _ in rivals:
            change_budget(memory_table, TENANT, budget.budget_id, with_limit(7), now_ms=NOW_MS)
        return replace(one, name="renamed")

    stored = change_budget(memory_table, TENANT, budget.budget_id, rename, now_ms=NOW_MS)

    assert (stored.budget.name, stored.budget.limit) == ("renamed", 7 * ONE)
    assert stored.version == 3


def test_a_change_that_always_loses_gives_up_and_says_so(memory_table: Table) -> None:
    budget = create(memory_table, a_budget(limit=10))
    limits = iter(range(100, 200))
    rivals: list[Any] = []

    def rename(one: Budget) -> Budget:
        if len(rivals) < 50:
            rivals.append(one)
            limit = with_limit(next(limits))
            change_budget(memory_table, TENANT, budget.budget_id, limit, now_ms=NOW_MS)
        return replace(one, name="renamed")

    with pytest.raises(BudgetChanged):
        change_budget(memory_table, TENANT, budget.budget_id, rename, now_ms=NOW_MS)


def test_a_subject_takes_no_more_budgets_than_its_policy_holds(memory_table: Table) -> None:
    for _ in range(BUDGETS_PER_SUBJECT_MAX):
        create(memory_table, a_budget(period=CalendarPeriod("hour")))

    with pytest.raises(InvalidValue):
        create(memory_table, a_budget())


def test_a_full_policy_is_changed_in_one_transaction_at_the_end_of_a_period(
    memory_table: Table,
) -> None:
    near_the_end_ms = HOUR_END * 1000 - 1000
    budgets = [
        create(memory_table, a_budget(period=CalendarPeriod("hour")), now_ms=near_the_end_ms)
        for _ in range(BUDGETS_PER_SUBJECT_MAX)
    ]

    last = budgets[-1].budget_id
    stored = change_budget(memory_table, TENANT, last, with_limit(5), now_ms=near_the_end_ms)

    assert stored.budget.limit == 5 * ONE


def test_creating_again_with_the_same_idempotency_key_answers_as_the_first_time(
    memory_table: Table,
) -> None:
    first = create_budget(memory_table, TENANT, a_budget(), idempotency=once(), now_ms=NOW_MS)

    again = create_budget(memory_table, TENANT, a_budget(), idempotency=once(), now_ms=NOW_MS)

    assert again == replay_of(first)
    assert len(list_budgets(memory_table, TENANT, PageRequest(), now_ms=NOW_MS).data) == 1


def test_an_idempotency_key_for_another_request_is_a_conflict(memory_table: Table) -> None:
    create_budget(memory_table, TENANT, a_budget(), idempotency=once(), now_ms=NOW_MS)

    with pytest.raises(IdempotencyConflict):
        create_budget(
            memory_table, TENANT, a_budget(), idempotency=once(fingerprint="other"), now_ms=NOW_MS
        )


def test_an_idempotency_key_is_forgotten_after_thirty_days_even_if_ttl_is_late(
    memory_table: Table,
) -> None:
    create_budget(memory_table, TENANT, a_budget(), idempotency=once(), now_ms=NOW_MS)

    later_ms = NOW_MS + 30 * 86_400_000
    again = create_budget(memory_table, TENANT, a_budget(), idempotency=once(), now_ms=later_ms)

    assert isinstance(again, StoredBudget)


def test_two_creations_racing_on_one_idempotency_key_make_one_budget(
    memory_table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    def after_a_rival(table: Table, writes: list[Any]) -> None:
        if not rivals:
            rivals.append(None)
            rivals[0] = create_budget(table, TENANT, a_budget(), idempotency=once(), now_ms=NOW_MS)
        transact(table, writes)

    rivals: list[StoredBudget | Replay | None] = []
    transact = Table.transact
    monkeypatch.setattr(Table, "transact", after_a_rival)

    loser = create_budget(memory_table, TENANT, a_budget(), idempotency=once(), now_ms=NOW_MS)

    (winner,) = rivals
    assert winner is not None and loser == replay_of(winner)
    assert len(list_budgets(memory_table, TENANT, PageRequest(), now_ms=NOW_MS).data) == 1


def test_budgets_are_listed_page_by_page_in_the_order_of_their_creation(
    memory_table: Table,
) -> None:
    subjects = ["agent:a", "agent:*", "agent:b", "session:s", "tool:t"]
    made = [
        create(memory_table, a_budget(one, now_ms=NOW_MS + n)) for n, one in enumerate(subjects)
    ]

    seen: list[Budget] = []
    wanted: PageRequest | None = PageRequest(limit=2)
    while wanted:
        page = list_budgets(memory_table, TENANT, wanted, now_ms=NOW_MS)
        seen += [stored.budget for stored in page.data]
        wanted = PageRequest(limit=2, cursor=page.next_cursor) if page.next_cursor else None

    assert seen == made


def test_the_budgets_of_one_subject_are_listed_alone(memory_table: Table) -> None:
    create(memory_table, a_budget("agent:other"))
    own = [create(memory_table, a_budget(now_ms=NOW_MS + n)) for n in range(3)]

    first = list_budgets(memory_table, TENANT, PageRequest(limit=2), subject=AGENT, now_ms=NOW_MS)
    rest = list_budgets(
        memory_table,
        TENANT,
        PageRequest(limit=2, cursor=first.next_cursor),
        subject=AGENT,
        now_ms=NOW_MS,
    )

    assert [item.budget for item in (*first.data, *rest.data)] == own
    assert rest.next_cursor is None


@pytest.mark.parametrize("cursor", ["", "x", "%%%", "YnVkXw", "é", "a" * 5000])
def test_a_cursor_that_no_list_gave_out_is_refused(memory_table: Table, cursor: str) -> None:
    with pytest.raises(InvalidValue):
        list_budgets(memory_table, TENANT, PageRequest(cursor=cursor), now_ms=NOW_MS)


def test_a_page_of_all_balances_takes_three_calls_however_long_it_is(memory_table: Table) -> None:
    """The list, the policies, the counters."""
    world = World(memory_table)
    for number in range(30):
        world.budget(10, on=f"agent:a{number}")
    table, client = counting(memory_table)

    for limit in (2, 20):
        client.forget()
        page = list_tenants_balances(
            table, TENANT, PageRequest(limit), status=None, now_ms=world.clock.now_ms()
        )
        assert (len(page.data), page.next_cursor is None) == (limit, False)
        assert client.calls == {"query": 1, "batch_get_item": 2}
