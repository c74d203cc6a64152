"""Applies settlements, releases and records: each takes effect once, a batch in few transactions.

A batch is planned from the stored items and written in one transaction whose conditions require
them to be unchanged. A command whose condition fails is taken out and planned again; the others
are written.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from spendgate_service.domain.counters import Counter
from spendgate_service.domain.errors import SpendgateError
from spendgate_service.domain.requests import Capture, Charge, SettlementCommand
from spendgate_service.events.threshold_events import ThresholdEvents
from spendgate_service.metrics import MetricName
from spendgate_service.settlements.batches import chunks_of, groups_of, names_conditions
from spendgate_service.settlements.captures import CapturePlanner
from spendgate_service.settlements.plan import (
    Captured,
    Plan,
    Planner,
    Recorded,
    Result,
    Settled,
    own_key,
)
from spendgate_service.store import keys, values
from spendgate_service.store.client import Table
from spendgate_service.store.counters import read_counter
from spendgate_service.store.errors import (
    RequestRejected,
    StoreError,
    Throttled,
    TransactionFailed,
    Unavailable,
)
from spendgate_service.store.holds import reclaim_expired
from spendgate_service.store.policy_cache import PolicyCache
from spendgate_service.store.postings import writes_of_counters, writes_of_ledger
from spendgate_service.store.retrying import BATCH_ROUNDS_MAX, BATCH_TRIES_MAX
from spendgate_service.store.usage import UsageBatch
from spendgate_service.store.values import Item


class CounterGone(StoreError):
    """The counter of a reservation does not exist: it was removed by hand, or never created."""


type Outcome = Result | Exception


class Settlements:
    """Settlements of one table.

    Without `threshold_events` no event is written.
    """

    def __init__(
        self,
        table: Table,
        policy_cache: PolicyCache,
        *,
        now_ms: Callable[[], int],
        threshold_events: ThresholdEvents | None = None,
    ) -> None:
        self._table = table
        self._now_ms = now_ms
        self._threshold_events = threshold_events
        self._planner = Planner(table, policy_cache)
        self._captures = CapturePlanner(table, policy_cache)

    def apply_one(self, command: SettlementCommand) -> Result:
        """Apply one command. Raises what `apply` reports."""
        outcome = self.apply([command])[0]
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def apply(self, commands: Sequence[SettlementCommand]) -> list[Outcome]:
        """Apply each command once; the outcome of each, in their order.

        A SpendgateError is final: the command can never succeed. Any other exception is not:
        nothing is lost by trying again. Commands on the same object take turns; the captures of one
        lease are applied together.

        Per batch two write units for each command, each counter, each budget's ledger item and the
        usage item (more where an item exceeds 1 KB), and one read unit per command. Threshold
        events read each counter once more, in one call; rolling windows that were recorded on take
        another.
        """
        outcomes: list[Outcome] = [Throttled("too much is going on at once; try again")] * len(
            commands
        )
        waiting = list(range(len(commands)))
        for _ in range(BATCH_ROUNDS_MAX):
            if not waiting:
                break
            waiting = self._round(commands, waiting, outcomes)
        for outcome in outcomes:
            for metric in _metrics_of(outcome):
                self._table.observe(metric, 1)
        return outcomes

    def _round(
        self, commands: Sequence[SettlementCommand], places: list[int], outcomes: list[Outcome]
    ) -> list[int]:
        """Plan and write what can be written at once; return the places that must wait."""
        now_ms = self._now_ms()
        try:
            stored = self._read(commands[place] for place in places)
        except Unavailable as error:
            for place in places:
                outcomes[place] = error
            return []
        plans: dict[keys.Key, Plan] = {}
        waiting: list[int] = []
        for group in groups_of(commands, places):
            first = min(group)
            key = own_key(group[first])
            if key is not None and key in plans:
                waiting += group
                continue
            item = stored.get(key) if key else None
            try:
                plan = self._plan(group, item, now_ms, outcomes)
            except (SpendgateError, StoreError) as error:
                for place in group:
                    outcomes[place] = error
                continue
            if plan is not None:
                plans[key or ("", str(first))] = plan
        for chunk in chunks_of(list(plans.values())):
            waiting += self._write(chunk, outcomes, now_ms)
        return sorted(waiting)

    def _plan(
        self,
        group: Mapping[int, SettlementCommand],
        item: Item | None,
        now_ms: int,
        outcomes: list[Outcome],
    ) -> Plan | None:
        """Plan commands that are applied together; None if they change nothing."""
        captures = {
            place: command for place, command in group.items() if isinstance(command, Capture)
        }
        if captures:
            plan, results = self._captures.plan(captures, item, now_ms)
            for place, result in results.items():
                outcomes[place] = result
            return plan
        [(place, command)] = group.items()
        assert not isinstance(command, Capture)
        if isinstance(command, Charge):
            planned: Plan | Result = self._captures.plan_charge(place, command, item, now_ms)
        else:
            planned = self._planner.plan(place, command, item, now_ms)
        if isinstance(planned, Plan):
            return planned
        outcomes[place] = planned
        return None

    def _read(self, commands: Iterable[SettlementCommand]) -> dict[keys.Key, Item]:
        wanted = {key for key in map(own_key, commands) if key is not None}
        found = self._table.get_many(map(values.key, wanted), consistent=True)
        return {keys.read_key(item): item for item in found}

    def _write(self, plans: list[Plan], outcomes: list[Outcome], now_ms: int) -> list[int]:
        """Write plans in one transaction; return the places that have to be planned again."""
        again: list[int] = []
        seen: dict[keys.Key, Counter] = {}
        for _ in range(BATCH_TRIES_MAX):
            if not plans:
                return again
            writes, owners, results = self._transaction(plans, seen, now_ms)
            try:
                if writes:
                    self._table.transact(writes)
            except TransactionFailed as failed:
                if names_conditions(failed):
                    plans, retaken = _without_objectors(plans, owners, failed, seen, outcomes)
                    again += retaken
                    continue
                return again + self._write_alone(plans, failed, outcomes, now_ms)
            except RequestRejected as error:
                return again + self._write_alone(plans, error, outcomes, now_ms)
            except Unavailable as error:
                results = dict.fromkeys(results, error)
            else:
                self._write_events(plans, now_ms)
                self._reclaim(plans, now_ms)
            for place, outcome in results.items():
                outcomes[place] = outcome
            return again
        return again + [place for plan in plans for place in plan.places]

    def _write_events(self, plans: list[Plan], now_ms: int) -> None:
        """Write the threshold events of what was just spent."""
        spent = [
            (posting.counter, posting.entry)
            for plan in plans
            for posting in plan.postings
            if posting.entry
        ]
        if self._threshold_events and spent:
            self._threshold_events.after_spending(spent, now_ms=now_ms)

    def _reclaim(self, plans: list[Plan], now_ms: int) -> None:
        """Reclaim in rolling windows that were debited without a reservation."""
        debited = {
            posting.counter
            for plan in plans
            for posting in plan.postings
            if posting.creation and posting.leaves_at is not None
        }
        reclaim_expired(self._table, debited, now_ms=now_ms)

    def _write_alone(
        self, plans: list[Plan], error: Exception, outcomes: list[Outcome], now_ms: int
    ) -> list[int]:
        """Write plan by plan after DynamoDB rejected the whole transaction."""
        if len(plans) == 1:
            for place in plans[0].places:
                outcomes[place] = error
            return []
        return [place for plan in plans for place in self._write([plan], outcomes, now_ms)]

    def _transaction(
        self, plans: list[Plan], seen: Mapping[keys.Key, Counter], now_ms: int
    ) -> tuple[list[dict[str, Any]], list[Plan | keys.Key | None], dict[int, Outcome]]:
        """Make the writes, the owner of each of them, and the results if they go through."""
        postings = [posting for plan in plans for posting in plan.postings]
        puts, entry_ids = writes_of_ledger(self._table.name, postings, now_ms=now_ms)
        log = UsageBatch(self._table.name, now_ms=now_ms)
        writes: list[dict[str, Any]] = []
        owners: list[Plan | keys.Key | None] = []
        results: dict[int, Outcome] = {}
        rest = iter(entry_ids)
        for plan in plans:
            # The postings first: one of the next plan's ids would be lost otherwise.
            entries = {
                entry_id: posting.entry
                for posting, entry_id in zip(plan.postings, rest, strict=False)
                if entry_id and posting.entry
            }
            counted = entries.values()
            recorded = [log.add(plan.tenant_id, record.counting(counted)) for record in plan.usage]
            own_write, result = plan.finish(entries, recorded)
            results |= dict.fromkeys(plan.places, result)
            if own_write is not None:
                writes.append(own_write)
                owners.append(plan)
        for key, write in writes_of_counters(self._table.name, postings, seen):
            writes.append(write)
            owners.append(key)
        puts += log.puts()
        return writes + puts, owners + [None] * len(puts), results


def _metrics_of(outcome: Outcome) -> Iterator[MetricName]:
    """Name the metrics of an outcome; the caller counts a failure."""
    match outcome:
        case Exception():
            return
        case Settled(replayed=True) | Captured(replayed=True) | Recorded(replayed=True):
            yield "replayed"
        case Captured():
            yield "captured"
        case Recorded():
            yield "recorded"
        case Settled(reservation=reservation):
            yield "released" if reservation.state == "released" else "settled"
            if reservation.late:
                yield "late"
            if reservation.overrun:
                yield "overrun"


def _without_objectors(
    plans: list[Plan],
    owners: Sequence[Plan | keys.Key | None],
    failed: TransactionFailed,
    seen: dict[keys.Key, Counter],
    outcomes: list[Outcome],
) -> tuple[list[Plan], list[int]]:
    """Return the plans that can be tried again at once, and the places to be planned again.

    A reservation that objects has changed since it was read. A counter that objects shows that one
    of its buckets was reclaimed, or that it does not exist: spend of the past is not counted there.
    """
    out: list[Plan] = []
    retaken: list[int] = []
    absent: set[keys.Key] = set()
    for owner, objection in zip(owners, failed.objections, strict=True):
        if objection is None or not objection.is_condition:
            continue
        if isinstance(owner, Plan):
            out.append(owner)
            retaken += owner.places
        elif owner is not None and objection.item is not None:
            seen[owner] = read_counter(objection.item)
        elif owner is not None:
            absent.add(owner)
    left = [plan.without(absent) for plan in plans if plan not in out]
    for plan in list(left):
        if gone := absent & {posting.counter for posting in plan.postings}:
            partition, sort_key = gone.pop()
            for place in plan.places:
                outcomes[place] = CounterGone(f"there is no counter {partition} {sort_key}")
            left.remove(plan)
    return left, retaken
