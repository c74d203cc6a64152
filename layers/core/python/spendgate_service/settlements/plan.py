"""Plan one settlement, release or record: decide by what is stored what has to be written."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from spendgate_service.domain.amounts import Amount
from spendgate_service.domain.ledger import LedgerEntry
from spendgate_service.domain.requests import (
    Record,
    Release,
    Settle,
    SettlementCommand,
)
from spendgate_service.domain.reservations import Provenance, Reservation
from spendgate_service.domain.settlements import RecordedSpend, finalize
from spendgate_service.domain.usage_records import MeteredUsage, UsageRecord, calls_of
from spendgate_service.settlements.debits import Debit, Debits, Spending
from spendgate_service.settlements.lines import (
    is_first_report,
    not_granted,
    postings_of,
    shares_of_debits,
    shares_of_postings,
    spent_between,
)
from spendgate_service.store import keys
from spendgate_service.store.client import Table
from spendgate_service.store.idempotency import IdempotencyRecord
from spendgate_service.store.policy_cache import PolicyCache
from spendgate_service.store.postings import Posting
from spendgate_service.store.reservations import finalizing, found_reservation
from spendgate_service.store.values import Item
from spendgate_service.wire.spend import recorded_spend_response
from spendgate_service.wire.values import json_text

RECORD = "record"
"""The operation under which a record's idempotency key counts, over HTTP and SQS alike."""


@dataclass(frozen=True, slots=True)
class Settled:
    """A reservation that is settled or released now; `replayed` if it was before.

    `uncounted` are units of the settlement that were not held and that no budget counts.
    """

    reservation: Reservation
    replayed: bool
    uncounted: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Recorded:
    """The response to a record, as JSON; `replayed` if it is that of an earlier request."""

    answer: str
    replayed: bool


@dataclass(frozen=True, slots=True)
class Captured:
    """A lease after a capture; `replayed` if the capture changed nothing."""

    reservation: Reservation
    replayed: bool


type Result = Settled | Captured | Recorded

type Finished = tuple[dict[str, Any] | None, Result]


@dataclass(frozen=True, slots=True)
class Plan:
    """What one command will write, apart from counters and ledger, which a batch shares.

    `places` are those of the command in the batch: the captures of one lease share a plan. `usage`
    are its records in the usage log, with every budget that applies; a release has none. `finish`
    makes the command's own write, if it has one, and its result, by the entries with their ids.
    """

    places: tuple[int, ...]
    tenant_id: str
    postings: Sequence[Posting]
    usage: Sequence[UsageRecord]
    finish: Callable[[Mapping[str, LedgerEntry], Sequence[UsageRecord]], Finished]

    def without(self, absent: Collection[keys.Key]) -> "Plan":
        """Return the plan without the postings that count only on a counter that exists."""
        kept = [
            posting
            for posting in self.postings
            if not (posting.must_exist and posting.counter in absent)
        ]
        return self if len(kept) == len(self.postings) else replace(self, postings=kept)


class Planner:
    """Plans commands."""

    def __init__(self, table: Table, policy_cache: PolicyCache) -> None:
        self._table = table
        self._debits = Debits(table, policy_cache)

    def plan(
        self, place: int, command: Settle | Release | Record, item: Item | None, now_ms: int
    ) -> Plan | Result:
        """Plan a command, or return its result if it took effect before. `item` is what is stored.

        Raises NotFound, ReservationFinalized, IdempotencyConflict, InvalidValue, the problem of a
        command whose cost is not known, Unavailable.
        """
        if isinstance(command, Record):
            once = self._once(command)
            replay = once.replay_in(item, now_ms=now_ms) if once else None
            if replay is not None:
                return Recorded(replay.answer, replayed=True)
            if command.problem is not None:
                raise command.problem
            return self._plan_record(place, command, once, now_ms)
        before = found_reservation(command.reservation_id, item)
        after, is_new = finalize(before, command, now_ms=now_ms)
        if not is_new:
            return Settled(after, replayed=True)
        return self._plan_settlement(place, command, before, after, now_ms)

    def _once(self, command: Record) -> IdempotencyRecord | None:
        if command.idempotency_key is None:
            return None
        return IdempotencyRecord(
            command.tenant_id,
            RECORD,
            command.idempotency_key,
            command.fingerprint,
        )

    def _plan_settlement(
        self,
        place: int,
        command: Settle | Release,
        before: Reservation,
        after: Reservation,
        now_ms: int,
    ) -> Plan:
        provenance, metered = Provenance(), None
        if isinstance(command, Settle):
            after = self._debits.with_rates(command.tenant_id, after, now_ms=now_ms)
            provenance, metered = command.provenance, command.metered
        write = finalizing(
            self._table.name, command.tenant_id, after,
            has_new_rates=after.lines != before.lines, now_ms=now_ms,
        )  # fmt: skip
        spending = Spending(after.subjects, provenance, now_ms, after.reservation_id)
        postings = postings_of(command.tenant_id, before, after, spending)
        spent = spent_between(before, after)
        beyond = not_granted(after, spent)
        debits = self._debits.of_settlement(command.tenant_id, spending, beyond, after)
        uncounted = self._debits.uncounted(command.tenant_id, after, beyond, debits)
        usage = list[UsageRecord]()
        if spent or is_first_report(before, after):
            usage.append(_usage_of_settlement(spending, after, spent, postings, debits, metered))
        postings += [debit.posting for debit in debits if debit.posting]

        def finish(_entries: Mapping[str, LedgerEntry], _usage: Sequence[UsageRecord]) -> Finished:
            return write, Settled(after, replayed=False, uncounted=uncounted)

        return Plan((place,), command.tenant_id, postings, usage, finish)

    def _plan_record(
        self,
        place: int,
        command: Record,
        once: IdempotencyRecord | None,
        now_ms: int,
    ) -> Plan:
        spending = Spending(command.subjects, command.provenance, now_ms)
        occurred_at_ms = now_ms if command.occurred_at_ms is None else command.occurred_at_ms
        debits = self._debits.of_record(
            command.tenant_id, spending, command.actual, at_ms=min(occurred_at_ms, now_ms)
        )

        usage = UsageRecord(
            subjects=command.subjects,
            amounts=command.actual,
            occurred_at_ms=min(occurred_at_ms, now_ms),
            budgets=shares_of_debits(debits),
            metered=command.metered,
            provenance=command.provenance,
            calls=calls_of(command.metered),
            metadata=command.metadata,
        )

        def finish(entries: Mapping[str, LedgerEntry], written: Sequence[UsageRecord]) -> Finished:
            [recorded] = written
            spend = RecordedSpend(
                usage_id=recorded.record_id,
                subjects=command.subjects,
                actual=command.actual,
                entries=tuple(
                    replace(entry, entry_id=entry_id) for entry_id, entry in entries.items()
                ),
                shares=recorded.budgets,
                occurred_at_ms=occurred_at_ms,
                created_at_ms=now_ms,
                unpriced=command.unpriced,
                notes=command.notes,
            )
            response = json_text(recorded_spend_response(spend))
            write = once.put(self._table, response, now_ms=now_ms) if once else None
            return write, Recorded(response, replayed=False)

        postings = [debit.posting for debit in debits if debit.posting]
        return Plan((place,), command.tenant_id, postings, [usage], finish)


def _usage_of_settlement(
    spending: Spending,
    after: Reservation,
    spent: Mapping[str, Amount],
    settled: Sequence[Posting],
    debits: Sequence[Debit],
    metered: MeteredUsage | None,
) -> UsageRecord:
    """Make the usage record; it occurred when it was reserved, as its budgets count it."""
    return UsageRecord(
        subjects=after.subjects,
        amounts=spent,
        occurred_at_ms=after.created_at_ms,
        budgets=(*shares_of_postings(settled), *shares_of_debits(debits)),
        metered=metered,
        provenance=spending.provenance,
        calls=calls_of(metered),
        reservation_id=after.reservation_id,
        late=after.late,
        overrun=after.overrun,
        metadata=after.metadata,
    )


def own_key(command: SettlementCommand) -> keys.Key | None:
    """Return the key of the item that makes a command count once; None for a record without one."""
    if not isinstance(command, Record):
        return keys.reservation_key(command.tenant_id, command.reservation_id)
    if command.idempotency_key is None:
        return None
    return keys.once_key(command.tenant_id, RECORD, command.idempotency_key)
