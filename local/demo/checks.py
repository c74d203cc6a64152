"""The promises of the service, checked against what the demo saw and did itself.

Each check says what it looked at, and for every untruth which number it expected and found.
"""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import accumulate

from local.demo.observed import Observed
from local.demo.record import CounterName, Grant, Held, Record, holds_of

type Commitments = dict[CounterName, list[tuple[Grant, Held]]]


@dataclass(frozen=True, slots=True)
class Check:
    """One promise, what was looked at, and what was untrue."""

    promise: str
    looked_at: str
    failures: tuple[str, ...]

    @property
    def holds(self) -> bool:
        """Whether the promise was kept."""
        return not self.failures


def everything_was_answered(record: Record, requests: int) -> Check:
    """Every request was granted or refused, at the right price; asked twice, answered the same."""
    failures = list(record.surprises)
    answered = len(record.grants) + len(record.refusals)
    if answered != requests:
        failures.append(f"expected {requests} grants and refusals, found {answered}")
    looked_at = f"{requests} requests, {record.asked_twice} of them asked twice"
    return Check("every request was granted or refused", looked_at, tuple(failures))


def no_grant_past_a_limit(grants: Sequence[Grant]) -> Check:
    """In the answer of every grant, what is spent and held is within the limit."""
    failures = [
        f"{_name(held.counter)}: expected at most {_text(held.limit)} spent and held at the grant "
        f"{grant.reservation_id}, found {_text(held.spent + held.held)}"
        for grant, held in holds_of(grants)
        if held.spent + held.held > held.limit
    ]
    looked_at = f"{len(grants)} grants, {sum(len(one.holds) for one in grants)} balances"
    return Check("no grant went past a limit, by its answer", looked_at, tuple(failures))


def no_grant_past_a_limit_by_own_record(grants: Sequence[Grant]) -> Check:
    """By the demo's own clock and amounts, no grant can have been past a limit.

    When a grant was decided, every grant answered before it was asked for was held or settled. What
    such a grant may since have given back is subtracted, so the sum is one that the service had
    committed for certain; above the limit it proves a broken promise.
    """
    failures, fullest = [], Decimal(0)
    for counter, committed in _by_counter(grants).items():
        for (grant, held), certain in zip(committed, _certainly_committed(committed), strict=True):
            fullest = max(fullest, certain / held.limit)
            if certain > held.limit:
                failures.append(
                    f"{_name(counter)}: expected at most {_text(held.limit)} at the grant "
                    f"{grant.reservation_id}, found {_text(certain)} in our own record"
                )
    looked_at = f"{len(grants)} grants, fullest at {fullest:.1%} of its limit"
    return Check("no grant went past a limit, by our own record", looked_at, tuple(failures))


def _by_counter(grants: Iterable[Grant]) -> Commitments:
    committed: Commitments = defaultdict(list)
    for grant, held in holds_of(grants):
        committed[held.counter].append((grant, held))
    return committed


def _certainly_committed(committed: Sequence[tuple[Grant, Held]]) -> Iterator[Decimal]:
    """At each grant of one counter: its own estimate and what is left of those before it."""
    taken = sorted((grant.answered_at, held.amount) for grant, held in committed)
    returned = sorted(
        (_returned_from(grant), held.amount - min(held.amount, _left_over(grant, held)))
        for grant, held in committed
    )
    taken_at, taken_sums = [at for at, _ in taken], _running_sums(taken)
    returned_at, returned_sums = [at for at, _ in returned], _running_sums(returned)
    for grant, held in committed:
        before = taken_sums[bisect_left(taken_at, grant.asked_at)]
        given_back = returned_sums[bisect_right(returned_at, grant.answered_at)]
        yield held.amount + before - given_back


def _returned_from(grant: Grant) -> float:
    """The first moment at which a part of its hold may be given back."""
    if grant.request.expires_first or grant.reported_at is None:
        return grant.answered_at
    return grant.reported_at


def _left_over(grant: Grant, held: Held) -> Decimal:
    """What is certain to stay of its hold; nothing, if the hold expires before it is settled."""
    if grant.request.expires_first:
        return Decimal(0)
    return grant.final_amount(held.unit)


def _running_sums(timed: Iterable[tuple[float, Decimal]]) -> list[Decimal]:
    return list(accumulate((amount for _, amount in timed), initial=Decimal(0)))


def ledger_agrees_with_counters(observed: Observed) -> Check:
    """Every balance says what its ledger adds up to, and the service's own audit agrees."""
    sums: dict[CounterName, Decimal] = defaultdict(Decimal)
    for line in observed.ledger:
        sums[line.counter] += line.amount
    failures = [
        f"{_name(one.counter)}: expected {_text(sums[one.counter])} spent as in the ledger, "
        f"found {_text(one.spent)}"
        for one in observed.balances
        if one.spent != sums[one.counter]
    ]
    for audit in observed.audits:
        failures += [
            f"{audit.budget_id}: expected an audit without differences, found {difference}"
            for difference in audit.differences
        ]
    audited = sum(audit.counters for audit in observed.audits)
    looked_at = (
        f"{len(observed.ledger)} entries, {len(observed.balances)} balances, "
        f"{audited} counters audited"
    )
    return Check("every balance is the sum of its ledger", looked_at, tuple(failures))


def ledger_is_what_was_settled(grants: Sequence[Grant], observed: Observed) -> Check:
    """The ledger has each settlement once on each of its counters, and nothing else."""
    settled = {
        (held.counter, grant.reservation_id): grant.final_amount(held.unit)
        for grant, held in holds_of(grants)
        if grant.request.outcome == "settle"
    }
    found: dict[tuple[CounterName, str], list[Decimal]] = defaultdict(list)
    for line in observed.ledger:
        found[line.counter, line.reservation_id].append(line.amount)
    failures = [
        f"{_name(counter)}: expected {_texts(expected)} for {reservation_id}, "
        f"found {_texts(found.get((counter, reservation_id), []))}"
        for counter, reservation_id in sorted(settled.keys() | found.keys())
        if (expected := _once(settled.get((counter, reservation_id))))
        != found.get((counter, reservation_id), [])
    ]
    settlements = sum(grant.request.outcome == "settle" for grant in grants)
    looked_at = f"{settlements} settlements, {len(settled)} ledger entries"
    return Check("each settlement was applied once, in full", looked_at, tuple(failures))


def _once(amount: Decimal | None) -> list[Decimal]:
    return [amount] if amount else []


def nothing_is_held(observed: Observed) -> Check:
    """When everything is settled or released, no budget holds anything back."""
    failures = [
        f"{_name(one.counter)}: expected 0 held, found {_text(one.held)}"
        for one in observed.balances
        if one.held
    ]
    looked_at = f"{len(observed.balances)} balances"
    return Check("nothing is left held", looked_at, tuple(failures))


def no_dead_letters(record: Record, *, before: int, after: int, waiting: int) -> Check:
    """The queue's messages were all taken, and none of them was put aside."""
    failures = []
    if waiting:
        failures.append(f"the settlement queue: expected 0 messages, found {waiting}")
    if after > before:
        failures.append(f"the dead-letter queue: expected {before} messages, found {after}")
    copies = record.messages - len(record.grants)
    looked_at = f"{record.messages} messages, {copies} of them repeats"
    return Check("no message is waiting or dead", looked_at, tuple(failures))


def runaway_was_stopped(record: Record, *, budget_id: str, subject: str) -> Check:
    """The agents' hourly limit refused the runaway, and it never spent more than that limit."""
    refused = record.refusals_by(budget_id, subject)
    failures = [] if refused else [f"{subject}: expected a refusal by {budget_id}, found none"]
    spent: dict[CounterName, Decimal] = defaultdict(Decimal)
    limits: dict[CounterName, Decimal] = {}
    for grant, held in holds_of(record.grants):
        if held.counter[:2] == (budget_id, subject):
            spent[held.counter] += grant.final_amount(held.unit)
            limits[held.counter] = held.limit
    failures += [
        f"{_name(counter)}: expected at most {_text(limits[counter])} spent, found {_text(amount)}"
        for counter, amount in spent.items()
        if amount > limits[counter]
    ]
    return Check("the runaway agent was stopped", f"refused {refused} times", tuple(failures))


def _name(counter: CounterName) -> str:
    return f"{counter.budget_id} {counter.subject} {counter.period_key}"


def _text(amount: Decimal) -> str:
    return f"{amount.normalize():f}"


def _texts(amounts: Sequence[Decimal]) -> str:
    return " and ".join(_text(amount) for amount in amounts) or "no entry"
