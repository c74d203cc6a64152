"""In-memory cache of refusals: an exhausted budget under load is refused without a DynamoDB call.

It answers only where the table would refuse as well
(docs/adr/0012-refusals-from-memory.md): what is held may come back at any moment, but
what is spent comes back only by time, which the counter shows, or by an administrator's credit or
limit, which takes effect here within `BELIEVED_MS_MAX`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from spendgate_service.cache import BoundedCache
from spendgate_service.domain.amounts import Amount
from spendgate_service.domain.counters import Counter, freshness
from spendgate_service.domain.decisions import Refusal, Refused, refusal_of
from spendgate_service.store import keys
from spendgate_service.store.claims import CounterClaim

BELIEVED_MS_MAX = 1000
"""As long as the shortest `Retry-After`, and as an absent policy is cached."""

REFUSALS_UNTIL_BELIEVED = 3
"""How often a counter must refuse, each time soon after the last, before the cache refuses for it.

So a client that is refused, tops up and tries again is served at once.
"""


@dataclass(frozen=True, slots=True)
class _LastRefusal:
    """A counter as it was when it last refused, and how often it did so without a pause."""

    counter: Counter
    at_ms: int
    times: int


@dataclass(frozen=True, slots=True)
class _Granted:
    """What a counter granted to a request that another one refused."""

    amount: Amount
    version: int
    at_ms: int


class Refusals:
    """What the counters of refused requests said a moment ago, in this execution environment.

    Those that granted are kept too: a response names every budget that refuses, and the one that
    resets last decides `Retry-After`.
    """

    def __init__(self) -> None:
        self._refused = BoundedCache[keys.Key, _LastRefusal]()
        self._granted = BoundedCache[keys.Key, _Granted]()

    def remember(self, claim: CounterClaim, counter: Counter, *, now_ms: int) -> None:
        """Keep a counter that has just refused."""
        before = self._refused.get(claim.address)
        times = before.times if before and now_ms - before.at_ms < 2 * BELIEVED_MS_MAX else 0
        self._refused[claim.address] = _LastRefusal(counter, now_ms, times + 1)

    def remember_grants(self, claims: Sequence[CounterClaim], *, now_ms: int) -> None:
        """Keep what counters have just granted to a request that another one refused."""
        for claim in claims:
            self._granted[claim.address] = _Granted(claim.amount, claim.policy_version, now_ms)

    def recall(self, claims: Sequence[CounterClaim], *, now_ms: int) -> Refusal | None:
        """Return the refusal of a request that one of its counters is certain to refuse.

        None where the table has to decide: where a pause might come first, or where nothing recent
        is known of one of the counters.
        """
        if not self._refused or any(_may_be_paused(claim) for claim in claims):
            return None
        known: list[tuple[CounterClaim, _LastRefusal]] = []
        for claim in claims:
            refused = self._known(claim, now_ms=now_ms)
            if refused is not None:
                known.append((claim, refused))
            elif not self._grants(claim, now_ms=now_ms):
                return None
        if not any(
            refused.times >= REFUSALS_UNTIL_BELIEVED
            and refused.counter.is_spent_for(claim.amount, now_ms=now_ms)
            for claim, refused in known
        ):
            return None
        return refusal_of(
            [_refused_now(claim, refused.counter, now_ms) for claim, refused in known]
        )

    def _known(self, claim: CounterClaim, *, now_ms: int) -> _LastRefusal | None:
        """Return the last refusal of a counter, if it still refuses and under the same policy."""
        refused = self._refused.get(claim.address)
        if refused is None or claim.rule == "none":
            return None
        if not _is_fresh(refused.at_ms, now_ms=now_ms):
            return None
        is_known_policy = freshness(refused.counter, claim.policy_version) == "current"
        grants = refused.counter.can_grant(claim.amount, now_ms=now_ms)
        return refused if is_known_policy and not grants else None

    def _grants(self, claim: CounterClaim, *, now_ms: int) -> bool:
        """Tell whether a counter never refuses, or granted as much a moment ago."""
        if claim.rule == "none":
            return True
        granted = self._granted.get(claim.address)
        if granted is None or not _is_fresh(granted.at_ms, now_ms=now_ms):
            return False
        is_known_policy = granted.version == claim.policy_version
        return is_known_policy and claim.amount <= granted.amount


def _is_fresh(at_ms: int, *, now_ms: int) -> bool:
    return 0 <= now_ms - at_ms < BELIEVED_MS_MAX


def _refused_now(claim: CounterClaim, counter: Counter, now_ms: int) -> Refused:
    return claim.balance(counter, now_ms=now_ms), claim.amount, "exceeded"


def _may_be_paused(claim: CounterClaim) -> bool:
    return claim.is_paused_by_admin or "pause" in claim.rule
