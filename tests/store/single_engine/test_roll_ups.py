"""Roll-ups: each record is counted once, however runs stop, overlap or find what to do."""

from collections.abc import Callable
from hashlib import sha256
from itertools import count
from typing import Any

import pytest

from spendgate_service.domain.model_usage import Usage
from spendgate_service.domain.rollups import rollups_by_quarter, sum_of
from spendgate_service.domain.subjects import Subject
from spendgate_service.domain.usage_records import MeteredUsage, UsageRecord
from spendgate_service.domain.usage_report import Interval, ReportQuery
from spendgate_service.store import keys, rollups, values
from spendgate_service.store.client import Table
from spendgate_service.store.errors import Throttled
from spendgate_service.store.rollups import (
    read_rolled_days,
    read_rollup_state,
    read_rollups,
    rollup_items,
)
from spendgate_service.store.usage import UsageBatch
from spendgate_service.usage import roll_up, sources
from spendgate_service.usage.report import report_page
from spendgate_service.usage.reverse import reverse
from spendgate_service.usage.roll_up import BEHIND_MS, Rolled, roll_up_usage
from tests.support.app import Inline
from tests.support.faulty_client import faulty, meanwhile
from tests.support.rollover import list_for_rollups
from tests.support.world import TENANT

DAY = "20260410"
DAY_MS = 86_400_000
NOON_MS = 1_775_822_400_000
"""2026-04-10T12:00Z."""


@pytest.fixture
def table(memory_table: Table) -> Table:
    """A tenant since the start of the day."""
    list_for_rollups(memory_table, TENANT, since_ms=NOON_MS - DAY_MS // 2)
    return memory_table


def spend(
    table: Table,
    *,
    at_ms: int = NOON_MS,
    now_ms: int | None = None,
    user: str = "u",
    times: int = 1,
) -> list[UsageRecord]:
    """Record calls of one cent each, in one transaction."""
    log = UsageBatch(table.name, now_ms=now_ms or at_ms)
    subjects = (Subject("organization", TENANT), Subject("user", user), Subject("session", "s"))
    metered = MeteredUsage("openai", "gpt-4o", Usage("openai", "gpt-4o", 10, 5))
    record = UsageRecord(subjects, {"usd": 10_000_000}, at_ms, metered=metered)
    written = [log.add(TENANT, record) for _ in range(times)]
    for put in log.puts():
        table.put(put["Put"]["Item"])
    return written


def run(table: Table, now_ms: int, **arguments: Any) -> Rolled:
    return roll_up_usage(table, now_ms=now_ms, **{"has_time": lambda: True, **arguments})


def calls(table: Table, *, now_ms: int = NOON_MS + 40 * DAY_MS) -> int:
    """The calls of all days by the report, which checks amounts and tokens on the way."""
    span = Interval(NOON_MS // 1000 - 43_200 - 50 * 86_400, now_ms // 1000 // 900 * 900)
    page = report_page(table, TENANT, ReportQuery(span), limit=10, pool=Inline())
    if not page.rows:
        return 0
    (row,) = page.rows
    assert row.total.amounts == {"usd": 10_000_000 * row.total.calls}
    assert row.total.tokens == {"input": 10 * row.total.calls, "output": 5 * row.total.calls}
    return row.total.calls


def counted(table: Table) -> int:
    """How many records the roll-ups of the quarters count, which those of days agree with."""
    total = 0
    for day, rolled in read_rolled_days(table, TENANT, "20260101", "20261231").items():
        partition = keys.quarters_partition(TENANT, day)
        quarters = read_rollups(rollup_items(table, partition, "0000", "2345"))
        assert quarters is not None
        whole = sum_of(quarter.rollup for quarter in quarters.values())
        assert whole.records == rolled.records
        if rolled.is_whole:
            days = keys.days_partition(TENANT, day[:6])
            stored = read_rollups(rollup_items(table, days, day, day))
            assert stored is not None and stored[day].rollup == whole
        total += whole.records
    return total


def test_what_was_recorded_within_the_last_minute_is_counted_later(table: Table) -> None:
    """Its transaction may still be running; the report has it at once."""
    spend(table)
    spend(table, at_ms=NOON_MS + 1)

    assert run(table, NOON_MS + BEHIND_MS + 1).records == 1
    assert (counted(table), calls(table)) == (1, 2)

    state = read_rollup_state(table, TENANT)
    assert state is not None and state.due_at * 1000 > NOON_MS + BEHIND_MS
    assert run(table, state.due_at * 1000 - 1000).tenants == 0, "it is not due yet"
    assert run(table, state.due_at * 1000).records == 1
    assert (counted(table), calls(table)) == (2, 2)


def test_a_run_without_time_is_continued(table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each step is counted once, wherever the run before it stopped."""
    monkeypatch.setattr(roll_up, "RECORDS_AT_ONCE", 2)
    for number in range(7):
        spend(table, at_ms=NOON_MS + number * 1_000_000, user=f"u-{number % 3}")
    now_ms = NOON_MS + DAY_MS

    found: list[int] = []
    while (runs := len(found)) < 20:
        steps = count()
        rolled = run(table, now_ms, has_time=lambda steps=steps: next(steps) < 1)
        found.append(counted(table))
        assert calls(table) == 7
        if not rolled.ran_out_of_time:
            break

    assert found[:4] == [2, 4, 6, 7] and 4 <= runs < 20


@pytest.mark.parametrize("write", range(3))
def test_two_runs_at_a_time_count_each_record_once(table: Table, write: int) -> None:
    """The one that comes second to any write stops; nothing is counted twice."""
    spend(table, at_ms=NOON_MS - 7_200_000, times=3)
    spend(table, at_ms=NOON_MS, times=2)
    now_ms = NOON_MS + DAY_MS
    overtaken, client = faulty(table)
    operation = ("transact_write_items", "transact_write_items", "update_item")[write]
    client.fail(operation, meanwhile(lambda: run(table, now_ms)), at=2 if write == 1 else 1)

    run(overtaken, now_ms)

    assert (counted(table), calls(table)) == (5, 5)
    assert run(table, now_ms + DAY_MS).records == 0


def test_late_records_and_reversals_are_reported_at_once_and_rolled_up_later(
    table: Table,
) -> None:
    """Of the days before yesterday as well; a reversal also of a day that is closed for records."""
    (first, *_) = spend(table, times=4)
    assert run(table, NOON_MS + 40 * DAY_MS).records == 4
    now_ms = NOON_MS + 45 * DAY_MS

    reverse(table, TENANT, first.record_id, None, now_ms=now_ms)
    spend(table, at_ms=now_ms - 34 * DAY_MS, now_ms=now_ms)
    spend(table, at_ms=now_ms - 34 * DAY_MS - 1, now_ms=now_ms + 5)

    assert calls(table) == 5
    assert run(table, now_ms + DAY_MS).records == 3
    assert (counted(table), calls(table)) == (7, 5)


def test_late_records_share_one_shard_and_are_found_by_their_id(table: Table) -> None:
    """So that a report looks for them with one query for each day."""
    late = [spend(table, now_ms=NOON_MS + 2 * DAY_MS + number)[0] for number in range(20)]
    early = [spend(table, now_ms=NOON_MS + number)[0] for number in range(20)]

    def shards(records: list[UsageRecord]) -> set[str]:
        found = [keys.usage_key(TENANT, DAY, record.record_id[12:-2],
                                        recorded_at_ms=record.recorded_at_ms)
                 for record in records]  # fmt: skip
        assert all(table.get(values.key(key)) for key in found)
        return {key[0][-1] for key in found}

    assert shards(late) == {"0"}
    assert shards(early) == {"0", "1", "2", "3"}


def test_a_roll_up_of_many_combinations_has_several_parts(
    table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each below DynamoDB's limit for an item, and read as one."""
    monkeypatch.setattr(rollups, "PART_BYTES_MAX", 100)
    for number in range(20):
        spend(table, user=f"user-{number}")

    run(table, NOON_MS + DAY_MS)

    partition = keys.quarters_partition(TENANT, DAY)
    assert len(list(rollup_items(table, partition, "1200", "1200"))) > 5
    assert (counted(table), calls(table)) == (20, 20)


def test_what_is_too_varied_for_a_transaction_is_reported_from_its_records(
    table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A step is divided; what is too large alone stays as it is, and other days go on."""
    monkeypatch.setattr(roll_up, "BYTES_AT_ONCE", 150)
    spend(table, user="u-1")
    spend(table, at_ms=NOON_MS + 900_000, user="u-2")
    for number in range(3):
        spend(table, at_ms=NOON_MS + DAY_MS, user=sha256(bytes(number)).hexdigest())

    rolled = run(table, NOON_MS + 2 * DAY_MS)

    assert rolled.failed == 0
    assert (counted(table), calls(table)) == (3, 5)


def _lines_lost(table: Table, key: keys.Key) -> None:
    table.delete(values.key(key))


def _counted_less(table: Table, key: keys.Key) -> None:
    item = table.get(values.key(key))
    assert item is not None
    table.put({**item, "records": values.number(1)})


def _newer(table: Table, key: keys.Key) -> None:
    item = table.get(values.key(key))
    assert item is not None
    table.put({**item, "counted_to": values.text("9")})


@pytest.mark.parametrize("change", [_lines_lost, _counted_less, _newer])
def test_roll_ups_that_do_not_belong_together_are_not_added_up(
    table: Table, change: Callable[[Table, keys.Key], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A read that fell between two writes is repeated, and never a wrong total.

    The last attempt counts too: it begins with the last query but one.
    """
    monkeypatch.setattr(sources, "ROLLUP_READS_MAX", 2)
    spend(table, times=2)
    run(table, NOON_MS + BEHIND_MS + 60_000)
    key = keys.quarters_partition(TENANT, DAY), keys.rollup_sort_key("1200", 0)
    stored = table.get(values.key(key))
    assert stored is not None
    change(table, key)

    reading, client = faulty(table)
    with pytest.raises(Throttled, match="being summed up"):
        calls(reading)
    queries = client.calls.count("query")

    client.fail("query", meanwhile(lambda: table.put(stored)), at=queries - 1)
    assert calls(reading) == 2


def test_a_roll_up_adds_up_by_combination_and_leaves_sessions_out() -> None:
    subjects = (Subject("agent", "a"), Subject("session", "s-1"), Subject("api_key", "key_1"))
    record = UsageRecord(subjects, {"usd": 1}, NOON_MS)
    of_another = (Subject("agent", "a"), Subject("session", "s-2"), Subject("api_key", "key_1"))
    other = UsageRecord(of_another, {"usd": 2, "tokens": 5}, NOON_MS + 899_999)

    (quarter,) = rollups_by_quarter([record, other]).values()

    (line,) = quarter.lines(at=7)
    assert line.dimensions == {"agent": "a", "key_id": "key_1"}
    assert (line.amounts, line.calls, line.at) == ({"usd": 3, "tokens": 5}, 2, 7)
