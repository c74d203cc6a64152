"""Which calls explain what a lease has spent: the steps always add up."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spendgate_service.domain.captures import steps_between
from spendgate_service.domain.requests import Capture, CapturedEntry


def capture(total: int, *amounts: int, since: int = 0) -> Capture:
    """A capture of a total, with an entry for each amount."""
    entries, upto = [], since
    for amount in amounts:
        upto += amount
        entries.append(CapturedEntry(upto={"usd": upto}))
    return Capture("t", "r", {"usd": total}, since={"usd": since}, entries=tuple(entries))


def parts(before: int, *captures: Capture) -> list[tuple[int, bool]]:
    """What each step spends, and whether a call explains it."""
    after = max(capture.captured["usd"] for capture in captures)
    steps = steps_between({"usd": before}, {"usd": after}, captures)
    return [(step.spent.get("usd", 0), step.entry is not None) for step in steps]


@pytest.mark.parametrize(
    ("before", "captures", "expected"),
    [
        (0, [capture(10, 4, 6)], [(4, True), (6, True)]),
        (3, [capture(10, 4, 3, since=3)], [(4, True), (3, True)]),
        # entries explain less than the total
        (0, [capture(10, 4)], [(4, True), (6, False)]),
        # more than the total
        (0, [capture(10, 4, 8)], [(4, True), (6, False)]),
        # an earlier capture was lost
        (1, [capture(10, 4, 3, since=3)], [(2, False), (4, True), (3, True)]),
        # the response to the last capture was lost: its calls come again, and further ones
        (4, [capture(10, 4, 6)], [(6, True)]),
        # the same, but the totals do not meet
        (5, [capture(10, 4, 3, 3)], [(2, False), (3, True)]),
        # nothing is said about the calls
        (4, [capture(10)], [(6, False)]),
        # several captures in any order
        (0, [capture(10, 6, since=4), capture(4, 4)], [(4, True), (6, True)]),
        (0, [capture(7, 3, since=4), capture(4, 4), capture(4, 4)], [(4, True), (3, True)]),
    ],
)
def test_each_call_counts_once_and_the_rest_is_not_attributed(
    before: int, captures: list[Capture], expected: list[tuple[int, bool]]
) -> None:
    assert parts(before, *captures) == expected


_TOTALS = st.integers(0, 20)


@given(
    before=_TOTALS,
    captures=st.lists(
        st.builds(
            lambda total, amounts, since: capture(total, *amounts, since=since),
            _TOTALS, st.lists(st.integers(0, 6), max_size=4), _TOTALS,
        ),
        min_size=1, max_size=3,
    ),
)  # fmt: skip
def test_the_steps_lead_from_the_last_total_to_the_new_one(
    before: int, captures: list[Capture]
) -> None:
    after = max([before, *(capture.captured["usd"] for capture in captures)])

    reached = {"usd": before}
    for step in steps_between({"usd": before}, {"usd": after}, captures):
        assert step.start.get("usd", 0) == reached["usd"]
        reached = {"usd": step.end["usd"]}
        assert reached["usd"] >= step.start.get("usd", 0)
    assert reached == {"usd": after}
