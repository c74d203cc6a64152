"""Credits: top-ups and refunds."""

from typing import Annotated

from spendgate_service.domain.balances import Balance
from spendgate_service.domain.ledger import LedgerEntry
from spendgate_service.wire.balances import BalanceResponse, balance_response
from spendgate_service.wire.fields import Doc
from spendgate_service.wire.ledger import LedgerEntryResponse, ledger_entry_response


class CreditResponse(LedgerEntryResponse):
    """The ledger entry of a credit, with the balance after it."""

    balance: Annotated[BalanceResponse, Doc("The balance of the current period.")]


def credit_response(entry: LedgerEntry, balance: Balance) -> CreditResponse:
    """Build the response to a credit."""
    return {**ledger_entry_response(entry), "balance": balance_response(balance)}
