"""Computes how much a budget had certainly committed at each grant, from the callers' view.

Callers do not see the order in which the service decides. But a grant whose response arrived before
another request was sent came first. When the later request was decided, the earlier grant was held
at its estimate, or settled if its settlement had been sent by then. The lower of these amounts is
certain, and the sum of certain amounts never exceeds what the service had committed. If it exceeds
the limit, the service granted past the limit.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import accumulate

from local.demo.record import CounterName, Grant, Held, holds_of

type Commitments = Sequence[tuple[Grant, Held]]


def by_counter(grants: Iterable[Grant]) -> Mapping[CounterName, Commitments]:
    """Return the grants with a hold on each counter."""
    committed: dict[CounterName, list[tuple[Grant, Held]]] = defaultdict(list)
    for grant, held in holds_of(grants):
        committed[held.counter].append((grant, held))
    return committed


def certainly_committed(committed: Commitments) -> Iterator[Decimal]:
    """Yield at each grant of one counter its estimate plus what remains of the earlier grants."""
    taken = sorted((grant.answered_at, held.amount) for grant, held in committed)
    returned = sorted(
        (_may_return_from(grant), max(Decimal(0), held.amount - _certain_to_stay(grant, held)))
        for grant, held in committed
    )
    taken_at, taken_sums = [at for at, _ in taken], _running_sums(taken)
    returned_at, returned_sums = [at for at, _ in returned], _running_sums(returned)
    for grant, held in committed:
        before = taken_sums[bisect_left(taken_at, grant.asked_at)]
        returned_before = returned_sums[bisect_left(returned_at, grant.answered_at)]
        yield held.amount + before - returned_before


def _may_return_from(grant: Grant) -> float:
    """Return the earliest time at which a part of the hold may be returned."""
    if grant.request.expires_first or grant.reported_at is None:
        return grant.answered_at
    return grant.reported_at


def _certain_to_stay(grant: Grant, held: Held) -> Decimal:
    """Return what remains of the hold; 0 if it expires before it is settled."""
    return Decimal(0) if grant.request.expires_first else grant.final_amount(held.unit)


def _running_sums(timed: Iterable[tuple[float, Decimal]]) -> list[Decimal]:
    return list(accumulate((amount for _, amount in timed), initial=Decimal(0)))
