"""What was spent: the balances of subjects, and spend recorded without a reservation."""

from collections.abc import Iterable
from typing import Annotated, TypedDict

from spendgate_service.domain.balances import Balance
from spendgate_service.domain.settlements import RecordedSpend
from spendgate_service.domain.subjects import Subject
from spendgate_service.wire.balances import BalanceResponse, balance_response
from spendgate_service.wire.fields import Amounts, Doc, Subjects, Time
from spendgate_service.wire.ledger import LedgerEntryResponse, ledger_entry_response
from spendgate_service.wire.values import amounts_on_wire, subjects_on_wire, time_on_wire


class SpendResponse(TypedDict):
    """The balances of every budget on some subjects."""

    tenant_id: Annotated[str, Doc("The tenant.")]
    subjects: Annotated[Subjects, Doc("The subjects that the query named: the id of each type.")]
    budgets: Annotated[
        list[BalanceResponse],
        Doc("The balance of every budget on one of them, in the order of refusals."),
    ]


class RecordedSpendResponse(TypedDict):
    """Spend that was recorded without a reservation."""

    subjects: Annotated[Subjects, Doc("The subjects that the request named: the id of each type.")]
    actual: Annotated[Amounts, Doc("What was spent, by unit.")]
    entries: Annotated[list[LedgerEntryResponse], Doc("The ledger entries that it made.")]
    unpriced: Annotated[
        bool, Doc("Whether the usage counts in tokens only, because its model has no price.")
    ]
    created_at: Annotated[Time, Doc("When the spend was recorded.")]


def spend_response(
    *, tenant_id: str, subjects: Iterable[Subject], balances: Iterable[Balance]
) -> SpendResponse:
    """Build the response about what subjects have spent."""
    return {
        "tenant_id": tenant_id,
        "subjects": subjects_on_wire(subjects),
        "budgets": [balance_response(balance) for balance in balances],
    }


def recorded_spend_response(recorded: RecordedSpend) -> RecordedSpendResponse:
    """Build the response about recorded spend and what it debited."""
    return {
        "subjects": subjects_on_wire(recorded.subjects),
        "actual": amounts_on_wire(recorded.actual),
        "entries": [ledger_entry_response(entry) for entry in recorded.entries],
        "unpriced": recorded.unpriced,
        "created_at": time_on_wire(recorded.created_at_ms),
    }
