"""The usage records of captures: one for each entry, and one for what no entry explains.

What a part of a capture comes to on a budget is the difference of what the totals before and after
it come to, so that the records add up to the ledger entry regardless of rounding and conversion. On
a budget where nothing is held the ledger rounds each capture up on its own; so totals there start
at it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from spendgate_service.domain.amounts import Amount, covers
from spendgate_service.domain.captures import Step
from spendgate_service.domain.periods import period_of
from spendgate_service.domain.reservations import Line, Reservation
from spendgate_service.domain.subjects import Subject
from spendgate_service.domain.usage_records import BudgetShare, UsageRecord
from spendgate_service.settlements.debits import Debit

type _Budget = tuple[str, Subject]


def usage_of_captures(
    before: Reservation,
    lease: Reservation,
    steps: Iterable[Step],
    shares: Sequence[BudgetShare],
    debits: Sequence[Debit],
    *,
    now_ms: int,
) -> list[UsageRecord]:
    """Make the records; `shares` are those of all steps together, from the lease before on."""
    occurred_at_ms = _occurred_at_ms(lease, now_ms=now_ms)
    counted_before = before.counted
    lines: dict[_Budget, tuple[Line, Line]] = {
        (line.budget_id, line.subject): (held, line)
        for held, line in zip(before.lines, lease.lines, strict=True)
    }
    beyond: dict[_Budget, Line] = {
        (debit.claim.budget.budget_id, debit.claim.subject): _line_of(debit) for debit in debits
    }

    def beyond_on(line: Line, totals: Mapping[str, Amount]) -> Amount:
        """Return what the totals in units that were not granted come to since then."""
        return line.reach(
            {
                unit: total - counted_before.get(unit, 0)
                for unit, total in totals.items()
                if unit not in lease.amounts
            }
        )

    def spent_on(held: Line, line: Line, totals: Mapping[str, Amount]) -> Amount:
        """Return what totals come to; what counted before counted at the rates of then."""
        return (held if covers(counted_before, totals) else line).reach(totals)

    def share_of(step: Step, whole: BudgetShare) -> BudgetShare:
        budget = whole.budget_id, whole.subject
        if budget in lines:
            held, line = lines[budget]
            amount = spent_on(held, line, step.end) - spent_on(held, line, step.start)
        else:
            line = beyond[budget]
            amount = beyond_on(line, step.end) - beyond_on(line, step.start)
        return replace(whole, amount=amount, origin=line.origin(step.spent))

    def record_of(step: Step) -> UsageRecord:
        of_step = (share_of(step, share) for share in shares)
        return UsageRecord(
            subjects=lease.subjects,
            amounts=step.spent,
            occurred_at_ms=occurred_at_ms,
            budgets=tuple(share for share in of_step if share.amount),
            reservation_id=lease.reservation_id,
            late=lease.state_at(now_ms=now_ms) == "expired",
            overrun=lease.overrun,
            metadata=lease.metadata,
        )

    records: list[UsageRecord] = []
    unexplained: UsageRecord | None = None
    for step in steps:
        record = record_of(step)
        if step.entry is None:
            unexplained = record if unexplained is None else _together(unexplained, record)
            continue
        named = {subject.type for subject in lease.subjects}
        entry = step.entry
        records.append(
            replace(
                record,
                subjects=(
                    *lease.subjects,
                    *(subject for subject in entry.subjects if subject.type not in named),
                ),
                metered=entry.metered,
                provenance=entry.provenance,
                calls=entry.calls,
                metadata=entry.metadata,
            )
        )
    return records if unexplained is None else [*records, unexplained]


def _line_of(debit: Debit) -> Line:
    claim = debit.claim
    key = debit.period.key if debit.period else ""
    budget = claim.budget
    return Line(budget.budget_id, claim.subject, budget.unit, key, claim.amount, claim.conversions)


def _together(record: UsageRecord, other: UsageRecord) -> UsageRecord:
    """Add up two records that differ in their amounts alone."""
    amounts = {
        unit: record.amounts.get(unit, 0) + other.amounts.get(unit, 0)
        for unit in {**record.amounts, **other.amounts}
    }
    shares = {(share.budget_id, share.subject): share for share in record.budgets}
    for share in other.budgets:
        budget = share.budget_id, share.subject
        before = shares.get(budget)
        shares[budget] = (
            share if before is None else replace(share, amount=before.amount + share.amount)
        )
    return replace(record, amounts=amounts, budgets=tuple(shares.values()))


def _occurred_at_ms(lease: Reservation, *, now_ms: int) -> int:
    """Return when it was spent: now, or at the end of the hold or of a period that counts it."""
    ends = [period_of(line.period_key).ends_at for line in lease.lines]
    last = [ends_at * 1000 - 1 for ends_at in ends if ends_at is not None]
    return min([lease.spent_by(now_ms=now_ms), *last])
