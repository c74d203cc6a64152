"""Reserve: one conditional update per budget, then one put. No transaction, no read when warm.

A crash between the holds and the put leaves holds without a reservation: they expire by
themselves. A reservation exists only if all its holds were taken.
"""

import secrets
from collections.abc import Callable, Sequence
from concurrent.futures import Executor

from spendgate_service.domain.balances import Balance
from spendgate_service.domain.decisions import Refusal, check_result_of, refusal_of
from spendgate_service.domain.errors import (
    BudgetRefusal,
    IdempotencyConflict,
    ReservationEnded,
    SpendgateError,
)
from spendgate_service.domain.hold_buckets import bucket_of
from spendgate_service.domain.requests import SpendRequest
from spendgate_service.domain.reservations import Reservation
from spendgate_service.events.threshold_events import ThresholdEvents
from spendgate_service.reservations.hold import Holds
from spendgate_service.reservations.partial import most_that_fits
from spendgate_service.reservations.refusal_cache import Refusals
from spendgate_service.reservations.replays import (
    Answered,
    id_under_key,
    replayed,
    reservation_id_of,
)
from spendgate_service.store import keys, values
from spendgate_service.store.claims import CounterClaim, counter_claims_of, read_balances
from spendgate_service.store.client import Table
from spendgate_service.store.errors import (
    ConditionFailed,
    OutcomeUnknown,
    PolicyChanged,
    Throttled,
)
from spendgate_service.store.idempotency import PACKED_ANSWER
from spendgate_service.store.policy_cache import PolicyCache, Rules
from spendgate_service.store.reservations import (
    find_reservation_item,
    held_attributes,
    open_hold_attributes,
)
from spendgate_service.store.retrying import (
    POLICY_READS_MAX,
    RESERVATION_TRIES_MAX,
    LoopEnded,
    attempts,
)
from spendgate_service.store.values import Item
from spendgate_service.store.windows import Windows
from spendgate_service.wire.reservations import reservation_granted
from spendgate_service.wire.values import json_text


class Reservations:
    """Reservations of one table.

    `pool` runs the updates of several budgets side by side; `now_ms` is the clock. Without
    `threshold_events` no event is written.
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
        self._holds = Holds(table, pool)
        self._now_ms = now_ms
        self._threshold_events = threshold_events

    def reserve(
        self, request: SpendRequest, *, notes: Sequence[str] = (), unpriced: bool = False
    ) -> Answered:
        """Hold the amounts on every budget that applies, all or none.

        `notes` are warnings of another origin than the budgets, and `unpriced` says that a usage
        counts in tokens only; both go into the response.

        k + 1 write units for k budgets whose policies are cached; a refusal of a request with an
        idempotency key costs a read, since the first try may have been granted. An exhausted
        budget under load refuses without a call (`reservations.refusal_cache`); where a budget is
        paused, each budget costs a read unit.
        Raises BudgetExceeded, BudgetPaused, TokenCapExceeded, NoBudget, UnknownRate,
        IdempotencyConflict, ReservationEnded, InvalidValue, Unavailable.
        """
        try:
            answered = self._reserve(request, notes, unpriced=unpriced)
        except (IdempotencyConflict, ReservationEnded):
            raise  # the first request was found
        except SpendgateError:
            first = self.first_answer(
                request.tenant_id, request.idempotency_key, request.fingerprint
            )
            if first is None:
                raise
            answered = first
        if not answered.replayed:
            self._table.observe("granted", 1)
        return answered

    def _reserve(self, request: SpendRequest, notes: Sequence[str], *, unpriced: bool) -> Answered:
        changing = "the budgets are being changed right now; try again"
        for attempt in attempts(POLICY_READS_MAX, exhausted=lambda: Throttled(changing)):
            rules = self._policy_cache.rules(request.tenant_id, request.subjects, fresh=attempt > 0)
            try:
                return self._grant_most(request, rules, notes, unpriced=unpriced)
            except PolicyChanged:
                continue
            except BudgetRefusal as refusal:
                if attempt > 0 or not refusal.names_a_pause:
                    raise
                # It may have been resumed since the rules were read.
        raise LoopEnded

    def _grant_most(
        self, request: SpendRequest, rules: Rules, notes: Sequence[str], *, unpriced: bool
    ) -> Answered:
        """Grant the request, or the most of it that fits if it names a minimum."""

        def grant(asked: SpendRequest) -> Answered:
            return self._grant(asked, rules, notes, unpriced=unpriced)

        return most_that_fits(request, grant, rules.tenant.rates, now_ms=self._now_ms)

    def _grant(
        self, request: SpendRequest, rules: Rules, notes: Sequence[str], *, unpriced: bool
    ) -> Answered:
        now_ms = self._now_ms()
        claims = self._claims(request, rules, now_ms)
        expires_at_ms = now_ms + request.ttl_seconds * 1000
        bucket = bucket_of(
            expires_at_ms=expires_at_ms,
            ttl_seconds=request.ttl_seconds,
            charges=request.on_expiry == "charge",
        )
        balances = self._hold_all(request.tenant_id, claims, bucket, now_ms)
        reservation = Reservation(
            reservation_id=reservation_id_of(request, now_ms=now_ms),
            subjects=request.subjects,
            amounts=request.amounts,
            lines=tuple(claim.line for claim in claims),
            bucket=bucket,
            created_at_ms=now_ms,
            expires_at_ms=expires_at_ms,
            fingerprint=request.fingerprint,
            metadata=request.metadata,
            on_expiry=request.on_expiry,
        )
        if self._now_ms() >= expires_at_ms:
            self._holds.return_all(claims, bucket=bucket)
            raise Throttled("the hold ran out before it could be recorded; try again")
        answer = json_text(
            reservation_granted(
                reservation, balances, max_output_tokens=request.granted_output,
                notes=notes, unpriced=unpriced,
            )
        )  # fmt: skip
        replay = self._put(request, reservation, answer, claims)
        if replay:
            return replay
        if self._threshold_events:
            self._threshold_events.after_request(request.tenant_id, balances)
        return Answered(answer, replayed=False)

    def _claims(self, request: SpendRequest, rules: Rules, now_ms: int) -> list[CounterClaim]:
        """List the counters to hold on. A window starts only if every budget would grant.

        Where an admin has paused a budget, the balances of all of them are read and nothing is
        held. One read unit per budget, in that case and once per window.
        """
        claims = counter_claims_of(request, rules, self._windows.period, now_ms)
        if refusal := self._recalled(request, claims, rules, now_ms):
            raise refusal
        is_paused = any(claim.is_paused_by_admin for claim in claims)
        if not is_paused and all(map(self._windows.is_open, claims)):
            return claims
        balances = read_balances(self._table, claims, now_ms=now_ms)
        asked = (claim.amount for claim in claims)
        if refusal := check_result_of(zip(balances, asked, strict=True)).refusal:
            if self._threshold_events:
                self._threshold_events.after_request(request.tenant_id, balances)
            raise refusal
        return counter_claims_of(request, rules, self._windows.use, now_ms)

    def _recalled(
        self, request: SpendRequest, claims: Sequence[CounterClaim], rules: Rules, now_ms: int
    ) -> Refusal | None:
        """Return a refusal without a call; of a request that may shrink, if no part can fit."""
        refusal = self._refusals.recall(claims, now_ms=now_ms)
        if refusal is None or not request.may_shrink:
            return refusal
        least = counter_claims_of(request.least, rules, self._windows.period, now_ms)
        return self._refusals.recall(least, now_ms=now_ms) and refusal

    def _hold_all(
        self, tenant_id: str, claims: Sequence[CounterClaim], bucket: int, now_ms: int
    ) -> tuple[Balance, ...]:
        """Take every hold, or none that lasts: what was held is returned if one fails."""
        held = self._holds.take_all(claims, bucket=bucket, now_ms=now_ms)
        for claim, counter in held.counters_that_refused:
            self._refusals.remember(claim, counter, now_ms=now_ms)
        refusal = refusal_of(held.refused)
        if held.errors or refusal:
            self._holds.return_all(held.taken, bucket=bucket)
        if held.errors:
            raise held.worst_error
        if refusal:
            self._refusals.remember_grants(held.taken, now_ms=now_ms)
            if self._threshold_events:
                seen = [balance for balance, _, _ in held.refused]
                self._threshold_events.after_request(tenant_id, seen)
            raise refusal
        return tuple(held.balances)

    def _put(
        self,
        request: SpendRequest,
        reservation: Reservation,
        answer: str,
        claims: Sequence[CounterClaim],
    ) -> Answered | None:
        """Store the reservation; return the first response if it is a replay, and its own holds.

        A put whose response was lost is repeated: the mark of this attempt tells it from a replay.
        While it may have been applied, the holds stay.
        """
        attempt_mark = secrets.token_hex(4)
        item = _item_of(request, reservation, answer, attempt_mark)
        lost: list[Exception] = []
        for _ in attempts(RESERVATION_TRIES_MAX, exhausted=lambda: lost[-1]):
            try:
                self._table.put(
                    item,
                    ConditionExpression=keys.IS_NEW,
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                )
            except OutcomeUnknown as unknown:
                lost.append(unknown)
                continue
            except Throttled:
                if not lost:
                    self._holds.return_all(claims, bucket=reservation.bucket)
                raise
            except ConditionFailed as failed:
                stored = failed.item or {}
                if stored.get("attempt") == item["attempt"]:
                    return None
                self._holds.return_all(claims, bucket=reservation.bucket)
                return replayed(
                    self._table, reservation.reservation_id, request.fingerprint, stored,
                    now_ms=self._now_ms(),
                )  # fmt: skip
            return None
        raise LoopEnded

    def first_answer(
        self, tenant_id: str, idempotency_key: str | None, fingerprint: str
    ) -> Answered | None:
        """Return the first response under an idempotency key, if it was granted. One read unit.

        Raises IdempotencyConflict, and ReservationEnded if its hold is no longer in force.
        """
        if idempotency_key is None:
            return None
        reservation_id = id_under_key(tenant_id, idempotency_key)
        item = find_reservation_item(self._table, tenant_id, reservation_id)
        if item is None:
            return None
        return replayed(self._table, reservation_id, fingerprint, item, now_ms=self._now_ms())


def _item_of(
    request: SpendRequest, reservation: Reservation, answer: str, attempt_mark: str
) -> Item:
    key = keys.reservation_key(request.tenant_id, reservation.reservation_id)
    item = {
        **values.key(key),
        **held_attributes(reservation),
        **open_hold_attributes(request.tenant_id, reservation),
        "attempt": values.text(attempt_mark),
    }
    if request.idempotency_key is not None:
        item["answer"] = PACKED_ANSWER.pack(answer)
    return item
