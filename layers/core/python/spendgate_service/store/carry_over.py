"""Carrying over: what one period leaves goes into the next, with an entry in the ledger of each.

An amount leaves one counter and enters another in the same transaction. Only where the next period
is a duration's that nobody has started yet, it waits in between (`store.windows`). A debt
is a negative amount.
"""

from typing import Any

from spendgate_service.domain.amounts import Amount
from spendgate_service.domain.ledger import LedgerEntry
from spendgate_service.domain.periods import Period
from spendgate_service.store import expressions, values
from spendgate_service.store.claims import CounterClaim
from spendgate_service.store.postings import Posting


def carried_in(table_name: str, target: CounterClaim, amount: Amount) -> dict[str, Any]:
    """The write on the counter that an amount enters; it need not be there yet."""
    return {
        "Update": {
            "TableName": table_name,
            "Key": target.key,
            "UpdateExpression": expressions.CARRY_IN,
            "ExpressionAttributeValues": {":change": values.amount(amount), **target.creation},
        }
    }


def entering(target: CounterClaim, amount: Amount, *, left: Period, now_ms: int) -> Posting:
    """The ledger's entry on the counter that an amount enters: it adds to what can be spent."""
    return _posting(target, -amount, f"carried over from {left.key}", now_ms)


def leaving(
    target: CounterClaim, amount: Amount, *, entered: Period | None, now_ms: int
) -> Posting:
    """The ledger's entry on the counter that an amount leaves; it waits if nothing is entered."""
    to = entered.key if entered else "the next window"
    return _posting(target, amount, f"carried over to {to}", now_ms)


def _posting(target: CounterClaim, amount: Amount, description: str, now_ms: int) -> Posting:
    line = target.line
    entry = LedgerEntry(
        entry_id="",
        budget_id=line.budget_id,
        subject=line.subject,
        period_key=line.period_key,
        unit=line.unit,
        amount=amount,
        created_at_ms=now_ms,
        description=description,
        kind="carry_over",
    )
    return Posting(target.address, entry=entry)
