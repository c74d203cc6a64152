"""Refusals from memory: a budget that is spent and hammered is not asked each time.

Only where it cannot be wrong to (docs/adr/0012-refusals-from-memory.md): money that
is merely held may come back at any moment, money that is spent comes back by time alone, which the
counter tells, or by an administrator's credit or limit, which may wait for the moment told here.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from spendgate_service.domain.amounts import Amount
from spendgate_service.domain.counters import Counter
from spendgate_service.domain.decisions import Refusal, Refused, refusal_of
from spendgate_service.store import keys
from spendgate_service.store.cache import BoundedCache
from spendgate_service.store.claims import CounterClaim

BELIEVED_MS_MAX = 1000
"""As long as the shortest `Retry-After`, and as what is absent is believed."""

REFUSALS_UNTIL_BELIEVED = 3
"""So often a counter must refuse, each time within a moment of the last, to count as hammered.

Who is refused, tops up and tries again is served at once.
"""


@dataclass(frozen=True, slots=True)
class _LastRefusal:
    """A counter as it was when it last refused, and how often it did so without a pause."""

    counter: Counter
    at_ms: int
    times: int


@dataclass(frozen=True, slots=True)
class _Granted:
    """What a counter granted of a request that another one refused."""

    amount: Amount
    version: int
    at_ms: int


class Refusals:
    """What the counters of refused requests said a moment ago, in this execution environment.

    Those that granted count too: an answer names all that refuse, and the one that resets last
    decides when to come back.
    """

    def __init__(self) -> None:
        self._refused = BoundedCache[keys.Key, _LastRefusal]()
        self._granted = BoundedCache[keys.Key, _Granted]()

    def remember(self, target: CounterClaim, counter: Counter, *, now_ms: int) -> None:
        """A counter has just been seen to refuse."""
        before = self._refused.get(target.address)
        times = before.times if before and now_ms - before.at_ms < 2 * BELIEVED_MS_MAX else 0
        self._refused[target.address] = _LastRefusal(counter, now_ms, times + 1)

    def remember_grants(self, targets: Sequence[CounterClaim], *, now_ms: int) -> None:
        """Counters have just granted their parts of a request that another one refused."""
        for target in targets:
            claim = target.claim
            self._granted[target.address] = _Granted(claim.amount, claim.policy_version, now_ms)

    def recall(self, targets: Sequence[CounterClaim], *, now_ms: int) -> Refusal | None:
        """The refusal of a request that one of its counters is certain to refuse.

        None where the table has to be asked: where a pause might come first, or where any counter
        has not been heard within the same moment.
        """
        if not self._refused or any(_may_be_paused(target) for target in targets):
            return None
        known: list[tuple[CounterClaim, _LastRefusal]] = []
        for target in targets:
            refused = self._known(target, now_ms=now_ms)
            if refused is not None:
                known.append((target, refused))
            elif not self._grants(target, now_ms=now_ms):
                return None
        if not any(
            refused.times >= REFUSALS_UNTIL_BELIEVED
            and refused.counter.is_spent_for(target.claim.amount, now_ms=now_ms)
            for target, refused in known
        ):
            return None
        return refusal_of([_refused_now(target, one.counter, now_ms) for target, one in known])

    def _known(self, target: CounterClaim, *, now_ms: int) -> _LastRefusal | None:
        """What is remembered of a counter, if by that it refuses now and under the same policy."""
        refused = self._refused.get(target.address)
        if refused is None or target.rule == "shadow":
            return None
        if not _is_fresh(refused.at_ms, now_ms=now_ms):
            return None
        is_known_policy = refused.counter.version == target.claim.policy_version
        grants = refused.counter.can_grant(target.claim.amount, now_ms=now_ms)
        return refused if is_known_policy and not grants else None

    def _grants(self, target: CounterClaim, *, now_ms: int) -> bool:
        """Whether a counter never refuses, or granted as much a moment ago."""
        if target.rule == "shadow":
            return True
        granted = self._granted.get(target.address)
        if granted is None or not _is_fresh(granted.at_ms, now_ms=now_ms):
            return False
        is_known_policy = granted.version == target.claim.policy_version
        return is_known_policy and target.claim.amount <= granted.amount


def _is_fresh(at_ms: int, *, now_ms: int) -> bool:
    return 0 <= now_ms - at_ms < BELIEVED_MS_MAX


def _refused_now(target: CounterClaim, counter: Counter, now_ms: int) -> Refused:
    return target.balance(counter, now_ms=now_ms), target.claim.amount, "exceeded"


def _may_be_paused(target: CounterClaim) -> bool:
    is_paused = target.claim.budget.paused and not target.claim.budget.is_shadow
    return is_paused or target.rule == "limit and pause"
