"""The audit of a whole table finds every kind of corruption, and nothing where there is none."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from spendgate_service.audit import __main__ as audit
from spendgate_service.audit.__main__ import audit_table
from spendgate_service.audit.recheck import missing_holds, wrong_entries
from spendgate_service.audit.scan_index import BucketTotal, Suspect
from spendgate_service.domain.amounts import ONE
from spendgate_service.domain.clocks import CLOCKS_DIFFER_MS_MAX
from spendgate_service.domain.periods import period_of
from spendgate_service.store import keys
from spendgate_service.store.client import Table
from spendgate_service.store.counters import kept_until
from tests.support.clock import NOON_MS
from tests.support.corrupted_table import (
    CORRUPTIONS,
    Lived,
    entered_never_settled,
    money_from_nowhere,
)
from tests.support.engines import temporary_table_at
from tests.support.ledger_invariants import assert_books_balance, scan
from tests.support.world import TENANT, World


@pytest.fixture(scope="module")
def lived(dynamodb_local_url: str) -> Iterator[Lived]:
    with temporary_table_at(dynamodb_local_url) as table:
        yield Lived(World(table))


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


@pytest.mark.parametrize("corrupt", CORRUPTIONS, ids=lambda case: case.__name__.strip("_"))
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
    clock = restored.world.clock.now_ms

    def run(*, as_json: bool) -> int:
        return audit_table(restored.table, segments=2, as_json=as_json, clock=clock)

    assert run(as_json=False) == 0
    assert capsys.readouterr().out == ""
    money_from_nowhere(restored)
    assert run(as_json=True) == 1
    said = capsys.readouterr()
    pk, sk = restored.world.counter_key(restored.balance)
    assert f'"items": [{{"pk": "{pk}", "sk": "{sk}"}}]' in said.out
    assert said.err.endswith("1 differences\n")


def test_an_audit_that_breaks_off_does_not_say_that_something_differs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: Any, **__: Any) -> int:
        raise RuntimeError("no space left")

    monkeypatch.setattr(audit, "audit_table", broken)
    monkeypatch.setattr("spendgate_service.store.schema.require_schema", lambda *_, **__: None)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")

    assert audit.main(["--table", "any", "--endpoint-url", "http://localhost:1"]) == 2
    assert "no space left" in capsys.readouterr().err


def test_a_hold_that_runs_out_during_the_audit_is_not_missed(
    restored: Lived, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody dies without a settlement, and during the scan the next one reclaims the hold."""
    world = World(restored.table, restored.world.clock)
    abandoned = world.reserve(1, ttl_seconds=1)
    bucket = world.find(abandoned).bucket
    more_than_is_left = world.counter(restored.balance).available // ONE + 1
    scan_page, the_first_page = Table.scan, iter(["of one segment"])

    def reclaimed_meanwhile(table: Table, **arguments: Any) -> dict[str, Any]:
        answer = scan_page(table, **arguments)
        if next(the_first_page, None):
            monkeypatch.setattr(world.clock, "at_ms", bucket * 1000 + CLOCKS_DIFFER_MS_MAX)
            world.release(world.reserve(more_than_is_left))
        return answer

    monkeypatch.setattr(Table, "scan", reclaimed_meanwhile)

    assert restored.audit() == []
    assert bucket not in world.counter(restored.balance).holds
    seen_before = BucketTotal(world.counter_key(restored.balance), bucket, ONE, 0, [abandoned])
    assert missing_holds(restored.table, seen_before, clock=world.clock.now_ms) == []


def test_a_key_that_is_used_again_does_not_inherit_the_entries_of_the_first_time(
    restored: Lived, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(restored.table, restored.world.clock)
    first = world.reserve(1, key="again")
    world.settle(first, 1)
    restored.remove(world.reservation_key(first))  # as TTL does
    monkeypatch.setattr(world.clock, "at_ms", world.clock.at_ms + 120_000)

    second = world.reserve(1, key="again")
    while_open = restored.audit()
    world.settle(second, 1)

    assert second == first
    assert while_open == []
    assert restored.audit() == []
    doubt = Suspect(TENANT, second, last_entry_ms=0)
    assert wrong_entries(restored.table, doubt, clock=world.clock.now_ms) == []


def test_a_doubtful_reservation_costs_only_the_ledger_of_its_own_time(
    restored: Lived, monkeypatch: pytest.MonkeyPatch
) -> None:
    entered_never_settled(restored)
    read: list[str] = []
    query = Table.query

    def noted(table: Table, **arguments: Any) -> dict[str, Any]:
        answer = query(table, **arguments)
        read.extend(item["sk"]["S"] for item in answer["Items"])
        return answer

    monkeypatch.setattr(Table, "query", noted)
    doubt = Suspect(TENANT, restored.settled, last_entry_ms=NOON_MS)

    found = wrong_entries(restored.table, doubt, clock=restored.world.clock.now_ms)

    assert {finding.kind for finding in found} == {"entry_of_unsettled"}
    assert read and max(read) < keys.ledger_moment(NOON_MS + 120_000)


def test_a_period_that_is_being_forgotten_is_no_difference(
    restored: Lived, monkeypatch: pytest.MonkeyPatch
) -> None:
    """TTL takes the items of an old period in any order, over days."""
    partition, counter = restored.first_hour
    until = kept_until(period_of(counter.removeprefix(keys.PERIOD_PREFIX)))
    assert until is not None
    item = restored.ledger_item(restored.hourly, restored.settled)
    restored.remove((partition, item["sk"]["S"]))
    restored.remove(restored.world.reservation_key(restored.settled))
    found = {finding.kind for finding in restored.audit()}
    assert found == {"counter_spent", "statement", "usage_log_mismatch"}

    monkeypatch.setattr(restored.world.clock, "at_ms", until * 1000)

    assert restored.audit() == []
