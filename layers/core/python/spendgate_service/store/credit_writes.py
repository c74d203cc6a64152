"""Credits and corrections: the single updates of a counter, of those with an end as well.

A credit that ends before its period does lies in the counter's attribute `x<moment>` and is part of
`available`; `credit_ends_at` is the earliest of these moments. Every condition that grants demands
that it is still to come (`counters.NO_CREDIT_HAS_ENDED`). Where that fails, one update takes out
what has ended, and the request is judged again. By clocks, a credit ends a second early.

Each write of these attributes counts in `credit_changes` or moves `credit_ends_at`, so the two say
whether all of them are as they were seen. A credit that does not end before its period is an
ordinary one, but is not carried over. No flow: `budgets.credit` has it.
"""

from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from spendgate_service.domain.amounts import Amount
from spendgate_service.domain.counters import Counter
from spendgate_service.domain.periods import Period
from spendgate_service.store import counters, holds, keys, values
from spendgate_service.store.claims import CounterClaim
from spendgate_service.store.client import Table
from spendgate_service.store.errors import ConditionFailed
from spendgate_service.store.values import Item

ENDS_MAX = 50
"""How many different ends the credits of a counter may have: each makes its item 20 bytes longer,
and every write of an item above 1 KB costs more."""

# Counter.without_ended_credits.
TAKE_OUT = "SET available = available - :ended"
TAKE_OUT_AND_MOVE_ON = f"{TAKE_OUT}, credit_ends_at = :next_end"
ENDS_ARE_AS_SEEN = "credit_changes = :seen_changes AND credit_ends_at = :seen_end"

# Counter.credited_until.
CREDITED_UNTIL = (
    f"{counters.CREDITED}, #end = if_not_exists(#end, :zero) + :change, "
    "credit_changes = if_not_exists(credit_changes, :zero) + :one"
)
CREDITED_UNTIL_FIRST_END = f"{CREDITED_UNTIL}, credit_ends_at = :end"
NO_END_COMES_BEFORE = "(attribute_not_exists(credit_ends_at) OR credit_ends_at > :end)"
AN_END_COMES_BEFORE = "credit_ends_at <= :end"

# A credit that ends with the period or later.
CREDITED_UNTIL_PERIOD_ENDS = (
    f"{counters.CREDITED}, credits_not_carried = if_not_exists(credits_not_carried, :zero) + "
    ":change"
)

# A correction takes what is available, as a hold does; that of a credit with an end takes at most
# what was credited until then.
CAN_CORRECT_UNTIL = f"{holds.CAN_GRANT} AND #end >= :amount"
CAN_CORRECT_UNTIL_PERIOD_ENDS = f"{holds.CAN_GRANT} AND credits_not_carried >= :amount"


def ends_before(period: Period, ends_at: int) -> bool:
    """Return whether a credit that ends then ends before the period."""
    return period.ends_at is None or ends_at < period.ends_at


def take_out_ended(table: Table, address: keys.Key, seen: Counter, *, now_ms: int) -> None:
    """Take out the credits that have ended, unless another write came first. One write unit."""
    ended = seen.ended_credits(now_ms=now_ms)
    next_end = seen.without_ended_credits(now_ms=now_ms).credit_ends_at
    assert ended and seen.credit_ends_at is not None
    names = {f"#x{place}": counters.ending_attribute(moment) for place, moment in enumerate(ended)}
    removed = ", ".join(names)
    attribute_values: Item = {
        ":ended": values.amount(sum(ended.values())),
        ":seen_changes": values.number(seen.credit_changes),
        ":seen_end": values.number(seen.credit_ends_at),
    }
    if next_end is None:
        expression = f"{TAKE_OUT} REMOVE credit_ends_at, {removed}"
    else:
        expression = f"{TAKE_OUT_AND_MOVE_ON} REMOVE {removed}"
        attribute_values[":next_end"] = values.number(next_end)
    with suppress(ConditionFailed):
        table.update(
            values.key(address),
            UpdateExpression=expression,
            ConditionExpression=ENDS_ARE_AS_SEEN,
            ExpressionAttributeNames=names,
            ExpressionAttributeValues=attribute_values,
        )


@dataclass(frozen=True, slots=True)
class CreditedAmount:
    """An amount that a counter is credited with, or corrected by if it is negative.

    `ends_at` is its end in epoch seconds; None: with the period, and carried over.
    """

    amount: Amount
    ends_at: int | None = None

    def has_own_end(self, period: Period) -> bool:
        """Return whether it ends before the period."""
        return self.ends_at is not None and ends_before(period, self.ends_at)


def crediting(
    claim: CounterClaim, seen: Counter, credited: CreditedAmount, *, armed: str, now_ms: int
) -> dict[str, Any]:
    """Make the update of a counter, which is created if it is absent.

    `armed` is the rest of the SET list. The update fails where too little is available for a
    correction, or where the earliest end is not as it was seen.
    """
    change, conditions = _change_and_conditions(claim, seen, credited)
    attribute_values: Item = {}
    update: dict[str, Any] = {}
    if credited.has_own_end(claim.period):
        assert credited.ends_at is not None
        update["ExpressionAttributeNames"] = {"#end": counters.ending_attribute(credited.ends_at)}
        attribute_values[":one"] = values.number(1)
        if credited.amount > 0:
            attribute_values[":end"] = values.number(credited.ends_at)
    if credited.amount < 0:
        attribute_values[":amount"] = values.amount(-credited.amount)
        attribute_values |= counters.ended_until(now_ms)
    if conditions:
        update["ConditionExpression"] = conditions
        update["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD"
    update |= counters.crediting(claim.creation, credited.amount, change=change + armed)
    update["ExpressionAttributeValues"] |= attribute_values
    return update


def _change_and_conditions(
    claim: CounterClaim, seen: Counter, credited: CreditedAmount
) -> tuple[str, str | None]:
    """Choose the change of a counter, and the condition on which it is made."""
    amount, ends_at = credited.amount, credited.ends_at
    if ends_at is None:
        if amount > 0:
            return counters.CREDITED, None
        is_granted_when_new = claim.unused.available >= -amount
        return counters.CREDITED, (
            holds.CAN_GRANT_OR_IS_NEW if is_granted_when_new else holds.CAN_GRANT
        )
    if not ends_before(claim.period, ends_at):
        return CREDITED_UNTIL_PERIOD_ENDS, None if amount > 0 else CAN_CORRECT_UNTIL_PERIOD_ENDS
    if amount < 0:
        return CREDITED_UNTIL, CAN_CORRECT_UNTIL
    if seen.credit_ends_at is None or seen.credit_ends_at > ends_at:
        return CREDITED_UNTIL_FIRST_END, NO_END_COMES_BEFORE
    return CREDITED_UNTIL, AN_END_COMES_BEFORE
