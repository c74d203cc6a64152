"""Take the holds of a request: one conditional update each, and what follows if it fails."""

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import dataclass, field

from spendgate_service.domain.balances import Balance
from spendgate_service.domain.counters import Counter, freshness
from spendgate_service.domain.decisions import Refused, Verdict, refuses
from spendgate_service.store import credit_writes, holds
from spendgate_service.store.claims import CounterClaim, catch_up
from spendgate_service.store.client import Table
from spendgate_service.store.counters import read_counter
from spendgate_service.store.errors import (
    ConditionFailed,
    PolicyChanged,
    StoreError,
    Throttled,
    Unavailable,
)
from spendgate_service.store.holds import Moving
from spendgate_service.store.retrying import HOLD_TRIES_MAX, LoopEnded, attempts


class HoldGone(StoreError):
    """What a lease holds is no longer in its bucket."""

    def __init__(self, moving: Moving) -> None:
        super().__init__("the hold of a lease is gone")
        self.moving = moving


@dataclass(slots=True)
class Held:
    """What the budgets of one request said: the holds taken, the refusals, and what failed."""

    balances: list[Balance] = field(default_factory=list)
    taken: list[CounterClaim] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    counters_that_refused: list[tuple[CounterClaim, Counter]] = field(default_factory=list)
    errors: list[Exception] = field(default_factory=list)

    @property
    def worst_error(self) -> Exception:
        """A changed policy comes first: after it the request is decided again."""
        changed = (error for error in self.errors if isinstance(error, PolicyChanged))
        return next(changed, self.errors[0])


class Holds:
    """Takes and returns the holds of one request side by side."""

    def __init__(self, table: Table, pool: Executor) -> None:
        self._table = table
        self._pool = pool

    def take_all(
        self,
        claims: Sequence[CounterClaim],
        *,
        bucket: int,
        now_ms: int,
        moving: Moving | None = None,
    ) -> Held:
        """Try to take every hold; k write units for k budgets whose policies are current.

        What a lease holds already is `moving` to the same bucket; where it is gone, the whole is
        held anew if it `may_be_gone`, which a lost response leaves, or it is an error.
        """

        def try_hold(
            claim: CounterClaim, moving: Moving | None = moving
        ) -> tuple[CounterClaim, Verdict, Counter] | Exception:
            try:
                return claim, *take_hold(
                    self._table, claim, bucket=bucket, now_ms=now_ms, moving=moving
                )
            except HoldGone as gone:
                if not gone.moving.may_be_gone:
                    return gone
                return try_hold(gone.moving.instead(claim), moving=None)
            except (PolicyChanged, Unavailable) as error:
                return error

        held = Held()
        for outcome in self._side_by_side(try_hold, claims):
            if isinstance(outcome, Exception):
                held.errors.append(outcome)
                continue
            claim, verdict, counter = outcome
            balance = claim.balance(counter, now_ms=now_ms)
            held.balances.append(balance)
            if refuses(claim.budget, verdict):
                held.refused.append((balance, claim.amount, verdict))
                held.counters_that_refused.append((claim, counter))
            else:
                held.taken.append(claim)
        return held

    def return_all(
        self, claims: Sequence[CounterClaim], *, bucket: int, moving: Moving | None = None
    ) -> None:
        """Return holds, and move back what was moved. What cannot be returned now expires."""

        def try_return(claim: CounterClaim) -> None:
            with suppress(Unavailable):
                if moving is None or claim.address in moving.gone:
                    holds.return_hold(self._table, claim, bucket=bucket)
                else:
                    holds.move_back(self._table, claim, moving, bucket=bucket)

        self._side_by_side(try_return, claims)

    def _side_by_side[T](
        self, work: Callable[[CounterClaim], T], claims: Sequence[CounterClaim]
    ) -> list[T]:
        if not claims:
            return []
        others = [self._pool.submit(work, claim) for claim in claims[1:]]
        return [work(claims[0]), *(other.result() for other in others)]


def take_hold(
    table: Table,
    claim: CounterClaim,
    *,
    bucket: int,
    now_ms: int,
    moving: Moving | None = None,
) -> tuple[Verdict, Counter]:
    """Hold the claim's amount if its budget grants it; return the verdict and the counter then.

    The amount is held unless the budget refuses (`decisions.refuses`).

    One write unit where the counter is of the claim's policy, one more for it to catch up, to
    reclaim expired holds, or to take out credits that have ended. Raises PolicyChanged, HoldGone,
    Throttled, OutcomeUnknown.
    """
    assert not claim.is_paused_by_admin, "the policy alone refuses it"
    for _ in attempts(HOLD_TRIES_MAX, exhausted=_too_many_changes):
        try:
            counter = _hold(table, claim, moving, bucket=bucket, now_ms=now_ms)
            holds.reclaim_if_many(table, claim.address, counter, now_ms=now_ms)
            return "granted", counter
        except ConditionFailed as failed:
            seen = read_counter(failed.item) if failed.item else claim.unused
        match freshness(seen, claim.policy_version):
            case "ahead":
                raise PolicyChanged
            case "stale":
                catch_up(table, claim, seen)
                continue
            case "current":
                pass
        verdict = claim.verdict(seen, now_ms=now_ms)
        if refuses(claim.budget, verdict):
            return verdict, seen
        if seen.ended_credits(now_ms=now_ms):
            credit_writes.take_out_ended(table, claim.address, seen, now_ms=now_ms)
            continue
        reclaimed = _reclaim_and_hold(
            table, claim, seen, bucket=bucket, now_ms=now_ms, is_moving=moving is not None
        )
        if reclaimed is not None:
            return "granted", reclaimed
    raise LoopEnded


def _hold(
    table: Table, claim: CounterClaim, moving: Moving | None, *, bucket: int, now_ms: int
) -> Counter:
    """Hold the amount, and move there what a lease holds. Raises ConditionFailed, HoldGone."""
    if moving is None:
        return holds.hold(table, claim, bucket, now_ms=now_ms)
    try:
        return holds.move_and_hold(table, claim, moving, bucket=bucket, now_ms=now_ms)
    except ConditionFailed as failed:
        if failed.item is None or not moving.is_there(claim, read_counter(failed.item)):
            raise HoldGone(moving) from failed
        raise


def _too_many_changes() -> Throttled:
    return Throttled("too many changes to one budget at once; try again")


def _reclaim_and_hold(
    table: Table,
    claim: CounterClaim,
    seen: Counter,
    *,
    bucket: int,
    now_ms: int,
    is_moving: bool,
) -> Counter | None:
    """Hold out of what has expired; None if the hold has to be tried again."""
    expired = holds.expired_in(seen, now_ms=now_ms)
    if not expired.buckets:
        return None
    pauses_at = claim.budget.pauses_at(claim.period)
    still_paused = pauses_at is not None and seen.spent - expired.left_window >= pauses_at
    if is_moving or seen.available + expired.amount < claim.amount or still_paused:
        # Not all of it fits one write: this much now, the rest with the next try.
        holds.reclaim(table, claim.address, expired)
        return None
    return holds.reclaim_and_hold(table, claim, seen, expired, bucket=bucket, now_ms=now_ms)
