"""Checks the service's guarantees against what the demo itself sent and received.

Each check says what it examined, and for every failure which number it expected and found.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from local.demo.commitments import by_counter, certainly_committed
from local.demo.observed import Ending, Observed, Usage
from local.demo.prices import TOKENS, USD
from local.demo.record import CounterName, Grant, Record, holds_of, number_in

type Limits = Mapping[str, Decimal]
"""The limit of each budget, as the demo created it."""


@dataclass(frozen=True, slots=True)
class Check:
    """One guarantee, what was examined, and its failures."""

    promise: str
    looked_at: str
    failures: tuple[str, ...]

    @property
    def holds(self) -> bool:
        """Whether there is no failure."""
        return not self.failures


def everything_was_answered(record: Record, requests: int) -> Check:
    """Every request got a grant or refusal at the right price, and the same one when repeated."""
    failures = list(record.surprises)
    answered = len(record.grants) + len(record.refusals)
    if answered != requests:
        failures.append(f"expected {requests} grants and refusals, found {answered}")
    looked_at = f"{requests} requests, {record.asked_twice} of them repeated"
    return Check("every request was granted or refused", looked_at, tuple(failures))


def provider_served_the_grants(record: Record) -> Check:
    """The model was called once for each grant, and never for a refusal, at the settled tokens."""
    expected = {grant.request.number: [int(grant.final_amount(TOKENS))] for grant in record.grants}
    served: dict[int, list[int]] = defaultdict(list)
    for call in record.served:
        served[number_in(call.prompt)].append(call.total_tokens)
    failures = [
        f"request {number}: expected calls of {expected.get(number, [])} tokens at the provider, "
        f"found {served.get(number, [])}"
        for number in sorted(expected.keys() | served.keys())
        if expected.get(number, []) != served.get(number, [])
    ]
    looked_at = f"{len(record.served)} calls"
    return Check("the model was called for each grant, once", looked_at, tuple(failures))


def no_grant_past_a_limit(grants: Sequence[Grant], limits: Limits) -> Check:
    """In the response of every grant, the spent and held amounts are within the limit."""
    failures = [
        f"{_name(held.counter)}: expected at most {_text(limit)} spent and held at the grant "
        f"{grant.reservation_id}, found {_text(held.spent + held.held)}"
        for grant, held in holds_of(grants)
        if held.spent + held.held > (limit := limits[held.counter.budget_id])
    ]
    looked_at = f"{len(grants)} grants, {sum(len(grant.holds) for grant in grants)} balances"
    return Check("no grant exceeded a limit, by its response", looked_at, tuple(failures))


def no_grant_past_a_limit_by_own_record(grants: Sequence[Grant], limits: Limits) -> Check:
    """By the demo's own clock and amounts, the certainly committed amount was within the limit."""
    failures, fullest = [], Decimal(0)
    for counter, committed in by_counter(grants).items():
        limit = limits[counter.budget_id]
        for (grant, _), certain in zip(committed, certainly_committed(committed), strict=True):
            fullest = max(fullest, certain / limit)
            if certain > limit:
                failures.append(
                    f"{_name(counter)}: expected at most {_text(limit)} at the grant "
                    f"{grant.reservation_id}, found {_text(certain)} in the demo's record"
                )
    tenths_pct = int(fullest * 1000)
    looked_at = f"{len(grants)} grants, the fullest at {tenths_pct / 10}% of its limit"
    return Check("no grant exceeded a limit, by the demo's record", looked_at, tuple(failures))


def ledger_agrees_with_counters(grants: Sequence[Grant], observed: Observed) -> Check:
    """Every balance is the sum of its ledger, and the service's own audit agrees."""
    sums: dict[CounterName, Decimal] = defaultdict(Decimal)
    for line in observed.ledger:
        sums[line.counter] += line.amount
    failures = [
        f"{_name(balance.counter)}: expected {_text(sums[balance.counter])} spent as in the "
        f"ledger, found {_text(balance.spent)}"
        for balance in observed.balances
        if balance.spent != sums[balance.counter]
    ]
    for audit in observed.audits:
        failures += [
            f"{audit.budget_id} {difference} by the service's own audit"
            for difference in audit.differences
        ]
    audited = sum(audit.counters for audit in observed.audits)
    counters = len({held.counter for _, held in holds_of(grants)})
    if audited < counters:
        failures.append(f"the audits: expected at least {counters} counters, found {audited}")
    looked_at = (
        f"{len(observed.ledger)} entries, {len(observed.balances)} balances, "
        f"{audited} counters audited"
    )
    return Check("every balance is the sum of its ledger", looked_at, tuple(failures))


def ledger_is_what_was_settled(grants: Sequence[Grant], observed: Observed) -> Check:
    """The ledger has each settlement once per counter, and nothing else."""
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
    looked_at = f"{settlements} settlements, {len(observed.ledger)} ledger entries"
    return Check("each settlement was applied once, in full", looked_at, tuple(failures))


def usage_log_is_what_was_settled(
    grants: Sequence[Grant], observed: Observed, usage: Usage, *, organization: str
) -> Check:
    """The usage log comes to what the demo settled, and to the ledger of the organization."""
    settled = (grant.request.actual for grant in grants if grant.request.outcome == "settle")
    books = {
        "the demo's record": sum((actual.get(USD, Decimal(0)) for actual in settled), Decimal(0))
    }
    units = {balance.counter.budget_id: balance.unit for balance in observed.balances}
    books["the ledger of the organization"] = sum(
        (
            line.amount
            for line in observed.ledger
            if line.counter.subject == organization and units.get(line.counter.budget_id) == USD
        ),
        Decimal(0),
    )
    failures = []
    for group, totals in usage.items():
        found = sum((amounts.get(USD, Decimal(0)) for amounts in totals.values()), Decimal(0))
        failures += [
            f"usage by {group}: expected {_text(expected)} usd as in {book}, found {_text(found)}"
            for book, expected in books.items()
            if found != expected
        ]
    looked_at = f"{_text(books["the demo's record"])} usd by {' and by '.join(usage)}"
    return Check("the usage log has every settlement, once", looked_at, tuple(failures))


def _once(amount: Decimal | None) -> list[Decimal]:
    return [amount] if amount else []


def remarkable(grants: Sequence[Grant]) -> list[Grant]:
    """Return the grants that were released, or settled late or above their estimate."""
    return [
        grant
        for grant in grants
        if grant.request.outcome == "release" or grant.request.expires_first or grant.overran
    ]


def reservations_say_how_they_ended(grants: Sequence[Grant], observed: Observed) -> Check:
    """Releases, late settlements and overruns are marked as such."""
    failures, endings = [], remarkable(grants)
    for grant in endings:
        expected = Ending(
            state="released" if grant.request.outcome == "release" else "settled",
            late=grant.request.expires_first,
            overrun=grant.overran,
        )
        found = observed.endings[grant.reservation_id]
        if found != expected:
            failures.append(f"{grant.reservation_id}: expected {expected}, found {found}")
    released = sum(grant.request.outcome == "release" for grant in endings)
    late = sum(grant.request.expires_first for grant in endings)
    overran = sum(grant.overran for grant in endings)
    looked_at = f"{released} released, {late} late, {overran} above their estimate"
    return Check("releases, late ones and overruns are marked", looked_at, tuple(failures))


def nothing_is_held(observed: Observed) -> Check:
    """When everything is settled or released, no budget has a hold."""
    failures = [
        f"{_name(balance.counter)}: expected 0 held, found {_text(balance.held)}"
        for balance in observed.balances
        if balance.held
    ]
    looked_at = f"{len(observed.balances)} balances"
    return Check("nothing is left held", looked_at, tuple(failures))


def no_dead_letters(record: Record, *, before: int, after: int, waiting: int) -> Check:
    """The queue is empty, and no message was dead-lettered."""
    failures = []
    if waiting:
        failures.append(f"the settlement queue: expected 0 messages, found {waiting}")
    if after > before:
        failures.append(f"the dead-letter queue: expected {before} messages, found {after}")
    copies = record.messages - len(record.grants)
    looked_at = f"{record.messages} messages, {copies} of them repeats"
    return Check("no message is waiting or dead-lettered", looked_at, tuple(failures))


def runaway_was_stopped(record: Record, limits: Limits, *, budget_id: str, subject: str) -> Check:
    """The hourly limit refused the runaway agent, and it never spent more than that limit."""
    refused = record.refusals_by(budget_id, subject)
    failures = [] if refused else [f"{subject}: expected a refusal by {budget_id}, found none"]
    spent: dict[CounterName, Decimal] = defaultdict(Decimal)
    for grant, held in holds_of(record.grants):
        if held.counter[:2] == (budget_id, subject):
            spent[held.counter] += grant.final_amount(held.unit)
    failures += [
        f"{_name(counter)}: expected at most {_text(limit)} spent, found {_text(amount)}"
        for counter, amount in spent.items()
        if amount > (limit := limits[budget_id])
    ]
    return Check("the runaway agent was stopped", f"refused {refused} times", tuple(failures))


def _name(counter: CounterName) -> str:
    return f"{counter.budget_id} {counter.subject} {counter.period_key}"


def _text(amount: Decimal) -> str:
    return f"{amount.normalize():f}"


def _texts(amounts: Sequence[Decimal]) -> str:
    return " and ".join(_text(amount) for amount in amounts) or "no entry"
