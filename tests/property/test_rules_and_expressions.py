"""Each rule stands twice, in Python and as a DynamoDB expression: both give the same answer."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spendgate_service.domain.amounts import ONE, Amount
from spendgate_service.domain.budgets import Budget, Claim
from spendgate_service.domain.counters import Counter, new_counter
from spendgate_service.domain.decisions import Verdict, refuses
from spendgate_service.domain.hold_buckets import DEAD_BUCKETS_MAX
from spendgate_service.domain.ledger import LedgerEntry
from spendgate_service.domain.periods import BALANCE, NoPeriod
from spendgate_service.domain.subjects import Subject
from spendgate_service.reservations.hold import take_hold
from spendgate_service.store import values
from spendgate_service.store.claims import CounterClaim, catch_up
from spendgate_service.store.client import Table
from spendgate_service.store.counters import (
    ending_attribute,
    hold_attribute,
    read_counter,
    slice_attribute,
)
from spendgate_service.store.holds import return_hold
from spendgate_service.store.ids import new_id
from spendgate_service.store.postings import Posting, writes_of_counters
from tests.support.clock import NOON_MS
from tests.support.engines import temporary_table_at
from tests.support.examples import examples

NOW = NOON_MS // 1000
VERSION = 3
BUCKET = NOW + 300

exactly = settings(
    max_examples=examples(40),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def amounts(least: int = 0) -> st.SearchStrategy[Amount]:
    """Small ones, whose sums often meet a limit exactly, and exact ones of any size."""
    return st.integers(least, 12).map(lambda units: units * ONE) | st.integers(least, 10**27 - 1)


@st.composite
def counters(draw: st.DrawFn, most_holds: int = DEAD_BUCKETS_MAX + 2) -> Counter:
    """Balances that belong together: buckets around now, and sometimes an overrun."""
    offsets = (st.integers(-6, 6) | st.sampled_from([BUCKET - NOW])).map(
        lambda integer: NOW + integer
    )
    holds = draw(st.dictionaries(offsets, amounts(), max_size=most_holds))
    slices = draw(st.just({}) | st.dictionaries(offsets, amounts(), max_size=3))
    limit, spent = draw(amounts()), sum(slices.values()) if slices else draw(amounts())
    ending = draw(st.just({}) | st.dictionaries(offsets, amounts(), max_size=3))
    return Counter(
        limit=limit,
        spent=spent,
        available=limit + sum(ending.values()) - spent - sum(holds.values()),
        version=VERSION,
        holds=holds,
        slices=slices,
        ending=ending,
        credit_ends_at=min(ending, default=None),
        credit_changes=len(ending),
    )


@st.composite
def rules(draw: st.DrawFn) -> dict[str, Any]:
    """By what a budget refuses: its limit, its soft limit as well, or (a shadow) nothing.

    A budget that an admin has paused is refused before any expression is sent.
    """
    soft_limit = draw(st.none() | amounts())
    return {
        "soft_limit": soft_limit,
        "on_soft_limit": draw(st.sampled_from(["warn", "pause"])),
        "mode": draw(st.sampled_from(["enforce", "enforce", "shadow"])),
    }


@dataclass
class Stored:
    """One counter in the table, as the rules see it and as the expressions do."""

    table: Table
    target: CounterClaim

    def put(self, counter: Counter) -> None:
        balances = {
            "limit_amount": values.amount(counter.limit),
            "spent": values.amount(counter.spent),
            "available": values.amount(counter.available),
            "version": values.number(counter.version),
            **{hold_attribute(at): values.amount(held) for at, held in counter.holds.items()},
            **{slice_attribute(at): values.amount(spent) for at, spent in counter.slices.items()},
            **{
                ending_attribute(at): values.amount(amount) for at, amount in counter.ending.items()
            },
            "credit_changes": values.number(counter.credit_changes),
            **values.optional_number(credit_ends_at=counter.credit_ends_at),
        }
        self.table.put({**self.target.key, **balances})

    @property
    def counter(self) -> Counter:
        item = self.table.get(self.target.key)
        assert item is not None
        return read_counter(item)


def stored(table: Table, amount: Amount, *, limit: Amount = 0, **rules: Any) -> Stored:
    budget = Budget(
        budget_id=new_id("bud_", now_ms=NOON_MS),
        subject=Subject("agent", "*"),
        unit="usd",
        limit=limit,
        period=NoPeriod(),
        created_at_ms=NOON_MS,
        updated_at_ms=NOON_MS,
        **rules,
    )
    claim = Claim(budget, Subject("agent", "a"), amount, policy_version=VERSION)
    return Stored(table, CounterClaim("acme", claim, BALANCE))


def swept(counter: Counter) -> Counter:
    """Without what time has given back or ended, empty buckets and the marks for events."""

    def live(buckets: Mapping[int, Amount]) -> dict[int, Amount]:
        return {at: amount for at, amount in buckets.items() if amount and at * 1000 > NOON_MS}

    there = counter.without_ended_credits(now_ms=NOON_MS)
    return replace(
        there,
        spent=there.spent_at(now_ms=NOON_MS),
        available=there.available_at(now_ms=NOON_MS),
        holds=live(counter.holds),
        slices=live(counter.slices),
        armed={},
    )


def is_granted(there: Stored, verdict: Verdict) -> bool:
    """Whether the amount is held: a shadow holds whatever it says."""
    return not refuses(there.target.claim.budget, verdict)


@pytest.fixture(scope="module")
def table(dynamodb_local_url: str) -> Iterator[Table]:
    """One table for all examples: every one has a counter of its own."""
    with temporary_table_at(dynamodb_local_url) as table:
        yield table


@exactly
@given(counter=counters(), amount=amounts(), rules=rules())
def test_a_hold_is_granted_where_the_rule_grants_it_and_leaves_the_same_balances(
    table: Table, counter: Counter, amount: Amount, rules: dict[str, Any]
) -> None:
    there = stored(table, amount, limit=counter.limit, **rules)
    there.put(counter)
    expected = is_granted(there, there.target.verdict(counter, now_ms=NOON_MS))

    verdict, seen = take_hold(table, there.target, bucket=BUCKET, now_ms=NOON_MS)

    assert is_granted(there, verdict) == expected
    after = counter.hold(amount, bucket=BUCKET, now_ms=NOON_MS) if expected else counter
    assert swept(there.counter) == swept(after)
    assert swept(seen) == swept(after)
    assert there.counter.credits_without_end == counter.credits_without_end


@exactly
@given(counter=counters())
def test_a_hold_takes_exactly_what_is_left(table: Table, counter: Counter) -> None:
    left = counter.grantable_at(now_ms=NOON_MS)
    if left < 0:
        counter = replace(counter, limit=counter.limit - left, available=counter.available - left)
        left = 0
    for wanted, fits in ((0, True), (left, True), (left + 1, False)):
        there = stored(table, wanted)
        there.put(counter)
        verdict, _ = take_hold(table, there.target, bucket=BUCKET, now_ms=NOON_MS)
        assert verdict == ("granted" if fits else "exceeded")


@pytest.mark.parametrize(
    "rules", [{}, {"soft_limit": 10 * ONE, "on_soft_limit": "pause"}], ids=["limit", "and pause"]
)
@pytest.mark.parametrize("limit", [10 * ONE, ONE], ids=["in the limit", "above the limit"])
def test_a_credit_is_granted_from_until_its_end_by_every_rule(
    table: Table, limit: Amount, rules: dict[str, Any]
) -> None:
    """9 of 10 are spent, and there is a credit of 5: none, with an end to come, or past its end.

    What is asked for is within the limit or above it: a counter that is not there yet would grant
    it, or not, so that the condition is another one. The rest of the 10 are credits without an end.
    """
    for ends_at, fits, does_not in ((None, 1, 2), (NOW + 60, 6, 7), (NOW - 60, 1, 2)):
        ending = {} if ends_at is None else {ends_at: 5 * ONE}
        counter = Counter(
            limit=limit,
            spent=9 * ONE,
            available=ONE + sum(ending.values()),
            version=VERSION,
            ending=ending,
            credit_ends_at=ends_at,
            credit_changes=len(ending),
        )
        for amount, expected in ((does_not * ONE, "exceeded"), (fits * ONE, "granted")):
            there = stored(table, amount, limit=limit, **rules)
            there.put(counter)
            verdict, _ = take_hold(table, there.target, bucket=BUCKET, now_ms=NOON_MS)
            assert (ends_at, amount, verdict) == (ends_at, amount, expected)


@exactly
@given(limit=amounts(), amount=amounts(), rules=rules())
def test_a_counter_that_is_not_there_grants_what_a_new_one_would(
    table: Table, limit: Amount, amount: Amount, rules: dict[str, Any]
) -> None:
    there = stored(table, amount, limit=limit, **rules)
    unused = new_counter(there.target.claim.budget, version=VERSION)
    expected = is_granted(there, there.target.verdict(unused, now_ms=NOON_MS))

    verdict, seen = take_hold(table, there.target, bucket=BUCKET, now_ms=NOON_MS)

    assert is_granted(there, verdict) == expected
    after = unused.hold(amount, bucket=BUCKET, now_ms=NOON_MS) if expected else unused
    assert seen == after
    assert (table.get(there.target.key) is not None) == expected


@exactly
@given(counter=counters(), limit=amounts(), amount=amounts(), behind=st.integers(0, 2))
def test_a_counter_is_brought_up_to_its_policy_as_the_rule_says(
    table: Table, counter: Counter, limit: Amount, amount: Amount, behind: int
) -> None:
    there = stored(table, amount, limit=limit)
    there.put(replace(counter, version=VERSION - behind))
    expected = counter.with_limit(limit, version=VERSION) if behind else counter

    if behind:
        catch_up(table, there.target, replace(counter, version=VERSION - behind))
    verdict, _ = take_hold(table, there.target, bucket=BUCKET, now_ms=NOON_MS)

    granted = verdict == "granted"
    assert granted == expected.can_grant(amount, now_ms=NOON_MS)
    after = expected.hold(amount, bucket=BUCKET, now_ms=NOON_MS) if granted else expected
    assert swept(there.counter) == swept(after)


@exactly
@given(counter=counters(), amount=amounts(1))
def test_what_was_held_and_given_back_leaves_the_balances_as_they_were(
    table: Table, counter: Counter, amount: Amount
) -> None:
    there = stored(table, amount)
    there.put(counter)
    verdict, _ = take_hold(table, there.target, bucket=BUCKET, now_ms=NOON_MS)
    if verdict == "granted":
        return_hold(table, there.target, bucket=BUCKET)

    assert swept(there.counter) == swept(counter)


@exactly
@given(counter=counters(most_holds=3), amount=amounts(1))
def test_what_is_no_longer_held_is_not_given_back(
    table: Table, counter: Counter, amount: Amount
) -> None:
    there = stored(table, amount)
    there.put(replace(counter, holds={BUCKET: amount - 1}))

    return_hold(table, there.target, bucket=BUCKET)

    assert there.counter.holds == {BUCKET: amount - 1}
    assert there.counter.available == counter.available


@exactly
@given(counter=counters(), spent=amounts(), data=st.data())
def test_a_settlement_moves_what_was_held_to_what_is_spent_and_available(
    table: Table, counter: Counter, spent: Amount, data: st.DataObject
) -> None:
    there = stored(table, 0)
    there.put(counter)
    at = data.draw(st.sampled_from([*counter.holds, None]))
    returned = data.draw(st.integers(0, counter.holds[at])) if at else 0

    settle(there, returned=returned, at=at, spent=spent)

    after = there.counter
    assert after.spent == counter.spent + spent
    assert after.available == counter.available + returned - spent
    assert after.entitlement == counter.entitlement
    assert total(after.holds) == total(counter.holds) - returned


def total(holds: Mapping[int, Amount]) -> Amount:
    return sum(holds.values())


def entry(spent: Amount) -> LedgerEntry:
    return LedgerEntry(
        entry_id="",
        budget_id="bud_x",
        subject=Subject("agent", "a"),
        period_key=BALANCE.key,
        unit="usd",
        amount=spent,
        created_at_ms=NOON_MS,
    )


def settle(there: Stored, *, returned: Amount, at: int | None, spent: Amount) -> None:
    address = there.target.address
    postings = [Posting(counter=address, returned=returned, bucket=at, entry=entry(spent))]
    writes: list[dict[str, Any]] = [
        write for _, write in writes_of_counters(there.table.name, postings, seen={})
    ]
    if writes:
        there.table.transact(writes)
