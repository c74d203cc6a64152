"""The ledger: immutable records of debits and credits on budgets."""

from dataclasses import dataclass
from typing import Literal

from spendgate_service.domain.amounts import Amount
from spendgate_service.domain.rates import Origin
from spendgate_service.domain.reservations import Line, Provenance
from spendgate_service.domain.subjects import Subject

type EntryKind = Literal["spend", "credit", "credit_expired", "carry_over", "opening", "reversal"]
"""A carry-over is a pair: a debit in one period and a credit in another.

A credit that ends before its period does is a pair as well: the credit, and at its end the
`credit_expired` that takes it off again. Both are written with the credit, the second with the
moment of the end, so that it takes no write then; it is read from that moment on.

An opening is what was spent before the budget counted: it counts as spent, and is no new spending.

A reversal undoes what was spent; its amount is negative.

A credit that corrects an earlier one takes something off again, so its amount is positive.
"""


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """One debit (positive) or credit (negative) on one budget, in one of its periods.

    The entries of a period add up to its limit minus the available and held amounts. `origin` is
    what the amount was converted from, if it was; `expires_at` the end of a credit (epoch seconds).
    """

    entry_id: str
    budget_id: str
    subject: Subject
    period_key: str
    unit: str
    amount: Amount
    created_at_ms: int
    meter_source: str | None = None
    ref_type: str | None = None
    ref_id: str | None = None
    session_id: str | None = None
    reservation_id: str | None = None
    description: str | None = None
    kind: EntryKind = "spend"
    origin: Origin | None = None
    expires_at: int | None = None


def entry_on(
    line: Line,
    amount: Amount,
    provenance: Provenance,
    *,
    now_ms: int,
    session_id: str | None = None,
    reservation_id: str | None = None,
    kind: EntryKind = "spend",
) -> LedgerEntry:
    """Build the entry of an amount on a line's counter; it gets its id when it is written."""
    return LedgerEntry(
        entry_id="",
        budget_id=line.budget_id,
        subject=line.subject,
        period_key=line.period_key,
        unit=line.unit,
        amount=amount,
        created_at_ms=now_ms,
        meter_source=provenance.meter_source,
        ref_type=provenance.ref_type,
        ref_id=provenance.ref_id,
        session_id=session_id,
        reservation_id=reservation_id,
        description=provenance.description,
        kind=kind,
    )
