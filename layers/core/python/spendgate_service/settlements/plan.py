"""Plan one settlement, release or record: decide by what is stored what has to be written."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from spendgate_service.domain.amounts import Amount
from spendgate_service.domain.budgets import Claim, claims_on
from spendgate_service.domain.errors import NotFound
from spendgate_service.domain.ledger import LedgerEntry
from spendgate_service.domain.periods import RollingPeriod, rule_of
from spendgate_service.domain.requests import (
    Record,
    Release,
    Settle,
    SettlementCommand,
    claims_fit_one_transaction,
)
from spendgate_service.domain.reservations import Line, Provenance, Reservation
from spendgate_service.domain.settlements import (
    RecordedSpend,
    finalize,
)
from spendgate_service.domain.subjects import Subject
from spendgate_service.store import keys
from spendgate_service.store.claims import CounterClaim
from spendgate_service.store.client import Table
from spendgate_service.store.errors import PolicyChanged, Throttled
from spendgate_service.store.idempotency import IdempotencyRecord
from spendgate_service.store.policy_cache import PolicyCache
from spendgate_service.store.postings import Posting
from spendgate_service.store.reservations import counter_of, finalizing, read_reservation
from spendgate_service.store.retrying import POLICY_READS_MAX, LoopEnded, attempts
from spendgate_service.store.values import Item
from spendgate_service.store.windows import Windows
from spendgate_service.wire.spend import recorded_spend_response
from spendgate_service.wire.values import json_text

RECORD = "record"
"""The operation under which a record's idempotency key counts, over HTTP and SQS alike."""


@dataclass(frozen=True, slots=True)
class Settled:
    """A reservation that is settled or released now; `replayed` if it was before."""

    reservation: Reservation
    replayed: bool


@dataclass(frozen=True, slots=True)
class Recorded:
    """The response to a record, as JSON; `replayed` if it is that of an earlier request."""

    answer: str
    replayed: bool


type Result = Settled | Recorded


@dataclass(frozen=True, slots=True)
class Plan:
    """What one command will write, apart from counters and ledger, which a batch shares.

    `place` is the command's place in the batch. `finish` makes the command's own write, if it has
    one, and its result.
    """

    place: int
    postings: Sequence[Posting]
    finish: Callable[[list[LedgerEntry]], tuple[dict[str, Any] | None, Result]]


@dataclass(frozen=True, slots=True)
class _Spending:
    """What the ledger entries of one command have in common."""

    subjects: Sequence[Subject]
    provenance: Provenance
    now_ms: int
    reservation_id: str | None = None

    def on(self, line: Line, amount: Amount) -> LedgerEntry:
        """Make the entry on one budget; it gets its id when it is written."""
        return LedgerEntry(
            entry_id="",
            budget_id=line.budget_id,
            subject=line.subject,
            period_key=line.period_key,
            unit=line.unit,
            amount=amount,
            created_at_ms=self.now_ms,
            session_id=next(
                (subject.id for subject in self.subjects if subject.type == "session"), None
            ),
            reservation_id=self.reservation_id,
            meter_source=self.provenance.meter_source,
            ref_type=self.provenance.ref_type,
            ref_id=self.provenance.ref_id,
            description=self.provenance.description,
        )


class Planner:
    """Plans commands."""

    def __init__(self, table: Table, policy_cache: PolicyCache) -> None:
        self._table = table
        self._policy_cache = policy_cache
        self._windows = Windows(table)

    def plan(
        self, place: int, command: SettlementCommand, item: Item | None, now_ms: int
    ) -> Plan | Result:
        """Plan a command, or return its result if it took effect before. `item` is what is stored.

        Raises NotFound, ReservationFinalized, IdempotencyConflict, InvalidValue, Unavailable.
        """
        if isinstance(command, Record):
            once = self._once(command)
            replay = once.replay_in(item, now_ms=now_ms) if once else None
            if replay is not None:
                return Recorded(replay.answer, replayed=True)
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
        write = finalizing(self._table.name, command.tenant_id, after, now_ms=now_ms)
        if isinstance(command, Release):
            postings = [_returned(command.tenant_id, after, line, None) for line in after.lines]
        else:
            spending = _Spending(after.subjects, command.provenance, now_ms, after.reservation_id)
            actual = after.actual or {}
            postings = [
                _returned(command.tenant_id, after, line, spending.on(line, line.cost(actual)))
                for line in after.lines
            ]
            beyond = {unit: actual[unit] for unit in actual if unit not in after.amounts}
            postings += self._debits(
                command.tenant_id,
                spending,
                beyond,
                period_at_ms=after.created_at_ms,
                slice_at_ms=_spent_by(after),
                except_on={(line.budget_id, line.subject) for line in after.lines},
            )
        return Plan(place, postings, lambda _entries: (write, Settled(after, replayed=False)))

    def _plan_record(
        self,
        place: int,
        command: Record,
        once: IdempotencyRecord | None,
        now_ms: int,
    ) -> Plan:
        spending = _Spending(command.subjects, command.provenance, now_ms)
        postings = self._debits(
            command.tenant_id,
            spending,
            command.actual,
            period_at_ms=now_ms,
            slice_at_ms=now_ms,
        )

        def finish(entries: list[LedgerEntry]) -> tuple[dict[str, Any] | None, Result]:
            spend = RecordedSpend(
                command.subjects, command.actual, tuple(entries), now_ms, command.unpriced
            )
            response = json_text(recorded_spend_response(spend))
            write = once.put(self._table, response, now_ms=now_ms) if once else None
            return write, Recorded(response, replayed=False)

        return Plan(place, postings, finish)

    def _debits(
        self,
        tenant_id: str,
        spending: _Spending,
        actual: Mapping[str, Amount],
        *,
        period_at_ms: int,
        slice_at_ms: int,
        except_on: Collection[tuple[str, Subject]] = (),
    ) -> list[Posting]:
        """Debit every budget that applies, in the period of the spending.

        In a rolling window it counts from `slice_at_ms`. `except_on` are budgets that the same
        spending counts on already, in another unit. Raises Throttled, UnknownRate, InvalidValue.
        """
        if not actual:
            return []
        changing = "the budgets are being changed right now; try again"
        for attempt in attempts(POLICY_READS_MAX, exhausted=lambda: Throttled(changing)):
            rules = self._policy_cache.rules(tenant_id, spending.subjects, fresh=attempt > 0)
            claims = claims_on(
                spending.subjects,
                actual,
                rules.policies,
                rules.tenant.rates,
                now_ms=spending.now_ms,
                but_not=except_on,
            )
            claims_fit_one_transaction(claims)
            try:
                return [
                    self._debit(tenant_id, claim, spending, period_at_ms, slice_at_ms)
                    for claim in claims
                ]
            except PolicyChanged:
                continue
        raise LoopEnded

    def _debit(
        self,
        tenant_id: str,
        claim: Claim,
        spending: _Spending,
        period_at_ms: int,
        slice_at_ms: int,
    ) -> Posting:
        """Debit a counter on which nothing was held. Raises PolicyChanged."""
        period = self._windows.use(tenant_id, claim, period_at_ms, now_ms=spending.now_ms)
        counter_claim = CounterClaim(tenant_id, claim, period)
        return Posting(
            counter=counter_claim.address,
            creation=counter_claim.creation,
            entry=spending.on(counter_claim.line, claim.amount),
            leaves_at=_leaves_at(period.key, slice_at_ms),
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
        leaves_at=_leaves_at(line.period_key, _spent_by(after)),
    )


def _spent_by(after: Reservation) -> int:
    """Return the latest moment at which it can have been spent, also if it is settled late."""
    assert after.finalized_at_ms is not None
    return min(after.finalized_at_ms, after.bucket * 1000)


def _leaves_at(period_key: str, spent_at_ms: int) -> int | None:
    """Return when what is spent leaves a rolling window; None in any other period."""
    rule = rule_of(period_key)
    return rule.leaves_at(spent_at_ms=spent_at_ms) if isinstance(rule, RollingPeriod) else None
