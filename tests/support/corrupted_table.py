"""A table that was used in every way, and what a hand in it may do: for the tests of its audit."""

import json
import zlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from spendgate_service.audit.partition import Finding
from spendgate_service.audit.table import TableAudit
from spendgate_service.budgets.credit import Credit, apply_credit
from spendgate_service.domain.amounts import ONE
from spendgate_service.domain.budgets import Budget
from spendgate_service.domain.calendar import CalendarPeriod
from spendgate_service.domain.periods import DurationPeriod, RollingPeriod
from spendgate_service.domain.reservations import Provenance
from spendgate_service.domain.subjects import parse_subject
from spendgate_service.domain.usage_days import DAY_MS, day_of
from spendgate_service.store import keys, values
from spendgate_service.store.counters import SLICE_PREFIX, hold_attribute
from spendgate_service.store.ledger import ledger_attributes, read_ledger
from spendgate_service.store.usage import read_usage
from spendgate_service.store.values import Item
from spendgate_service.usage.reverse import reverse
from spendgate_service.usage.roll_up import roll_up_usage
from tests.support.ledger_invariants import scan
from tests.support.rollover import close, list_for_rollups
from tests.support.world import AGENT, ORGANIZATION, TENANT, World

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
        list_for_rollups(self.table, TENANT, since_ms=world.clock.now_ms())
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
            idempotency=None, now_ms=world.clock.now_ms(),
        )  # fmt: skip
        world.set_limit(self.balance, 90)
        world.clock.advance(7200)
        world.settle(late, 6)
        world.record(2, by=(ORGANIZATION, OTHER))
        world.clock.advance(120)
        close(world)
        self._usage_is_known()
        self.open = world.reserve(3, by=everybody, ttl_seconds=4000)
        world.extend(self.open, 5000)

    def _usage_is_known(self) -> None:
        """A spend of yesterday, one that is reversed, and a minute later all is rolled up."""
        world = self.world
        yesterday_ms = world.clock.now_ms() - DAY_MS
        world.record(1, by=("user:u",), occurred_at_ms=yesterday_ms)
        self.day = day_of(yesterday_ms)
        self.reversed = str(json.loads(world.record(1, by=(ORGANIZATION,)))["usage_id"])
        reverse(self.table, TENANT, self.reversed, None, now_ms=world.clock.now_ms())
        world.clock.advance(61)
        roll_up_usage(self.table, now_ms=world.clock.now_ms(), has_time=lambda: True)

    def audit(self) -> list[Finding]:
        found: list[Finding] = []
        audit = TableAudit(self.table, clock=self.world.clock.now_ms, report=found.append)
        seen = audit.run(segments=3)
        assert seen.findings == len(found)
        assert seen.counters >= 5 and seen.entries >= 10 and seen.reservations >= 5
        return found

    def change(self, key: keys.Key, **attribute_values: Any) -> None:
        """Somebody's hand in the table."""
        item = self.table.get(values.key(key))
        assert item is not None, key
        self.table.put({**item, **attribute_values})

    def remove(self, key: keys.Key) -> None:
        assert self.table.get(values.key(key)) is not None, key
        self.table.delete(values.key(key))

    def remove_from(self, key: keys.Key, name: str) -> None:
        item = self.table.get(values.key(key))
        assert item is not None and name in item, (key, name)
        self.table.put({one: value for one, value in item.items() if one != name})

    def add_to(self, key: keys.Key, name: str, amount: int) -> None:
        item = self.table.get(values.key(key))
        assert item is not None, key
        self.change(key, **{name: values.amount(values.read_amount(item[name]) + amount * ONE)})

    def partition(self, budget: Budget) -> str:
        return keys.counter_partition(TENANT, budget.budget_id, budget.subject)

    def statement_key(self) -> keys.Key:
        """The first statement of the hourly budget."""
        partition = self.partition(self.hourly)
        return next(
            (partition, item["sk"]["S"])
            for item in scan(self.table)
            if item["pk"]["S"] == partition and item["sk"]["S"].startswith(keys.STATEMENT_PREFIX)
        )

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


def money_from_nowhere(lived: Lived) -> None:
    lived.add_to(lived.world.counter_key(lived.balance), "available", 5)


def _limit_changed_alone(lived: Lived) -> None:
    lived.add_to(lived.world.counter_key(lived.by_default, SESSION), "limit_amount", 1)


def _ledger_item_lost(lived: Lived) -> None:
    item = lived.ledger_item(lived.balance, lived.settled)
    lived.remove((item["pk"]["S"], item["sk"]["S"]))


def _entry_written_twice(lived: Lived) -> None:
    item, now_ms = lived.ledger_item(lived.balance, lived.settled), lived.world.clock.now_ms()
    lived.table.put({**item, "sk": values.text(keys.ledger_sort_key(now_ms, "7" * 26))})
    amount = read_ledger(item)[0].amount // ONE
    key = lived.world.counter_key(lived.balance)  # with a counter to match: only the pair tells
    lived.add_to(key, "spent", amount)
    lived.add_to(key, "available", -amount)


def _entry_in_another_amount(lived: Lived) -> None:
    item = lived.ledger_item(lived.balance, lived.settled)
    first, *others = read_ledger(item)
    changed = ledger_attributes([replace(first, amount=first.amount + ONE), *others])
    lived.table.put({**item, **changed})
    key = lived.world.counter_key(lived.balance)
    lived.add_to(key, "spent", 1)
    lived.add_to(key, "available", -1)


def _usage_item(lived: Lived) -> Item:
    """The usage item of the settlement of `lived.settled`, or of its whole batch."""
    for item in scan(lived.table):
        ids = (
            [record.reservation_id for record in read_usage(item)] if "usage_lines" in item else []
        )
        if lived.settled in ids:
            return item
    raise AssertionError("there is no such record")


def _usage_item_lost(lived: Lived) -> None:
    item = _usage_item(lived)
    lived.remove((item["pk"]["S"], item["sk"]["S"]))


def _usage_item_written_twice(lived: Lived) -> None:
    item = _usage_item(lived)
    lived.table.put({**item, "sk": values.text(f"{item['sk']['S'][:-26]}{'7' * 26}")})


def _usage_unreadable(lived: Lived) -> None:
    item = _usage_item(lived)
    key = item["pk"]["S"], item["sk"]["S"]
    lived.change(key, usage_lines={"B": b"not deflated"})


def _quarter(lived: Lived) -> keys.Key:
    """The first roll-up of a quarter of an hour."""
    partition = keys.quarters_partition(TENANT, lived.day)
    return min(
        (partition, item["sk"]["S"]) for item in scan(lived.table) if item["pk"]["S"] == partition
    )


def _whole_day(lived: Lived) -> keys.Key:
    return keys.days_partition(TENANT, lived.day[:6]), keys.rollup_sort_key(lived.day, 0)


def _lines_changed(lived: Lived, key: keys.Key) -> None:
    """One call more in a roll-up, of as many records."""
    item = lived.table.get(values.key(key))
    assert item is not None
    lines = json.loads(zlib.decompress(item["rollup_lines"]["B"]))
    lines[0][3] += 1
    lived.change(key, rollup_lines={"B": zlib.compress(json.dumps(lines).encode())})


def _quarter_changed(lived: Lived) -> None:
    _lines_changed(lived, _quarter(lived))


def _quarter_lost(lived: Lived) -> None:
    lived.remove(_quarter(lived))


def _whole_day_changed(lived: Lived) -> None:
    _lines_changed(lived, _whole_day(lived))


def _whole_day_lost(lived: Lived) -> None:
    lived.remove(_whole_day(lived))


def _quarter_unreadable(lived: Lived) -> None:
    lived.change(_quarter(lived), rollup_lines={"B": b"not deflated"})


def _rolled_day_unreadable(lived: Lived) -> None:
    lived.remove_from(keys.rollup_day_key(TENANT, lived.day), "records")


def _change(lived: Lived, action: str, about: str) -> keys.Key:
    """The entry of the change log of what was done to an object."""
    return next(
        keys.read_key(item)
        for item in scan(lived.table)
        if item.get("about") == values.text(about)
        and json.loads(item["entry"]["S"])["action"] == action
    )


def _change_of_reversal_lost(lived: Lived) -> None:
    lived.remove(_change(lived, "usage.reversed", lived.reversed))


def _change_of_creation_lost(lived: Lived) -> None:
    lived.remove(_change(lived, "budget.created", lived.balance.budget_id))


def _change_about_another(lived: Lived) -> None:
    lived.change(_change(lived, "usage.reversed", lived.reversed), about=values.text("tenant"))


def _change_unreadable(lived: Lived) -> None:
    lived.change(_change(lived, "usage.reversed", lived.reversed), entry=values.text("not JSON"))


def _reversal_of_another(lived: Lived) -> None:
    key = keys.reversal_key(TENANT, lived.reversed)
    lived.change(key, reversal_id=values.text(lived.reversed))


def _settled_never_entered(lived: Lived) -> None:
    actual = values.amounts({"usd": ONE})
    key = lived.world.reservation_key(lived.released)
    lived.change(key, stage=values.text("settled"), actual=actual)


def entered_never_settled(lived: Lived) -> None:
    lived.change(lived.world.reservation_key(lived.settled), stage=values.text("released"))


def _hold_gone(lived: Lived) -> None:
    held = lived.world.find(lived.open)
    key = lived.world.counter_key(lived.balance)
    lived.add_to(key, hold_attribute(held.bucket), -1)
    lived.add_to(key, "available", 1)


def _hold_below_nothing(lived: Lived) -> None:
    key = lived.world.counter_key(lived.balance)
    lived.change(key, **{hold_attribute(1): values.amount(-ONE)})
    lived.add_to(key, "available", 1)


def _slice_changed(lived: Lived) -> None:
    key = lived.world.counter_key(lived.rolling)
    item = lived.table.get(values.key(key))
    assert item is not None
    name = next(name for name in item if name[0] == SLICE_PREFIX and name.isalnum())
    lived.add_to(key, name, 1)


def _statement_changed(lived: Lived) -> None:
    lived.add_to(lived.statement_key(), "spent", 1)


def _statement_lost(lived: Lived) -> None:
    lived.remove(lived.statement_key())


def _statement_of_another_limit(lived: Lived) -> None:
    lived.add_to(lived.statement_key(), "limit_amount", 1)


def _carried_and_not_stated(lived: Lived) -> None:
    lived.add_to(lived.statement_key(), "carried_out", 1)


def _never_to_be_closed(lived: Lived) -> None:
    lived.remove_from(lived.world.counter_key(lived.hourly), "due_shard")


def _counter_unreadable(lived: Lived) -> None:
    lived.change(lived.world.counter_key(lived.balance), spent=values.text("much"))


def _ledger_unreadable(lived: Lived) -> None:
    item = lived.ledger_item(lived.rolling)
    lived.remove_from((item["pk"]["S"], item["sk"]["S"]), "ledger_lines")


def _statement_unreadable(lived: Lived) -> None:
    lived.change(lived.statement_key(), held=values.text("some"))


def _reservation_unreadable(lived: Lived) -> None:
    lived.remove_from(lived.world.reservation_key(lived.released), "stage")


def _policy_unreadable(lived: Lived) -> None:
    lived.change(keys.policy_key(TENANT, parse_subject(DEFAULT)), budgets=values.text("none"))


def _counter_lost(lived: Lived) -> None:
    lived.remove(lived.first_hour)


def _tombstone_lost(lived: Lived) -> None:
    lived.remove(keys.deleted_budget_key(TENANT, lived.deleted.budget_id))


def _directory_row_lost(lived: Lived) -> None:
    lived.remove(keys.budget_directory_key(TENANT, lived.balance.budget_id))


def _directory_row_elsewhere(lived: Lived) -> None:
    key = keys.budget_directory_key(TENANT, lived.balance.budget_id)
    lived.change(key, subject=values.text(OTHER))


def _policy_lost(lived: Lived) -> None:
    lived.remove(keys.policy_key(TENANT, parse_subject(DEFAULT)))


def _deleted_and_in_force(lived: Lived) -> None:
    key = keys.deleted_budget_key(TENANT, lived.balance.budget_id)
    row = {"subject": values.text(AGENT), "counted_in": values.text("usd")}
    lived.table.put({**values.key(key), **row})


CORRUPTIONS: dict[Callable[[Lived], None], set[str]] = {
    _counter_spent_more: {"counter_spent"},
    money_from_nowhere: {"counter_entitlement"},
    _limit_changed_alone: {"counter_entitlement"},
    _ledger_item_lost: {"counter_spent", "entry_missing", "usage_log_mismatch"},
    _entry_written_twice: {"ledger_entry_duplicate"},
    _entry_in_another_amount: {"ledger_entry_mismatch", "usage_log_mismatch"},
    _usage_item_lost: {"usage_log_mismatch", "rollup_mismatch"},
    _usage_item_written_twice: {"usage_log_mismatch", "rollup_mismatch"},
    _usage_unreadable: {"unreadable", "usage_log_mismatch"},
    _quarter_changed: {"rollup_mismatch", "rollup_of_day"},
    _quarter_lost: {"rollup_incomplete"},
    _quarter_unreadable: {"unreadable"},
    _whole_day_changed: {"rollup_of_day"},
    _whole_day_lost: {"rollup_of_day"},
    _rolled_day_unreadable: {"unreadable"},
    _change_of_reversal_lost: {"change_missing"},
    _change_of_creation_lost: {"change_missing"},
    _change_about_another: {"change_mismatch", "change_missing"},
    _change_unreadable: {"unreadable"},
    _reversal_of_another: {"reversal_missing"},
    _settled_never_entered: {"entry_missing"},
    entered_never_settled: {"entry_of_unsettled"},
    _hold_gone: {"hold_missing"},
    _hold_below_nothing: {"negative_hold"},
    _slice_changed: {"rolling_window"},
    _statement_changed: {"statement", "statement_otherwise"},
    _statement_lost: {"statement_missing"},
    _statement_of_another_limit: {"statement_otherwise"},
    _carried_and_not_stated: {"statement_otherwise"},
    _never_to_be_closed: {"not_due"},
    _counter_unreadable: {"unreadable"},
    _ledger_unreadable: {"unreadable"},
    _statement_unreadable: {"unreadable"},
    _reservation_unreadable: {"unreadable"},
    _policy_unreadable: {"unreadable"},
    _counter_lost: {"counter_spent"},
    _tombstone_lost: {"counter_without_budget"},
    _directory_row_lost: {"budget_not_listed", "counter_without_budget"},
    _directory_row_elsewhere: {"budget_listed_elsewhere", "listed_budget_missing"},
    _policy_lost: {"listed_budget_missing"},
    _deleted_and_in_force: {"deleted_budget_in_force"},
}
"""What a hand in the table may do, and under which kinds the audit must report it: no others."""
