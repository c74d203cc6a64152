"""Plan the captures of one lease, and its charge when it expires.

Several captures of a batch come to the largest totals among them.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from spendgate_service.domain.captures import Step, steps_between
from spendgate_service.domain.errors import SpendgateError
from spendgate_service.domain.ledger import LedgerEntry
from spendgate_service.domain.requests import Capture, Charge
from spendgate_service.domain.reservations import Provenance, Reservation
from spendgate_service.domain.settlements import capture, charge
from spendgate_service.domain.usage_records import UsageRecord
from spendgate_service.settlements.captured_usage import usage_of_captures
from spendgate_service.settlements.debits import Debits, Spending
from spendgate_service.settlements.lines import (
    not_granted,
    postings_of,
    shares_of_debits,
    shares_of_postings,
    spent_between,
)
from spendgate_service.settlements.plan import Captured, Finished, Plan
from spendgate_service.store.client import Table
from spendgate_service.store.policy_cache import PolicyCache
from spendgate_service.store.reservations import capturing, charging, found_reservation
from spendgate_service.store.values import Item


class CapturePlanner:
    """Plans captures."""

    def __init__(self, table: Table, policy_cache: PolicyCache) -> None:
        self._table = table
        self._debits = Debits(table, policy_cache)

    def plan(
        self, commands: Mapping[int, Capture], item: Item | None, now_ms: int
    ) -> tuple[Plan | None, dict[int, Captured | SpendgateError]]:
        """Plan the captures of one lease, by their places; `item` is what is stored.

        Returns the plan of those that change it together, and the results of the others. Raises
        NotFound, InvalidValue, UnknownRate, Throttled.
        """
        first = next(iter(commands.values()))
        before = after = found_reservation(first.reservation_id, item)
        results: dict[int, Captured | SpendgateError] = {}
        for place, command in commands.items():
            try:
                after = capture(after, command, now_ms=now_ms)
            except SpendgateError as refusal:
                results[place] = refusal
        accepted = {place: commands[place] for place in commands if place not in results}
        if after is before:
            return None, {**results, **dict.fromkeys(accepted, Captured(before, replayed=True))}
        return self._plan(accepted, before, after, now_ms), results

    def plan_charge(
        self, place: int, command: Charge, item: Item | None, now_ms: int
    ) -> Plan | Captured:
        """Plan the charge of a reservation that has expired. Raises NotFound."""
        before = found_reservation(command.reservation_id, item)
        after = charge(before, now_ms=now_ms)
        if after is before:
            return Captured(before, replayed=True)
        provenance = Provenance(description="charged when the hold expired")
        spending = Spending(after.subjects, provenance, now_ms, after.reservation_id)
        postings = postings_of(command.tenant_id, before, after, spending)
        steps = _steps_of(before, after, ())
        usage = [
            replace(record, provenance=provenance)
            for record in usage_of_captures(
                before, after, steps, shares_of_postings(postings), (), now_ms=now_ms
            )
        ]
        write = charging(self._table.name, command.tenant_id, before, after)
        return Plan((place,), command.tenant_id, postings, usage, _finishing(write, after))

    def _plan(
        self,
        commands: Mapping[int, Capture],
        before: Reservation,
        after: Reservation,
        now_ms: int,
    ) -> Plan:
        tenant_id = next(iter(commands.values())).tenant_id
        after = self._debits.with_rates(tenant_id, after, now_ms=now_ms)
        spending = Spending(after.subjects, Provenance(), now_ms, after.reservation_id)
        postings = postings_of(tenant_id, before, after, spending)
        beyond = not_granted(after, spent_between(before, after))
        debits = self._debits.of_settlement(tenant_id, spending, beyond, after)
        shares = (*shares_of_postings(postings), *shares_of_debits(debits))
        steps = _steps_of(before, after, commands.values())
        usage = usage_of_captures(before, after, steps, shares, debits, now_ms=now_ms)
        write = capturing(self._table.name, tenant_id, before, after)
        finish = _finishing(write, after)
        postings += [debit.posting for debit in debits if debit.posting]
        return Plan(tuple(commands), tenant_id, postings, usage, finish)


def _steps_of(
    before: Reservation, after: Reservation, commands: Iterable[Capture]
) -> Iterator[Step]:
    """Divide what was spent; once a lease is charged, its calls are no longer distinguished."""
    if not after.charged:
        yield from steps_between(before.captured, after.captured, commands)
    elif (whole := Step(before.counted, after.counted)).spent:
        yield whole


def _finishing(
    write: dict[str, Any], after: Reservation
) -> Callable[[Mapping[str, LedgerEntry], Sequence[UsageRecord]], Finished]:
    def finish(_entries: Mapping[str, LedgerEntry], _usage: Sequence[UsageRecord]) -> Finished:
        return write, Captured(after, replayed=False)

    return finish
