"""The ledger: immutable records of what was debited from and credited to a budget."""

from dataclasses import dataclass

from spendgate.domain.amounts import Amount
from spendgate.domain.subjects import Subject


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """One debit (positive) or credit (negative) on one budget, in one of its periods."""

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
