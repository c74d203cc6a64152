"""The ledger: immutable records of debits and credits on budgets."""

from dataclasses import dataclass
from typing import Literal

from spendgate_service.domain.amounts import Amount
from spendgate_service.domain.subjects import Subject

type EntryKind = Literal["spend", "credit", "carry_over"]
"""A carry-over is a pair: a debit in one period and a credit in another.

A credit that corrects an earlier one takes something off again, so its amount is positive.
"""


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """One debit (positive) or credit (negative) on one budget, in one of its periods.

    The entries of a period add up to its limit minus the available and held amounts.
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
