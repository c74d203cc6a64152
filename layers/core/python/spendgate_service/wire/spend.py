"""What was spent: the balances of subjects, and spend recorded without a reservation."""

from collections.abc import Iterable

from spendgate_service.domain.counters import Balance
from spendgate_service.domain.settlements import RecordedSpend
from spendgate_service.domain.subjects import Subject
from spendgate_service.wire.balances import balance_response
from spendgate_service.wire.ledger import ledger_entry_response
from spendgate_service.wire.values import amounts_on_wire, subjects_on_wire, time_on_wire


def spend_response(
    *, tenant_id: str, subjects: Iterable[Subject], balances: Iterable[Balance]
) -> dict[str, object]:
    """What was spent: all balances of the subjects."""
    return {
        "tenant_id": tenant_id,
        "subjects": subjects_on_wire(subjects),
        "budgets": [balance_response(balance) for balance in balances],
    }


def recorded_spend_response(recorded: RecordedSpend) -> dict[str, object]:
    """Spend that was recorded without a reservation, and what it debited."""
    return {
        "subjects": subjects_on_wire(recorded.subjects),
        "actual": amounts_on_wire(recorded.actual),
        "entries": [ledger_entry_response(entry) for entry in recorded.entries],
        "unpriced": recorded.unpriced,
        "created_at": time_on_wire(recorded.created_at_ms),
    }
