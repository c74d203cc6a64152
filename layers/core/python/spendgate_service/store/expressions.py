"""Every expression sent to DynamoDB on the spending paths, as sentences.

Each stands for a rule of `domain.counters` or `domain.reservations`.
`#hold` is the attribute `h<bucket>` of the bucket in question. Expressions over several buckets
are completed by `Buckets`, the only ones that are not constants.
"""

from collections.abc import Mapping

from spendgate_service.domain.amounts import Amount
from spendgate_service.store.errors import Item
from spendgate_service.store.values import amount

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

# decisions.verdict_on, under the policy that the caller has read. A shadow budget never refuses;
# one that pauses at its soft limit does so by what is spent.
POLICY_IS_KNOWN = "version = :version"
CAN_GRANT = f"{POLICY_IS_KNOWN} AND available >= :amount"
CAN_GRANT_BELOW_PAUSE = f"{CAN_GRANT} AND spent < :pauses_at"
_OR_IS_NEW = "attribute_not_exists(pk) OR "
POLICY_IS_KNOWN_OR_IS_NEW = f"{_OR_IS_NEW}{POLICY_IS_KNOWN}"
CAN_GRANT_OR_IS_NEW = f"{_OR_IS_NEW}({CAN_GRANT})"
CAN_GRANT_BELOW_PAUSE_OR_IS_NEW = f"{_OR_IS_NEW}({CAN_GRANT_BELOW_PAUSE})"

# Counter.hold where time has given something back: expired holds, and slices that have left a
# rolling window. The buckets are removed as they were seen.
RECLAIM_AND_HOLD = (
    "SET available = available + :change, spent = spent - :left_window, "
    "#hold = if_not_exists(#hold, :zero) + :amount REMOVE "
)
ENOUGH_COMES_BACK = f"{POLICY_IS_KNOWN} AND available >= :needed AND "
ENOUGH_COMES_BACK_BELOW_PAUSE = f"{ENOUGH_COMES_BACK} spent < :pauses_at AND "

# The same, and nothing else happens.
RECLAIM = "SET available = available + :change, spent = spent - :left_window REMOVE "

# A hold that led to nothing goes back, unless it has been reclaimed since.
RETURN_HOLD = "SET available = available + :amount, #hold = #hold - :amount"
IS_STILL_HELD = "#hold >= :amount"

# Counter.with_limit: a newer policy; whoever comes first brings it.
CATCH_UP = "SET limit_amount = :limit, available = available + :change, version = :version"
IS_AS_SEEN = "version = :seen_version AND limit_amount = :seen_limit"

# A settlement, a release or a record: what was held comes back, what was spent is taken.
SETTLE = "SET spent = spent + :spent, available = available + :change"
COUNTER_EXISTS = "attribute_exists(pk)"

# What is spent in a period makes it due once more, if it was closed already.
SETTLE_IN_PERIOD = f"{SETTLE}, due_shard = if_not_exists(due_shard, :due_shard)"

_RECORDED = (
    "spent = if_not_exists(spent, :zero) + :spent, "
    "available = if_not_exists(available, :limit) + :change"
)
RECORD = f"SET {_CREATED}, {_RECORDED}"
RECORD_IN_PERIOD = f"SET {_CREATED_WITH_AN_END}, {_RECORDED}"

# In a rolling window what is spent counts in slices; the total of all time is kept for the audit.
COUNT_ALL_TIME = "spent_ever = if_not_exists(spent_ever, :zero) + :spent"

# A credit: more is available, nothing else changes.
CREDITED = "available = if_not_exists(available, :limit) + :change"
CREDIT = f"SET {_CREATED}, spent = if_not_exists(spent, :zero), {CREDITED}"
CREDIT_IN_PERIOD = f"SET {_CREATED_WITH_AN_END}, spent = if_not_exists(spent, :zero), {CREDITED}"

# Counter.carried: what the period before leaves to this one, or its debt.
CARRY_IN = (
    f"SET {_CREATED_WITH_AN_END}, spent = if_not_exists(spent, :zero), {CREDITED}, "
    "carried_in = if_not_exists(carried_in, :zero) + :change"
)

# The window of a duration: it starts at the first use, and when the last one has elapsed. What is
# carried on while none is open waits here, and goes to the counter of the window that starts.
START_WINDOW = (
    "SET starts_at = :starts_at, ends_at = :ends_at, expires_ttl = :expires_ttl "
    "REMOVE carry_waiting"
)
# Something waits only while no window is open.
SO_MUCH_WAITS = "carry_waiting = :waiting"
NO_WINDOW_IS_OPEN_AND_NOTHING_WAITS = (
    "(attribute_not_exists(pk) OR ends_at <= :starts_at) AND "
    "(attribute_not_exists(carry_waiting) OR carry_waiting = :waiting)"
)
LET_WAIT = (
    "SET carry_waiting = if_not_exists(carry_waiting, :zero) + :change, expires_ttl = :expires_ttl"
)
WINDOW_IS_AS_SEEN = "ends_at = :ends_at"

# The reservation itself: it leaves the state `held` once, out of the bucket that was read.
IS_NEW = "attribute_not_exists(pk)"
IS_HELD_AS_SEEN = "stage = :held AND held_until = :held_until"
FINALIZE = (
    "SET stage = :stage, actual = :actual, finalized_at_ms = :now_ms, "
    "settled_by = :settled_by, expires_ttl = :expires_ttl"
)
FINALIZE_OVERRUN = f"{FINALIZE}, overran = :overran"
MOVE_HOLD = "SET #from = #from - :amount, #hold = if_not_exists(#hold, :zero) + :amount"
IS_HELD_THERE = "#from >= :amount"
EXTEND = (
    "SET held_until = :new_held_until, expires_at_ms = :expires_at_ms, expires_ttl = :expires_ttl"
)

# What is sorted between two keys of a partition, both of them included.
SORTED_BETWEEN = "pk = :pk AND sk BETWEEN :first AND :last"

# The index of counters whose period has an end, and how a counter leaves it.
IS_DUE = "due_shard = :due_shard AND ends_at <= :now"

# Closing a period: the statement says what the counter says at that moment. The terms of carrying
# over are those of the first closing, whatever becomes of the budget. One with holds goes to the
# periods that wait. What is available alone could be the same again after two changes; with the
# other three it cannot, since holds and credits are over when a period is closed.
_CLOSED = (
    "SET statement_revision = :revision, terms = :terms, available = available - :carried, "
    "carried_out = if_not_exists(carried_out, :zero) + :carried"
)
CLOSE = f"{_CLOSED} REMOVE due_shard"
CLOSE_FOR_NOW = f"{_CLOSED}, due_shard = :waiting_shard"
_IS_DUE_AS_SEEN = "spent = :spent AND available = :available AND limit_amount = :limit"
IS_DUE_AS_SEEN = f"{_IS_DUE_AS_SEEN} AND carried_in = :carried_in"
IS_DUE_AS_SEEN_AND_NOTHING_CAME_IN = f"{_IS_DUE_AS_SEEN} AND attribute_not_exists(carried_in)"
IS_NO_LONGER_DUE = "REMOVE due_shard"


class Buckets:
    """The clauses over several buckets of a counter, by attribute, each with an amount.

    `removed` is a REMOVE list; `unchanged` and `sufficient` are conditions, that every bucket holds
    exactly, or at least, its amount; `reduced` and `increased` are SET lists.
    """

    def __init__(self, buckets: Mapping[str, Amount], *, prefix: str = "b") -> None:
        assert buckets
        places = [f"{prefix}{place}" for place in range(len(buckets))]
        self.names = {
            f"#{place}": attribute for place, attribute in zip(places, buckets, strict=True)
        }
        self.values: Item = {
            f":{place}": amount(value)
            for place, value in zip(places, buckets.values(), strict=True)
        }
        self.removed = ", ".join(self.names)
        self.unchanged = " AND ".join(f"#{place} = :{place}" for place in places)
        self.sufficient = " AND ".join(f"#{place} >= :{place}" for place in places)
        self.reduced = ", ".join(f"#{place} = #{place} - :{place}" for place in places)
        self.increased = ", ".join(
            f"#{place} = if_not_exists(#{place}, :zero) + :{place}" for place in places
        )
