"""Credits: top-ups and refunds."""

from spendgate_service.domain.counters import Balance
from spendgate_service.domain.ledger import LedgerEntry
from spendgate_service.wire.balances import balance_response
from spendgate_service.wire.ledger import ledger_entry_response


def credit_response(entry: LedgerEntry, balance: Balance) -> dict[str, object]:
    """The ledger entry of a credit, with the balance that it leads to."""
    return {**ledger_entry_response(entry), "balance": balance_response(balance)}
