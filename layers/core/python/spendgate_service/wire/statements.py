"""Statements of closed periods."""

from spendgate_service.domain.amounts import amount_text
from spendgate_service.domain.statements import StoredStatement
from spendgate_service.wire.values import time_on_wire


def statement_response(stored: StoredStatement) -> dict[str, object]:
    """What a closed period came to; `unused` is negative after an overrun."""
    statement = stored.statement
    period = statement.period
    assert period.starts_at is not None and period.ends_at is not None
    return {
        "id": stored.statement_id,
        "budget_id": stored.budget_id,
        "subject": str(stored.subject),
        "unit": stored.unit,
        "period_key": period.key,
        "starts_at": time_on_wire(period.starts_at * 1000),
        "ends_at": time_on_wire(period.ends_at * 1000),
        "limit": amount_text(statement.limit),
        "credits": amount_text(statement.credits),
        "carried_in": amount_text(statement.carried_in),
        "spent": amount_text(statement.spent),
        "held": amount_text(statement.held),
        "unused": amount_text(statement.unused),
        "overrun": amount_text(statement.overrun),
        "carried_out": amount_text(statement.carried_out),
        "closed_at": time_on_wire(statement.closed_at_ms),
        "revision": statement.revision,
        "corrects": stored.corrects,
        "is_current": stored.is_current,
        "is_final": statement.is_final,
    }
