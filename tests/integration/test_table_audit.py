"""The audit of a whole table finds every kind of corruption, and nothing where there is none."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from spendgate.audit import audit_table
from spendgate.domain.amounts import ONE
from spendgate.domain.budgets import Budget
from spendgate.domain.periods import CalendarPeriod, DurationPeriod, RollingPeriod
from spendgate.domain.reservations import Provenance
from spendgate.domain.subjects import parse_subject
from spendgate.store import items, keys
from spendgate.store.codec.ledger import read_ledger
from spendgate.store.credits import Credit, apply_credit
from spendgate.store.errors import Item
from spendgate.store.partition_audit import Finding
from spendgate.store.rollover import close_due_periods
from spendgate.store.table import Table
from spendgate.store.table_audit import TableAudit
from tests.books import assert_books_balance, scan
from tests.engines import table_at
from tests.world import AGENT, ORGANIZATION, TENANT, World

HOUR = CalendarPeriod("hour")
OTHER = "agent:a#1/%23"
DEFAULT = "session:*"
SESSION = "session:s-1"


class Lived:
    """A tenant that has used everything there is, some hours long."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.table = world.table
        self.balance = world.budget(100)
        self.hourly = world.budget(50, on=ORGANIZATION, period=HOUR)
        self.rolling = world.budget(40, on=OTHER, period=RollingPeriod(7200))
        self.started = world.budget(30, on=OTHER, period=DurationPeriod(3600), unit="tokens")
        self.by_default = world.budget(20, on=DEFAULT)
        self.deleted = world.budget(10, on="tool:search")
        self._live()

    def _live(self) -> None:
        world = self.world
        everybody = (ORGANIZATION, AGENT, SESSION)
        self.settled = world.reserve(4, by=everybody)
        self.first_hour = world.counter_key(self.hourly)
        world.settle(self.settled, 3)
        self.released = world.reserve(2, by=everybody)
        world.release(self.released)
        late = world.reserve(5, by=everybody, ttl_seconds=1)
        world.record(1, by=(ORGANIZATION, OTHER), tokens=7)
        world.settle(world.reserve(2, by=(OTHER,), tokens=3), 9)
        world.reserve(1, by=("tool:search",))
        world.delete(self.deleted)
        apply_credit(
            self.table, TENANT, Credit(self.balance.budget_id, None, 6 * ONE, Provenance()),
            once=None, now_ms=world.clock.now_ms(),
        )  # fmt: skip
        world.set_limit(self.balance, 90)
        world.clock.advance(7200)
        world.settle(late, 6)
        world.record(2, by=(ORGANIZATION, OTHER))
        world.clock.advance(120)
        close_due_periods(self.table, now_ms=world.clock.now_ms(), has_time=lambda: True)
        self.open = world.reserve(3, by=everybody, ttl_seconds=4000)
        world.extend(self.open, 5000)

    def audit(self) -> list[Finding]:
        found: list[Finding] = []
        audit = TableAudit(self.table, now_ms=self.world.clock.now_ms(), report=found.append)
        seen = audit.run(segments=3)
        assert seen.findings == len(found)
        assert seen.counters > 5 and seen.entries > 10 and seen.reservations > 5
        return found

    def change(self, key: keys.Key, **values: Any) -> None:
        """Somebody's hand in the table."""
        item = self.table.get(items.key(key))
        assert item is not None, key
        self.table.put({**item, **values})

    def remove(self, key: keys.Key) -> None:
        assert self.table.get(items.key(key)) is not None, key
        self.table.delete(items.key(key))

    def add_to(self, key: keys.Key, name: str, amount: int) -> None:
        item = self.table.get(items.key(key))
        assert item is not None, key
        self.change(key, **{name: items.amount(items.read_amount(item[name]) + amount * ONE)})

    def partition(self, budget: Budget) -> str:
        return keys.counter_partition(TENANT, budget.budget_id, budget.subject)

    def ledger_item(self, budget: Budget, reservation_id: str | None = None) -> Item:
        """The item with the entry of a reservation, or the first of all."""
        for item in scan(self.table):
            is_ledger = item["sk"]["S"].startswith(keys.LEDGER_PREFIX)
            if item["pk"]["S"] != self.partition(budget) or not is_ledger:
                continue
            ids = [entry.reservation_id for entry in read_ledger(item)]
            if reservation_id is None or reservation_id in ids:
                return item
        raise AssertionError("there is no such entry")


def _counter_spent_more(lived: Lived) -> None:
    key = lived.world.counter_key(lived.balance)
    lived.add_to(key, "spent", 1)
    lived.add_to(key, "available", -1)


def _money_from_nowhere(lived: Lived) -> None:
    lived.add_to(lived.world.counter_key(lived.balance), "available", 5)


def _limit_changed_alone(lived: Lived) -> None:
    lived.add_to(lived.world.counter_key(lived.by_default, SESSION), "limit_amount", 1)


def _ledger_item_lost(lived: Lived) -> None:
    item = lived.ledger_item(lived.balance, lived.settled)
    lived.remove((item["pk"]["S"], item["sk"]["S"]))


def _entry_written_twice(lived: Lived) -> None:
    item = lived.ledger_item(lived.balance, lived.settled)
    batch_id = "7" * 26
    sort_key = keys.ledger_sort_key(lived.world.clock.now_ms(), batch_id)
    lived.table.put({**item, "sk": items.text(sort_key), "batch_id": items.text(batch_id)})
    amount = read_ledger(item)[0].amount // ONE
    key = lived.world.counter_key(lived.balance)  # with a counter to match: only the pair tells
    lived.add_to(key, "spent", amount)
    lived.add_to(key, "available", -amount)


def _entry_in_another_amount(lived: Lived) -> None:
    item = lived.ledger_item(lived.balance, lived.settled)
    entry = item["entries"]["L"][0]["M"]
    entry["amount"] = items.amount(items.read_amount(entry["amount"]) + ONE)
    lived.table.put(item)
    key = lived.world.counter_key(lived.balance)
    lived.add_to(key, "spent", 1)
    lived.add_to(key, "available", -1)


def _settled_never_entered(lived: Lived) -> None:
    actual = items.amounts({"usd": ONE})
    key = lived.world.reservation_key(lived.released)
    lived.change(key, stage=items.text("settled"), actual=actual)


def _entered_never_settled(lived: Lived) -> None:
    lived.change(lived.world.reservation_key(lived.settled), stage=items.text("released"))


def _hold_gone(lived: Lived) -> None:
    held = lived.world.find(lived.open)
    key = lived.world.counter_key(lived.balance)
    lived.add_to(key, f"h{held.bucket}", -1)
    lived.add_to(key, "available", 1)


def _hold_below_nothing(lived: Lived) -> None:
    key = lived.world.counter_key(lived.balance)
    lived.change(key, h1=items.amount(-ONE))
    lived.add_to(key, "available", 1)


def _slice_changed(lived: Lived) -> None:
    key = lived.world.counter_key(lived.rolling)
    item = lived.table.get(items.key(key))
    assert item is not None
    name = next(name for name in item if name[0] == "w" and name[1:].isdecimal())
    lived.add_to(key, name, 1)


def _statement_changed(lived: Lived) -> None:
    partition = lived.partition(lived.hourly)
    statement = next(
        item["sk"]["S"]
        for item in scan(lived.table)
        if item["pk"]["S"] == partition and item["sk"]["S"].startswith(keys.STATEMENT_PREFIX)
    )
    lived.add_to((partition, statement), "spent", 1)


def _counter_lost(lived: Lived) -> None:
    lived.remove(lived.first_hour)


def _tombstone_lost(lived: Lived) -> None:
    lived.remove(keys.deleted_budget_key(TENANT, lived.deleted.budget_id))


def _directory_row_lost(lived: Lived) -> None:
    lived.remove(keys.budget_directory_key(TENANT, lived.balance.budget_id))


def _directory_row_elsewhere(lived: Lived) -> None:
    key = keys.budget_directory_key(TENANT, lived.balance.budget_id)
    lived.change(key, subject=items.text(OTHER))


def _policy_lost(lived: Lived) -> None:
    lived.remove(keys.policy_key(TENANT, parse_subject(DEFAULT)))


def _deleted_and_in_force(lived: Lived) -> None:
    key = keys.deleted_budget_key(TENANT, lived.balance.budget_id)
    row = {"subject": items.text(AGENT), "counted_in": items.text("usd")}
    lived.table.put({**items.key(key), **row})


CORRUPTIONS: dict[Callable[[Lived], None], set[str]] = {
    _counter_spent_more: {"counter_spent"},
    _money_from_nowhere: {"counter_entitlement"},
    _limit_changed_alone: {"counter_entitlement"},
    _ledger_item_lost: {"counter_spent", "entry_missing"},
    _entry_written_twice: {"entry_twice"},
    _entry_in_another_amount: {"entry_otherwise"},
    _settled_never_entered: {"entry_missing"},
    _entered_never_settled: {"entry_of_unsettled"},
    _hold_gone: {"hold_missing"},
    _hold_below_nothing: {"negative_hold"},
    _slice_changed: {"rolling_window"},
    _statement_changed: {"statement"},
    _counter_lost: {"counter_spent"},
    _tombstone_lost: {"counter_without_budget"},
    _directory_row_lost: {"budget_not_listed", "counter_without_budget"},
    _directory_row_elsewhere: {"budget_listed_elsewhere", "listed_budget_missing"},
    _policy_lost: {"listed_budget_missing"},
    _deleted_and_in_force: {"deleted_budget_in_force"},
}
"""What a hand in the table may do, and under which kinds the audit must report it: no others."""


@pytest.fixture(scope="module")
def lived(dynamodb_local_url: str) -> Lived:
    return Lived(World(table_at(dynamodb_local_url)))


@pytest.fixture
def restored(lived: Lived) -> Iterator[Lived]:
    """The same table again after whatever the test does to it."""
    before = {(item["pk"]["S"], item["sk"]["S"]): item for item in scan(lived.table)}
    yield lived
    for item in scan(lived.table):
        if (item["pk"]["S"], item["sk"]["S"]) not in before:
            lived.table.delete({"pk": item["pk"], "sk": item["sk"]})
    for item in before.values():
        lived.table.put(item)


def test_a_table_that_was_used_in_every_way_shows_no_difference(lived: Lived) -> None:
    assert_books_balance(lived.table, now_ms=lived.world.clock.now_ms(), orphans_allowed=True)
    assert lived.audit() == []


@pytest.mark.parametrize("corrupt", CORRUPTIONS, ids=lambda one: one.__name__.strip("_"))
def test_a_corruption_is_found_and_named(restored: Lived, corrupt: Callable[[Lived], None]) -> None:
    corrupt(restored)

    found = restored.audit()

    assert {finding.kind for finding in found} == CORRUPTIONS[corrupt]
    assert all(finding.says and finding.items for finding in found)


def test_what_moves_while_it_is_looked_at_is_no_difference(
    lived: Lived, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the scan and the second look a settlement of what was held comes in."""
    world = World(lived.table, lived.world.clock)
    open_one = world.reserve(1)
    scan_page = Table.scan

    def settled_meanwhile(table: Table, **arguments: Any) -> dict[str, Any]:
        answer = scan_page(table, **arguments)
        monkeypatch.setattr(Table, "scan", scan_page)
        world.settle(open_one, 1)
        return answer

    monkeypatch.setattr(Table, "scan", settled_meanwhile)

    assert lived.audit() == []


def test_the_command_says_what_it_found_where(
    restored: Lived, capsys: pytest.CaptureFixture[str]
) -> None:
    now_ms = restored.world.clock.now_ms()

    def run(*, as_json: bool) -> int:
        return audit_table(restored.table, segments=2, as_json=as_json, now_ms=now_ms)

    assert run(as_json=False) == 0
    assert capsys.readouterr().out == ""
    _money_from_nowhere(restored)
    assert run(as_json=True) == 1
    said = capsys.readouterr()
    pk, sk = restored.world.counter_key(restored.balance)
    assert f'"items": [{{"pk": "{pk}", "sk": "{sk}"}}]' in said.out
    assert said.err.endswith("1 differences\n")
