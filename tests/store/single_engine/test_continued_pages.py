"""A page that is continued under other conditions than the one before.

The kind: the place of a cursor lies outside of what is asked for now, because the clock has moved
on or the query differs. DynamoDB rejects such a start key; the page has what follows that place.
"""

import pytest

from spendgate_service.domain.subjects import Subject
from spendgate_service.store import keys, values
from spendgate_service.store.changes import ChangeFilter, read_changes
from spendgate_service.store.client import Table
from spendgate_service.store.counter_index import counters_between, counters_listed
from spendgate_service.store.ids import first_ulid
from spendgate_service.store.reservations import OpenHoldRow, open_holds

SUBJECTS = [Subject("agent", letter) for letter in "abcdefghijkl"]
PERIODS = ("2026-03-01", "2026-03-02", "2026-03-03")


@pytest.fixture
def counters(local_table: Table) -> Table:
    """A dozen counters in each of three periods of one budget, in all partitions of its index."""
    for period_key in PERIODS:
        for subject in SUBJECTS:
            key = values.key(keys.counter_key("t", "b", subject, period_key))
            ref = keys.budget_ref("t", "b", keys.budget_shard_of(subject))
            local_table.put({**key, "budget_ref": values.text(ref)})
    return local_table


def test_the_counters_of_a_budget_are_spread_and_listed_once(counters: Table) -> None:
    whole = list(counters_listed(counters, "t", "b", page_size=2))

    assert {keys.budget_shard_of(subject) for subject in SUBJECTS} == set(range(keys.BUDGET_SHARDS))
    assert sorted(whole, key=str) == sorted(
        ((period_key, subject) for period_key in PERIODS for subject in SUBJECTS), key=str
    )
    for place, row in enumerate(whole, start=1):
        assert list(counters_listed(counters, "t", "b", after=row)) == whole[place:]


def test_the_counters_of_one_period_are_continued_at_each_of_them(counters: Table) -> None:
    whole = list(counters_between(counters, "t", "b", PERIODS[1], PERIODS[1]))
    assert {period_key for period_key, _ in whole} == {PERIODS[1]}
    assert len(whole) == len(SUBJECTS)

    for place, row in enumerate(whole, start=1):
        rest = counters_between(counters, "t", "b", PERIODS[1], PERIODS[1], after=row)
        assert list(rest) == whole[place:]


def test_a_place_in_an_earlier_period_is_before_all_of_them(counters: Table) -> None:
    for subject in SUBJECTS:
        rest = counters_between(
            counters, "t", "b", PERIODS[1], PERIODS[1], after=(PERIODS[0], subject)
        )
        assert {found for _, found in rest} == set(SUBJECTS)


def test_a_place_in_a_later_period_is_after_those_of_its_partition(counters: Table) -> None:
    """A clock that is behind continues the page of one that is ahead."""
    for subject in SUBJECTS:
        rest = counters_between(
            counters, "t", "b", PERIODS[1], PERIODS[1], after=(PERIODS[2], subject)
        )
        shard = keys.budget_shard_of(subject)
        later = {other for other in SUBJECTS if keys.budget_shard_of(other) > shard}
        assert {found for _, found in rest} == later


@pytest.mark.parametrize(
    ("from_ms", "to_ms", "left"),
    [(0, 9_000, 2), (0, 1_999, 1), (2_000, 9_000, 1), (4_000, 9_000, 0)],
)
def test_a_change_log_is_continued_with_another_span(
    local_table: Table, from_ms: int, to_ms: int, left: int
) -> None:
    partition = keys.changes_partition("t")
    ids = [first_ulid("chg_", now_ms=moment_ms) for moment_ms in (1_000, 2_000, 3_000)]
    for change_id in ids:
        key = values.key((partition, keys.CHANGE_PREFIX + change_id))
        local_table.put({**key, "entry": values.text(change_id)})

    wanted = ChangeFilter(from_ms, to_ms)
    found, after = read_changes(local_table, "t", wanted, after=ids[2], limit=10)

    assert (len(found), after) == (left, None)


def test_open_holds_that_are_older_now_are_none_after_a_younger_one(local_table: Table) -> None:
    after = OpenHoldRow(5_000, "rsv_1")
    assert list(open_holds(local_table, "t", until_ms=4_000, after=after)) == []
    assert list(open_holds(local_table, "t", until_ms=5_000, after=after)) == []
