"""Plan the captures of one lease: several of a batch come to the largest totals among them."""

from collections.abc import Mapping, Sequence

from spendgate_service.domain.errors import SpendgateError
from spendgate_service.domain.ledger import LedgerEntry
from spendgate_service.domain.periods import period_of
from spendgate_service.domain.requests import Capture
from spendgate_service.domain.reservations import Provenance, Reservation
from spendgate_service.domain.settlements import capture
from spendgate_service.domain.usage_records import UsageRecord
from spendgate_service.settlements.debits import Debits, Spending
from spendgate_service.settlements.lines import (
    not_granted,
    postings_of,
    shares_of_debits,
    shares_of_postings,
    spent_between,
    spent_by,
    stored_reservation,
)
from spendgate_service.settlements.plan import Captured, Finished, Plan
from spendgate_service.store.client import Table
from spendgate_service.store.policy_cache import PolicyCache
from spendgate_service.store.reservations import capturing
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
        before = after = stored_reservation(first.reservation_id, item)
        results: dict[int, Captured | SpendgateError] = {}
        for place, command in commands.items():
            try:
                after = capture(after, command)
            except SpendgateError as refusal:
                results[place] = refusal
        accepted = tuple(place for place in commands if place not in results)
        if after is before:
            return None, {**results, **dict.fromkeys(accepted, Captured(before, replayed=True))}
        return self._plan(accepted, first.tenant_id, before, after, now_ms), results

    def _plan(
        self,
        places: tuple[int, ...],
        tenant_id: str,
        before: Reservation,
        after: Reservation,
        now_ms: int,
    ) -> Plan:
        spending = Spending(after.subjects, Provenance(), now_ms, after.reservation_id)
        postings = postings_of(tenant_id, before, after, spending)
        spent = spent_between(before, after)
        debits = self._debits.of_settlement(
            tenant_id,
            spending,
            not_granted(after, spent),
            reserved_at_ms=after.created_at_ms,
            slice_at_ms=spent_by(before, now_ms=now_ms),
            except_on={(line.budget_id, line.subject) for line in after.lines},
        )
        usage = UsageRecord(
            subjects=after.subjects,
            amounts=spent,
            occurred_at_ms=_occurred_at_ms(before, now_ms=now_ms),
            budgets=(*shares_of_postings(postings), *shares_of_debits(debits)),
            reservation_id=after.reservation_id,
            late=after.state_at(now_ms=now_ms) == "expired",
            overrun=after.overrun,
            metadata=after.metadata,
        )
        write = capturing(self._table.name, tenant_id, before, after)

        def finish(_entries: list[LedgerEntry], _usage: Sequence[UsageRecord]) -> Finished:
            return write, Captured(after, replayed=False)

        postings += [debit.posting for debit in debits if debit.posting]
        return Plan(places, tenant_id, postings, [usage] if spent else [], finish)


def _occurred_at_ms(before: Reservation, *, now_ms: int) -> int:
    """Return when it was spent: now, or at the end of the hold or of a period that counts it."""
    ends = [period_of(line.period_key).ends_at for line in before.lines]
    last = [ends_at * 1000 - 1 for ends_at in ends if ends_at is not None]
    return min([spent_by(before, now_ms=now_ms), *last])
