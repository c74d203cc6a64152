"""Grow a lease: hold more on every budget that applies, all or none, and extend it.

As a reserve does, it takes each hold with one conditional update, and stores the larger grant last;
no transaction, since many leases share one counter. The hold that is there moves along. A crash in
between leaves holds in a later bucket than the reservation names: they expire there.
"""

import secrets
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace

from spendgate_service.domain.amounts import Amount
from spendgate_service.domain.balances import Balance
from spendgate_service.domain.budgets import Claim, claims_on
from spendgate_service.domain.decisions import check_result_of, refusal_of
from spendgate_service.domain.errors import BudgetRefusal, InvalidValue, ReservationExpired
from spendgate_service.domain.reservations import Reservation
from spendgate_service.events.threshold_events import ThresholdEvents
from spendgate_service.reservations.extend import extend, extended
from spendgate_service.reservations.find import find_reservation
from spendgate_service.reservations.hold import Held, HoldGone, Holds
from spendgate_service.store.claims import CounterClaim, read_balances
from spendgate_service.store.client import Table
from spendgate_service.store.errors import ConditionFailed, OutcomeUnknown, PolicyChanged, Throttled
from spendgate_service.store.holds import Moving
from spendgate_service.store.policy_cache import PolicyCache
from spendgate_service.store.reservations import counter_of, grow
from spendgate_service.store.retrying import (
    POLICY_READS_MAX,
    RESERVATION_TRIES_MAX,
    LoopEnded,
    attempts,
)
from spendgate_service.store.windows import Windows


@dataclass(frozen=True, slots=True)
class Grown:
    """A lease after its extension; the balances of its budgets if more was granted."""

    reservation: Reservation
    balances: Sequence[Balance] = ()


class Leases:
    """Leases of one table; `pool` runs the updates of several budgets side by side."""

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
        self._holds = Holds(table, pool)
        self._now_ms = now_ms
        self._threshold_events = threshold_events

    def extend(
        self,
        tenant_id: str,
        reservation_id: str,
        *,
        ttl_seconds: int | None,
        amounts: Mapping[str, Amount],
    ) -> Grown:
        """Raise the totals granted to `amounts`, and let the hold expire `ttl_seconds` from now.

        Totals that are not larger than before change nothing; an earlier expiry is a second step.
        One read unit, one write unit for the reservation (more where it exceeds 1 KB) and one for
        each counter. Raises NotFound, ReservationEnded, BudgetExceeded, BudgetPaused, UnknownRate,
        InvalidValue, Unavailable.
        """
        changing = "the reservation is being changed by others; try again"
        before: Reservation | None = None
        for _ in attempts(RESERVATION_TRIES_MAX, exhausted=lambda: Throttled(changing)):
            last, before = before, find_reservation(self._table, tenant_id, reservation_id)
            now_ms = self._now_ms()
            _only_what_is_held(before, amounts)
            after = extended(before, ttl_seconds=ttl_seconds, now_ms=now_ms).grown(amounts)
            if after.revision == before.revision:
                return Grown(self._only_extended(tenant_id, after, ttl_seconds))
            # A crash must not leave a hold that ends before its reservation does.
            ends_sooner = after.bucket < before.bucket
            if ends_sooner:
                after = before.grown(amounts)
            try:
                balances = self._grow(tenant_id, before, after, now_ms, may_be_gone=before == last)
            except (ConditionFailed, HoldGone):
                continue
            if self._threshold_events:
                self._threshold_events.after_request(tenant_id, balances)
            if ends_sooner:
                after = self._only_extended(tenant_id, after, ttl_seconds)
            return Grown(after, balances)
        raise LoopEnded

    def _only_extended(
        self, tenant_id: str, lease: Reservation, ttl_seconds: int | None
    ) -> Reservation:
        if ttl_seconds is None:
            return lease
        return extend(
            self._table, tenant_id, lease.reservation_id,
            ttl_seconds=ttl_seconds, now_ms=self._now_ms,
        )  # fmt: skip

    def _grow(
        self,
        tenant_id: str,
        before: Reservation,
        after: Reservation,
        now_ms: int,
        *,
        may_be_gone: bool,
    ) -> Sequence[Balance]:
        """Take what is held more, and store the grant.

        Raises ConditionFailed and HoldGone if others changed it first, and what `extend` raises.
        """
        changing = "the budgets are being changed right now; try again"
        moving = None
        if after.bucket != before.bucket:
            moving = _moving(tenant_id, before, may_be_gone=may_be_gone)
        for attempt in attempts(POLICY_READS_MAX, exhausted=lambda: Throttled(changing)):
            try:
                claims = self._claims(tenant_id, before, after, now_ms, fresh=attempt > 0)
                held = self._hold_all(claims, after.bucket, moving, now_ms)
            except PolicyChanged:
                continue
            except BudgetRefusal as refusal:
                if attempt > 0 or not refusal.names_a_pause:
                    raise
                # It may have been resumed since the rules were read.
            except ReservationExpired:
                if attempt > 0:
                    raise
                # The lease may be newer than the rules.
            else:
                self._store(tenant_id, before, after, held.taken, moving)
                return held.balances
        raise LoopEnded

    def _claims(
        self, tenant_id: str, before: Reservation, after: Reservation, now_ms: int, *, fresh: bool
    ) -> list[CounterClaim]:
        """Claim on every counter of the lease what it shall hold more.

        Raises ReservationExpired if other budgets or periods apply by now, the refusal of a pause,
        and PolicyChanged.
        """
        rules = self._policy_cache.rules(tenant_id, before.subjects, fresh=fresh)
        wanted = {
            counter_of(tenant_id, line): after.held_on(line) - before.held_on(held)
            for held, line in zip(before.lines, after.lines, strict=True)
        }

        def claimed(claim: Claim) -> CounterClaim:
            period = self._windows.period(tenant_id, claim, now_ms)
            applies = CounterClaim(tenant_id, claim, period)
            amount = wanted.get(applies.address, 0)
            return replace(applies, claim=replace(claim, amount=amount))

        claims = [
            claimed(claim)
            for claim in claims_on(
                before.subjects, after.amounts, rules.policies, rules.tenant.rates, now_ms=now_ms
            )
        ]
        if {claim.address for claim in claims} != wanted.keys():
            raise ReservationExpired(
                before,
                why="cannot grow: a period of it has ended, or other budgets apply by now; "
                "reserve again",
                is_in_force=True,
            )
        if any(claim.is_paused_by_admin for claim in claims):
            balances = read_balances(self._table, claims, now_ms=now_ms)
            asked = (claim.amount for claim in claims)
            if refusal := check_result_of(zip(balances, asked, strict=True)).refusal:
                raise refusal
        return claims

    def _hold_all(
        self, claims: Sequence[CounterClaim], bucket: int, moving: Moving | None, now_ms: int
    ) -> Held:
        """Take every hold, or none that lasts."""
        held = self._holds.take_all(claims, bucket=bucket, now_ms=now_ms, moving=moving)
        refusal = refusal_of(held.refused)
        if held.errors or refusal:
            self._holds.return_all(held.taken, bucket=bucket, moving=moving)
        if held.errors:
            raise held.worst_error
        if refusal:
            raise refusal
        return held

    def _store(
        self,
        tenant_id: str,
        before: Reservation,
        after: Reservation,
        claims: Sequence[CounterClaim],
        moving: Moving | None,
    ) -> None:
        """Store the grant; while that may have happened its holds stay.

        Raises ConditionFailed, Unavailable.
        """
        attempt_mark = secrets.token_hex(4)
        lost: list[Exception] = []
        for _ in attempts(RESERVATION_TRIES_MAX, exhausted=lambda: lost[-1]):
            try:
                grow(self._table, tenant_id, before, after, attempt_mark=attempt_mark)
            except OutcomeUnknown as unknown:
                lost.append(unknown)
                continue
            except (Throttled, ConditionFailed) as refused:
                if isinstance(refused, ConditionFailed) or not lost:
                    self._holds.return_all(claims, bucket=after.bucket, moving=moving)
                raise
            return
        raise LoopEnded


def _moving(tenant_id: str, before: Reservation, *, may_be_gone: bool) -> Moving:
    return Moving(
        before.bucket,
        {counter_of(tenant_id, line): before.held_on(line) for line in before.lines},
        may_be_gone,
    )


def _only_what_is_held(lease: Reservation, amounts: Mapping[str, Amount]) -> None:
    """Raise InvalidValue for a unit that was not reserved: other budgets might count it."""
    for unit in amounts:
        if unit not in lease.amounts:
            raise InvalidValue(
                f"body.amounts.{unit}: the reservation holds no {unit}; reserve it anew",
                param=f"body.amounts.{unit}",
            )
