"""Counters: one item per budget, subject and period, with its balances.

`available` is stored because DynamoDB conditions cannot add (`domain.counters` has the invariant).
A counter is created by the first write that needs it (`creating`). Its item, its ledger entries and
its statements expire together, some time after the period has ended (`kept_until`); what has no
end stays.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from spendgate_service.domain.amounts import Amount
from spendgate_service.domain.budgets import Budget
from spendgate_service.domain.clocks import CLOCKS_DIFFER_MS_MAX
from spendgate_service.domain.counters import Counter
from spendgate_service.domain.periods import Period, period_of
from spendgate_service.domain.subjects import Subject
from spendgate_service.settings import Settings
from spendgate_service.store import keys, values
from spendgate_service.store.client import Table
from spendgate_service.store.values import (
    Item,
    Value,
    read_amount,
    read_number,
    read_optional_amount,
    read_optional_number,
)

HOLD_PREFIX = "h"
"""A counter's attribute `h<moment>` is the sum of the holds that expire at that moment.

A moment in a name is in base 36 (`numbered_attribute`): an item may have sixty such names.
"""

SLICE_PREFIX = "w"
"""`w<moment>` is what was spent in the slice of a rolling window that leaves it at that moment."""

ARMED_PREFIX = "a"
"""`a<number>` is when (ms) the level with this number was last left (`domain.thresholds`)."""

ENDING_PREFIX = "x"
"""`x<moment>` is the sum of the credits that end at that moment (`store.credit_writes`)."""

_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_BASE = len(_DIGITS)
_IS_NUMBERED = re.compile("[a-z][0-9A-Z]+")

RETENTION_SECONDS = Settings().retention_days * 86_400

# A counter that is absent is created by the write that needs it.
_CREATED = (
    "limit_amount = if_not_exists(limit_amount, :limit), "
    "version = if_not_exists(version, :version), "
    "budget_ref = if_not_exists(budget_ref, :budget_ref)"
)
_CREATED_WITH_AN_END = (
    f"{_CREATED}, "
    "starts_at = if_not_exists(starts_at, :starts_at), "
    "ends_at = if_not_exists(ends_at, :ends_at), "
    "due_shard = if_not_exists(due_shard, :due_shard), "
    "expires_ttl = if_not_exists(expires_ttl, :expires_ttl)"
)

# Changes of a counter that may be absent, for `creating`.
UNUSED = "spent = if_not_exists(spent, :zero), available = if_not_exists(available, :limit)"
# Counter.credited: more is available, nothing else changes.
CREDITED = (
    "spent = if_not_exists(spent, :zero), available = if_not_exists(available, :limit) + :change"
)
# Counter.carried: what the period before leaves to this one, or its debt.
CARRIED_IN = f"{CREDITED}, carried_in = if_not_exists(carried_in, :zero) + :change"

# The counter is of the policy version by which a request was decided.
POLICY_IS_KNOWN = "version = :version"

# Every condition that grants says so: no credit on the counter has ended, on any clock.
NO_CREDIT_HAS_ENDED = "(attribute_not_exists(credit_ends_at) OR credit_ends_at > :ended_until)"

# Counter.with_limit: a newer policy; the first writer that meets it applies it.
CATCH_UP = "SET limit_amount = :limit, available = available + :change, version = :version"
IS_AS_SEEN = "version = :seen_version AND limit_amount = :seen_limit"


def numbered_attribute(prefix: str, number: int) -> str:
    """Name an attribute by its kind and a number, in base 36 and capitals: `hTBR3K0`.

    Other attributes have small letters, so no name is both.
    """
    digits = ""
    while number:
        number, digit = divmod(number, _BASE)
        digits = _DIGITS[digit] + digits
    return prefix + (digits or "0")


def hold_attribute(bucket: int) -> str:
    """Name the attribute of one bucket of holds."""
    return numbered_attribute(HOLD_PREFIX, bucket)


def slice_attribute(leaves_at: int) -> str:
    """Name the attribute of one slice of a rolling window."""
    return numbered_attribute(SLICE_PREFIX, leaves_at)


def ending_attribute(moment: int) -> str:
    """Name the attribute of the credits that end at a moment."""
    return numbered_attribute(ENDING_PREFIX, moment)


def ended_until(now_ms: int) -> Item:
    """Make the value of `NO_CREDIT_HAS_ENDED`: what ends by then has ended on some clock."""
    return {":ended_until": values.number((now_ms + CLOCKS_DIFFER_MS_MAX) // 1000)}


def read_counter(item: Item) -> Counter:
    """Read a counter's balances from its item."""
    return Counter(
        limit=read_amount(item["limit_amount"]),
        spent=read_amount(item["spent"]),
        available=read_amount(item["available"]),
        version=read_number(item["version"]),
        holds=_buckets(item, HOLD_PREFIX),
        slices=_buckets(item, SLICE_PREFIX),
        spent_ever=read_optional_amount(item, "spent_ever"),
        carried_in=read_optional_amount(item, "carried_in") or 0,
        carried_out=read_optional_amount(item, "carried_out") or 0,
        armed={number: read_number(value) for number, value in _numbered(item, ARMED_PREFIX)},
        ending=_buckets(item, ENDING_PREFIX),
        credit_ends_at=read_optional_number(item, "credit_ends_at"),
        credit_changes=read_optional_number(item, "credit_changes") or 0,
        credits_not_carried=read_optional_amount(item, "credits_not_carried") or 0,
    )


def _buckets(item: Item, prefix: str) -> Mapping[int, Amount]:
    return {number: read_amount(value) for number, value in _numbered(item, prefix)}


def _numbered(item: Item, prefix: str) -> Iterator[tuple[int, Value]]:
    for name, value in item.items():
        if name[0] == prefix and _IS_NUMBERED.fullmatch(name):
            yield int(name[1:], _BASE), value


def armed(levels: Iterable[int]) -> str:
    """Write the rest of a SET list that arms levels at `:armed_at`."""
    return "".join(f", {numbered_attribute(ARMED_PREFIX, number)} = :armed_at" for number in levels)


def period_of_counter(counter: keys.Key) -> Period:
    """Return the period of a counter, which its key names."""
    return period_of(keys.period_key_of(counter[1]))


def read_counters(
    table: Table, counters: Iterable[keys.Key], *, consistent: bool
) -> dict[keys.Key, Counter]:
    """Read the counters that exist among the keys. One batch read."""
    found = table.get_many(map(values.key, counters), consistent=consistent)
    return {keys.read_key(item): read_counter(item) for item in found}


def creation_values(
    tenant_id: str, budget: Budget, subject: Subject, period: Period, *, version: int
) -> Item:
    """Make the values of a new counter; only one whose period ends has `:ends_at` and the like."""
    shard = keys.budget_shard_of(subject)
    attribute_values: Item = {
        ":limit": values.amount(budget.limit_in(period)),
        ":version": values.number(version),
        ":budget_ref": values.text(keys.budget_ref(tenant_id, budget.budget_id, shard)),
        ":zero": values.number(0),
    }
    if period.starts_at is not None and period.ends_at is not None:
        address = keys.counter_key(tenant_id, budget.budget_id, subject, period.key)
        attribute_values[":starts_at"] = values.number(period.starts_at)
        attribute_values[":ends_at"] = values.number(period.ends_at)
        attribute_values[":due_shard"] = values.text(keys.due_shard_of(address))
        attribute_values[":expires_ttl"] = values.number(period.ends_at + RETENTION_SECONDS)
    return attribute_values


def creating(creation: Item, change: str) -> str:
    """Write the update that makes a change, and first the counter if it is absent.

    `creation` has the values of a new counter; the change uses `if_not_exists` as well.
    """
    created = _CREATED_WITH_AN_END if ":ends_at" in creation else _CREATED
    return f"SET {created}, {change}"


def crediting(
    creation: Item, amount: Amount, *, change: str = CREDITED, **attribute_values: Any
) -> dict[str, Any]:
    """Make the update that adds an amount to what a counter has available, or creates it so."""
    return {
        "UpdateExpression": creating(creation, change),
        "ExpressionAttributeValues": {
            ":change": values.amount(amount),
            **creation,
            **attribute_values,
        },
    }


def arming(levels: Iterable[int], *, now_ms: int) -> dict[str, Any]:
    """Make the update that arms levels of a counter that exists."""
    return {
        "UpdateExpression": f"SET {armed(levels).removeprefix(', ')}",
        "ConditionExpression": "attribute_exists(pk)",
        "ExpressionAttributeValues": {":armed_at": values.number(now_ms)},
    }


class Buckets:
    """The clauses over several buckets of a counter, by attribute, each with an amount.

    `removed` is a REMOVE list; `unchanged` and `sufficient` are conditions, that every bucket holds
    exactly, or at least, its amount; `reduced` and `increased` are SET lists. All other expressions
    are constants.
    """

    def __init__(self, buckets: Mapping[str, Amount], *, prefix: str = "b") -> None:
        assert buckets
        places = [f"{prefix}{place}" for place in range(len(buckets))]
        self.names = {
            f"#{place}": attribute for place, attribute in zip(places, buckets, strict=True)
        }
        self.values: Item = {
            f":{place}": values.amount(amount)
            for place, amount in zip(places, buckets.values(), strict=True)
        }
        self.removed = ", ".join(self.names)
        self.unchanged = " AND ".join(f"#{place} = :{place}" for place in places)
        self.sufficient = " AND ".join(f"#{place} >= :{place}" for place in places)
        self.reduced = ", ".join(f"#{place} = #{place} - :{place}" for place in places)
        self.increased = ", ".join(
            f"#{place} = if_not_exists(#{place}, :zero) + :{place}" for place in places
        )


def kept_until(period: Period) -> int | None:
    """Return until when (epoch seconds) the items of a period are kept; None: for ever."""
    return None if period.ends_at is None else period.ends_at + RETENTION_SECONDS


def is_forgotten(period_key: str, *, now_ms: int) -> bool:
    """Tell whether TTL may have removed items of a period."""
    until = kept_until(period_of(period_key))
    return until is not None and until * 1000 <= now_ms


def expiry_of(period_keys: Iterable[str]) -> Item:
    """Make the TTL attribute of an item of these periods; none if one of them never ends."""
    untils = [kept_until(period_of(key)) for key in period_keys]
    latest = max((until for until in untils if until is not None), default=None)
    return {} if latest is None or None in untils else {"expires_ttl": values.number(latest)}
