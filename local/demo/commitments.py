"""How much a budget had certainly committed when it granted, as far as its callers can prove.

Callers do not see the order in which the service decides, but they know this much: a grant that was
answered before another was asked for came first. When the later one was decided, the earlier one
was held at its estimate, or settled already if its settlement had been sent by then. The least of
these is certain, and the sum of what is certain is never above what the service had committed: if
it is above the limit, the service broke its promise.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import accumulate

from local.demo.record import CounterName, Grant, Held, holds_of

type Commitments = Sequence[tuple[Grant, Held]]


def by_counter(grants: Iterable[Grant]) -> Mapping[CounterName, Commitments]:
    """The grants that each counter holds something for."""
    committed: dict[CounterName, list[tuple[Grant, Held]]] = defaultdict(list)
    for grant, held in holds_of(grants):
        committed[held.counter].append((grant, held))
    return committed


def certainly_committed(committed: Commitments) -> Iterator[Decimal]:
    """At each grant of one counter: its own estimate, and what is left of those before it."""
    taken = sorted((grant.answered_at, held.amount) for grant, held in committed)
    returned = sorted(
        (_may_return_from(grant), max(Decimal(0), held.amount - _certain_to_stay(grant, held)))
        for grant, held in committed
    )
    taken_at, taken_sums = [at for at, _ in taken], _running_sums(taken)
    returned_at, returned_sums = [at for at, _ in returned], _running_sums(returned)
    for grant, held in committed:
        before = taken_sums[bisect_left(taken_at, grant.asked_at)]
        given_back = returned_sums[bisect_left(returned_at, grant.answered_at)]
        yield held.amount + before - given_back


def _may_return_from(grant: Grant) -> float:
    """The first moment at which a part of its hold may be given back."""
    if grant.request.expires_first or grant.reported_at is None:
        return grant.answered_at
    return grant.reported_at


def _certain_to_stay(grant: Grant, held: Held) -> Decimal:
    """What stays of its hold; nothing is certain of one that expires before it is settled."""
    return Decimal(0) if grant.request.expires_first else grant.final_amount(held.unit)


def _running_sums(timed: Iterable[tuple[float, Decimal]]) -> list[Decimal]:
    return list(accumulate((amount for _, amount in timed), initial=Decimal(0)))
