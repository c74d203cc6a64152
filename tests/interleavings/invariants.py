"""What must hold after every write of every schedule.

The books are kept a second time, from the changes of the table alone: what the ledger adds up to,
what open reservations hold, what was granted. Nothing here is taken from what the service reports.
"""

from collections import Counter as Sums
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from tests.interleavings import stored
from tests.interleavings.stored import Counter, Policy, Reservation, Statement
from tests.support.exact_indexes import Key
from tests.support.exact_table import Change

type Bucket = tuple[Key, int]
type Decoded = dict[int, tuple[Mapping[str, Any], object]]


@dataclass(frozen=True, slots=True)
class LimitChange:
    """A limit, and between which moments it came into force: by its maker's clock, and for all."""

    limit: int
    from_ms: int
    until_ms: int


@dataclass(slots=True)
class _Touched:
    """What has to be checked after a call: counters as they were before, and what changed."""

    counters: dict[Key, Counter | None] = field(default_factory=dict)
    buckets: set[Bucket] = field(default_factory=set)
    finalized: dict[Key, Reservation] = field(default_factory=dict)


@dataclass
class Invariants:
    """The books of one run. `now_ms` is the slowest clock of all environments."""

    now_ms: int
    counters: dict[Key, Counter] = field(default_factory=dict)
    reservations: dict[Key, Reservation] = field(default_factory=dict)
    policies: dict[Key, Policy] = field(default_factory=dict)
    statements: dict[Key, Statement] = field(default_factory=dict)
    owners: dict[str, Key] = field(default_factory=dict)
    """The policy of each budget, also of one that is gone."""
    limits: dict[str, list[LimitChange]] = field(default_factory=dict)
    spent: Sums[Key] = field(default_factory=Sums)
    credited: Sums[Key] = field(default_factory=Sums)
    carried: Sums[Key] = field(default_factory=Sums)
    settled: Sums[tuple[str, Key]] = field(default_factory=Sums)
    held: Sums[Bucket] = field(default_factory=Sums)
    sliced: Sums[Bucket] = field(default_factory=Sums)
    _decoded: Decoded = field(default_factory=dict)
    writing: Mapping[str, Any] = field(default_factory=dict)
    """The call that is under way."""

    def copy(self) -> "Invariants":
        """The same books for another run; what was decoded is shared, since items never change."""
        return Invariants(
            self.now_ms, dict(self.counters), dict(self.reservations),
            dict(self.policies), dict(self.statements), dict(self.owners),
            {budget: list(changes) for budget, changes in self.limits.items()},
            Sums(self.spent), Sums(self.credited), Sums(self.carried), Sums(self.settled),
            Sums(self.held), Sums(self.sliced), self._decoded,
        )  # fmt: skip

    @property
    def granted_at_ms(self) -> int:
        """When a hold was decided, by the fastest of all clocks that its own may differ from."""
        sent = self.writing.get("ExpressionAttributeValues", {})
        return int(sent[":ended_until"]["N"]) * 1000 if ":ended_until" in sent else self.now_ms

    def changed(self, changes: Sequence[Change]) -> None:
        """Enter what one call has changed, and check all that it may have broken."""
        touched = _Touched()
        for change in changes:
            if stored.is_ledger(change.key):
                self._enter_ledger(change)
            else:
                before = self._read(change.key, change.before)
                after = self._read(change.key, change.after)
                self._enter(change.key, before, after, touched)
        for key, counter in touched.counters.items():
            self._check_counter(key, counter)
        for bucket in touched.buckets:
            self._check_backed(bucket)
        for key, reservation in touched.finalized.items():
            self._check_settled(key, reservation)

    def _enter(self, key: Key, before: object, after: object, touched: "_Touched") -> None:
        match after or before:
            case Counter():
                touched.counters[key] = cast("Counter | None", before)
                touched.buckets |= self._enter_counter(key, before, after)
            case Reservation():
                touched.buckets |= self._enter_reservation(key, before, after)
                if isinstance(after, Reservation) and after.state != "held":
                    assert isinstance(before, Reservation) and before.state == "held"
                    touched.finalized[key] = after
            case Policy():
                self._enter_policy(key, before, after)
            case Statement():
                assert before is None, "a statement is never edited"
                self.statements[key] = cast("Statement", after)

    def _read(self, key: Key, item: Mapping[str, Any] | None) -> object:
        if item is None:
            return None
        known = self._decoded.get(id(item))
        if known is None or known[0] is not item:
            known = self._decoded[id(item)] = (item, stored.decoded(key, item))
        return known[1]

    # ------------------------------------------------------------------ entering

    def _enter_ledger(self, change: Change) -> None:
        assert change.before is None and change.after is not None, "the ledger only grows"
        for counter, entry in stored.entries_of(change.key, change.after):
            match entry.kind:
                case "spend" | "opening" | "reversal":
                    self.spent[counter] += entry.amount
                    if entry.reservation_id is not None:
                        self.settled[entry.reservation_id, counter] += entry.amount
                case "credit" | "credit_expired":
                    self.credited[counter] -= entry.amount
                case "carry_over":
                    self.carried[counter] -= entry.amount

    def _enter_counter(self, key: Key, before: object, after: object) -> set[Bucket]:
        assert isinstance(after, Counter), "a counter is gone"
        assert before is None or isinstance(before, Counter)
        self.counters[key] = after
        slices = before.slices if before else {}
        for moment, amount in after.slices.items():
            more = amount - slices.get(moment, 0)
            self.sliced[key, moment] += max(0, more)
        holds = before.holds if before else {}
        return {(key, bucket) for bucket in (*holds, *after.holds)}

    def _enter_reservation(self, key: Key, before: object, after: object) -> set[Bucket]:
        touched: set[Bucket] = set()
        for reservation, sign in ((before, -1), (after, 1)):
            if not isinstance(reservation, Reservation) or reservation.state != "held":
                continue
            for counter, amount, _ in stored.lines_of(key, reservation):
                self.held[counter, reservation.bucket] += sign * amount
                touched |= self._claimed_until(counter, reservation.bucket)
        if isinstance(after, Reservation):
            self.reservations[key] = after
        else:
            del self.reservations[key]
        return touched

    def _claimed_until(self, counter: Key, moment: int) -> set[Bucket]:
        """The buckets that end by then: what backed the holds of one may be another's now."""
        return {bucket for bucket in self.held if bucket[0] == counter and bucket[1] <= moment}

    def _enter_policy(self, key: Key, before: object, after: object) -> None:
        assert isinstance(after, Policy), "a policy keeps its version when it is emptied"
        assert before is None or isinstance(before, Policy)
        assert after.version == (before.version if before else 0) + 1
        self.policies[key] = after
        for budget in after.budgets:
            self.owners[budget.budget_id] = key
            known = self.limits.setdefault(budget.budget_id, [])
            if not known or known[-1].limit != budget.limit:
                moments = sorted((stored.limit_since_ms(budget), self.now_ms))
                known.append(LimitChange(budget.limit, *moments))

    # ------------------------------------------------------------------ checking

    def _check_counter(self, key: Key, before: Counter | None) -> None:
        counter = self.counters[key]
        assert all(amount >= 0 for amount in counter.holds.values()), f"a negative hold: {counter}"
        assert counter.spent_of_all_time == self.spent[key], f"spent is not in the ledger: {key}"
        assert counter.credits_without_end == self.credited[key], (
            f"credits are not in the ledger: {key}"
        )
        carried = counter.carried_in - counter.carried_out
        assert carried == self.carried[key], f"what was carried is not in the ledger: {key}"
        if counter.spent_ever is not None:
            assert sum(counter.slices.values()) == counter.spent, f"slices are not spent: {key}"
        if _is_hold(before, counter):
            self._check_grant(key, counter)

    def _check_grant(self, key: Key, counter: Counter) -> None:
        """A hold was taken: with all that is in force it must fit what there is."""
        whose = stored.counter_of(key)
        policy = self.policies[self.owners[whose.budget_id]]
        budget = policy.budget(whose.budget_id)
        has_ended = whose.period.ends_at is not None and whose.period.ends_at * 1000 <= self.now_ms
        if not policy.subject.is_default and not has_ended:
            assert counter.version == policy.version, "granted by a policy that was replaced"
            assert budget is not None, "granted by a budget that is gone"
            limit = budget.limit_in(whose.period)
            assert counter.limit == limit, "granted by a limit that was replaced"
            is_paused = budget.paused and not budget.is_shadow
            assert not is_paused and not budget.disabled, "granted though paused"
            pauses_at = budget.pauses_at(whose.period)
            assert budget.is_shadow or pauses_at is None or counter.spent < pauses_at, (
                "granted though paused by its soft limit"
            )
        if budget is not None and budget.is_shadow:
            return
        in_force = self._in_force(key, counter)
        entitled = counter.entitlement_at(now_ms=self.granted_at_ms) - counter.carried_out
        assert in_force <= entitled, f"{in_force} granted of {entitled}: {key}"

    def _in_force(self, key: Key, counter: Counter) -> int:
        """What is spent and held by the slowest clock."""
        spent = counter.spent
        if counter.spent_ever is not None:
            spent = sum(
                amount
                for (sliced, moment), amount in self.sliced.items()
                if sliced == key and moment * 1000 > self.now_ms
            )
        buckets = {bucket for where, bucket in self.held if where == key} | counter.holds.keys()
        spare = 0
        for bucket in sorted(buckets, reverse=True):
            if bucket * 1000 <= self.now_ms:
                continue
            # What a bucket lacks may be in a later one: a lease is growing.
            held, claimed = counter.holds.get(bucket, 0), self.held[key, bucket]
            backed = min(max(0, claimed - held), spare)
            spare += max(0, held - claimed) - backed
            spent += max(held, claimed - backed)
        return spent

    def _check_backed(self, bucket: Bucket) -> None:
        """What open reservations hold is held, until the slowest clock says that it has ended."""
        key, moment = bucket
        if moment * 1000 <= self.now_ms:
            return
        holds = self.counters[key].holds if key in self.counters else {}
        there = sum(amount for until, amount in holds.items() if until >= moment)
        claimed = sum(
            amount for (where, until), amount in self.held.items()
            if where == key and until >= moment
        )  # fmt: skip
        assert there >= claimed, (
            f"open reservations hold {claimed}, but the counter {there}: {bucket} and later"
        )

    def _check_settled(self, key: Key, reservation: Reservation) -> None:
        for counter, _, cost in stored.lines_of(key, reservation):
            entered = self.settled[reservation.reservation_id, counter]
            assert entered == cost, f"settled {cost}, but {entered} is in the ledger"

    def check_no_orphans(self) -> None:
        """Every hold that is in force belongs to a reservation: nothing was forgotten."""
        for key, counter in self.counters.items():
            for bucket, amount in counter.holds.items():
                if bucket * 1000 > self.now_ms:
                    assert amount == self.held[key, bucket], f"held by no reservation: {bucket}"

    def check_statements(self) -> None:
        """Every statement has the limit that was in force when its period ended."""
        for key, statement in self.statements.items():
            counter = stored.counter_of(stored.counter_of_statement(key, statement))
            changes = self.limits.get(counter.budget_id)
            assert statement.period.ends_at is not None
            if changes is not None:
                possible = limits_at(statement.period.ends_at * 1000, changes)
                assert statement.limit in possible, (
                    f"the statement says {statement.limit}, but it was {possible} at its end"
                )


def limits_at(moment_ms: int, changes: Iterable[LimitChange]) -> set[int]:
    """Which limits may have been in force: a change that was under way then may count or not."""
    possible: set[int] = set()
    for change in changes:
        if change.until_ms < moment_ms:
            possible = set()
        if change.from_ms < moment_ms or not possible:
            possible = possible | {change.limit}
    return possible


def _is_hold(before: Counter | None, after: Counter) -> bool:
    """Whether something was held that was available: an extension only moves what is held."""
    if before is None:
        return bool(after.holds)
    taken = any(amount > before.holds.get(bucket, 0) for bucket, amount in after.holds.items())
    moved = after.available == before.available and after.spent == before.spent
    return taken and not moved
