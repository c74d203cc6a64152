"""What a change of a reservation comes to on the counters of its lines, and in the usage log."""

from collections.abc import Iterable, Mapping, Sequence

from spendgate_service.domain.amounts import Amount
from spendgate_service.domain.ledger import LedgerEntry
from spendgate_service.domain.reservations import Line, Reservation
from spendgate_service.domain.usage_records import BudgetShare
from spendgate_service.settlements.debits import Debit, Spending, leaves_at
from spendgate_service.store.postings import Posting
from spendgate_service.store.reservations import counter_of


def is_first_report(before: Reservation, after: Reservation) -> bool:
    """Tell whether a reservation is settled of which nothing was captured.

    It has an entry on each counter and a usage record, also of an amount of 0.
    """
    return after.state == "settled" and not before.counted


def spent_between(before: Reservation, after: Reservation) -> dict[str, Amount]:
    """Return what was spent by a change, by unit; less than 0 where it replaces a charge."""
    was, counts = before.counted, after.counted
    spent = {unit: counts.get(unit, 0) - was.get(unit, 0) for unit in {**counts, **was}}
    if is_first_report(before, after):
        return spent
    return {unit: amount for unit, amount in spent.items() if amount}


def not_granted(reservation: Reservation, spent: Mapping[str, Amount]) -> dict[str, Amount]:
    """Return what was spent in units that were not reserved; nothing starts a window there."""
    return {
        unit: amount for unit, amount in spent.items() if amount and unit not in reservation.amounts
    }


def postings_of(
    tenant_id: str, before: Reservation, after: Reservation, spending: Spending
) -> list[Posting]:
    """Return to each counter what is no longer held there, and debit what was spent instead."""
    is_first, named = is_first_report(before, after), spent_between(before, after)
    slice_at_ms = before.spent_by(now_ms=spending.now_ms)
    postings = []
    for held, line in zip(before.lines, after.lines, strict=True):
        spent = after.spent_on(line) - before.spent_on(held)
        returned = before.held_on(held) - after.held_on(line)
        if returned or spent or is_first:
            has_entry = spent or is_first
            posting = Posting(
                counter=counter_of(tenant_id, line),
                returned=returned,
                bucket=before.bucket,
                entry=_entry(line, spent, named, spending) if has_entry else None,
                leaves_at=leaves_at(line.period_key, slice_at_ms),
            )
            postings.append(posting)
    return postings


def _entry(
    line: Line, spent: Amount, named: Mapping[str, Amount], spending: Spending
) -> LedgerEntry:
    """Make the entry; it is a reversal where a charge is replaced by less."""
    if spent < 0:
        return spending.on(line, spent, None, kind="reversal")
    return spending.on(line, spent, line.origin(named))


def shares_of_postings(postings: Iterable[Posting]) -> tuple[BudgetShare, ...]:
    """List what the spend comes to on the counters of lines."""
    return tuple(
        BudgetShare(
            budget_id=posting.entry.budget_id,
            subject=posting.entry.subject,
            period_key=posting.entry.period_key,
            unit=posting.entry.unit,
            amount=posting.entry.amount,
            leaves_at=posting.leaves_at,
            origin=posting.entry.origin,
        )
        for posting in postings
        if posting.entry is not None
    )


def shares_of_debits(debits: Sequence[Debit]) -> tuple[BudgetShare, ...]:
    """List what the spend comes to on each budget that applies."""
    return tuple(
        BudgetShare(
            budget_id=debit.claim.budget.budget_id,
            subject=debit.claim.subject,
            period_key=debit.period.key if debit.period else None,
            unit=debit.claim.budget.unit,
            amount=debit.claim.amount,
            leaves_at=debit.posting.leaves_at if debit.posting else None,
            origin=debit.claim.origin,
        )
        for debit in debits
    )
