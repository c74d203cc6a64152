"""Plan one settlement, release or record: decide by what is stored what has to be written."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

from spendgate_service.domain.errors import NotFound
from spendgate_service.domain.ledger import LedgerEntry
from spendgate_service.domain.requests import (
    Record,
    Release,
    Settle,
    SettlementCommand,
)
from spendgate_service.domain.reservations import Line, Reservation
from spendgate_service.domain.settlements import RecordedSpend, finalize
from spendgate_service.domain.usage_records import BudgetShare, UsageRecord, calls_of
from spendgate_service.settlements.debits import Debit, Debits, Spending, leaves_at
from spendgate_service.store import keys
from spendgate_service.store.client import Table
from spendgate_service.store.idempotency import IdempotencyRecord
from spendgate_service.store.policy_cache import PolicyCache
from spendgate_service.store.postings import Posting
from spendgate_service.store.reservations import counter_of, finalizing, read_reservation
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


type Result = Settled | Recorded

type _Finished = tuple[dict[str, Any] | None, Result]


@dataclass(frozen=True, slots=True)
class Plan:
    """What one command will write, apart from counters and ledger, which a batch shares.

    `place` is the command's place in the batch. `usage` is its record in the usage log, with every
    budget that applies; a release has none. `finish` makes the command's own write, if it has one,
    and its result.
    """

    place: int
    tenant_id: str
    postings: Sequence[Posting]
    usage: UsageRecord | None
    finish: Callable[[list[LedgerEntry], UsageRecord | None], _Finished]

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
        self, place: int, command: SettlementCommand, item: Item | None, now_ms: int
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
        if item is None:
            raise NotFound("reservation", command.reservation_id)
        before = read_reservation(command.reservation_id, item)
        after, is_new = finalize(before, command, now_ms=now_ms)
        if not is_new:
            return Settled(after, replayed=True)
        return self._plan_settlement(place, command, after, now_ms)

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
        self, place: int, command: Settle | Release, after: Reservation, now_ms: int
    ) -> Plan:
        held_lines = after.lines
        if isinstance(command, Settle):
            after = self._debits.with_rates(command.tenant_id, after, now_ms=now_ms)
        write = finalizing(
            self._table.name, command.tenant_id, after,
            has_new_rates=after.lines != held_lines, now_ms=now_ms,
        )  # fmt: skip
        usage, uncounted = None, tuple[str, ...]()
        if isinstance(command, Release):
            postings = [_returned(command.tenant_id, after, line, None) for line in after.lines]
        else:
            spending = Spending(after.subjects, command.provenance, now_ms, after.reservation_id)
            actual = after.actual or {}
            postings = [
                _returned(
                    command.tenant_id, after, line,
                    spending.on(line, line.cost(actual), line.origin(actual)),
                )
                for line in after.lines
            ]  # fmt: skip
            beyond = {unit: actual[unit] for unit in actual if unit not in after.amounts}
            debits = self._debits.of_settlement(
                command.tenant_id,
                spending,
                beyond,
                reserved_at_ms=after.created_at_ms,
                slice_at_ms=_spent_by(after),
                except_on={(line.budget_id, line.subject) for line in after.lines},
            )
            uncounted = self._debits.uncounted(command.tenant_id, after, beyond, debits)
            usage = _usage_of_settlement(command, after, postings, debits)
            postings += [debit.posting for debit in debits if debit.posting]

        def finish(_entries: list[LedgerEntry], _usage: UsageRecord | None) -> _Finished:
            return write, Settled(after, replayed=False, uncounted=uncounted)

        return Plan(place, command.tenant_id, postings, usage, finish)

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
            budgets=_shares(debits),
            metered=command.metered,
            provenance=command.provenance,
            calls=calls_of(command.metered),
            metadata=command.metadata,
        )

        def finish(entries: list[LedgerEntry], recorded: UsageRecord | None) -> _Finished:
            assert recorded is not None
            spend = RecordedSpend(
                usage_id=recorded.record_id,
                subjects=command.subjects,
                actual=command.actual,
                entries=tuple(entries),
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
        return Plan(place, command.tenant_id, postings, usage, finish)


def _usage_of_settlement(
    command: Settle, after: Reservation, settled: Sequence[Posting], debits: Sequence[Debit]
) -> UsageRecord:
    """Make the usage record; it occurred when it was reserved, as its budgets count it."""
    held = tuple(_settled_share(posting) for posting in settled)
    return UsageRecord(
        subjects=after.subjects,
        amounts=after.actual or {},
        occurred_at_ms=after.created_at_ms,
        budgets=(*held, *_shares(debits)),
        metered=command.metered,
        provenance=command.provenance,
        calls=calls_of(command.metered),
        reservation_id=after.reservation_id,
        late=after.late,
        overrun=after.overrun,
        metadata=after.metadata,
    )


def _settled_share(posting: Posting) -> BudgetShare:
    entry = posting.entry
    assert entry is not None
    return BudgetShare(
        budget_id=entry.budget_id,
        subject=entry.subject,
        period_key=entry.period_key,
        unit=entry.unit,
        amount=entry.amount,
        leaves_at=posting.leaves_at,
        origin=entry.origin,
    )


def _shares(debits: Sequence[Debit]) -> tuple[BudgetShare, ...]:
    """List what the spend comes to on each budget."""
    return tuple(
        BudgetShare(
            budget_id=debit.claim.budget.budget_id,
            subject=debit.claim.subject,
            period_key=debit.period.key if debit.period else None,
            unit=debit.claim.budget.unit,
            amount=debit.claim.amount,
            leaves_at=debit.posting.leaves_at if debit.posting else None,
            origin=debit.claim.origin,
        )
        for debit in debits
    )


def own_key(command: SettlementCommand) -> keys.Key | None:
    """Return the key of the item that makes a command count once; None for a record without one."""
    if not isinstance(command, Record):
        return keys.reservation_key(command.tenant_id, command.reservation_id)
    if command.idempotency_key is None:
        return None
    return keys.once_key(command.tenant_id, RECORD, command.idempotency_key)


def _returned(tenant_id: str, after: Reservation, line: Line, entry: LedgerEntry | None) -> Posting:
    """Return a hold, and debit what was spent instead, if anything."""
    return Posting(
        counter=counter_of(tenant_id, line),
        returned=line.amount,
        bucket=after.bucket,
        entry=entry,
        leaves_at=leaves_at(line.period_key, _spent_by(after)),
    )


def _spent_by(after: Reservation) -> int:
    """Return the latest moment at which it can have been spent, also if it is settled late."""
    assert after.finalized_at_ms is not None
    return min(after.finalized_at_ms, after.bucket * 1000)
