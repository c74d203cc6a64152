"""Every expression sent to DynamoDB on the spending paths, as sentences.

Each stands for a rule of `spendgate.domain.counters` or `spendgate.domain.reservations`.
`#hold` is the attribute `h<bucket>` of the bucket in question. Expressions over several buckets
are completed by `Buckets`, the only ones that are not constants.
"""

from collections.abc import Mapping

from spendgate.domain.amounts import Amount
from spendgate.store.codec.counters import hold_attribute
from spendgate.store.errors import Item
from spendgate.store.items import amount

# A counter that is not there yet comes into being with the write that needs it.
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

# Counter.hold: the amount moves from available to the bucket.
_HELD = (
    "spent = if_not_exists(spent, :zero), "
    "available = if_not_exists(available, :limit) - :amount, "
    "#hold = if_not_exists(#hold, :zero) + :amount"
)
HOLD = f"SET {_CREATED}, {_HELD}"
HOLD_IN_PERIOD = f"SET {_CREATED_WITH_AN_END}, {_HELD}"

# Counter.can_grant, under the policy that the caller has read.
POLICY_IS_KNOWN = "version = :version"
AMOUNT_IS_AVAILABLE = "available >= :amount"
CAN_GRANT = f"{POLICY_IS_KNOWN} AND {AMOUNT_IS_AVAILABLE}"
CAN_GRANT_OR_IS_NEW = f"attribute_not_exists(pk) OR ({CAN_GRANT})"

# Counter.hold where expired holds come back with the same write.
RECLAIM_AND_HOLD = (
    "SET available = available + :change, #hold = if_not_exists(#hold, :zero) + :amount REMOVE "
)
ENOUGH_COMES_BACK = f"{POLICY_IS_KNOWN} AND available >= :needed AND "

# Expired holds come back and nothing else happens.
SWEEP = "SET available = available + :change REMOVE "

# A hold that led to nothing goes back, unless it has been reclaimed since.
GIVE_BACK = "SET available = available + :amount, #hold = #hold - :amount"
IS_STILL_HELD = "#hold >= :amount"

# Counter.with_limit: a newer policy; whoever comes first brings it.
BRING_UP = "SET limit_amount = :limit, available = available + :change, version = :version"
IS_AS_SEEN = "version = :seen_version AND limit_amount = :seen_limit"

# A settlement, a release or a record: what was held comes back, what was spent is taken.
SETTLE = "SET spent = spent + :spent, available = available + :change"
COUNTER_EXISTS = "attribute_exists(pk)"
_RECORDED = (
    "spent = if_not_exists(spent, :zero) + :spent, "
    "available = if_not_exists(available, :limit) + :change"
)
RECORD = f"SET {_CREATED}, {_RECORDED}"
RECORD_IN_PERIOD = f"SET {_CREATED_WITH_AN_END}, {_RECORDED}"

# The reservation itself: it leaves the state `held` once, out of the bucket that was read.
IS_NEW = "attribute_not_exists(pk)"
IS_HELD_AS_SEEN = "stage = :held AND held_until = :held_until"
FINALIZE = (
    "SET stage = :stage, actual = :actual, finalized_at_ms = :now_ms, expires_ttl = :expires_ttl"
)
MOVE_HOLD = "SET #from = #from - :amount, #hold = if_not_exists(#hold, :zero) + :amount"
IS_HELD_THERE = "#from >= :amount"
EXTEND = (
    "SET held_until = :new_held_until, expires_at_ms = :expires_at_ms, expires_ttl = :expires_ttl"
)

# The index of counters whose period has an end, and how a counter leaves it.
IS_DUE = "due_shard = :due_shard AND ends_at <= :now"
IS_NO_LONGER_DUE = "REMOVE due_shard"


class Buckets:
    """The clauses over several buckets of a counter, each as it was seen.

    `removed` is a REMOVE list, `unchanged` a condition that every bucket still holds what was seen.
    """

    def __init__(self, seen: Mapping[int, Amount]) -> None:
        assert seen
        self.names = {f"#b{place}": hold_attribute(bucket) for place, bucket in enumerate(seen)}
        self.values: Item = {f":b{place}": amount(held) for place, held in enumerate(seen.values())}
        self.removed = ", ".join(self.names)
        self.unchanged = " AND ".join(f"#b{place} = :b{place}" for place in range(len(seen)))
        self.reduced = ", ".join(f"#b{place} = #b{place} - :b{place}" for place in range(len(seen)))
        self.sufficient = " AND ".join(f"#b{place} >= :b{place}" for place in range(len(seen)))
