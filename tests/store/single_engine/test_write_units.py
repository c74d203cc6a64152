"""What a call costs: the DynamoDB calls and write units that the design promises."""

import random
from collections import Counter
from dataclasses import replace
from typing import get_args

import pytest

from bench.simulation import LEDGER_KB
from spendgate_service.budgets.change import ChangeEvent, change_budget
from spendgate_service.domain.amounts import ONE
from spendgate_service.domain.calendar import CalendarPeriod
from spendgate_service.domain.model_usage import Usage
from spendgate_service.domain.periods import SLICES_MAX, NoPeriod, PeriodRule
from spendgate_service.domain.requests import Settle
from spendgate_service.domain.reservations import OnExpiry, Provenance
from spendgate_service.domain.subjects import parse_subject
from spendgate_service.domain.usage_records import MeteredUsage
from spendgate_service.settlements.plan import Settled
from spendgate_service.store.client import Table
from spendgate_service.store.ids import new_id
from tests.support.counting_client import CountingClient, counting, item_bytes
from tests.support.crowded_counter import WINDOW, crowd
from tests.support.ledger_invariants import scan
from tests.support.world import AGENT, TENANT, World, capture, release, settle

SUBJECTS = ("organization:acme", "user:u-1", "agent:researcher", "session:s-42", "tool:search:web",
            "model:gpt-4o")  # fmt: skip


@pytest.fixture
def counted(world: World) -> tuple[World, CountingClient]:
    """The same tenant through a client that counts."""
    table, client = counting(world.table)
    return world.on(table), client


def warm(world: World, client: CountingClient) -> None:
    """Read the rules, as a function does on its first call."""
    world.policy_cache.rules(TENANT, map(parse_subject, SUBJECTS))
    client.calls.clear()
    client.units.clear()
    client.put_bytes.clear()


@pytest.mark.parametrize("budgets", [1, 2, 3, 6])
@pytest.mark.parametrize("key", [None, "an-idempotency-key-of-a-usual-length"])
def test_a_warm_reserve_costs_an_update_for_each_budget_and_one_put(
    world: World, counted: tuple[World, CountingClient], budgets: int, key: str | None
) -> None:
    for subject in SUBJECTS[:budgets]:
        world.budget(10, on=subject, period=CalendarPeriod("month"))
    counting_world, client = counted
    warm(counting_world, client)

    counting_world.ask(1, by=SUBJECTS[:budgets], key=key)

    print(f"{budgets} budgets, key {key}: the reservation has {client.put_bytes[0]} bytes")
    assert client.calls == {"update_item": budgets, "put_item": 1}
    assert client.units == {"update_item": budgets, "put_item": 1}
    assert client.put_bytes[0] <= 1024


def test_a_reserve_that_creates_counters_costs_an_index_entry_or_two_more_once(
    world: World, counted: tuple[World, CountingClient]
) -> None:
    world.budget(10, on="agent:*", period=CalendarPeriod("month"))
    counting_world, client = counted
    warm(counting_world, client)

    counting_world.reserve(1)
    counting_world.reserve(1)

    assert client.calls == {"update_item": 2, "put_item": 2}
    assert client.units["update_item"] <= 2 + 2


def test_a_reserve_with_many_holds_at_once_stays_within_one_unit_for_its_counter(
    world: World, counted: tuple[World, CountingClient]
) -> None:
    world.budget(10_000, period=CalendarPeriod("month"))
    counting_world, client = counted
    for _ in range(150):
        world.reserve(1, ttl_seconds=300)
        world.clock.advance(4)
    warm(counting_world, client)

    counting_world.reserve(1, ttl_seconds=300)

    assert client.units["update_item"] == 1


@pytest.mark.parametrize(
    "ttls",
    [(30, 60, 120, 300, 600), (60, 300, 900, 3600, 86_400), (6, 24, 192, 3072, 49_152)],
    ids=["minutes", "a minute to a day", "with the most buckets"],
)
def test_a_counter_with_five_hold_times_24_slices_and_three_ending_credits_is_below_1_kb(
    memory_table: Table, ttls: tuple[int, ...]
) -> None:
    """`tests/unit/domain/test_holds.py` holds the number of buckets of any five hold times."""
    world = World(memory_table)
    budget = world.budget(1000, period=WINDOW)

    largest = crowd(world, budget, ttls)

    counter = world.counter(budget)
    print(f"{ttls}: {largest} bytes, {len(counter.holds)} buckets at the end")
    assert largest < 1024
    assert len(counter.slices) >= SLICES_MAX - 1  # the last day's holds let the first one go
    assert len(counter.ending) == 3
    assert counter.held(now_ms=world.clock.now_ms()) > 0


def test_a_minimum_costs_nothing_where_the_whole_fits_and_a_part_costs_its_try(
    world: World, counted: tuple[World, CountingClient]
) -> None:
    for subject in SUBJECTS[:3]:
        world.budget(10, on=subject)
    counting_world, client = counted
    warm(counting_world, client)

    counting_world.ask(6, by=SUBJECTS[:3], at_least={"usd": 1})
    whole = Counter(client.calls)
    counting_world.ask(6, by=SUBJECTS[:3], at_least={"usd": 1})
    part = client.calls - whole

    assert whole == {"update_item": 3, "put_item": 1}
    assert part == {"update_item": 3 + 3, "put_item": 1}  # three budgets refuse, and then grant


def test_a_refusal_costs_one_write_and_no_read(
    world: World, counted: tuple[World, CountingClient]
) -> None:
    world.budget(1)
    counting_world, client = counted
    warm(counting_world, client)

    with pytest.raises(Exception, match="was asked for"):
        counting_world.reserve(2)

    assert client.calls == {"update_item": 1}


def test_a_replay_costs_no_read_where_the_budget_still_grants(
    world: World, counted: tuple[World, CountingClient]
) -> None:
    world.budget(10)
    counting_world, client = counted
    counting_world.ask(1, key="k")
    warm(counting_world, client)

    counting_world.ask(1, key="k")

    assert client.calls == {"update_item": 2, "put_item": 1}


def test_a_batch_of_settlements_of_one_hot_budget_writes_its_counter_once(
    world: World, counted: tuple[World, CountingClient]
) -> None:
    world.budget(1000)
    reservations = [world.reserve(5) for _ in range(10)]
    counting_world, client = counted

    counting_world.settlements.apply([settle(reservation, 3) for reservation in reservations])

    kinds = Counter(sort_key.partition("#")[0] for sort_key in client.transacted)
    assert client.calls == {"batch_get_item": 2, "transact_write_items": 1}
    assert len(kinds) == 4
    assert kinds >= Counter({"RESERVATION": 10, "PERIOD": 1, "LEDGER": 1})


def test_what_was_announced_costs_a_reservation_nothing_more(
    world: World, counted: tuple[World, CountingClient]
) -> None:
    world.budget(10)
    world.record(9)
    counting_world, client = counted
    counting_world.reserve(0)
    warm(counting_world, client)

    counting_world.reserve(0)

    assert client.calls == {"update_item": 1, "put_item": 1}


@pytest.mark.parametrize("period", [CalendarPeriod("month"), NoPeriod()])
def test_a_settlement_on_a_level_that_was_announced_reads_the_counter_and_writes_no_event(
    world: World, counted: tuple[World, CountingClient], period: PeriodRule
) -> None:
    world.budget(10, period=period)
    first, second = world.reserve(5), world.reserve(5)
    counting_world, client = counted
    counting_world.settle(first, 12)
    warm(counting_world, client)

    counting_world.settle(second, 5)

    assert client.calls == {"batch_get_item": 2, "transact_write_items": 1}


def test_a_check_reads_each_budget_once_and_writes_nothing(
    world: World, counted: tuple[World, CountingClient]
) -> None:
    world.budget(10)
    counting_world, client = counted
    warm(counting_world, client)

    counting_world.balances.of_subjects(TENANT, [parse_subject(AGENT)])

    assert client.calls == {"batch_get_item": 1}


def test_a_change_that_cannot_end_a_pause_does_not_look_whether_it_does(
    world: World, counted: tuple[World, CountingClient]
) -> None:
    budget = world.budget(10)
    counting_world, client = counted
    counting_world.set_limit(budget, 20)
    untold = dict(client.calls)
    client.calls.clear()

    change_budget(
        counting_world.table, TENANT, budget.budget_id,
        lambda current: replace(current, limit=30 * ONE),
        event=ChangeEvent("budget.resumed"),
        now_ms=world.clock.now_ms(),
    )  # fmt: skip

    assert client.calls == untold


def usual_settlements(world: World, budgets: int, batch: int) -> list[Settle]:
    """With subjects, ids, tokens and a meter as a usual call has them, and no metadata."""
    chance = random.Random(17)
    for subject in SUBJECTS[:budgets]:
        world.budget(1000, on=subject, period=CalendarPeriod("month"))
    commands = []
    for number in range(batch):
        now_ms = world.clock.now_ms()
        others = {"session": new_id("s-", now_ms=now_ms), "api_key": new_id("key_", now_ms=now_ms),
                  "model": "gpt-4o"}  # fmt: skip
        named = {subject.split(":")[0] for subject in SUBJECTS[:budgets]}
        by = SUBJECTS[:budgets] + tuple(
            f"{kind}:{name}" for kind, name in others.items() if kind not in named
        )
        reservation = world.reserve(5, by=by, tokens=2000)
        usage = Usage("openai", "gpt-4o", 1200 + 7 * number, 800 + 3 * number,
                      cached_input_tokens=256)  # fmt: skip
        command = replace(
            settle(reservation, 3, tokens=1000 + number),
            metered=MeteredUsage("openai", "gpt-4o", usage, "builtin"),
            provenance=Provenance("provider", "llm_generation",
                                  f"chatcmpl-{chance.getrandbits(96):024x}"),
        )  # fmt: skip
        cost = chance.randrange(10**6, 4 * 10**7) * 100  # to a tenth of a millionth
        commands.append(replace(command, actual={**command.actual, "usd": cost}))
    return commands


@pytest.mark.parametrize(
    ("budgets", "batch", "units_max"),
    [(1, 10, 4.4), (3, 10, 7.2), (6, 10, 11.4), (1, 30, 4.2), (3, 30, 6.6), (6, 30, 10.2)],
)
def test_a_cycle_costs_so_many_units_and_half_a_unit_for_the_usage_log(
    world: World, counted: tuple[World, CountingClient], budgets: int, batch: int, units_max: float
) -> None:
    commands = usual_settlements(world, budgets, batch)
    counting_world, client = counted

    outcomes = counting_world.settlements.apply(commands)

    assert all(isinstance(outcome, Settled) for outcome in outcomes)
    assert client.calls["transact_write_items"] == 1
    items = list(scan(world.table))
    for kind in ("usage_lines", "ledger_lines"):
        print(f"{batch}: {[item_bytes(item) for item in items if kind in item]} bytes, {kind}")
    usage = sum(2 * -(-item_bytes(item) // 1024) for item in items if "usage_lines" in item)
    ledger_kb = {-(-item_bytes(item) // 1024) for item in items if "ledger_lines" in item}
    assert ledger_kb == {LEDGER_KB[batch]}, "the simulation of a hot budget says otherwise"
    reserve = budgets + 1
    assert round(reserve + (client.write_units - usage) / batch, 6) <= units_max
    assert usage / batch <= 0.5


def test_a_usage_record_costs_two_units_alone(
    world: World, counted: tuple[World, CountingClient]
) -> None:
    commands = usual_settlements(world, 3, 1)
    counting_world, client = counted

    counting_world.settlements.apply(commands)

    (item,) = (item for item in scan(world.table) if "usage_lines" in item)
    assert item_bytes(item) <= 1024
    assert Counter(sort_key.partition("#")[0] for sort_key in client.transacted).total() == 8


def test_a_release_writes_no_usage_record(
    world: World, counted: tuple[World, CountingClient]
) -> None:
    reservation = world.reserve(5)
    counting_world, client = counted

    counting_world.settlements.apply_one(release(reservation))

    assert client.transacted == ["RESERVATION"]


def test_a_lease_grows_without_a_transaction_for_a_unit_for_each_item(
    world: World, counted: tuple[World, CountingClient]
) -> None:
    for subject in SUBJECTS[:3]:
        world.budget(100, on=subject, period=CalendarPeriod("month"))
    counting_world, client = counted
    lease = world.reserve(1, by=SUBJECTS[:3], ttl_seconds=60)
    world.extend(lease, 90)
    warm(counting_world, client)

    counting_world.grow(lease, 5, ttl_seconds=120)

    assert client.calls == {"get_item": 1, "update_item": 4}
    assert client.units["update_item"] == 4


def test_captures_of_one_lease_in_a_batch_cost_as_much_as_one(
    world: World, counted: tuple[World, CountingClient]
) -> None:
    world.budget(100, period=CalendarPeriod("month"))
    counting_world, client = counted
    lease = world.reserve(50)
    world.capture(lease, 1)
    warm(counting_world, client)

    counting_world.settlements.apply([capture(lease, total) for total in range(2, 12)])

    assert client.units["transact_write_items"] <= 8, "lease, counter, ledger, usage: two each"


def test_a_charge_on_expiry_costs_an_index_entry_more_and_two_for_each_extension(
    world: World, counted: tuple[World, CountingClient]
) -> None:
    world.budget(100)
    counting_world, client = counted
    world.reserve(1)
    taken: list[float] = []
    extended: list[float] = []
    for on_expiry in get_args(OnExpiry.__value__):
        warm(counting_world, client)
        lease = counting_world.reserve(1, ttl_seconds=660, on_expiry=on_expiry)
        taken.append(sum(client.units.values()))
        counting_world.grow(lease, 2, ttl_seconds=720)
        extended.append(sum(client.units.values()) - taken[-1])

    assert taken[1] - taken[0] == 1
    assert extended[1] - extended[0] == 2
