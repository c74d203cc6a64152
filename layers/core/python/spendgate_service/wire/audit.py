"""The answer about an audit."""

from spendgate_service.domain.amounts import amount_text
from spendgate_service.domain.audit import Audit, Difference


def audit_response(budget_id: str, audit: Audit) -> dict[str, object]:
    """What was compared, and what differs; there may be more at the next cursor."""
    return {
        "budget_id": budget_id,
        "counters": audit.counters,
        "entries": audit.entries,
        "differences": [_difference(one) for one in audit.differences],
        "next_cursor": audit.next_cursor,
    }


def _difference(difference: Difference) -> dict[str, str]:
    return {
        "subject": str(difference.subject),
        "period_key": difference.period_key,
        "balance": difference.balance,
        "expected": amount_text(difference.expected),
        "found": amount_text(difference.found),
    }
