"""Ledger entries."""

from spendgate_service.domain.amounts import amount_text
from spendgate_service.domain.ledger import LedgerEntry
from spendgate_service.wire.values import time_on_wire


def ledger_entry_response(entry: LedgerEntry) -> dict[str, object]:
    """One debit or credit, and what kind of entry it is."""
    return {
        "id": entry.entry_id,
        "budget_id": entry.budget_id,
        "subject": str(entry.subject),
        "period_key": entry.period_key,
        "amount": amount_text(entry.amount),
        "unit": entry.unit,
        "meter_source": entry.meter_source,
        "ref_type": entry.ref_type,
        "ref_id": entry.ref_id,
        "session_id": entry.session_id,
        "reservation_id": entry.reservation_id,
        "description": entry.description,
        "kind": entry.kind,
        "created_at": time_on_wire(entry.created_at_ms),
    }
