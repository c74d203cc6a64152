"""What every operation costs in calls and units, as docs/cost.md counts it."""

import pytest

from bench.cost import COST_MD, cost_md, settlements_a_second
from spendgate_service.settlements.plan import Settled
from spendgate_service.store.client import Table
from spendgate_service.store.postings import WRITES_MAX
from tests.support import operation_costs
from tests.support.engines import parameter_of
from tests.support.operation_costs import BATCHES, BUDGETS, FULL_BATCH, Cost
from tests.support.world import settle


@pytest.mark.parametrize("budgets", BUDGETS)
def test_a_check_reads_each_counter_and_writes_nothing(local_table: Table, budgets: int) -> None:
    assert operation_costs.check(local_table, budgets) == Cost({"batch_get_item": 1}, 0, budgets)


@pytest.mark.parametrize("budgets", BUDGETS)
def test_a_reserve_writes_each_counter_and_the_reservation(
    local_table: Table, budgets: int
) -> None:
    calls = {"update_item": budgets, "put_item": 1}

    assert operation_costs.reserve_granted(local_table, budgets) == Cost(calls, budgets + 1, 0)


@pytest.mark.parametrize("budgets", BUDGETS)
def test_the_first_reserve_of_a_period_also_enters_the_counter_into_the_index(
    local_table: Table, budgets: int
) -> None:
    calls = {"update_item": budgets, "put_item": 1}
    entry_units = 2  # one counter is new: those of budgets on one subject came with their budgets

    cost = operation_costs.reserve_first_of_period(local_table, budgets)

    assert cost == Cost(calls, budgets + 1 + entry_units, 0)


@pytest.mark.parametrize("budgets", BUDGETS)
def test_a_replay_gives_back_what_it_held(local_table: Table, budgets: int) -> None:
    calls = {"update_item": 2 * budgets, "put_item": 1}

    assert operation_costs.reserve_replayed(local_table, budgets) == Cost(calls, 2 * budgets + 1, 0)


@pytest.mark.parametrize("budgets", BUDGETS)
def test_a_refusal_asks_each_budget_once_and_gives_back_what_the_others_held(
    local_table: Table, budgets: int
) -> None:
    updates = budgets + (budgets - 1)

    assert operation_costs.reserve_refused(local_table, budgets) == Cost(
        {"update_item": updates}, updates, 0
    )


def test_a_refusal_with_a_key_looks_for_its_first_answer(local_table: Table) -> None:
    cost = operation_costs.reserve_refused(local_table, 1, key="k")

    assert cost == Cost({"update_item": 1, "get_item": 1}, 1, 1)


@pytest.mark.parametrize("budgets", BUDGETS)
def test_a_hammered_budget_refuses_for_nothing(local_table: Table, budgets: int) -> None:
    assert operation_costs.reserve_refused_from_memory(local_table, budgets) == Cost({}, 0, 0)


@pytest.mark.parametrize("budgets", BUDGETS)
@pytest.mark.parametrize("batch", BATCHES)
def test_a_hot_batch_of_settlements_is_one_transaction_that_writes_each_counter_once(
    local_table: Table, budgets: int, batch: int
) -> None:
    cost = operation_costs.settled(local_table, budgets, batch)

    assert cost.calls["transact_write_items"] == 1
    assert cost.calls["batch_get_item"] <= 2  # the reservations; levels that may be announced
    ledger_units = 2 * budgets * -(-batch // 15)  # fifteen entries and more fit into 1 KB
    usage_units = 2 * -(-batch // 10)  # ten records fit into 1 KB
    assert cost.write_units * batch <= 2 * batch + 2 * budgets + ledger_units + usage_units


@pytest.mark.parametrize("batch", BATCHES)
def test_a_cold_batch_of_settlements_writes_what_each_has_for_itself(
    local_table: Table, batch: int
) -> None:
    cost = operation_costs.settled_cold(local_table, 1, batch)

    shared = 2 * -(-batch // 10)  # the usage records
    assert 6 * batch < round(cost.write_units * batch) <= 6 * batch + shared


def test_a_full_batch_with_a_counter_for_each_and_two_for_all_is_one_transaction(
    local_table: Table,
) -> None:
    cost = operation_costs.settled_cold(local_table, 3, FULL_BATCH)

    assert cost.calls["transact_write_items"] == 1


def test_a_full_batch_that_does_not_fit_one_transaction_is_written_in_several(
    memory_table: Table,
) -> None:
    """DynamoDB refuses a transaction of more than 100 items."""
    tenant = operation_costs.Counted(memory_table, 1)
    for kind in ("user", "session", "tool"):
        tenant.world.budget(100_000, on=f"{kind}:*")
    commands = []
    for number in range(FULL_BATCH):
        by = [f"{kind}:{number}" for kind in ("agent", "user", "session", "tool")]
        commands.append(settle(tenant.world.reserve(2, by=tuple(by)), 1))

    outcomes = tenant.counted.settlements.apply(commands)

    assert all(isinstance(outcome, Settled) for outcome in outcomes)
    assert max(tenant.client.transacted_at_once) <= WRITES_MAX
    assert len(tenant.client.transacted) > WRITES_MAX


def test_a_settlement_of_three_budgets_in_a_batch_of_ten_takes_at_most_3_4_write_units(
    local_table: Table,
) -> None:
    assert operation_costs.settled(local_table, 3, 10).write_units <= 3.4


@pytest.mark.parametrize("budgets", BUDGETS)
def test_a_release_is_one_read_and_one_transaction(local_table: Table, budgets: int) -> None:
    calls = {"batch_get_item": 1, "transact_write_items": 1}

    assert operation_costs.released(local_table, budgets) == Cost(calls, 2 + 2 * budgets, 1)


@pytest.mark.parametrize("budgets", BUDGETS)
def test_an_extension_is_one_read_one_transaction_and_a_look_at_what_it_left(
    local_table: Table, budgets: int
) -> None:
    calls = {"get_item": 1, "transact_write_items": 1, "batch_get_item": 1}

    cost = Cost(calls, 2 + 2 * budgets, 1 + budgets / 2)
    assert operation_costs.extended(local_table, budgets) == cost


@pytest.mark.parametrize("budgets", BUDGETS)
def test_the_consumer_settles_more_a_second_than_the_api_admits(budgets: int) -> None:
    assert settlements_a_second(budgets) > parameter_of("ApiRateLimit")["Default"]


def test_every_place_of_the_page_about_costs_is_filled() -> None:
    assert "<!--" not in COST_MD.read_text(encoding="utf-8")


def test_the_page_about_costs_says_what_is_counted(dynamodb_local_url: str) -> None:
    assert cost_md(dynamodb_local_url) == COST_MD.read_text(encoding="utf-8"), "run `make docs`"
