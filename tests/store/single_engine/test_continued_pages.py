"""A page that is continued under other conditions than the one before.

The kind: the place of a cursor lies outside of what is asked for now, because the clock has moved
on or the query differs. DynamoDB rejects such a start key; the page has what follows that place.
"""

import pytest

from spendgate_service.domain.subjects import Subject
from spendgate_service.store import keys, values
from spendgate_service.store.changes import ChangeFilter, read_changes
from spendgate_service.store.client import Table
from spendgate_service.store.ids import first_ulid
from spendgate_service.store.listings import counters_between
from spendgate_service.store.reservations import OpenHoldRow, open_holds

SUBJECTS = [Subject("agent", letter) for letter in "abc"]
PERIODS = ("2026-03-01", "2026-03-02", "2026-03-03")


@pytest.fixture
def counters(local_table: Table) -> Table:
    """Three counters in each of three periods of one budget."""
    for period_key in PERIODS:
        for subject in SUBJECTS:
            key = values.key(keys.counter_key("t", "b", subject, period_key))
            local_table.put({**key, "budget_ref": values.text(keys.budget_ref("t", "b"))})
    return local_table


def test_the_counters_of_one_period_are_continued_at_each_of_them(counters: Table) -> None:
    whole = list(counters_between(counters, "t", "b", PERIODS[1], PERIODS[1]))
    assert {period_key for period_key, _ in whole} == {PERIODS[1]}
    assert len(whole) == len(SUBJECTS)

    for place, row in enumerate(whole, start=1):
        rest = counters_between(counters, "t", "b", PERIODS[1], PERIODS[1], after=row)
        assert list(rest) == whole[place:]


@pytest.mark.parametrize(("period_key", "left"), [(PERIODS[0], 3), (PERIODS[2], 0)])
def test_a_place_in_another_period_is_before_or_after_all_of_them(
    counters: Table, period_key: str, left: int
) -> None:
    after = (period_key, SUBJECTS[0])
    assert (
        len(list(counters_between(counters, "t", "b", PERIODS[1], PERIODS[1], after=after))) == left
    )


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
