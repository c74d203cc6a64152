"""Reserving: one conditional update per budget, then one put. No transaction, no read when warm.

A crash between the holds and the put leaves holds without a reservation: they expire by
themselves. A reservation exists only if all its holds were taken.
"""

import hashlib
import secrets
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass

from spendgate_service.domain.counters import Balance, Counter
from spendgate_service.domain.decisions import Verdict, check_result_of, refusal_of, refuses
from spendgate_service.domain.errors import BudgetPaused, IdempotencyConflict, SpendgateError
from spendgate_service.domain.hold_buckets import bucket_of
from spendgate_service.domain.requests import SpendRequest
from spendgate_service.domain.reservations import Reservation
from spendgate_service.events.threshold_events import ThresholdEvents
from spendgate_service.reservations.refusal_cache import Refusals
from spendgate_service.store import expressions, keys, values
from spendgate_service.store.claims import CounterClaim, counter_claims_of
from spendgate_service.store.client import Table
from spendgate_service.store.codec.reservations import held_attributes
from spendgate_service.store.counters import read_balances, return_hold, take_hold
from spendgate_service.store.errors import (
    ConditionFailed,
    Item,
    OutcomeUnknown,
    PolicyChanged,
    Throttled,
    Unavailable,
)
from spendgate_service.store.idempotency import packed_answer, read_packed_answer
from spendgate_service.store.ids import new_id
from spendgate_service.store.policy_cache import RULE_READS_MAX, PolicyCache, Rules
from spendgate_service.store.windows import Windows
from spendgate_service.wire.reservations import reservation_granted
from spendgate_service.wire.values import json_text

_PUT_TRIES_MAX = 3


@dataclass(frozen=True, slots=True)
class Answered:
    """The answer to a reservation's request, in the caller's words; `replayed` if it is old."""

    answer: str
    replayed: bool


type Outcome = tuple[Verdict, Counter] | Exception


class Reservations:
    """Reservations of one table.

    `pool` runs the updates of several budgets side by side; `now_ms` is the clock. Without an
    announcer nobody is told what the balances have reached.
    """

    def __init__(
        self,
        table: Table,
        policy_cache: PolicyCache,
        *,
        pool: Executor,
        now_ms: Callable[[], int],
        threshold_events: ThresholdEvents | None = None,
    ) -> None:
        self._table = table
        self._policy_cache = policy_cache
        self._windows = Windows(table)
        self._refusals = Refusals()
        self._pool = pool
        self._now_ms = now_ms
        self._threshold_events = threshold_events

    def reserve(
        self, request: SpendRequest, *, notes: Sequence[str] = (), unpriced: bool = False
    ) -> Answered:
        """Hold the amounts on every budget that applies, all or none.

        `notes` are warnings of another origin than the budgets, and `unpriced` says that a usage
        counts in tokens only; both go into the response.

        k + 1 write units for k budgets whose policies are cached; a refusal that comes with an
        idempotency key costs a read, since the first try may have been granted what is now gone. A
        spent budget that is hammered refuses without a call (`reservations.refusal_cache`).
        Raises BudgetExceeded, BudgetPaused, TokenCapExceeded, NoBudget, UnknownRate,
        IdempotencyConflict, InvalidValue, Unavailable.
        """
        try:
            answered = self._reserve(request, notes, unpriced=unpriced)
        except SpendgateError:
            first = self._first_answer(request)
            if first is None:
                raise
            answered = first
        self._table.observe("replayed" if answered.replayed else "granted", 1)
        return answered

    def _reserve(self, request: SpendRequest, notes: Sequence[str], *, unpriced: bool) -> Answered:
        for attempt in range(RULE_READS_MAX):
            rules = self._policy_cache.rules(request.tenant_id, request.subjects, fresh=attempt > 0)
            try:
                return self._grant(request, rules, notes, unpriced=unpriced)
            except PolicyChanged:
                continue
            except BudgetPaused:
                if attempt > 0:  # else it may have been resumed since the rules were read
                    raise
        raise Throttled("the budgets are being changed right now; try again")

    def _grant(
        self, request: SpendRequest, rules: Rules, notes: Sequence[str], *, unpriced: bool
    ) -> Answered:
        now_ms = self._now_ms()
        targets = self._targets(request, rules, now_ms)
        expires_at_ms = now_ms + request.ttl_seconds * 1000
        bucket = bucket_of(expires_at_ms=expires_at_ms, ttl_seconds=request.ttl_seconds)
        balances = self._hold_all(request.tenant_id, targets, bucket, now_ms)
        reservation = Reservation(
            reservation_id=_reservation_id(request, now_ms),
            subjects=request.subjects,
            amounts=request.amounts,
            lines=tuple(target.line for target in targets),
            bucket=bucket,
            created_at_ms=now_ms,
            expires_at_ms=expires_at_ms,
            fingerprint=request.fingerprint,
            metadata=request.metadata,
        )
        if self._now_ms() >= expires_at_ms:
            self._give_back_all(targets, bucket)
            raise Throttled("the hold ran out before it could be recorded; try again")
        answer = json_text(
            reservation_granted(reservation, balances, notes=notes, unpriced=unpriced)
        )
        replay = self._put(request, reservation, answer, targets)
        if replay:
            return replay
        if self._threshold_events:
            self._threshold_events.after_request(request.tenant_id, balances)
        return Answered(answer, replayed=False)

    def _targets(self, request: SpendRequest, rules: Rules, now_ms: int) -> list[CounterClaim]:
        """The counters to ask. A window starts only where nobody would refuse: that is no use.

        One read unit per budget, once per window.
        """
        targets = counter_claims_of(request, rules, self._windows.period, now_ms)
        if refusal := self._refusals.recall(targets, now_ms=now_ms):
            raise refusal
        if all(map(self._windows.is_open, targets)):
            return targets
        balances = read_balances(self._table, targets, now_ms=now_ms)
        asked = (target.claim.amount for target in targets)
        if refusal := check_result_of(zip(balances, asked, strict=True)).refusal:
            if self._threshold_events:
                self._threshold_events.after_request(request.tenant_id, balances)
            raise refusal
        return counter_claims_of(request, rules, self._windows.use, now_ms)

    def _hold_all(
        self, tenant_id: str, targets: Sequence[CounterClaim], bucket: int, now_ms: int
    ) -> tuple[Balance, ...]:
        """Take every hold, or none that lasts: what was taken is given back if one fails."""

        def attempt(target: CounterClaim) -> Outcome:
            try:
                return take_hold(self._table, target, bucket=bucket, now_ms=now_ms)
            except (PolicyChanged, Unavailable) as error:
                return error

        outcomes = self._side_by_side(attempt, targets)
        balances: list[Balance] = []
        taken, refused, errors = [], [], []
        for target, outcome in zip(targets, outcomes, strict=True):
            if isinstance(outcome, Exception):
                errors.append(outcome)
                continue
            verdict, counter = outcome
            balance = target.balance(counter, now_ms=now_ms)
            balances.append(balance)
            if refuses(target.claim.budget, verdict):
                refused.append((balance, target.claim.amount, verdict))
                self._refusals.remember(target, counter, now_ms=now_ms)
            else:
                taken.append(target)
        refusal = refusal_of(refused)
        if errors or refusal:
            self._give_back_all(taken, bucket)
        if errors:
            raise _worst_of(errors)
        if refusal:
            self._refusals.remember_grants(taken, now_ms=now_ms)
            if self._threshold_events:
                # One that an admin has paused refuses unread: nothing is known of its balance.
                seen = [balance for balance, _, _ in refused if not balance.budget.paused]
                self._threshold_events.after_request(tenant_id, seen)
            raise refusal
        return tuple(balances)

    def _give_back_all(self, targets: Sequence[CounterClaim], bucket: int) -> None:
        """Give holds back. One that cannot be given back now expires by itself."""

        def attempt(target: CounterClaim) -> None:
            try:
                return_hold(self._table, target, bucket=bucket)
            except Unavailable:
                return

        self._side_by_side(attempt, targets)

    def _side_by_side[T](
        self, work: Callable[[CounterClaim], T], targets: Sequence[CounterClaim]
    ) -> list[T]:
        if not targets:
            return []
        others = [self._pool.submit(work, target) for target in targets[1:]]
        return [work(targets[0]), *(other.result() for other in others)]

    def _put(
        self,
        request: SpendRequest,
        reservation: Reservation,
        answer: str,
        targets: Sequence[CounterClaim],
    ) -> Answered | None:
        """Store the reservation; the first answer if it is a replay, whose holds then go back.

        A put whose answer was lost is repeated: the mark of this attempt tells it from a replay.
        While it may have been applied, the holds stay.
        """
        attempt_mark = secrets.token_hex(4)
        item = _item_of(request, reservation, answer, attempt_mark)
        lost: OutcomeUnknown | None = None
        for _ in range(_PUT_TRIES_MAX):
            try:
                self._table.put(
                    item,
                    ConditionExpression=expressions.IS_NEW,
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                )
            except OutcomeUnknown as unknown:
                lost = unknown
                continue
            except Throttled:
                if lost is None:
                    self._give_back_all(targets, reservation.bucket)
                raise
            except ConditionFailed as failed:
                stored = failed.item or {}
                if stored.get("attempt") == item["attempt"]:
                    return None
                self._give_back_all(targets, reservation.bucket)
                return _replayed(request, stored)
            return None
        assert lost is not None
        raise lost

    def _first_answer(self, request: SpendRequest) -> Answered | None:
        """What the same idempotency key was answered before, if it was granted."""
        if request.idempotency_key is None:
            return None
        reservation_id = _reservation_id(request, 0)
        item = self._table.get(values.key(keys.reservation_key(request.tenant_id, reservation_id)))
        return None if item is None else _replayed(request, item)


def _worst_of(errors: Sequence[Exception]) -> Exception:
    """A changed policy is judged again; otherwise the table could not answer."""
    return next((error for error in errors if isinstance(error, PolicyChanged)), errors[0])


def _reservation_id(request: SpendRequest, now_ms: int) -> str:
    """A new id, or the one that belongs to the tenant's idempotency key."""
    if request.idempotency_key is None:
        return new_id("rsv_", now_ms=now_ms)
    key = f"{request.tenant_id}\0{request.idempotency_key}".encode()
    return f"rsv_{hashlib.blake2b(key, digest_size=16).hexdigest()}"


def _item_of(
    request: SpendRequest, reservation: Reservation, answer: str, attempt_mark: str
) -> Item:
    key = keys.reservation_key(request.tenant_id, reservation.reservation_id)
    item = {**values.key(key), **held_attributes(reservation), "attempt": values.text(attempt_mark)}
    if request.idempotency_key is not None:
        item["answer"] = packed_answer(answer)
    return item


def _replayed(request: SpendRequest, stored: Item) -> Answered:
    """The first answer, if it was given to the same request. Raises IdempotencyConflict."""
    if stored["fingerprint"]["S"] != request.fingerprint:
        raise IdempotencyConflict
    return Answered(read_packed_answer(stored["answer"]), replayed=True)
